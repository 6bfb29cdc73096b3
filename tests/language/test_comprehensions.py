"""Comprehensions over a tensor: the body for each slice along the first axis, elaborated once."""

import re

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from nnc.tensor.step import gradient_step
from tests.language.programs import codes, model_of, predict, tried

X = np.random.default_rng(0).normal(size=(3, 2, 4))
I = np.random.default_rng(1).integers(0, 4, (3, 2))
BLOCKS = """fn centred(x) = x - mean(x)
layer Fc(units: int)(x: float[D]) -> y: float[units] {
    param kernel: float[D, units] = glorot_uniform
    y = x @ kernel
}
layer Twice(units: int)(x: float[D]) -> (first, second) {
    first = x |> Fc(units)
    second = x |> Fc(units)
}
layer Weighed(x: float[D]) -> y {
    param scale: float[D] = ones
    penalty sum(scale ^ 2)
    penalty sum(x ^ 2)
    y = x * scale
}
layer Counting(x: float[D]) -> y {
    state calls = 0
    calls' = calls + 1
    y = x * calls
}
"""


def net(body: str, results: str = "y") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    inputs = ", ".join(each for each in ("x: float[2, 4]", "i: index(4)[2]") if re.search(rf"\b{each[0]}\b", body))
    return f"{BLOCKS}model Net({inputs}) -> {results} {{\n{lines}}}\n"


ONES = np.ones((3, 2, 4))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = [s for s in x]", X),
        ("y = [centred(s) for s in x]", X - X.mean(-1, keepdims=True)),
        ("y = [sum(s * s) for s in x]", (X * X).sum(-1)),
        ("y = [[a * 2 for a in s] for s in x]", X * 2),
        ("y = [s * x for s in x]", X[:, :, None] * X[:, None]),
        ("y = [[s @ t for t in x] for s in x]", X @ X.transpose(0, 2, 1)),
        ("y = [s[0] + x[1] for s in x]", X[:, :, :1] + X[:, 1:]),
        ("y = [concat([reverse(s), x[0]]) for s in x]", np.concatenate([X[..., ::-1], X[:, :1] * np.ones_like(X)], 2)),
        ("y = [reshape(s, [2, 2]) |> transpose for s in x]", X.reshape(3, 2, 2, 2).swapaxes(-1, -2)),
        ("y = [pad(s, [[1, 0]]) for s in x]", np.pad(X, [(0, 0), (0, 0), (1, 0)])),
        ("y = [where(max(s) > 1, s, 0) for s in x]", np.where(X.max(-1, keepdims=True) > 1, X, 0)),
        ("y = [x for s in x]", np.broadcast_to(X[:, None], (3, 2, 2, 4))),
        ("y = [1 for s in x] + x[0, 0:1]", np.ones((3, 2)) + X[:, 0, :1]),
        ("y = [float(true if 1 < 2 else false) for s in x] * x[:, 0]", X[..., 0]),
        ("y = [one_hot(j, 4) for j in i]", np.eye(4)[I]),
        ("y = [pick(x[1], j) for j in i]", np.take_along_axis(X[:, 1], I, 1)),
        ("y = [pick(s, i[0]) for s in x]", np.take_along_axis(X, I[:, :1, None], 2)[..., 0]),
        ("y = [s - mean(s, batch = true, axis = []) for s in x]", X - X.mean(0)),
        ("y = [relu(s) |> tanh for s in x][1]", np.tanh(np.maximum(X[:, 1], 0))),
        ("y = x * len([s for s in x])", X * 2),
        ("y = stack([[f(s) for s in x] for f in [tanh, exp]], axis = 0)", np.stack([np.tanh(X), np.exp(X)], 1)),
    ],
)
def test_values(body: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(predict(net(body), {"x": X, "i": I}, 3), expected, rtol=1e-9)


def test_the_body_is_elaborated_once_and_its_layers_are_shared() -> None:
    model = model_of(net("y = [s |> Fc(3) |> 2 * Fc(3) for s in x]"))
    assert [each.path for each in model.parameters] == ["y.fc.kernel", "y.fc_2.kernel", "y.fc_3.kernel"]
    assert sum(op.primitive == "einsum" for op in model.predict.function.ops) == 3
    model = model_of(net("y = [t |> TimeDistributed(Fc(3)) for t in [x + sum(s) for s in x]]"))
    assert [each.path for each in model.parameters] == ["y.fc.kernel"]


def test_several_results_are_told_apart() -> None:
    body = "y = [s |> Twice(3) for s in x]"
    assert codes(net(body)) == ["E0210"]
    model = model_of(net("y = [(s |> Twice(3)).second for s in x]"))
    assert [each.path for each in model.parameters] == ["y.twice.first.fc.kernel", "y.twice.second.fc.kernel"]


def test_an_index_stays_one() -> None:
    model = model_of(net("y = [j for j in i]\nz = [j + 1 for j in i]\nw = [argmax(s) for s in x]", "(y, z, w)"))
    assert [str(each.type) for each in model.results] == ["index(4)[2]", "i32[2]", "index(4)[2]"]


def training(body: str, loss: str = "sum(y)") -> str:
    return net(body) + f"train Net {{\n    loss = {loss}\n    optimizer = SGD\n}}\n"


def gradients(text: str, **given: np.ndarray) -> list[np.ndarray]:
    step = gradient_step(model_of(text))
    known = {"x": X, "weight": np.ones(3), **given}
    results = evaluate(step.function, [known[each.name] for each in step.inputs], 3)
    return [array for array, each in zip(results, step.outputs, strict=True) if each.role.value == "gradient"]


def test_gradients_are_those_of_the_slices_apart() -> None:
    kernel = np.random.default_rng(2).normal(size=(4, 3))
    mapped = gradients(training("f = Fc(3)\ny = [(f(s) * sum(s)) |> tanh for s in x]"), **{"f.kernel": kernel})
    apart = "f = Fc(3)\ny = stack([x[t] |> f |> scaled(x[t]) |> tanh for t in range(2)], axis = 0)"
    text = "fn scaled(y, s) = y * sum(s)\n" + training(apart)
    np.testing.assert_allclose(mapped, gradients(text, **{"f.kernel": kernel}), rtol=1e-9)


def test_penalties_are_summed_and_those_of_parameters_count_once() -> None:
    text = training("y = [s |> Weighed for s in x]", "0")
    (gradient,) = gradients(text, **{"y.weighed.scale": np.full(4, 3.0)})
    np.testing.assert_allclose(gradient, np.full(4, 6.0))
    text = training("y = [s |> Weighed for s in [s |> Fc(4) for s in x]]", "0")
    kernel = np.random.default_rng(3).normal(size=(4, 4))
    inner, outer = gradients(text, **{"y.weighed.scale": np.ones(4), "y.fc.kernel": kernel})
    np.testing.assert_allclose(inner, 2 * np.einsum("bta,btn->an", X, X @ kernel) / 3, rtol=1e-9)
    np.testing.assert_allclose(outer, np.full(4, 2.0))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = [s for s in x if true]", ["E0431"]),
        ("y = [s for s in x for t in x]", ["E0431"]),
        ("y = [s for k in range(3) for s in x]", ["E0431"]),
        ("y = [s |> Counting for s in x]", ["E0431"]),
        ("y = [[s, s] for s in x]", ["E0210"]),
        ("y = [Fc(3) for s in x]", ["E0210"]),
        ("y = [s for s in sum(x)]", ["E0210"]),
        ("y = [a + b for a, b in x]", ["E0213"]),
        ("y = [s |> Dence(3) for s in x]", ["E0301"]),
        ("y = [gather(s, j) for s in i for j in i]", ["E0431"]),
        ("y = [s |> 99999 * relu for s in x]", ["E0215"]),
    ],
)
def test_mistakes(body: str, expected: list[str]) -> None:
    assert codes(net(body)) == expected


def test_a_mistake_in_the_body_names_the_slice() -> None:
    _, reporter = tried(net("y = [s + x[0, 0:3] for s in x]"))
    (found,) = reporter.all
    assert "`s` is float[4]" in [label.text for label in found.others]
