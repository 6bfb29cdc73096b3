"""Which layer is which: copies, attributes, values in parameters' places, held parameters, recursion, defaults."""

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from nnc.tensor.step import gradient_step
from tests.language.programs import codes, model_of, predict, tried

BLOCKS = """layer Fc(units: int)(x: float[..., D]) -> y: float[..., units] {
    param kernel: float[D, units] = glorot_uniform
    y = x @ kernel
}
layer Twice(inner: layer, reversed = false)(x: float[...]) -> y {
    back = copy(inner)
    y = back(inner(x)) if not reversed else inner(back(x))
}
layer Tied(units: int)(x: float[..., D]) -> y {
    table = Fc(units)
    y = table(x) @ transpose(table.kernel)
}
layer Own(inner = Fc(3))(x: float[..., D]) -> y {
    y = inner(x)
}
fn twice(inner: layer)(x) = x |> inner |> inner
fn again(x, inner) = x |> copy(inner)
layer Nest(depth: int)(x: float[D]) -> y {
    down = x |> Fc(D)
    y = down + (down |> Nest(depth - 1)) if depth > 0 else down
}
"""


def net(body: str, extra: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{BLOCKS}{extra}model Net(x: float[3]) -> y {{\n{lines}}}\n"


def paths(body: str, extra: str = "") -> list[str]:
    return [each.path for each in model_of(net(body, extra)).parameters]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("f = Fc(3)\ng = copy(f)\ny = x |> f |> g |> f", ["f.kernel", "g.kernel"]),
        ("f = Fc(3)\ny = x |> f |> copy(f) |> copy(f)", ["f.kernel", "y.fc.kernel", "y.fc_2.kernel"]),
        ("f = Fc(3)\ny = x |> copy(f, units = 4) |> f", ["y.fc.kernel", "f.kernel"]),
        ("t = Twice(Fc(3))\ny = t(x)", ["t.fc.kernel", "t.back.kernel"]),
        (
            "t = Twice(Fc(3))\ny = x |> t |> copy(t)",
            ["t.fc.kernel", "t.back.kernel", "y.fc.kernel", "y.twice.back.kernel"],
        ),
        ("f = Fc(3) |> Fc(3)\ny = x |> f |> copy(f)", ["f.fc.kernel", "f.fc_2.kernel", "y.fc.kernel", "y.fc_2.kernel"]),
        ("y = x |> 2 * copy(Fc(3))", ["y.fc_2.kernel", "y.fc_4.kernel"]),
        (
            "f = Sequential([Sequential([Fc(3)]), Fc(3)])\ny = x |> f |> copy(f)",
            ["f.fc.kernel", "f.fc_2.kernel", "y.fc.kernel", "y.fc_2.kernel"],
        ),
        ("f = Fc(3)\ng = f |> relu |> f\ny = x |> g |> copy(g)", ["f.kernel", "y.fc.kernel"]),
        (
            "f = Fc(3)\ng = Sequential([f, copy(f), f])\nh = copy(g)\ny = x |> g |> h",
            ["f.kernel", "g.fc.kernel", "h.fc.kernel", "h.fc_2.kernel"],
        ),
        ("f = twice(Fc(3))\ny = x |> f |> copy(f)", ["f.fc.kernel", "y.fc.kernel"]),
        ("f = Own |> relu\ng = copy(f)\ny = x |> g |> g", ["y.own.inner.kernel", "y.own_2.inner.kernel"]),
        ("f = 2 * Fc(3)\ny = x |> copy(f) |> f", ["y.fc.kernel", "y.fc_2.kernel", "f.fc.kernel", "f.fc_2.kernel"]),
        ("f = Own()\ny = x |> f |> f", ["f.inner.kernel"]),
        ("y = x |> Own |> Own", ["y.own.inner.kernel", "y.own_2.inner.kernel"]),
        ("f = Own\ny = x |> f |> f", ["y.own.inner.kernel", "y.own_2.inner.kernel"]),
        ("y = x |> Sequential([Fc(3), relu, Fc(2)])", ["y.fc.kernel", "y.fc_2.kernel"]),
        ("f = Sequential([Fc(3) for _ in range(3)])\ny = x |> f |> f", [f"f.fc{n}.kernel" for n in ("", "_2", "_3")]),
        ("f = Sequential([Fc(3), Fc(3)])\ny = x |> f |> f.layers[1]", ["f.fc.kernel", "f.fc_2.kernel"]),
        ("y = x |> Sequential([])", []),
        ("y = x |> 0 * Fc(3)", []),
        ("y = x |> Sequential([Fc(u) for u in (4, 5, 3) if u != 5])", ["y.fc.kernel", "y.fc_2.kernel"]),
        (
            "y = x |> Nest(2)",
            ["y.nest.down.fc.kernel", "y.nest.y.nest.down.fc.kernel", "y.nest.y.nest.y.nest.down.fc.kernel"],
        ),
        ("f = stop_gradient(Fc(3))\ny = f(x)", ["f.fc.kernel"]),
        ("f = Tied(2)\nh = f(x)\ny = h @ f.table.kernel", ["f.table.kernel"]),
    ],
)
def test_parameters(body, expected):
    assert paths(body) == expected


RNG = np.random.default_rng(1)
X = RNG.normal(size=(4, 3))
KERNELS = {name: RNG.normal(size=(3, 3)) for name in ("f.kernel", "y.fc.kernel", "g.kernel")} | {"x": X}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("f = Fc(3)\ny = f(f(x), kernel = transpose(f.kernel))", X @ KERNELS["f.kernel"] @ KERNELS["f.kernel"].T),
        ("f = Fc(3)\nh = f(x)\ny = Fc(h, units = 3, kernel = f.kernel)", X @ KERNELS["f.kernel"] @ KERNELS["f.kernel"]),
        ("f = Fc(3)\nh = f(x)\ny = h |> Fc(3)(kernel = f.kernel)", X @ KERNELS["f.kernel"] @ KERNELS["f.kernel"]),
        ("f = Fc(3)\nh = f(x)\ny = 0 * h + f(x, kernel = [[1, 0, 0], [0, 2, 0], [0, 0, 3]])", X * [1, 2, 3]),
        ("y = x |> Fc(units = 3, kernel = 2)", 2 * X.sum(1, keepdims=True) * np.ones((1, 3))),
        ("f = Fc(3)\ny = f(x, kernel = 2) + f(x)", 2 * X.sum(1, keepdims=True) + X @ KERNELS["f.kernel"]),
        ("y = Fc(3)(x, kernel = 2)", 2 * X.sum(1, keepdims=True) * np.ones((1, 3))),
        ("f = Fc(3)\ny = f(x) * f.units", 3 * X @ KERNELS["f.kernel"]),
        ("f = stop_gradient(Fc)\ny = f(units = 3)(x)", None),
        ("f = Fc(3)\n_ = f(x)\ny = stop_gradient(f).kernel[0] + 0 * x", KERNELS["f.kernel"][:1] * np.ones((4, 1))),
    ],
)
def test_values(body, expected):
    if expected is None:
        assert [code for code in codes(net(body)) if code[0] == "E"]
        return
    np.testing.assert_allclose(predict(net(body), KERNELS, 4), expected, rtol=1e-9)


def test_a_copy_of_another_configuration():
    model = model_of(net("f = Fc(3)\nh = x |> copy(f, units = 4)\ny = concat([h, f(x)])"))
    assert {each.path: each.type.shape for each in model.parameters} == {"h.fc.kernel": (3, 4), "f.kernel": (3, 3)}


def test_a_state_is_read_by_name():
    text = net("b = BatchNormalization()\nh = b(x)\ny = 0 * h + b.moving_mean + 10 * b.moving_variance")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    given = {"x": X} | {f"b.{name}": np.arange(3.0) + place for place, name in enumerate(names)}
    np.testing.assert_allclose(predict(text, given, 4), np.tile(np.arange(3) + 2 + 10 * (np.arange(3.0) + 3), (4, 1)))


def test_an_own_parameter_is_made_only_where_it_is_used():
    assert paths("f = Fc(3)\nh = f(x, kernel = 1)\ny = h") == []


def gradients(body: str) -> list[str]:
    text = net(body) + "train Net {\n    loss = y * y\n    optimizer = SGD\n}\n"
    return [binding.name for binding in gradient_step(model_of(text)).outputs if binding.role.value == "gradient"]


def test_parameters_held_fixed():
    assert gradients("f = Fc(3)\ny = x |> stop_gradient(f)") == []
    assert gradients("f = Fc(3)\ny = (x |> f) + (x |> stop_gradient(f))") == ["f.kernel"]
    assert gradients("f = Fc(3)\ny = (x |> stop_gradient(f)) + (x |> f)") == ["f.kernel"]
    assert gradients("y = x |> Fc(3) |> stop_gradient(Fc(3) |> Fc(3))") == ["y.fc.kernel"]
    assert gradients("f = Fc(3)\nh = x |> stop_gradient(f)\ny = h @ stop_gradient(f).kernel") == []
    assert gradients("f = Tied(2)\nh = x |> stop_gradient(f)\ny = h |> stop_gradient(f).table") == []
    assert gradients("f = Fc(3)\nh = x |> stop_gradient(f)\ny = h @ f.kernel") == ["f.kernel"]


ONES, KERNEL = np.ones((4, 3)), KERNELS["f.kernel"]
INNER, OUTER = X.T @ (ONES @ KERNEL.T) / 4, (X @ KERNEL).T @ ONES / 4  # of the first use and the second


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("f = Fc(3)\ny = x |> f |> stop_gradient(f)", INNER),
        ("f = Fc(3)\ny = x |> stop_gradient(f) |> f", OUTER),
        ("f = Fc(3)\ny = x |> f |> f", INNER + OUTER),
        ("f = Fc(3)\ny = x |> 2 * f", INNER + OUTER),
        ("f = Fc(3)\nh = f(x)\ny = f(h, kernel = f.kernel)", INNER + OUTER),
        ("f = Fc(3)\nh = f(x)\ny = Fc(3)(h, kernel = f.kernel)", INNER + OUTER),
        ("f = Fc(3)\nh = f(x)\ny = h @ stop_gradient(f.kernel)", INNER),
    ],
)
def test_gradients_of_shared_and_held_parameters(body, expected):
    text = net(body) + "train Net {\n    loss = sum(y)\n    optimizer = SGD\n}\n"
    step = gradient_step(model_of(text))
    assert [each.name for each in step.inputs].count("f.kernel") == 1
    given = {"x": X, "weight": np.ones(4), "f.kernel": KERNEL}
    results = evaluate(step.function, [given[each.name] for each in step.inputs], 4)
    np.testing.assert_allclose(results[0], expected, rtol=1e-9)


def test_recursion_has_an_end():
    assert len(paths("y = x |> Nest(60)")) == 61
    assert codes(net("y = x |> Nest(300)")) == ["E0216"]
    assert codes(net("y = x |> Nest(-1)")) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = copy(x)", ["E0407"]),
        ("f = Fc(3)\ny = again(f(x), f)", ["E0411"]),
        ("f = Fc(3)\ny = f(x, kernel = [[1, 2], [3, 4]])", ["E0420"]),
        ("y = x |> copy(Fc(3), unit = 4)", ["E0401"]),
        ('y = x |> copy(Fc(3), units = "4")', ["E0404"]),
        ("y = x |> copy(Fc(3), 4)", ["E0403"]),
        ("y = x |> copy(relu)", []),
        ("y = x |> copy(Fc(3) |> Fc(3), units = 4)", ["E0407"]),
        ("f = Fc(3)\ny = x @ f.kernel", ["E0306"]),
        ("f = Fc(3)\nh = f(x)\ny = h @ f.kernal", ["E0306"]),
        ("f = Own\nh = f(x)\ny = h |> f.inner", ["E0306"]),
        ("f = Fc(3)\ny = f(x, kernel = x)", ["E0420"]),
        ("f = Fc(units = 3, kernel = 2)\ny = x |> f", ["E0402"]),
        ("y = x |> 100001 * Fc(3)", ["E0211"]),
        ('f = Fc(3)\ny = f(x, kernel = "w")', ["E0420"]),
        ("f = Fc(3)\ny = f(x, kernal = x)", ["E0401"]),
        ("y = x |> Sequential(Fc(3))", ["E0404"]),
        ("y = x |> Sequential([Fc(3), 4])", ["E0407"]),
        ("y = stop_gradient(true)", ["E0210"]),
    ],
)
def test_mistakes(body, expected):
    assert [code for code in codes(net(body)) if code[0] == "E"] == expected


def test_a_bare_name_has_nothing_to_read():
    (found,) = [each for each in tried(net("f = Own\nh = f(x)\ny = h |> f.inner"))[1].all if each.level == "error"]
    assert "name one, block = Own()" in str(found.help)
