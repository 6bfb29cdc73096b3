"""Each statement of the reference on values and mistakes that no other test holds has a small program here."""

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of, run
from tests.language.statements import GIVEN, SHIFT, I, X, text_of


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # letters and words
        ("y = x * (10_000 - 1e4 + 0.5 + 12)", 12.5 * X),
        ("größe = x\ny = größe", X),
        ("y = clip(x, -inf, inf) # to the end", X),
        ("y = x\n* 2", 2 * X),
        ("model = x\ntarget = model\ntrain = target\nparam = train\nstate = param\nlayer = state\ny = layer", X),
        ("import = x\nfrom = import\nas = from\nfn = as\nscan = fn\npenalty = scan\nassert = penalty\ny = assert", X),
        ('y = x if "a\\"b" == "a\\"b" and "\\\\" != "a" else -x', X),
        # types
        ("y = x + float(u)[:, none]", X + I[:, :, None]),
        ("y = float(u + 1) + sum(x, axis = -1)", X.sum(-1) + I + 1),
        ("y = float(i32(x)) + float(u) [:, none]", np.trunc(X) + I[:, :, None]),
        ("y = where(bool(i), 1.0, 0.0)", (I != 0) * 1.0),
        ("y = where(t, 1.0, 2.0)", np.where(I > 1, 1.0, 2.0)),
        ("y = float(i + 1)", I + 1),
        ("y = float(argmax(x, axis = -1) == i)", (X.argmax(-1) == I) * 1.0),
        ("y = gather(arange(4), i) |> float", I),
        ("y = x * range_of(i) + len(shape(x)) + len(shape(true)) + len(shape(2))", X * 4 + 2),
        ("y = x if (1, 2) == [1, 2] and 3 in (3, 4) else -x", X),
        (
            "y = x |> Dense(8 // 2, use_bias = false, kernel_initializer = ones) |> Pooled",
            X.sum(-1)[:, :1, None] + 0 * X[:, :1, :2],
        ),
        ("y = pick(x, [1, 2])", X[:, [0, 1], [1, 2]]),
        ("y = x * gather([1, 2, 3, 4], [3, 0])[:, none]", X * [[4], [1]]),
        ("y = Bordered([4], [2])(x)", 7 * X),
        ("y = spread(x, x[0], x[:, 0])", X + 10 * X[:, :1] + 100 * X[..., :1]),
        ("y = trailing([2, 4])(x) + trailing([4])(x)[:, none]", X.sum((1, 2))[:, None, None] + X.sum(2)[..., None]),
        ("y = x * (7.5 // 2 + -7.5 // 2 + 2 // inf) + [5, 6, 7, 8][6.0 // 2]", -X + 8),
        (
            "y = x * float([1, 2, 3, 4]) + float(i32([[1.5], [-2.5]]) + i32([true, false, true, false]))",
            X * [1, 2, 3, 4] + [[1], [-2]] + [1, 0, 1, 0],
        ),
        # definitions
        ("y = x |> Dense(1, use_bias = false, kernel_initializer = ones)", X.sum(-1, keepdims=True)),
        ("y = half(x, x + 1) + half(x) + half(share = 2.0)(x, x) + half(x, x, share = 0)", 2 * X + 0.5 + 4 * X),
        ("y = (x, 1 + x) |> half(share = 1)", 2 * X + 1),
        ("out = Both(x)\ny = out.one + out[1] + out.two", 5 * X),
        ("a, b = Both(x)\ny = a * b", 2 * X**2),
        ("_, b = x |> Both\ny = b", 2 * X),
        ("y = Attended(x, x)", 2 * X),
        ("y = (x, x, x + 1) |> Attended", 2 * X + 1),
        ("y = Attended(x, x, mask = t[:, none] and t)", X - ((I > 1).sum(1) ** 2)[:, None, None]),
        ("y = (x |> From) + From(x, start = x[0])", 2 * X + 1 + X[:, :1]),
        ("y = x |> Shifted", X + SHIFT),
        ("y = [x, x, x] |> Add", 3 * X),
        ("y = Concatenate(axis = 0)([x])", X),
        ("y = x |> Down(3)", 8 * X),
        ("y = x |> Trained", X),
        ("y = x * WIDTH", 3 * X),
        # expressions
        ("y = x if true else x[5]", X),
        ("y = x if none == none and not (x == none) else x |> Dense(0)", X),
        ("y = x if len(shape(x)) == 2 or shape(x)[2] == 1 else -x", X),
        ("y = -x if len(shape(x)) > 2 and shape(x)[2] == 1 else x", X),
        ("y = -x if [1, 2] == [1, 3] or (1, [2]) != [1, (2)] or [1] == [1, 1] else x", -X),
        ("y = x if [1, 2] == (1, 2) and [[1], 2] != [[2], 2] and [1] in [[1], 2] else -x", X),
        ("y = x if 3 not in [1, 2] and not 1 not in [1, 2] and 2 in [1, 2] else -x", X),
        ("y = x * ([1, 2] + [30])[2] - ([1] + (2, 3))[0]", 30 * X - 1),
        ("y = x * 2 ^ -1 + 4 ^ 0.5 + 2 ^ -(1 + 1)", X / 2 + 2.25),
        ("y = -x ^ 2", -(X**2)),
        ("y = x * 2 ^ 3 ^ 2 / 512", X),
        ("y = x - 1 - 2", X - 3),
        ("y = x * (7 // 2 * 2 + -7 // 2 + -7 % 4)", X * (6 - 4 + 1)),
        ("r = { alpha: [1, 2], beta: { gamma: 3 } }\ny = x * r.alpha[1] * r.beta.gamma", 6 * X),
        ("y = x * sum([a * b for a, b in [[1, 2], [3, 4]] if a < b])", 14 * X),
        ("y = x * (len(range(2, 5)) + sum(range(1, 10, 3)))", X * (3 + 12)),
        ("y = [part * k for part, k in [[x[0], 2]]][0]", 2 * X[:, 0]),
        ("y = [part * 2 for part in x]", 2 * X),
        ("n = 2\ny = x |> n * Down(1) |> Down(1)", 8 * X),
        ("double = Down(1)\ny = x |> 3 * double", 8 * X),
        ("f = Down(1) |> Down(2)\ny = f(x)", 8 * X),
        ("y = x |> Sequential([Down(depth) for depth in range(3)])", 8 * X),
        ("y = x |> Sequential([]) |> 0 * Down(1)", X),
        ("y = x + (x |> reshape([8]) |> reshape([2, 4]))", 2 * X),
        ("y = x[none, ..., 0:3, none]", X[:, None, :, :3, None]),
        ("y = x[-1]", X[:, -1]),
        ("y = x if linear == linear and tanh == tanh and linear != half and half in [tanh, half] else -x", X),
        ("y = x if not (Down(1) == Down(1)) and Down == Down else -x", X),
        ("y = sum([part * 2 for part in Both(x)])", 6 * X),
        ("y = sum(Both(x)) + max(Both(x)) + Add(Both(x)) + len(Both(x))", 6 * X + np.maximum(X, 2 * X) + 2),
        # operations
        (
            "y = float(argmax(x) + argmin(x, axis = [1, 0])) + 0 * x[0, 0]",
            X.reshape(3, -1).argmax(1) + X.reshape(3, -1).argmin(1),
        ),
        ("y = x * float(argmax(x, keepdims = true))", X * X.reshape(3, -1).argmax(1)[:, None, None]),
        ("y = one_hot(argmax(x), 8)", np.eye(8)[X.reshape(3, -1).argmax(1)]),
        (
            "y = x * float(argmin(x, axis = 1, keepdims = true, batch = true))",
            X * X.transpose(1, 0, 2).reshape(2, -1).argmin(1)[:, None],
        ),
        ("y = x * float(argmax(x, axis = [], keepdims = true, batch = true))", X * X.argmax(0)),
        ("y = sum((x, x)) + max([x, 2 * x])", 2 * X + np.maximum(X, 2 * X)),
        ("y = float(argmax(x, axis = [], batch = true))", np.tile(X.argmax(0) * 1.0, (3, 1, 1))),
        ("y = float(argmin(x[0, 0], batch = true)) + x", X + X[:, 0, 0].argmin()),
        ("y = x - mean(x, axis = 1, keepdims = true, batch = true)", X - X.mean((0, 2), keepdims=True)),
        ("v, p = top_k(x, 2)\ny = v + float(p)", np.sort(X)[..., :1:-1] + X.argsort()[..., :1:-1]),
        ('y = rearrange(x, "h (n w) -> n h w", n = 2)', X.reshape(3, 2, 2, 2).transpose(0, 2, 1, 3)),
        ('y = rearrange(x, "h w -> (w h) 1")', X.transpose(0, 2, 1).reshape(3, 8, 1)),
        ("y = x // 0.5 + x % 0.5", X // 0.5 + X % 0.5),
        ("y = pad_to(x, 3, value = 7)", np.pad(X, [(0, 0), (0, 1), (0, 0)], constant_values=7)),
        ('y = x if element_of(u) == "u8" and range_of(x) == none else -x', X),
    ],
)
def test_values(body, expected):
    model = model_of(text_of(body))
    starts = {each.path: evaluate(each.initializer, [], 1)[0] for each in model.parameters}
    (result,) = run(model.predict, GIVEN | starts, 3).values()
    np.testing.assert_allclose(result, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # letters and words
        ("if = x\ny = x", ["E0133"]),
        ("a = 2 x\ny = x", ["E0126"]),
        ("h' = x\ny = h'", ["E0416"]),
        # types
        ("y = u + 0.5", ["E0208"]),
        ("y = u |> Dense(3)", ["E0204"]),
        ("y = float(u) * x", ["E0201"]),
        ("y = x + i", ["E0203"]),
        ("y = x + t", ["E0203"]),
        ("y = half(x, x[0])", ["E0202"]),
        ("y = x |> Dense(8 / 2)", ["E0404"]),
        ("y = x |> Dense(true)", ["E0404"]),
        ("y = x |> Dense(3, use_bias = 1)", ["E0404"]),
        ("y = x |> Pooled |> Pooled", ["E0214"]),
        ("y = x * [1, 2, 3]", ["E0201"]),
        ("y = i32(x) * 0.5", ["E0208"]),
        ("y = pick(x, [1, 4])", ["E0207"]),
        ("y = pick(x, [0.5, 1])", ["E0208"]),
        ("y = Bordered([4], [0.5])(x)", ["E0211"]),
        ("y = Bordered([4], [0])(x)", ["E0211"]),
        ("y = trailing([2, 3])(x)", ["E0202"]),
        ("y = unknown(x)", ["E0211"]),
        # definitions
        ("a = x\na = x\ny = a", ["E0303"]),
        ("y = a\na = x", ["E0302"]),
        ("a = x\ny = x", ["W0301"]),
        ("z = x\n_ = z", ["E0304"]),
        ("y = Both(x)", ["E0205"]),
        ("y = Both(x).three", ["E0306"]),
        ("a, b, c = Both(x)\ny = a + b + c", ["E0213"]),
        ("y = half(x, x, x)", ["E0403"]),
        ("y = Add(x, x)", ["E0403"]),
        ("y = Attended(x)", ["E0402"]),
        ("param w: float[4] = 0\ny = x * w", ["E0405"]),
        ("param w = ones\ny = x * w", ["E0137"]),
        ('assert len(shape(x)) == 3, "three axes"\ny = x', ["E0414"]),
        ("y = x |> Down(-1)", ["E0216"]),
        # expressions
        ("y = x if x > 0 else -x", ["E0210"]),
        ("y = float(0 < x < 1)", ["E0132"]),
        ("y = x + x |> Both", ["E0125"]),
        ("y = x |> -1 * Down(1)", ["E0101"]),
        ("y = x |> 1.5 * Down(1)", ["E0211"]),
        ("y = x |> x", ["E0410"]),
        ("y = (x, x, x) |> half", ["E0403"]),
        ("y = [row * 2 for row in x if true]", ["E0431"]),
        ("y = x[:, ::-1]", ["E0214"]),
        ("y = x[i]", ["E0214"]),
        ("r = { alpha: 2 }\ny = x * r.alhpa", ["E0306"]),
        # operations
        ("y = float(argmax(x[0, 0])) + x", ["E0207"]),
        ("y = float(argmax(x, axis = [])) + x", ["E0207"]),
        ("y = clip(x, 0, low = 1)", ["E0406"]),
        ("y = float(argmax(x, axis = 7, batch = true)) + x", ["E0207"]),
        ("y = x + float(row)", ["E0516"]),
        ("y = qr(x)", ["E0422"]),
        ("a, b, c = split(x, 3)\ny = a + b + c", ["E0207"]),
        ("v, _ = top_k(x, 5)\ny = v", ["E0207"]),
        ("y = x * float(bernoulli(shape(x), x))", ["E0404"]),
    ],
)
def test_mistakes(body, expected):
    assert [code for code in codes(text_of(body)) if expected[0][0] == "W" or code[0] == "E"] == expected


def test_the_librarys_definitions_keep_their_own():
    """`linear` of the file is not the default activation of the library's Dense."""
    body = "y = x |> Dense(4, use_bias = false, kernel_initializer = ones)"
    plain, own = (model_of(text_of(body).replace("fn linear", name)) for name in ("fn straight", "fn linear"))
    assert [op.primitive for op in own.predict.function.ops] == [op.primitive for op in plain.predict.function.ops]


@pytest.mark.parametrize("kind", ["model", "layer"])
def test_results_have_names_of_their_own(kind):
    text = f"{kind} Two(x: float[4]) -> (y, y) {{\n    y = x\n}}\n"
    assert codes(text + ("model Any(x: float[4]) -> y {\n    y = Two(x)[0]\n}\n" if kind == "layer" else "")) == [
        "E0305"
    ]


def test_a_model_of_configuration_without_a_value():
    text = "model Net(units: int)(x: float[4]) -> y {\n    y = x |> Dense(units)\n}\n"
    assert codes(text) == ["E0402"]
    assert model_of(text, settings={"units": "5"}).results[0].type.shape == (5,)


@pytest.mark.parametrize(
    ("element", "expected"),
    [("f32", []), ("f16", ["E0204"]), ("bf16", ["E0204"]), ("u8", ["E0204"]), ("i64", ["E0204"])],
)
def test_only_f32_is_float_by_itself(element, expected):
    text = f"model Net(x: {element}[4]) -> y {{\n    y = x |> Dense(3)\n}}\n"
    assert codes(text) == expected
    assert codes(text.replace("x |>", "(float(x) / 255) |>")) == []
