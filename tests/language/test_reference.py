"""The reference is kept true: what docs/language.md and README.md show is compiled, and each statement of the reference
that no other test holds has a small program here.

A block of docs/language.md between fences is a file if it starts with a definition, to which a model is added where it
has none. Another block is a part of a training, and goes with the model `TRAINED`.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnc.cli import cli
from nnc.language.builtins import BUILTINS
from nnc.pipeline import compile
from nnc.tensor.evaluate import evaluate
from nnc.tools.diagnostics import as_text, totals
from tests.language.programs import codes, model_of, run, tried

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE, README = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/language.md", "README.md"))
MODEL = "model Any(x: float[4]) -> y {\n    y = x\n}\n"
TRAINED = """model Pair(a: float[4], b: float[4]) -> (u: float[5], w: float[5]) {
    u = a |> Dense(5)
    w = b |> Dense(5)
}
train Pair {
    optimizer = SGD
BODY}
"""
DEFINES = re.compile(r"(##.*|const|fn|layer|model|metric|optimizer|import|from)\b")


def blocks(text: str) -> list[str]:
    """What stands between fences that name no language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if not language]


@pytest.mark.parametrize("block", blocks(LANGUAGE))
def test_blocks_of_the_reference(block):
    if not DEFINES.match(block):
        block = TRAINED.replace("BODY", block)
    elif "\nmodel " not in f"\n{block}":
        block += MODEL
    model_of(block)


@pytest.mark.parametrize("text", [LANGUAGE, README])
def test_the_sample_is_the_one_that_is_shown(text):
    assert (ROOT / "samples" / "digits.nn").read_text(encoding="utf-8") in blocks(text)


def test_the_kernel_that_is_shown():
    (shown,) = (each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@triton.jit" in each)
    assert shown in compile(ROOT / "samples" / "digits.nn").text


def test_the_summary_that_is_shown():
    shown = next(block for block in blocks(README) if block.startswith("A training step"))
    assert CliRunner().invoke(cli, ["summary", str(ROOT / "samples" / "digits.nn")]).output.endswith(shown)


def test_the_errors_that_are_shown():
    shown = next(block for block in blocks(README) if block.startswith("error["))
    text = (ROOT / "samples" / "digits.nn").read_text(encoding="utf-8")
    text = text.replace("Dense(10,", "Dense(12,").replace(": accuracy(", ": acuracy(")
    found = tried(text, path="digits.nn")[1].all
    assert shown == "".join(f"{as_text(each, False)}\n\n" for each in found) + f"digits.nn: {totals(found)}\n"


def test_operations_that_are_listed_exist():
    listed = LANGUAGE[LANGUAGE.index("## Operations") : LANGUAGE.index("A random draw")]
    first = listed.split("\n\n")[1]
    names = set(re.findall(r"[a-z_]\w+", " ".join(re.findall(r"`([^`]*)`", first))))
    not_called = {"and", "or", "not", "axis", "keepdims", "batch", "slice"}  # a slice is a subscript
    assert names - not_called - set(BUILTINS) == set()


# ------------------------------------------------------------------------------------------- statements of sections

X = np.random.default_rng(3).normal(size=(3, 2, 4))
I = np.array([[1, 0], [3, 3], [2, 1]])
GIVEN = {"x": X, "i": I, "u": I.astype(np.uint8), "t": I > 1}
MORE = """const WIDTH = 3
fn linear(x) = 100 * x
fn half(share = 0.5)(a: float[...S], b: float[...S] = a) -> float[...S] {
    result = share * (a + b)
}
fn first_of(shape, fan_in, fan_out) = broadcast(fan_in * 1.0 + 10 * fan_out, shape)
layer Both(x: float[...S]) -> (one: float[...S], two) {
    one = x
    two = x * 2
}
layer Attended(query: float[T, D], value: float[S, E], key: float[S, E] = value, mask: bool[T, S] = none) -> y {
    y = query + key if mask == none else query - sum(where(mask, 1.0, 0.0))
}
layer From(x: float[T, D], start: float[D] = ones) -> y {
    y = x + start
}
layer Shifted(x: float[...]) -> y {
    sizes = shape(x)
    param shift: float[...sizes] = first_of
    y = x + shift
}
layer Down(depth: int)(x: float[..., D]) -> y: float[..., D] {
    y = x if depth == 0 else 2 * (x |> Down(depth - 1))
}
layer Pooled(x: float[H, W]) -> y: float[H // 2, W // 2] {
    y = x[0:H // 2, 0:W // 2]
}
layer Trained(x: float[...]) -> y {
    y = 0 * x if training else x
}
"""


INPUTS = {"x": "float[2, 4]", "i": "index(4)[2]", "u": "u8[2]", "t": "bool[2]"}


def text_of(body: str) -> str:
    """A model with those inputs that the body reads."""
    given = ", ".join(f"{name}: {type}" for name, type in INPUTS.items() if re.search(rf"\b{name}\b", body))
    return f"{MORE}model Net({given}) -> y {{\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "}\n"


SHIFT = np.full((2, 4), 2 + 10 * 4.0)


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
        ("y = x * range_of(i) + len(shape(x))", X * 4 + 2),
        ("y = x if (1, 2) == [1, 2] and 3 in (3, 4) else -x", X),
        (
            "y = x |> Dense(8 // 2, use_bias = false, kernel_initializer = ones) |> Pooled",
            X.sum(-1)[:, :1, None] + 0 * X[:, :1, :2],
        ),
        ("y = pick(x, [1, 2])", X[:, [0, 1], [1, 2]]),
        ("y = x * gather([1, 2, 3, 4], [3, 0])[:, none]", X * [[4], [1]]),
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
        ("y = x + (x |> reshape([8]) |> reshape([2, 4]))", 2 * X),
        ("y = x[none, ..., 0:3, none]", X[:, None, :, :3, None]),
        ("y = x[-1]", X[:, -1]),
        # operations
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


def test_the_librarys_definitions_keep_their_own():
    """`linear` of the file is not the default activation of the library's Dense."""
    body = "y = x |> Dense(4, use_bias = false, kernel_initializer = ones)"
    plain, own = (model_of(text_of(body).replace("fn linear", name)) for name in ("fn straight", "fn linear"))
    assert [op.primitive for op in own.predict.function.ops] == [op.primitive for op in plain.predict.function.ops]


@pytest.mark.parametrize("kind", ["model", "layer"])
def test_results_have_names_of_their_own(kind):
    text = f"{kind} Two(x: float[4]) -> (y, y) {{\n    y = x\n}}\n"
    assert codes(text + (MODEL.replace("y = x", "y = Two(x)[0]") if kind == "layer" else "")) == ["E0305"]


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
