"""Checkpoint names, and which layer is which: sections 5 and 10 of the language's reference."""

import pytest

from tests.language.programs import model_of

BLOCKS = """layer Residual(units: int)(x: float[..., D]) -> y: float[..., D] {
    main = x |> Dense(units, relu, use_bias = false) |> Dense(D, use_bias = false)
    y = x + main
}
layer Wrap(inner: layer)(x: float[...]) -> y {
    y = x |> inner |> inner
}
layer Tied(units: int)(x: float[..., D]) -> y {
    table = Dense(units, use_bias = false)
    y = table(x) @ transpose(table.kernel)
}
layer Default(inner = Dense(4, use_bias = false))(x: float[...]) -> y {
    y = inner(x)
}
"""
SMALL = "use_bias = false"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"y = x |> Dense(4, {SMALL})", ["y.dense.kernel"]),
        (f"y = x |> Dense(4, {SMALL}) |> Dense(4, {SMALL})", ["y.dense.kernel", "y.dense_2.kernel"]),
        (f"f = Dense(4, {SMALL})\ny = x |> f |> f", ["f.kernel"]),
        (f"f = Dense(4, {SMALL})\ny = x |> 3 * f", ["f.kernel"]),
        (f"y = x |> 2 * Dense(4, {SMALL})", ["y.dense.kernel", "y.dense_2.kernel"]),
        (
            "trunk = x |> 2 * Residual(3)\ny = trunk",
            [
                "trunk.residual.main.dense.kernel",
                "trunk.residual.main.dense_2.kernel",
                "trunk.residual_2.main.dense.kernel",
                "trunk.residual_2.main.dense_2.kernel",
            ],
        ),
        (f"y = x |> Wrap(Dense(4, {SMALL}))", ["y.dense.kernel"]),
        ("y = x |> Tied(3)", ["y.tied.table.kernel"]),
        ("y = x |> Default", ["y.default.inner.kernel"]),
        (f"f = [Dense(4, {SMALL}) for _ in range(2)]\ny = x |> f[0] |> f[1]", ["f.dense.kernel", "f.dense_2.kernel"]),
        (f"f, g = [Dense(4, {SMALL}) for _ in range(2)]\ny = x |> f |> g", ["f_g.dense.kernel", "f_g.dense_2.kernel"]),
        (
            f"block = Dense(4, {SMALL}) |> Dense(4, {SMALL})\ny = x |> block",
            ["block.dense.kernel", "block.dense_2.kernel"],
        ),
        ("y = x |> Residual(3) |> relu", ["y.residual.main.dense.kernel", "y.residual.main.dense_2.kernel"]),
    ],
)
def test_parameters(body, expected):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    model = model_of(f"{BLOCKS}model Net(x: float[4]) -> y {{\n{lines}}}\n")
    assert [each.path for each in model.parameters] == expected


def test_a_false_condition_leaves_a_parameter_out():
    model = model_of("model Net(x: float[4]) -> y {\n    y = x |> Dense(4, use_bias = false)\n}\n")
    assert [each.path for each in model.parameters] == ["y.dense.kernel"]


def test_a_model_in_a_model():
    text = """model Inner(x: float[4]) -> y: float[3] {
    y = x |> Dense(3)
}
model Outer(x: float[4]) -> z: float[3] {
    z = x |> Inner |> relu
}
"""
    model = model_of(text, model="Outer")
    assert [each.path for each in model.parameters] == ["z.inner.y.dense.kernel", "z.inner.y.dense.bias"]
    (inner,) = model.applications
    assert (inner.definition, [each.path for each in inner.children]) == ("Inner", ["z.inner.y.dense"])


def test_the_trained_model_applied_again():
    text = """model Net(x: float[4]) -> y: float[3] {
    y = x |> Dense(3)
}
train Net {
    again = Net(x * 0.5)
    loss = y - again
    optimizer = SGD
}
"""
    model = model_of(text)
    assert [each.path for each in model.parameters] == ["y.dense.kernel", "y.dense.bias"]


def test_a_file_wins_over_the_library():
    text = """fn relu(x) = x * 2
model Net(x: float[4]) -> y {
    y = relu(x)
}
"""
    ops = [op.primitive for op in model_of(text).predict.function.ops]
    assert ops == ["constant", "mul"]
