"""Every entry of the library against a plain torch formula in float64, at odd sizes. An entry without a case fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from nnc.base.names import snake_case
from nnc.language import library
from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of, predict

Arrays = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """An expression over inputs `a`, `b` of the given types, and what it should be."""

    expression: str
    expected: Callable[..., torch.Tensor]
    types: tuple[str, ...] = ("float[3, 7]",)
    batch: int = 5
    parameters: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def relu(x, slope=0.0, top=float("inf"), threshold=0.0):
    return torch.where(x >= threshold, torch.clamp(x, max=top), slope * (x - threshold))


def smoothed(y, amount):
    return y * (1 - amount) + amount / y.shape[-1]


def one_hot(i, n):
    return torch.nn.functional.one_hot(i, n).double()


CASES: dict[str, list[Case]] = {
    "Dense": [
        Case(
            "Dense(3)(a)",
            lambda a, kernel, bias: a @ kernel + bias,
            parameters={"y.dense.kernel": (7, 3), "y.dense.bias": (3,)},
        ),
        Case(
            "Dense(1, tanh, false)(a)",
            lambda a, kernel: torch.tanh(a @ kernel),
            ("float[1]",),
            1,
            {"y.dense.kernel": (1, 1)},
        ),
    ],
    "Flatten": [
        Case("Flatten(a)", lambda a: a.reshape(5, -1), ("float[3, 1, 7]",)),
        Case("a |> Flatten()", lambda a: a.reshape(5, 1), ("float",)),
    ],
    "Sequential": [
        Case("Sequential([relu, tanh, Rescaling(2)])(a)", lambda a: torch.tanh(torch.relu(a)) * 2),
        Case("a |> Sequential([])", lambda a: a),
    ],
    "Rescaling": [
        Case("Rescaling(0.5, -1)(a)", lambda a: a * 0.5 - 1),
        Case("Rescaling(1 / 255)(a)", lambda a: a.double() / 255, ("u8[3]",)),
    ],
    "linear": [Case("linear(a)", lambda a: a)],
    "relu": [
        Case("relu(a)", relu),
        Case("relu(0.2)(a)", lambda a: relu(a, 0.2)),
        Case("relu(max_value = 0.5)(a)", lambda a: relu(a, 0.0, 0.5)),
        Case("relu(0.1, 0.7, 0.3)(a)", lambda a: relu(a, 0.1, 0.7, 0.3)),
    ],
    "softmax": [
        Case("softmax(a)", lambda a: torch.softmax(a, -1)),
        Case("softmax(axis = 0)(a)", lambda a: torch.softmax(a, 1)),
        Case("softmax(a * 1e5)", lambda a: torch.softmax(a * 1e5, -1)),
        Case("softmax(a)", lambda a: torch.ones_like(a), ("float[1]",), 1),
    ],
    "categorical_crossentropy": [
        Case(
            "categorical_crossentropy(softmax(a), b)",
            lambda a, b: -(one_hot(b, 7) * torch.log_softmax(a, -1)).sum(-1),
            ("float[3, 7]", "index(7)[3]"),
        ),
        Case(
            "categorical_crossentropy(softmax(a), softmax(b))",
            lambda a, b: -(torch.softmax(b, -1) * torch.log_softmax(a, -1)).sum(-1),
            ("float[3, 7]", "float[3, 7]"),
        ),
        Case(
            "categorical_crossentropy(softmax(a), b, label_smoothing = 0.3)",
            lambda a, b: -(smoothed(one_hot(b, 7), 0.3) * torch.log_softmax(a, -1)).sum(-1),
            ("float[7]", "index(7)"),
        ),
        Case(
            "categorical_crossentropy(0.1)(softmax(a), softmax(b))",
            lambda a, b: -(smoothed(torch.softmax(b, -1), 0.1) * torch.log_softmax(a, -1)).sum(-1),
            ("float[7]", "float[7]"),
        ),
    ],
    "mean_squared_error": [
        Case(
            "mean_squared_error(a, b)",
            lambda a, b: ((a - b) ** 2).mean(-1),
            ("float[3, 7]", "float[3, 7]"),
        ),
        Case("mean_squared_error(a, b)", lambda a, b: (a - b) ** 2, ("float", "float")),
    ],
    "accuracy": [
        Case("accuracy(a, b)", lambda a, b: (a.argmax(-1) == b).double(), ("float[3, 7]", "index(7)[3]")),
        Case("accuracy(a, b)", lambda a, b: (a.argmax(-1) == b.argmax(-1)).double(), ("float[3, 7]", "float[3, 7]")),
        Case("accuracy(a, b)", lambda a, b: ((a > 0.5) == (b > 0.5)).double(), ("float[1]", "float[1]")),
        Case("accuracy(a, b)", lambda a, b: ((a > 0.5) == b).double(), ("float", "bool")),
    ],
    "zeros": [Case("a + zeros([3, 7], 3, 7)", lambda a: a)],
    "ones": [Case("a + ones([3, 7], 3, 7)", lambda a: a + 1)],
    "constant": [
        Case("a + constant()([3, 7], 3, 7)", lambda a: a),
        Case("a + constant(0.7)([3, 7], 3, 7)", lambda a: a + 0.7),
    ],
}


def array_of(written: str, batch: int, rng: np.random.Generator) -> np.ndarray:
    name, _, rest = written.partition("[")
    shape = (batch, *(int(size) for size in rest.rstrip("]").split(",") if size))
    if name.startswith("index"):
        return rng.integers(0, int(name[6:-1]), shape)
    if name == "u8":
        return rng.integers(0, 256, shape)
    return rng.integers(0, 2, shape).astype(bool) if name == "bool" else rng.normal(size=shape)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{name}-{place}") for name, cases in CASES.items() for place, case in enumerate(cases)],
)
def test_values(case):
    rng = np.random.default_rng(11)
    names = ("a", "b")[: len(case.types)]
    signature = ", ".join(f"{name}: {written}" for name, written in zip(names, case.types, strict=True))
    arrays = {name: array_of(written, case.batch, rng) for name, written in zip(names, case.types, strict=True)}
    arrays |= {path: rng.normal(size=shape) for path, shape in case.parameters.items()}
    text = f"model Net({signature}) -> y {{\n    y = {case.expression}\n}}\n"
    expected = case.expected(*(torch.from_numpy(array) for array in arrays.values()))
    np.testing.assert_allclose(predict(text, arrays, case.batch), expected.numpy(), rtol=1e-10, atol=1e-12)


# Initializers that draw ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "fan_in", "fan_out"), [((300, 200), 300, 200), ((3, 5, 40, 30), 600, 450), ((999,), 999, 999)]
)
def test_glorot_uniform(shape, fan_in, fan_out):
    text = (
        f"layer Weight(x: float) -> y {{\n    param w: float{list(shape)} = glorot_uniform\n    y = x * sum(w)\n}}\n"
        "model Net(x: float) -> y {\n    y = x |> Weight\n}\n"
    )
    (weight,) = model_of(text).parameters
    values = evaluate(weight.initializer, [], 1)[0]
    limit = np.sqrt(6 / (fan_in + fan_out))
    assert values.shape == shape
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.98 * limit
    np.testing.assert_allclose(values.var(), limit**2 / 3, rtol=0.1)
    assert abs(values.mean()) < 0.1 * limit


# Optimizers ----------------------------------------------------------------------------------------------------------


def sgd(p, g, t, s, rate=0.01, momentum=0.0, nesterov=False):
    if momentum == 0:
        return p - rate * g, ()
    v = momentum * s[0] - rate * g
    return p + (momentum * v - rate * g if nesterov else v), (v,)


def rmsprop(p, g, t, s, rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    s = list(s)
    square = rho * s[0] + (1 - rho) * g * g
    slots, denominator = [square], square + epsilon
    if centered:
        slots.append(rho * s[1] + (1 - rho) * g)
        denominator = square - slots[1] ** 2 + epsilon
    step = rate * g * torch.rsqrt(denominator)
    if momentum:
        slots.append(momentum * s[-1] + step)
        step = slots[-1]
    return p - step, tuple(slots)


def adam(p, g, t, s, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    m = beta_1 * s[0] + (1 - beta_1) * g
    v = beta_2 * s[1] + (1 - beta_2) * g * g
    slots = (m, v, torch.maximum(s[2], v)) if amsgrad else (m, v)
    alpha = rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
    return p - alpha * m / (torch.sqrt(slots[-1]) + epsilon), slots


OPTIMIZERS = {
    "SGD": [
        ("SGD", sgd, {}),
        ("SGD()", sgd, {}),
        ("SGD(0.1, 0.9)", sgd, {"rate": 0.1, "momentum": 0.9}),
        ("SGD(0.1, momentum = 0.8, nesterov = true)", sgd, {"rate": 0.1, "momentum": 0.8, "nesterov": True}),
    ],
    "RMSprop": [
        ("RMSprop", rmsprop, {}),
        ("RMSprop(1e-2, 0.8, epsilon = 1e-3)", rmsprop, {"rate": 1e-2, "rho": 0.8, "epsilon": 1e-3}),
        ("RMSprop(momentum = 0.5)", rmsprop, {"momentum": 0.5}),
        ("RMSprop(momentum = 0.5, centered = true)", rmsprop, {"momentum": 0.5, "centered": True}),
    ],
    "Adam": [
        ("Adam", adam, {}),
        ("Adam(0.1, 0.5, 0.8, 1e-2)", adam, {"rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}),
        ("Adam(amsgrad = true)", adam, {"amsgrad": True}),
    ],
}


@pytest.mark.parametrize(("written", "reference", "options"), [each for cases in OPTIMIZERS.values() for each in cases])
def test_optimizers(written, reference, options):
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3)\n}\n"
        f"train Net {{\n    loss = y * y\n    optimizer = {written}\n}}\n"
    )
    (optimizer,) = model_of(text).optimizers[0].rules
    rng = np.random.default_rng(2)
    slots = tuple(torch.full((), slot.initial, dtype=torch.float64) for slot in optimizer.slots)
    ours = [np.float64(rng.normal()), *(slot.numpy() for slot in slots)]
    theirs = torch.tensor(float(ours[0]), dtype=torch.float64)
    for step in range(1, 6):
        gradient = torch.tensor(rng.normal(), dtype=torch.float64)
        ours = evaluate(optimizer.update, [ours[0], gradient.numpy(), np.int64(step), *ours[1:]], 1)
        theirs, slots = reference(theirs, gradient, step, slots, **options)
        np.testing.assert_allclose(ours, [float(theirs), *(float(slot) for slot in slots)], rtol=1e-10, atol=1e-14)


def test_absent_states_take_no_slots():
    text = "model Net(x: float[4]) -> y { y = x |> Dense(3) }\ntrain Net {\n    loss = y\n    optimizer = SGD(0.1)\n}\n"
    assert model_of(text).rules[0].slots == ()


# The library as a whole ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", library.names())
def test_entries_are_found_by_name_and_documented(name):
    scope = library.find(name)
    assert scope is not None
    definition = scope.items[name]
    assert definition is scope.module.items[0], "what is the file's own comes below"
    assert "keras" in definition.documentation.lower()
    stem = Path(scope.source.path).stem
    assert stem.replace("_", "") == snake_case(name).replace("_", "")


def test_lines_fit_a_screen():
    long = [path.name for path in library.FOLDER.glob("*/*.nn") if max(map(len, path.read_text().splitlines())) > 120]
    assert not long


def test_what_is_not_there_is_not_found():
    assert library.find("Dence") is None
    assert library.find("dense") is None
    assert not library.defines("dense")


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("categorical_crossentropy(1.5)(y, label)", ["E0414"]),
        ("mean_squared_error(y, label)", ["E0204"]),
        ("accuracy(y, x)", ["E0414"]),
        ("huber(y, label)", ["E0204"]),
        ("binary_crossentropy(y, x)", ["E0414"]),
        ("sparse_categorical_crossentropy(y, y)", ["E0204"]),
        ("categorical_generalized_cross_entropy(0.0)(y, label)", ["E0414"]),
        ("sum((y, y), axis = 0)", ["E0210"]),
        ("sum((x, y))", ["E0201"]),
        ("max((x, y))", ["E0201"]),
        ("sum((y |> GroupNormalization(2), y))", ["E0414"]),
        ("sum((x, y) |> Subtract) + sum((y, y, y) |> Subtract)", ["E0201", "E0414"]),
    ],
)
def test_misuse(loss, expected):
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3, softmax)\n}\n"
        f"train Net {{\n    target label: index(3)\n    loss = {loss} + 0 * float(label)\n    optimizer = SGD\n}}\n"
    )
    assert codes(text) == expected
