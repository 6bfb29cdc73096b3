"""Each statement of the reference on `train` blocks that no other test holds has a small program here."""

import pytest

from tests.language.programs import codes
from tests.language.statements import MORE


def trained(body: str, model: str = "y = x |> Dense(units, softmax)") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        f"{MORE}const SIZE = 12\nmodel Net(units = 3)(x: float[4]) -> y: float[units] {{\n    {model}\n}}\n"
        f"train Net as first {{\n{lines}}}\n"
    )


LOSS = "loss = sum(y)\noptimizer = SGD\n"
LABEL = "target label: index(3)\noptimizer = SGD\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (LOSS + "batch_size = SIZE\nseed = 2 * SIZE", []),
        ("loss = sum(y) * units\noptimizer = SGD", []),
        ("again = Net(x * 0.5)\nloss = sum((y - again) ^ 2)\noptimizer = SGD", []),
        ("loss = mean(y ^ 2, batch = true)\noptimizer = SGD", []),
        ("loss = { a: sum(y), b: y }\noptimizer = SGD()", []),
        ("loss = logsumexp(y @ transpose(batch(y)))\noptimizer = SGD", []),
        (LOSS + 'precision = "tf32"', []),
        (LABEL + "loss = categorical_crossentropy(y, label)", []),
        (LABEL + "loss = categorical_crossentropy(y, one_hot(label, 3))", []),
        (LOSS + "epoch = 3", ["E0501"]),
        (LOSS + "extra = y", ["E0501"]),
        ("epochs = 3\nloss = sum(y) * epochs\noptimizer = SGD", ["E0301"]),
        ("loss = sum(y)\noptimizer = SGD(1 / batch_size)\nbatch_size = 3", ["E0301"]),
        ("loss = loss\noptimizer = SGD", ["E0301"]),
        (LOSS + "}\ntrain Net as first {\n" + LOSS, ["E0305"]),
        (LOSS + "}\ntrain Net as second {\n" + LOSS, []),
        (LOSS + "target y: float[3]", ["E0303"]),
        (LOSS + "metrics = { loss: y }", ["E0511"]),
        (LOSS + "metrics = { val_mean: y, mean: y }", ["E0511"]),
        (LOSS + "metrics = { val_mean: y, val_other: y }", []),
        ("optimizer = SGD(0.1)\nloss = { val: sum(y), other: sum(y) }", ["E0511"]),
        ("optimizer = SGD(0.1)\nloss = { a: sum(y), val_a: sum(y) }", ["E0511"]),
        (LOSS + "loss = y", ["E0303"]),
        (LOSS + "batch_size = 0", ["E0505"]),
        (LOSS + "batch_size = 1.5", ["E0505"]),
        (LOSS + "validation_split = 1.0", ["E0505"]),
        (LOSS + 'precision = "f64"', ["E0505"]),
        (LOSS + "metrics = sum(y)", ["E0510"]),
        (LOSS + "metrics = { m: Precision }", ["E0510"]),
        (LOSS + "param w: float = ones", ["E0408"]),
        (LOSS + 'assert units == 2, "two"', ["E0414"]),
        (LOSS + "target label: index(3)", ["W0302"]),
        ("loss = 3\noptimizer = SGD", ["W0503"]),
        ("loss = y > 0\noptimizer = SGD", ["E0507"]),
        ("loss = i32(y)\noptimizer = SGD", ["E0507"]),
        ("loss = {}\noptimizer = SGD", ["E0507"]),
        ("loss = sum(y)", ["E0503"]),
        ("optimizer = SGD", ["E0502"]),
        ("loss = sum(y)\noptimizer = relu", ["E0508"]),
        (LABEL + "loss = categorical_crossentropy(label, y)", ["E0204"]),
        ("target t: float[3]\noptimizer = SGD\nloss = mean_squared_error(t, y)", ["W0501"]),
        ("target t: float[1]\noptimizer = SGD\nloss = mean_squared_error(y[0], t)", ["E0202"]),
        ("target t: index(7)\noptimizer = SGD\nloss = categorical_crossentropy(y, t)", ["E0206"]),
    ],
)
def test_trainings(body, expected):
    assert codes(trained(body), train="first") == expected
