"""Every entry of the library beside Keras on its torch backend, in float64: values and gradients. An entry without a
row fails."""

import keras
import numpy as np
import pytest
import torch

from nnc.tensor.evaluate import evaluate
from tests.language.programs import model_of
from tests.library import test_optimizers as optimizers
from tests.library import test_schedules as schedules
from tests.library.functions import ACTIVATIONS, CONSTRAINTS, LOSSES, METRICS, REGULARIZERS
from tests.library.layer_rows import LAYERS
from tests.library.metric_rows import GROUPS, SHARED
from tests.library.rows import check, missing

# Said by Keras and by NumPy of Keras's own doings.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning"),
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning"),
]

TABLES = (ACTIVATIONS, LOSSES, METRICS, REGULARIZERS, CONSTRAINTS, LAYERS)
ROWS = {name: rows for table in TABLES for name, rows in table.items()}


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name: str) -> None:
    for seed, row in enumerate(ROWS[name]):
        check(row, seed, extreme=False)


@pytest.mark.parametrize("name", ROWS)
def test_extreme_values(name: str) -> None:
    for seed, row in enumerate(ROWS[name]):
        if row.extreme:
            check(row, seed, extreme=True)


# Optimizers ----------------------------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "SGD": [
        ("SGD", {}),
        ("SGD(0.1, 0.9)", {"learning_rate": 0.1, "momentum": 0.9}),
        ("SGD(0.1, 0.8, true, 0.3)", {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    ],
    "RMSprop": [
        ("RMSprop", {}),
        ("RMSprop(1e-2, 0.8, 0.5, 1e-3)", {"learning_rate": 1e-2, "rho": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
        ("RMSprop(centered = true, weight_decay = 0.2)", {"centered": True, "weight_decay": 0.2}),
    ],
    "Adam": [
        ("Adam", {}),
        ("Adam(0.1, 0.5, 0.8, 1e-2)", {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}),
        ("Adam(amsgrad = true, weight_decay = 0.1)", {"amsgrad": True, "weight_decay": 0.1}),
    ],
    "AdamW": [
        ("AdamW", {}),
        ("AdamW(0.1, 0.2, amsgrad = true)", {"learning_rate": 0.1, "weight_decay": 0.2, "amsgrad": True}),
    ],
    "Adamax": [("Adamax", {}), ("Adamax(0.1, 0.7, 0.8)", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8})],
    "Nadam": [("Nadam", {}), ("Nadam(0.1, 0.7, 0.8)", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8})],
    "Adagrad": [("Adagrad", {}), ("Adagrad(0.1, 0.3)", {"learning_rate": 0.1, "initial_accumulator_value": 0.3})],
    "Adadelta": [("Adadelta", {}), ("Adadelta(1.0, 0.8, 1e-3)", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3})],
    "Lion": [
        ("Lion", {}),
        ("Lion(0.1, 0.6, 0.7, 0.2)", {"learning_rate": 0.1, "beta_1": 0.6, "beta_2": 0.7, "weight_decay": 0.2}),
    ],
    "Ftrl": [
        ("Ftrl", {}),
        (
            "Ftrl(0.1, -0.6, 0.2, 0.01, 0.02, 0.03, 0.4, 0.5)",
            {
                "learning_rate": 0.1,
                "learning_rate_power": -0.6,
                "initial_accumulator_value": 0.2,
                "l1_regularization_strength": 0.01,
                "l2_regularization_strength": 0.02,
                "l2_shrinkage_regularization_strength": 0.03,
                "beta": 0.4,
                "weight_decay": 0.5,
            },
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "written", "options"),
    [pytest.param(name, *case, id=case[0]) for name, cases in OPTIMIZERS.items() for case in cases],
)
def test_optimizers(name: str, written: str, options: dict[str, object]) -> None:
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3)\n}\n"
        f"train Net {{\n    loss = y * y\n    optimizer = {written}\n}}\n"
    )
    (optimizer,) = model_of(text).optimizers[0].rules
    rng = np.random.default_rng(2)
    for start, size in ((0.3, 1.0), (-2.0, 1e-6), (1.5, 1e5)):
        theirs = keras.Variable(np.array([start]), dtype="float64")
        reference = getattr(keras.optimizers, name)(**options)
        reference.build([theirs])
        ours = [np.float64(start), *(np.float64(slot.initial) for slot in optimizer.slots)]
        peak = abs(start)
        for step in range(1, 6):
            gradient = size * rng.normal()
            ours = evaluate(optimizer.update, [ours[0], np.float64(gradient), np.int64(step), *ours[1:]], 1)
            reference.apply([torch.tensor([gradient], dtype=torch.float64)], [theirs])
            # The learning rate of Keras, 0.001 and the like, is a float32 number.
            wanted = theirs.numpy()[0]
            peak = max(peak, abs(wanted))
            np.testing.assert_allclose(ours[0], wanted, rtol=2e-6, atol=1e-7 * peak, err_msg=f"step {step}")


# Initializers --------------------------------------------------------------------------------------------------------

FIXED = {
    "zeros": ("zeros", keras.initializers.Zeros()),
    "ones": ("ones", keras.initializers.Ones()),
    "constant": ("constant(0.7)", keras.initializers.Constant(0.7)),
    "identity": ("identity(0.6)", keras.initializers.Identity(0.6)),
}
DRAWN = {
    "glorot_uniform": ("glorot_uniform", keras.initializers.GlorotUniform(seed=1)),
    "glorot_normal": ("glorot_normal", keras.initializers.GlorotNormal(seed=1)),
    "he_uniform": ("he_uniform", keras.initializers.HeUniform(seed=1)),
    "he_normal": ("he_normal", keras.initializers.HeNormal(seed=1)),
    "lecun_uniform": ("lecun_uniform", keras.initializers.LecunUniform(seed=1)),
    "lecun_normal": ("lecun_normal", keras.initializers.LecunNormal(seed=1)),
    "random_normal": ("random_normal(0.3, 0.2)", keras.initializers.RandomNormal(0.3, 0.2, seed=1)),
    "random_uniform": ("random_uniform(-0.2, 0.5)", keras.initializers.RandomUniform(-0.2, 0.5, seed=1)),
    "truncated_normal": ("truncated_normal(0.3, 0.2)", keras.initializers.TruncatedNormal(0.3, 0.2, seed=1)),
    "variance_scaling": (
        'variance_scaling(3.0, "fan_out", "untruncated_normal")',
        keras.initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed=1),
    ),
}
ELSEWHERE = {
    "orthogonal": "test_initializers.py",
    "stft": "test_initializers.py",
    "SpectralNormalization": "test_regularized.py",
    "circle": "test_circle.py",
    **dict.fromkeys((*optimizers.SHAPED, "ScheduleFreeAdamW"), "test_optimizers.py"),
    **dict.fromkeys(("Averaged", "clipped_gradient", "decayed"), "test_optimizers.py"),
    **dict.fromkeys(schedules.CASES, "test_schedules.py"),
}


def initialized(written: str, shape: tuple[int, ...]) -> np.ndarray:
    text = (
        f"layer Weight(x: float) -> y {{\n    param w: float{list(shape)} = {written}\n    y = x * sum(w)\n}}\n"
        "model Net(x: float) -> y {\n    y = x |> Weight\n}\n"
    )
    (weight,) = model_of(text).parameters
    return evaluate(weight.initializer, [], 1)[0]


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_fixed_initializers(name: str, shape: tuple[int, ...]) -> None:
    written, reference = FIXED[name]
    wanted = reference(shape, dtype="float64").cpu().numpy()
    np.testing.assert_allclose(initialized(written, shape), wanted, rtol=1e-7)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", [(300, 200), (3, 5, 60, 40), (20_001,)])
def test_drawn_initializers(name: str, shape: tuple[int, ...]) -> None:
    """The same distribution: its quantiles, within what samples of this size allow, and its ends."""
    written, reference = DRAWN[name]
    ours = initialized(written, shape)
    theirs = reference(shape, dtype="float64").cpu().numpy()
    assert ours.shape == shape
    spread = theirs.std()
    shares = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
    np.testing.assert_allclose(np.quantile(ours, shares), np.quantile(theirs, shares), rtol=0, atol=0.12 * spread)
    np.testing.assert_allclose(ours.std(), spread, rtol=0.02)
    if "untruncated" not in written and "random_normal" not in written:
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], rtol=0, atol=0.05 * spread)


# The library as a whole ----------------------------------------------------------------------------------------------


def test_every_entry_has_a_row() -> None:
    held = {row.written.partition("(")[0]: row for group in GROUPS.values() for row in group.rows}
    assert missing(*TABLES, OPTIMIZERS, FIXED, DRAWN, ELSEWHERE, held, dict.fromkeys(SHARED)) == set()
