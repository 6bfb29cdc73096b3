"""Several mistakes in one file: each is reported once, at its place, in one run."""

from pathlib import Path

import pytest

from nnc.base.render import render
from tests.language.programs import tried

GOLDENS = Path(__file__).parent / "goldens"
FIVE = """## Five things are wrong here, of which none follows from another.
const WIDTH = 16

layer Scaled(factor = 2.0)(x: float[..., D]) -> y: float[..., D] {
    param gain: float[D] = 1
    y = x * gain * factor
}

fn blend(a: float[...S], b: float[...S]) = (a + b) / 2

model Pairs(left: float[8], right: float[6], kind: index(4)) -> (probs: float[5], size: float) {
    tower = Dense(WIDTH, relu)
    a     = left |> tower |> Scaled
    b     = right |> Dense(WIDTH, activatoin = relu)
    both  = blend(left, right) |> Dense(3)
    code  = kind |> Embedding(4, WIDTH)
    probs = (a, b, both, code) |> Concatenate |> Dense(5, softmax)
    size  = code |> Dense(1) |> Reshape([])
}

train Pairs {
    target label: index(5)
    target mass: float

    loss      = { kind: categorical_crossentropy(probs, label), size: mean_squared_error(size, mass) }
    metrics   = { accuracy: acuracy(probs, label) }
    optimizer = SGD(learning_rate = "fast")
}
"""
SYNTAX = """layer Broken(x: float[D]) -> y {
    a := x
    b = x +
    c = f(x
    y = 2 x
}
fn g(x) = x ** 2
model Net(x: float[4]) -> y: float[4] {
    y = x |> Broken
}
"""
WARNINGS = """fn unused_input(a, b) = a
model Net(x: float[4]) -> y: float[3] {
    spare = x
    y = unused_input(x, x) |> Dense(3)
}
train Net {
    target label: index(3)
    target other: float
    loss = categorical_crossentropy(y, label)
    optimizer = SGD
}
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("five", FIVE, ["E0405", "E0401", "E0202", "E0301", "E0404"]),
        ("syntax", SYNTAX, ["E0114", "E0124", "E0121", "E0126", "E0115"]),
        ("warnings", WARNINGS, ["W0302", "W0301", "W0302", "W0502"]),
    ],
)
def test_all_in_one_run(name, text, expected, golden):
    _, reporter = tried(text)
    assert [each.code for each in reporter.all] == expected
    golden(GOLDENS / f"together_{name}.txt", render(reporter.diagnostics))


DAMAGED = """layer Scaled(x: float[D]) -> y: float[D] {
    param gain: float[D] = onse
    y = x * gain
}
model Net(x: float[4]) -> probs: float[3] {
    hidden = x |> Scaled |> Dense(8 relu)
    probs  = hidden |> Lost |> Dense(3, softmax)
}
layer Lost(x: float[D]) -> y: float[D] {
    y = x +
}
train Net {
    target label: index(3)
    loss      = categorical_crossentropy(probs, lable)
    optimizer = Adm(1e-3)
    metrics   = { accuracy: accuracy(hidden, label) }
}
"""


def test_beside_what_cannot_be_read_names_are_told_that_nothing_there_can_define():
    """`onse`, `lable` and `Adm` stand once in the file; `hidden`, `probs` and `Lost` may be defined in what is lost."""
    errors = [each for each in tried(DAMAGED)[1].all if each.code == "E0301"]
    assert [(each.title, each.help) for each in errors] == [
        ("`onse` is not defined", "did you mean `ones`?"),
        ("`lable` is not defined", "did you mean `label`?"),
        ("`Adm` is not defined", "did you mean `Adam`?"),
    ]
    assert len(tried(DAMAGED)[1].all) == 5  # and two of syntax


def test_what_was_said_is_not_said_again():
    """Of three uses of a name that failed, and two of a layer that fails, none is reported."""
    text = """layer Bad(x: float[D]) -> y: float[D] {
    y = x |> Dense(3)
}
model Net(x: float[4]) -> y: float[2] {
    a = x |> Bad
    b = a + x
    c = a * b
    y = (b, c, x |> Bad) |> Concatenate |> Dense(2)
}
"""
    assert [each.code for each in tried(text)[1].all] == ["E0205"]
