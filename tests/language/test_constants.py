"""Constants of a file: evaluated where they are named, once for a program where they hold no tensor."""

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of, run

X = np.random.default_rng(5).normal(size=(4, 3))
KERNEL = np.random.default_rng(6).normal(size=(3, 3))
TEXT = """const ROW = one_hot([0, 2], 3)
const BOTH = { row: ROW[1], twice: [2 * ROW[0]] }
const FACTOR = 2 if training else 3
const SHARED = Dense(3, use_bias = false)
const STEP = 0.5 * sum(ROW[0])
fn started(shape, fan_in, fan_out) = broadcast(ROW[1] + 1, shape)
optimizer Plain(rate = 1) {
    parameter' = parameter - STEP * rate * gradient
}
layer Weighed(x: float[3]) -> y {
    param weight: float[3] = started
    y = x * weight + ROW[1]
}
model Net(x: float[3]) -> y {
    y = BODY
}
train Net {
    loss = sum(y)
    optimizer = Plain
}
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "x + ROW[0] + ROW[1] + ROW[0] |> SHARED".replace(" + ROW[0] |>", " + (x |>") + ")",
            X + [1, 0, 1] + X @ KERNEL,
        ),
        ("FACTOR * (x |> SHARED |> SHARED)", None),
        ("x * BOTH.row + BOTH.twice[0] + 0 * (x |> SHARED)", X * [0, 0, 1] + [2, 0, 0]),
        ("(x |> SHARED) @ SHARED.kernel + 0 * sum(SHARED.kernel)", X @ KERNEL @ KERNEL),
        ("(x |> SHARED) * 0 + [s + sum(ROW[0]) for s in x]", X + 1),
    ],
)
def test_each_of_the_programs_has_its_own(body, expected):
    model = model_of(TEXT.replace("BODY", body))
    assert [each.path for each in model.parameters] == ["SHARED.dense.kernel"]
    given = {"x": X, "SHARED.dense.kernel": KERNEL}
    wanted = (
        {2: X @ KERNEL @ KERNEL * 2, 3: X @ KERNEL @ KERNEL * 3}
        if expected is None
        else dict.fromkeys((2, 3), expected)
    )
    np.testing.assert_allclose(run(model.train, given, 4)["loss"], wanted[2].sum(), rtol=1e-9)
    np.testing.assert_allclose(run(model.evaluate, given, 4)["loss"], wanted[3].sum(), rtol=1e-9)
    np.testing.assert_allclose(run(model.predict, given, 4)["y"], wanted[3], rtol=1e-9)


def test_tensors_of_an_initializer_and_an_optimizer_are_theirs():
    model = model_of(TEXT.replace("BODY", "x |> Weighed"))
    (parameter,) = model.parameters
    np.testing.assert_array_equal(evaluate(parameter.initializer, [], 1)[0], [1, 1, 2])
    (optimizer,) = model.optimizers
    (rule,) = optimizer.rules
    found = evaluate(rule.update, [np.full(3, 5.0), np.full(3, 2.0), np.array(1)], 1)
    np.testing.assert_allclose(found[0], np.full(3, 4.0))
    np.testing.assert_allclose(run(model.predict, {"x": X, parameter.path: np.ones(3)}, 4)["y"], np.add(X, [0, 0, 1]))


def test_one_that_needs_itself():
    model = "model Net(x: float[4]) -> y {\n    y = x * A\n}\n"
    assert codes(f"const A = B + 1\nconst B = 2 * A\n{model}") == ["E0302"]
    assert codes(f"const A = one_hot(0, 4) + B\nconst B = 2 * A\n{model}") == ["E0302"]
