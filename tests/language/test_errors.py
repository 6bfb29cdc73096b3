"""Every code of elaboration has a program that gives it, with its exact text, and a mended twin that elaborates."""

from pathlib import Path

import pytest

from nnc.base.render import render
from nnc.language import errors
from nnc.language.errors import EXPLANATIONS
from tests.language.programs import codes, model_of, tried

GOLDENS = Path(__file__).parent / "goldens"
FILES = {  # that examples import
    "blocks.nn": "layer Twice(x: float[...]) -> y {\n    y = x * 2\n}\n",
    "circle.nn": 'import "program.nn"\n',
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with those files."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_failing_example(code, golden, folder):
    (folder / "program.nn").write_text(EXPLANATIONS[code].failing, encoding="utf-8")
    _, reporter = tried(EXPLANATIONS[code].failing)
    assert [each.code for each in reporter.all] == [code]
    golden(GOLDENS / f"{code}.txt", render(reporter.diagnostics))


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_fixed_example(code, folder):
    model_of(EXPLANATIONS[code].fixed)


def test_every_code_that_is_reported_is_explained():
    folder = Path(errors.__file__).parent
    files = [path for path in folder.rglob("*.py") if path.parent.name != "explanations"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = {part.split('"')[0] for part in text.split('"') if len(part) == 5 and part[:2] in ("E0", "W0")}
    assert found == set(EXPLANATIONS)


DIGITS = """model Digits(pixels: float[64]) -> probs: float[10] {
    hidden = pixels |> Dense(32, relu)
    probs = hidden |> Dense(10, softmax)
}
train Digits {
    target digit: index(10)
    loss = categorical_crossentropy(probs, digit)
    optimizer = RMSprop(learning_rate = 1e-3)
    metrics = { accuracy: accuracy(probs, digit) }
}
"""


def changed(*pairs: tuple[str, str]) -> str:
    text = DIGITS
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("Dense(32, relu)", "Dence(32, relu)"), ("RMSprop", "RMSprp")], ["E0301", "E0301"]),
        ([("32, relu", "32, activatoin = relu"), ("acuracy(".replace("cu", "ccu"), "acuracy(")], ["E0401", "E0301"]),
        ([("Dense(10, softmax)", "Dense(7, softmax)"), ("1e-3", '"fast"')], ["E0205", "E0404"]),
        ([("{ accuracy: accuracy(probs, digit) }", "{ a: accuracy(digit, probs), b: nothing }")], ["E0204", "E0301"]),
        ([("hidden |> Dense(10, softmax)", "hidden + pixels"), ("loss = ", "lose = ")], ["E0201", "E0501"]),
        ([("optimizer = ", "optimiser = ")], ["E0501"]),
        ([("loss = categorical_crossentropy(probs, digit)", "")], ["E0502"]),
        ([("target digit: index(10)", "")], ["E0301"]),
        ([("target digit: index(10)", "target digit: u8")], ["E0414", "E0414"]),
        ([("digit: index(10)", "digit: float[10]")], []),
        ([("Dense(32, relu)", "Dense(32, relu, use_bias = 1)"), ("Dense(10", "Dense(10.0")], ["E0404", "E0404"]),
        ([("RMSprop(learning_rate = 1e-3)", "hidden_rate = 1")], ["E0503", "E0501"]),
    ],
)
def test_independent_mistakes_are_reported_in_one_run(pairs, expected):
    pairs = [(("optimizer = " + old, new) if new.startswith("hidden_rate") else (old, new)) for old, new in pairs]
    assert codes(changed(*pairs)) == expected


def test_what_depends_on_a_failure_is_silent():
    text = changed(("pixels |> Dense(32, relu)", "pixels |> Dense(32, relu, units = 3)"))
    assert codes(text) == ["E0406"]


def test_an_error_in_a_layer_shows_the_way_to_it():
    text = """layer Inner(x: float[D]) -> y {
    y = x + (x |> Dense(3))
}
layer Outer(x: float[D]) -> y {
    y = x |> Inner
}
model Net(x: float[8]) -> y {
    y = x |> Outer
}
"""
    _, reporter = tried(text)
    (found,) = reporter.all
    assert (found.code, found.primary.span.line) == ("E0201", 2)
    assert found.trail == ("`Inner`, used at program.nn:5:14", "`Outer`, used at program.nn:8:14")


def test_an_error_in_the_library_points_at_the_user():
    _, reporter = tried(changed(("hidden |> Dense(10, softmax)", "hidden |> Dense(10, softmax(axis = 3))")))
    (found,) = reporter.all
    assert found.primary.span.source.path == "program.nn"
    assert found.primary.span.text == "Dense(10, softmax(axis = 3))"
    assert found.trail[0].startswith("`softmax`, used at program.nn:3")


def test_too_many_operations():
    text = "model Net(x: float[1]) -> y {\n    y = x |> 60000 * Dense(1)\n}\n"
    assert codes(text) == ["E0215"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "Digit"}, ["E0415"]),
        ({"train": "digits"}, ["E0504"]),
        ({"settings": {"width": 3}}, ["E0401"]),
    ],
)
def test_what_the_caller_asks_for(options, expected):
    assert codes(DIGITS, **options) == expected


def test_a_model_of_one_result_that_gets_several():
    text = """layer Two(x: float[D]) -> (a, b) {
    a = x
    b = x * 2
}
model Net(x: float[8]) -> y {
    y = x |> Two
}
"""
    assert codes(text) == ["E0205"]


def of_bytes(first: str) -> str:
    return changed(("pixels: float[64]", "pixels: u8[64]"), ("pixels |>", f"{first} |>"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (of_bytes("float(pixels)"), ["W0504"]),
        (of_bytes("(float(pixels) - 128)"), ["W0504"]),
        (of_bytes("(float(pixels) / 255)"), []),
        (of_bytes("float(pixels) |> LayerNormalization"), []),
        (of_bytes("pixels |> Rescaling(1 / 255)"), []),
        (of_bytes("pixels"), ["E0204"]),
        *((changed(("softmax", name)), ["W0502"]) for name in ("relu", "linear", "tanh", "softplus")),
        (changed(("softmax", "sigmoid")), []),
        ("fn mine(x) = exp(x) / sum(exp(x))\n" + changed(("softmax", "mine")), []),
        (changed(("index(10)", "float")), ["E0414", "E0414"]),
        (changed(("index(10)", "float[1]")), ["E0414", "E0414"]),
        (changed(("categorical_crossentropy", "mean_squared_error")), ["E0204"]),
    ],
)
def test_what_a_training_hardly_means(text, expected):
    assert codes(text) == expected
