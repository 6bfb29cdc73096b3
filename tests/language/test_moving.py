"""Builtins that move, repeat and order elements, beside NumPy: values and gradients in float64."""

import numpy as np
import pytest

from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from tests.language.programs import codes, model_of

BATCH = 3


def each(function):
    """A function of one sample, for all of them."""
    return lambda x: np.stack([function(sample) for sample in x])


def top(sample, k):
    return np.sort(sample, -1)[..., ::-1][..., :k]


CASES = [
    ("tile(x, 3)", "[2, 5]", lambda s: np.tile(s, 3)),
    ("tile(x, [2, 3])", "[2, 5]", lambda s: np.tile(s, (2, 3))),
    ("x |> tile([1, 1])", "[1, 7]", lambda s: s),
    ("repeat(x, 3)", "[2, 5]", lambda s: np.repeat(s, 3, -1)),
    ("repeat(x, 2, axis = 0)", "[3, 1]", lambda s: np.repeat(s, 2, 0)),
    ("roll(x, 2)", "[2, 5]", lambda s: np.roll(s, 2, -1)),
    ("roll(x, -8, axis = 0)", "[3, 2]", lambda s: np.roll(s, -8, 0)),
    ("roll(x, 7)", "[7]", lambda s: s),
    ("last(x)", "[5, 2]", lambda s: s[-1]),
    ("last(x)", "[1]", lambda s: s[-1]),
    ("pad_to(x, 5)", "[3, 2]", lambda s: np.pad(s, ((0, 2), (0, 0)))),
    ("pad_to(x, 3, value = 0.5, axis = -1)", "[3, 2]", lambda s: np.pad(s, ((0, 0), (0, 1)), constant_values=0.5)),
    ('rearrange(x, "h w c -> (h w) c")', "[2, 3, 5]", lambda s: s.reshape(6, 5)),
    ('x |> rearrange("a (b c) -> c a b", c = 3)', "[5, 6]", lambda s: s.reshape(5, 2, 3).transpose(2, 0, 1)),
    ('rearrange(x, "a 1 b -> (b a) 1 1")', "[3, 1, 2]", lambda s: s[:, 0].T.reshape(6, 1, 1)),
    ("stack([x, 2 * x, x * x], axis = 1)", "[3, 2]", lambda s: np.stack([s, 2 * s, s * s], 1)),
    ("concat(split(x, 3)[1:], axis = 0)", "[2, 9]", lambda s: np.concatenate(np.split(s, 3, -1)[1:], 0)),
    ("cumsum(x)", "[2, 5]", lambda s: np.cumsum(s, -1)),
    ("cumsum(x, axis = 0)", "[4, 3]", lambda s: np.cumsum(s, 0)),
    ("cumprod(x)", "[2, 5]", lambda s: np.cumprod(s, -1)),
    ("cumprod(x, axis = 0)", "[4, 3]", lambda s: np.cumprod(s, 0)),
    ("sort(x)", "[2, 7]", lambda s: np.sort(s, -1)),
    ("sort(x)", "[1]", lambda s: s),
    ("sort(x, axis = 0, descending = true)", "[5, 2]", lambda s: -np.sort(-s, 0)),
    ("top_k(x, 2)[0]", "[3, 5]", lambda s: top(s, 2)),
    ("pick(x, top_k(x, 1)[1][:, 0])", "[3, 5]", lambda s: s.max(-1)),
    ("prod(x, axis = -1)", "[3, 5]", lambda s: np.prod(s, -1)),
]


def written(expression, shape):
    return f"model Net(x: float{shape}) -> y {{\n    y = {expression}\n}}\n"


@pytest.mark.parametrize(("expression", "shape", "wanted"), CASES, ids=[f"{e} of {s}" for e, s, _ in CASES])
def test_values_and_gradients(expression, shape, wanted):
    function = model_of(written(expression, shape)).predict.function
    rng = np.random.default_rng(3)
    x = rng.permutation(np.linspace(-2, 2, BATCH * function.parameters[0].type.size))
    x = x.reshape(BATCH, *function.parameters[0].type.shape)
    expected = each(wanted)(x)
    builder = Builder.resume(function)
    (y,) = function.results
    weight = builder.parameter(y.type, "weight")
    total = builder.sum(builder.mul(y, weight), batch=True)
    whole = gradient(builder.finish([y, total]), total, [function.parameters[0]])
    weights = rng.uniform(0.5, 1.5, expected.shape)
    found, _, slope = evaluate(whole, [x, weights], BATCH)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    for at in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[at] += sign * 1e-6
            ends.append((each(wanted)(moved) * weights).sum())
        np.testing.assert_allclose(slope[at], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-6)


def test_products_with_zeros_have_the_gradient_of_the_others():
    function = model_of(written("prod(x)", "[3]")).predict.function
    builder = Builder.resume(function)
    total = builder.sum(function.results[0], batch=True)
    whole = gradient(builder.finish([total]), total, [function.parameters[0]])
    x = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 5.0, 3.0]])
    _, slope = evaluate(whole, [x], BATCH)
    np.testing.assert_array_equal(slope, [[0, 6, 0], [0, 0, 0], [15, 6, 10]])


def test_equal_elements_keep_their_order_and_nan_is_the_largest():
    x = np.array([[1.0, 0.0, np.nan, -0.0, 1.0]])
    for written_order, expected in (
        ("argsort(x)", [1, 3, 0, 4, 2]),
        ("argsort(x, descending = true)", [2, 0, 4, 1, 3]),
        ("top_k(x, 3)[1]", [2, 0, 4]),
    ):
        function = model_of(written(written_order, "[5]")).predict.function
        np.testing.assert_array_equal(evaluate(function, [x], 1)[0], [expected])
        assert function.results[0].type.bound == 5


INDICES = ("x[1:]", "concat([x, x[:1]])", "gather(arange(4), x)", "where(x == 2, x, reverse(x))", "roll(x, 1)")


@pytest.mark.parametrize("expression", [*INDICES, "sort(x)", "top_k(x, 2)[0]", "tile(x, 2)", "last(x)"])
def test_indices_stay_indices(expression):
    (result,) = model_of(f"model Net(x: index(4)[3]) -> y {{\n    y = {expression}\n}}\n").predict.function.results
    assert result.type.bound == 4


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("tile(x, [1, 2, 3])", "E0207"),
        ("tile(x, 0)", "E0207"),
        ("repeat(x, 0)", "E0207"),
        ("roll(x, 1, axis = 2)", "E0207"),
        ("pad_to(x, 1)", "E0207"),
        ("last(sum(x))", "E0207"),
        ("top_k(x, 6)", "E0207"),
        ("sort(x > 0)", "E0207"),
        ("cumsum(sum(x))", "E0207"),
        ('rearrange(x, "a b")', "E0404"),
        ('rearrange(x, "a b -> a")', "E0207"),
        ('rearrange(x, "a -> a")', "E0207"),
        ('rearrange(x, "a (b c) -> a b c")', "E0207"),
        ('rearrange(x, "a (b c) -> a b c", b = 2)', "E0207"),
        ('rearrange(x, "a b -> b a", d = 2)', "E0401"),
        ('rearrange(x, "a (b -> b a")', "E0404"),
        ("qr(x)", "E0422"),
    ],
)
def test_mistakes(expression, code):
    assert codes(written(expression, "[2, 5]")) == [code]
