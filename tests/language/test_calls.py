"""Calls and pipes: what is piped where, several inputs and results, arguments given twice or to nothing."""

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of, run, tried

X = np.random.default_rng(0).normal(size=(3, 2, 4))
DEFINITIONS = """fn maybe(x: float[...], y: float[...] = none) = x if y == none else x + 2 * y
layer Weighed(k = 1)(x: float[...], y: float[...] = none) -> z {
    z = x if y == none else x + 2 * y * k
}
fn scaled(k = 2)(a) = k * a
fn choose(n) = relu if n == 1 else tanh
fn pair(x) -> (a, b) {
    a = x
    b = -x
}
layer Three(a, b, c = none) -> y {
    y = a + 10 * b + (0 if c == none else 100 * c)
}
layer Passing(x: float[...], mask: float[...] = none) -> y {
    y = Weighed(3)(x, mask)
}
layer Total(xs: list) -> y {
    y = xs[0] if len(xs) == 1 else xs[0] + (xs[1:] |> Total)
}
layer Scaled(n: int)(x: float[..., D]) -> y {
    param k: float[D] = ones
    y = n * x * k
}
"""


def net(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{DEFINITIONS}model Net(x: float[2, 4]) -> y {{\n{lines}}}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = x |> maybe(3 * x)", 7 * X),
        ("y = x |> maybe(y = 3 * x)", 7 * X),
        ("y = x |> Weighed(2)(3 * x)", 13 * X),
        ("f = Weighed(2)\ny = x |> f(3 * x)", 13 * X),
        ("f = Weighed(2)\ny = x |> f(y = 3 * x)", 13 * X),
        ("f = Weighed(2)\ny = x |> stop_gradient(f)(3 * x)", 13 * X),
        ("y = x * scaled(a = 3) + scaled(4)(a = 3)", 6 * X + 12),
        ("y = x |> choose(1)", np.maximum(X, 0)),
        ("y = (x, x) |> Three", 11 * X),
        ("y = (x, x) |> Three(c = x)", 111 * X),
        ("y = (x, x) |> Three(x)", 111 * X),
        ("y = x |> pair |> Three(c = x)", 91 * X),
        ("y = (x |> pair).b |> Three(x)", 9 * X),
        ("y = (x > 0, x) |> where(0)", np.maximum(X, 0)),
        ('y = x |> einsum("ij->ji") |> transpose', X),
        ('y = (x, x) |> einsum("ij,ij->i")', (X * X).sum(-1)),
        ('f = einsum("ij,kj->ik")\ny = (x, 2 * x) |> f', 2 * X @ X.transpose(0, 2, 1)),
        ('f = einsum("ij->j") |> tanh\ny = f(x)', np.tanh(X.sum(1))),
        ('y = x |> pair |> einsum("ij,kj->ik")', -X @ X.transpose(0, 2, 1)),
        ("f = sum(axis = 0)\ny = f(x) + f(x, keepdims = true)", 2 * X.sum(1, keepdims=True)),
        ("y = x |> clip(0, high = 1)", np.clip(X, 0, 1)),
        ("y = x |> Passing", X),
        ("y = (x, x) |> Passing", 7 * X),
        ("y = Passing(x, none) + Passing(x, mask = none)", 2 * X),
        ("y = [x, 2 * x, 3 * x] |> Total", 6 * X),
        ("y = Total(xs = [x, 2 * x])", 3 * X),
        ("y = x |> pair |> Total", 0 * X),
        (
            "y = [[s] |> Total |> Scaled(2) for s in x]",
            2 * X,
        ),
        ("y = x |> (Scaled(2) |> Scaled(3))()", 6 * X),
        ("y = (Scaled(2) |> Scaled(3))(x)", 6 * X),
    ],
)
def test_values(body, expected):
    model = model_of(net(body))
    starts = {each.path: evaluate(each.initializer, [], 1)[0] for each in model.parameters}
    (result,) = run(model.predict, {"x": X} | starts, 3).values()
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = x |> maybe(x, x)", ["E0410"]),
        ("f = Weighed(2)\ny = x |> f(x, x)", ["E0410"]),
        ("y = x |> relu(x)", ["E0410"]),
        ("y = x |> Scaled(2)(x)", ["E0410"]),
        ("y = [x] |> Total([x])", ["E0410"]),
        ("y = x |> (Scaled(1) |> Scaled(2))(x)", ["E0410"]),
        ("y = x |> Weighed(2)(x = x)", ["E0406"]),
        ("y = x |> maybe(x = x)", ["E0406"]),
        ("y = x |> clip(x = x, low = 0, high = 1)", ["E0406"]),
        ("y = clip(x, 0, low = 1)", ["E0406"]),
        ("y = x |> (Scaled(1) |> Scaled(2))(k = 2)", ["E0401"]),
        ("y = x |> stop_gradient(Scaled(1) |> Scaled(2))(k = 2)", ["E0401"]),
    ],
)
def test_mistakes(body, expected):
    assert codes(net(body)) == expected


def test_what_is_applied_already_says_so():
    _, reporter = tried(net("y = x |> maybe(x, x)"))
    (found,) = reporter.all
    assert "applied already" in found.title
