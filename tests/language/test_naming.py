"""Checkpoint names, and which layer is which: sections 5 and 10 of the language's reference."""

import pytest

from tests.language.programs import codes, model_of

BLOCKS = """layer Residual(units: int)(x: float[..., D]) -> y: float[..., D] {
    main = x |> Dense(units, relu, use_bias = false) |> Dense(D, use_bias = false)
    y = x + main
}
layer Wrap(inner: layer)(x: float[...]) -> y {
    y = x |> inner |> inner
}
layer Scaled(inner: layer)(x: float[...]) -> y {
    param factor: float = ones
    y = factor * inner(x)
}
layer Two(x: float[...]) -> y {
    dense = Dense(4, use_bias = false)
    y = dense(x)
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
        (f"f, g = [Dense(4, {SMALL}), Dense(4, {SMALL})]\ny = x |> g |> f", ["f_g.dense_2.kernel", "f_g.dense.kernel"]),
        (
            "y = x |> Scaled(Scaled(Dense(4, use_bias = false)))",
            ["y.scaled.factor", "y.scaled_2.factor", "y.dense.kernel"],
        ),
        (
            f"f, g = [Dense(4, {SMALL}), Dense(4, {SMALL})]\nf_g = Two()\ny = x |> f |> g |> f_g",
            ["f_g_2.dense.kernel", "f_g_2.dense_2.kernel", "f_g.dense.kernel"],
        ),
        (
            f"value = Two()\n_ = x |> Dense(4, {SMALL})\ny = x |> value",
            ["value_2.dense.kernel", "value.dense.kernel"],
        ),
        (f"y = x |> (2 * Dense(4, {SMALL})) |> 0 * Dense(4)", ["y.dense.kernel", "y.dense_2.kernel"]),
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


def test_models_that_apply_themselves_and_one_another():
    text = """model Inner(n = 2)(x: float[4], more: float[4] = none) -> (a: float[n], b) {
    a = x |> Dense(n, use_bias = false)
    b = x if more == none else x + more
}
model Down(depth = 2)(x: float[4]) -> y {
    inner = Inner(n = 4)
    y = x if depth == 0 else (x, x) |> inner |> Add |> Down(depth - 1)
}
model Endless(x: float[4]) -> y {
    y = x |> Round
}
model Round(x: float[4]) -> y {
    y = x |> Endless
}
"""
    paths = ["inner.a.dense.kernel", "y.down.inner.a.dense.kernel", "y.down.y.down.inner.a.dense.kernel"]
    assert [each.path for each in model_of(text, model="Down").parameters] == paths[:2]
    assert [each.path for each in model_of(text, model="Down", settings={"depth": "3"}).parameters] == paths
    assert model_of(text, model="Inner", settings={"n": 3}).results[0].type.shape == (3,)
    assert codes(text, model="Endless") == ["E0216"]


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


def test_layers_of_a_training_are_none_of_the_models():
    text = """model Net(x: float[4]) -> y: float[4] {
    head = Dense(4, use_bias = false)
    body = x |> Dense(4, use_bias = false)
    y = body |> head
}
train Net {
    head = Dense(4, use_bias = false)
    body = y |> Dense(4, use_bias = false)
    loss = sum(body |> head)
    optimizer = SGD
}
"""
    model = model_of(text)
    own = [f"{name}.kernel" for name in ("body_2.dense", "head_2")]
    assert [each.path for each in model.parameters] == ["body.dense.kernel", "head.kernel", *own]


def test_a_file_wins_over_the_library():
    text = """fn relu(x) = x * 2
model Net(x: float[4]) -> y {
    y = relu(x)
}
"""
    ops = [op.primitive for op in model_of(text).predict.function.ops]
    assert ops == ["constant", "mul"]
