"""Expressions: operators, broadcasting, element types, lists, pipes, definitions as values."""

import numpy as np
import pytest

from tests.language.programs import codes, model_of, predict

X = np.random.default_rng(0).normal(size=(3, 2, 4))


def of_x(body: str, more: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{more}model Net(x: float[2, 4]) -> y {{\n{lines}}}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = x + 1", X + 1),
        ("y = 2 - x / 4 * 3", 2 - X / 4 * 3),
        ("y = x ^ 2 - -x", X**2 + X),
        ("y = 7 // 2 + 7 % 4 + 2 ^ 3 + x", X + 3 + 3 + 8),
        ('y = x * len("abcd") + len("")', X * 4),
        ("y = x + x[0]", X + X[:, :1]),
        ("y = x * x[:, 0:1]", X * X[:, :, :1]),
        ("y = x[..., 1]", X[..., 1]),
        ("y = x[1, -3]", X[:, 1, -3]),
        ("y = x[-2, -3:-1]", X[:, 0, 1:3]),
        ("y = x + sum(x, batch = true) * min(x, axis = 0, batch = true)", X + X.sum() * X.min((0, 1))),
        (
            "y = x * max(x, axis = [], batch = true) + prod(x, axis = 1, keepdims = true, batch = true)",
            X * X.max(0) + X.prod((0, 2)).reshape(2, 1),
        ),
        (
            "y = where(any(x > 1, axis = [], batch = true) or all(x > -1, axis = [], batch = true), x, 0)",
            np.where((X > 1).any(0) | (X > -1).all(0), X, 0),
        ),
        ("y = prod([x, 2, x]) + mean((x, 2 * x, 3)) + min([x, 1])", 2 * X**2 + X + 1 + np.minimum(X, 1)),
        ("y = x * prod([2, 3]) * mean([1, 4])", X * 15),
        ("y = pad(x, [[0, 1], [1, 1]], value = 2.5)", np.pad(X, [(0, 0), (0, 1), (1, 1)], constant_values=2.5)),
        ("y = reverse(x, axis = 0)", X[:, ::-1]),
        ("y = transpose(stack([x, x + 1, x + 2]), [2, 0, 1])", np.stack([X, X + 1, X + 2], 1)),
        ("y = broadcast(x[0], [3, 4]) + broadcast(1, [3, 4])", np.tile(X[:, :1], (1, 3, 1)) + 1),
        ("y = stack([x, x * 2], axis = 0) @ transpose(x)", np.einsum("bij,bkj,n->bnik", X, X, [1, 2])),
        ("y = stack([x, x * 2], axis = 0) @ x[0]", np.einsum("bij,bj,n->bni", X, X[:, 0], [1, 2])),
        (
            "p = stack([x, x + 1], axis = 0)\ny = stack([p, 2 * p, 3 * p], axis = 0) @ reshape(p, [2, 4, 2])",
            np.einsum(
                "bpij,bpjk,n->bnpik", np.stack([X, X + 1], 1), np.stack([X, X + 1], 1).reshape(3, 2, 4, 2), [1, 2, 3]
            ),
        ),
        ("y = x @ stack([transpose(x)], axis = 0)", np.einsum("bij,bkj->bik", X, X)[:, None]),
        ("y = gather(stack([x, x * 2, x * 3], axis = 0), [2, 0, 2, 1])", np.einsum("bij,n->bnij", X, [3, 1, 3, 2])),
        ("y = x[-1, 1:3]", X[:, -1, 1:3]),
        ("y = x[:, none, ::2]", X[:, :, None, ::2]),
        ("y = where(x > 0 and not x > 1, x, -1)", np.where((X > 0) & ~(X > 1), X, -1)),
        ("y = float(x >= 0 or x < -1)", ((X >= 0) | (X < -1)).astype(float)),
        ("y = sum(x, axis = -1, keepdims = true)", X.sum(-1, keepdims=True)),
        ("y = mean(x)", X.mean((1, 2))),
        ("y = variance(x, axis = 0)", X.var(1)),
        ("y = logsumexp(x, axis = 1)", np.log(np.exp(X).sum(2))),
        ("y = max(x, axis = [0, 1])", X.max((1, 2))),
        ("y = x - mean(x, batch = true, axis = 0)", X - X.mean((0, 1))),
        ("y = x @ transpose(x)", X @ X.transpose(0, 2, 1)),
        ("y = x @ x[0]", np.einsum("bij,bj->bi", X, X[:, 0])),
        ("y = reshape(x, [-1, 2])", X.reshape(3, 4, 2)),
        ("y = x |> reshape([8])", X.reshape(3, 8)),
        ("y = x |> sum(axis = 0)", X.sum(1)),
        ("y = concat([x, x * 2], axis = 0)", np.concatenate([X, X * 2], 1)),
        ("y = stack([x[0], x[1]], axis = -1)", np.stack([X[:, 0], X[:, 1]], -1)),
        ("a, b = split(x, 2)\ny = a * b", X[..., :2] * X[..., 2:]),
        ("a, _ = split(x, 2, axis = 0)\ny = a", X[:, :1]),
        ("y = pad(x, [[1, 0], [0, 2]])", np.pad(X, [(0, 0), (1, 0), (0, 2)])),
        ("y = reverse(x)", X[..., ::-1]),
        ("y = clip(x, -0.5, 0.5) + clip(x, x - 1, 0)", np.clip(X, -0.5, 0.5) + np.clip(X, X - 1, 0)),
        ("y = (x, x + 1) |> maximum", X + 1),
        ("y = one_hot(argmax(x, axis = -1), 4)", np.eye(4)[X.argmax(-1)]),
        ("y = pick(x, argmax(x, axis = -1))", X.max(-1)),
        ("y = x * len([i for i in range(6) if i % 2 == 1])", X * 3),
        ("n = sum([i * j for i in range(3) for j in [1, 2]])\ny = x * n", X * 9),
        ("y = x if len(shape(x)) == 2 and 4 in shape(x) else -x", X),
        ("y = x * shape(x)[1]", X * 4),
        ("r = { a: 2, b: [3, 4] }\ny = x * r.a + r.b[1]", X * 2 + 4),
        ("y = x if none == none and x != none else -x", X),
        ("y = minimum(x, inf) * sqrt(4)", X * 2),
        ("y = x + [1, 2, 3, 4.5]", np.add(X, [1, 2, 3, 4.5])),
        ("y = x * [[1], [2]]", X * [[1], [2]]),
        ("y = x @ [[1, 0], [0, 1], [1, 1], [2, 2]]", X @ [[1, 0], [0, 1], [1, 1], [2, 2]]),
        ("y = where(x > [0, 1, 0, 1], x, [1, 2, 3, 4])", np.where(X > [0, 1, 0, 1], X, [1, 2, 3, 4])),
        ("y = maximum(x, [0, 1, 0, 1])", np.maximum(X, [0, 1, 0, 1])),
        ("y = apart(x[0], (4, 3, 2, 1))", X[:, 0] - [4, 3, 2, 1]),
        ("y = concat([x[0], [1, 1, 2]])", np.concatenate([X[:, 0], np.tile([1, 1, 2], (3, 1))], 1)),
        ("y = gather([5, 6, 7, 8], argmax(x, axis = -1))", 5 + X.argmax(-1)),
        ("y = float(i32(x * 3))", np.trunc(X * 3)),
        ("f = leak(0.1)\ny = x |> f", np.where(X > 0, X, 0.1 * X)),
        ("y = leak(x)", np.where(X > 0, X, 0.3 * X)),
        ("y = leak(x, slope = 0.5)", np.where(X > 0, X, 0.5 * X)),
        ("y = x |> leak(slope = 0.5)", np.where(X > 0, X, 0.5 * X)),
        ("y = apart(x, x + 2)", np.full_like(X, -2.0)),
        ("y = x |> apart(x + 2)", np.full_like(X, -2.0)),
        ("y = apart(b = x, a = 2 * x)", X),
        ("f = leak |> tanh\ny = x |> f", np.tanh(np.where(X > 0, X, 0.3 * X))),
        ("y = x |> 3 * double", X * 8),
        ("y = x |> 0 * double", X),
        ("y = twice(double, x)", X * 4),
        ("out = both(x)\ny = out.first + out[1] * 2", X + 2 * X**2),
        ("a, b = both(x)\ny = b - a", X**2 - X),
        ("y = power(3)(x)", X**3),
        ("y = x * WIDTH", X * 3),
    ],
)
def test_values(body, expected):
    more = """const WIDTH = 3
fn leak(slope = 0.3)(x) = where(x > 0, x, slope * x)
fn apart(a: float[...S], b: float[...S]) -> float[...S] { result = a - b }
fn double(x) = x + x
fn twice(f, x) = f(f(x))
fn power(n: int)(x) = x if n == 1 else x * power(n - 1)(x)
layer both(x: float[...]) -> (first, second: float[...]) {
    first = x
    second = x * x
}
"""
    np.testing.assert_allclose(predict(of_x(body, more), {"x": X}, 3), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = i32(x) + 0.5", ["E0208"]),
        ("y = i32(x) * x", ["E0203"]),
        ("y = x + (x > 0)", ["E0203"]),
        ("y = (x > 0) + (x > 1)", ["E0203"]),
        ("y = x and x", ["E0210"]),
        ("y = x + Dense(3)", ["E0210"]),
        ("y = x + none", ["E0210"]),
        ('y = x + "1"', ["E0210"]),
        ("y = x + [[1, 2], [3]]", ["E0207"]),
        ("y = x + [1, 2, 3]", ["E0201"]),
        ("y = x + [i % 7 for i in range(2000)]", ["E0217"]),
        ("y = i32(x) + [1, 2, 3, 4.5]", ["E0208"]),
        ("y = x[2]", ["E0214"]),
        ("y = x[0, 0, 0]", ["E0214"]),
        ("y = x @ x", ["E0201"]),
        ("y = x + x[:, 0:3]", ["E0201"]),
        ("y = sum(x, axis = 2)", ["E0207"]),
        ("y = sum(x, axs = 1)", ["E0401"]),
        ("y = reshape(x, [3, -1])", ["E0207"]),
        ("y = transpose(x, [0, 0])", ["E0207"]),
        ("y = x * (1 / 0)", ["E0413"]),
        ("y = x * sqrt(-1)", ["E0413"]),
        ("y = x * 10 ^ 30", ["E0413"]),
        ("y = x if 1 else x", ["E0210"]),
        ("y = x * len([i for i in 3])", ["E0210"]),
        ("y = x |> Dense", ["E0402"]),
        ("y = x |> Dense(0)", ["E0211"]),
        ("y = x |> Dense(-1)", ["E0211"]),
        ("y = x |> Dense(10 ^ 12)", ["E0211"]),
        ("y = x + exp()", ["E0210"]),
        ("y = x(3)", ["E0407"]),
        ("y = x.first", ["E0306"]),
        ("y = x + uniform([1], 1, 0)", ["E0207"]),
        ("y = x * float(bernoulli([1], x))", ["E0404"]),
        ("y = x + gamma([1], 0)", ["E0207"]),
        ("y = ctc(x)", ["E0901"]),
    ],
)
def test_mistakes(body, expected):
    assert codes(of_x(body)) == expected


def test_index_types():
    text = "model Net(x: float[5], i: index(5)) -> (a, b: index(5), c: bool) {\n" + (
        "    a = pick(x, i)\n    b = argmax(x, axis = -1)\n    c = i == b and i + 1 > 2\n}\n"
    )
    model = model_of(text)
    assert [str(each.type) for each in model.results] == ["float", "index(5)", "bool"]
    assert model.inputs[1].type.bound == 5
    assert codes(text.replace("index(5))", "index(6))")) == ["E0206"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("i + 1", "i32[2]"),
        ("-i", "i32[2]"),
        ("maximum(i, 1)", "i32[2]"),
        ("sum(i)", "i32"),
        ("i32(i[:1])", "i32[1]"),
        ("i32(argsort(i))", "i32[2]"),
        ("i64(i)", "i64[2]"),
        ("argsort(i)", "index(2)[2]"),
        ("i[:1]", "index(4)[1]"),
        ("concat([i, i])", "index(4)[4]"),
        ("where(i == 1, i, 0)", "index(4)[2]"),
        ("where(i == 1, 3, i)", "index(4)[2]"),
        ("where(i == 1, i, 4)", "i64[2]"),
        ("gather(arange(4), i)", "index(4)[2]"),
    ],
)
def test_indices(written, expected):
    (port,) = model_of(f"model Net(i: index(4)[2]) -> y {{\n    y = {written}\n}}\n").results
    assert str(port.type) == expected


@pytest.mark.parametrize(
    ("signature", "shapes", "expected"),
    [
        ("(a: float[N], b: float[N])", ("[3]", "[3]"), []),
        ("(a: float[N], b: float[N])", ("[3]", "[4]"), ["E0202"]),
        ("(a: float[N], b: float[2 * N])", ("[3]", "[6]"), []),
        ("(a: float[2 * N], b: float[N])", ("[6]", "[3]"), []),
        ("(a: float[N], b: float[N + 1])", ("[3]", "[5]"), ["E0202"]),
        ("(a: float[..., N], b: float[..., M])", ("[2, 7, 3]", "[2, 7, 4]"), []),
        ("(a: float[..., N], b: float[..., M])", ("[2, 3]", "[3, 4]"), ["E0202"]),
        ("(a: float[...S], b: float[...S, 2])", ("[5, 4]", "[5, 4, 2]"), []),
        ("(a: float[H, W, 3], b: float[H // 2, W // 2, 3])", ("[8, 6, 3]", "[4, 3, 3]"), []),
        ("(a: float[H, W, 3], b: float[H // 2, W // 2, 3])", ("[8, 6, 3]", "[4, 2, 3]"), ["E0202"]),
        ("(a: float[N], b: float)", ("[3]", "[1]"), ["E0202"]),
        ("(a: float[N], b: i32[N])", ("[3]", "[3]"), ["E0204"]),
    ],
)
def test_unification(signature, shapes, expected):
    first, second = shapes
    text = f"fn f{signature} = sum(a) + sum(b)\nmodel Net(p: float{first}, q: float{second}) -> y {{ y = f(p, q) }}\n"
    assert codes(text) == expected


def looked_up(expression: str) -> str:
    inputs = "x: float[4], n: i32, k: index(4), wide: index(9), narrow: index(3), table: float[4, 2]"
    return f"model Net({inputs}) -> y {{\n    y = {expression}\n    _ = [x, n, k, wide, narrow, table]\n}}\n"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("pick(x, n)", ["E0206"]),
        ("gather(x, n)", ["E0206"]),
        ("gather(table, n)", ["E0206"]),
        ("one_hot(n, 4)", ["E0206"]),
        ("pick(x, n + k)", ["E0206"]),
        ("pick(x, -k)", ["E0206"]),
        ("pick(x, n % 5)", ["E0206"]),
        ("pick(x, clip(n, -1, 3))", ["E0206"]),
        ("pick(x, minimum(maximum(n, 0), n))", ["E0206"]),
        ("pick(x, minimum(n, 3))", ["E0206"]),
        ("pick(x, wide)", ["E0206"]),
        ("pick(x, narrow)", ["E0206"]),
        ("gather(table, narrow)", ["E0206"]),
        ("pick(x, clip(n, 0, 3))", []),
        ("pick(x, minimum(maximum(n, 0), 3))", []),
        ("pick(x, minimum(wide, k))", []),
        ("gather(table, n % 4)", []),
        ("gather(table, [n % 3, clip(n, 0, 2)][0])", []),
        ("one_hot(clip(k - 1, 0, 3), 4)", []),
        ("gather(table, reshape(n % 4, [1, 1]))", []),
        ("n // 0", ["E0413"]),
        ("n % 0", ["E0413"]),
        ("reshape(n, [1]) // [1, 0]", ["E0413"]),
        ("clip(n, 3, 0)", ["E0207"]),
    ],
)
def test_what_names_an_entry_is_known_to_be_in_range(expression, expected):
    assert [code for code in codes(looked_up(expression)) if code[0] == "E"] == expected
