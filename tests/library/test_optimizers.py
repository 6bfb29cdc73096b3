"""Every optimizer beside Keras's: steps of parameters of many shapes in float64, and twenty steps of a net; what all of
them take; how many kernels they need."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

import nnc
from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.pipeline import Options, schedule
from nnc.schedule.kernel import KernelKind
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Model, Rule
from tests.language.programs import codes, model_of

pytestmark = pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
SHAPES = {"a": (5, 3), "b": (3,), "c": (2, 3, 2), "d": (1, 1), "e": (1,), "f": (2, 7)}
POINTWISE = [
    "SGD",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Adagrad",
    "Adadelta",
    "Lion",
    "Ftrl",
    "ScheduleFreeAdamW",
]
SHAPED = ["Lamb", "Adafactor", "Muon"]
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in (*POINTWISE, *SHAPED)),
    ("Adafactor", {"learning_rate": 0.2, "beta_2_decay": -0.5, "epsilon_2": 0.1, "clip_threshold": 0.3}),
    ("Adafactor", {"relative_step": False, "weight_decay": 0.1}),
    ("Lamb", {"learning_rate": 0.1, "beta_1": 0.6, "beta_2": 0.7, "epsilon": 1e-3, "weight_decay": 0.2}),
    ("Muon", {"learning_rate": 0.1, "nesterov": False, "ns_steps": 2, "rms_rate": None, "adam_lr_ratio": 0.5}),
    ("Muon", {"muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0, "momentum": 0.5, "weight_decay": None}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.1, "beta_1": 0.7, "warmup_steps": 2, "weight_decay": 0.1}),
    ("ScheduleFreeAdamW", {"warmup_steps": 5, "epsilon": 1e-3}),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    ("Adam", {"clipnorm": 3.0, "weight_decay": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "clipvalue": 0.2}),
    ("RMSprop", {"clipvalue": 0.1}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.7}),
    ("AdamW", {"learning_rate": 0.1, "global_clipnorm": 1.5, "amsgrad": True}),
    ("Lion", {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2}),
    ("Adam", {"use_ema": True, "ema_overwrite_frequency": 3, "clipnorm": 1.0}),
]
IDS = [" ".join([name, *options]) for name, options in CASES]


class ScheduleFree(keras.optimizers.ScheduleFreeAdamW):
    """Keras's, by the paper: on torch, Keras's reads the last point after it has moved it."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        place, step = self._get_variable_index(variable), float(self.iterations) + 1
        last, velocity = self._momentums[place], self._velocities[place]
        before = (variable.value - (1 - self.beta_1) * last.value) / self.beta_1
        rate = learning_rate * (min(step / self.warmup_steps, 1) if self.warmup_steps else 1)
        velocity.assign(self.beta_2 * velocity.value + (1 - self.beta_2) * gradient**2)
        root = (velocity.value / (1 - self.beta_2**step)) ** 0.5
        last.assign(last.value - rate * gradient / (root + self.epsilon))
        average = (1 - 1 / step) * before + last.value / step
        variable.assign((1 - self.beta_1) * last.value + self.beta_1 * average)


def theirs_of(name: str, options: dict[str, Any]) -> Any:
    return (ScheduleFree if name == "ScheduleFreeAdamW" else getattr(keras.optimizers, name))(**options)


def spelt(name: str, options: dict[str, Any]) -> str:
    words = {None: "none", True: "true", False: "false"}
    given = ", ".join(
        f"{key} = {words[value] if value is None or isinstance(value, bool) else value}"
        for key, value in options.items()
    )
    return f"{name}({given})"


def free(optimizer: str) -> Model:
    """A model of a parameter of each shape."""
    params = "".join(
        f"    param {name}: float[{', '.join(map(str, shape))}] = zeros\n" for name, shape in SHAPES.items()
    )
    total = " + ".join(f"sum({name})" for name in SHAPES)
    return model_of(
        f"layer Free(x: float) -> y {{\n{params}    y = x * ({total})\n}}\n"
        "model Net(x: float) -> y: float {\n    y = x |> Free\n}\n"
        f"train Net {{\n    loss = y\n    optimizer = {optimizer}\n}}\n"
    )


def updated(rule: Rule, tensors: list[Any], numbers: list[Any], slots: list[Any]) -> list[Any]:
    """The new parameter and slots; a rule for any shape is that of one entry."""
    if not rule.is_pointwise:
        return evaluate(rule.update, [*tensors, *numbers, *slots], 1)
    rows = zip(*(each.ravel() for each in (*tensors, *slots)), strict=True)
    found = [evaluate(rule.update, [*row[:2], *numbers, *row[2:]], 1) for row in rows]
    return [np.reshape(np.array(each), tensors[0].shape) for each in zip(*found, strict=True)]


def stepped(model: Model, values: dict[str, np.ndarray], gradients: list[dict[str, np.ndarray]]) -> Any:
    """The parameters after each step, by the rules' own functions in float64."""
    (optimizer,) = model.optimizers
    held = {
        path.rsplit(".", 1)[1]: (rule, [np.full(slot.type.shape if slot.type else SHAPES[path[-1]], slot.initial)
                                        for slot in rule.slots])
        for rule in optimizer.rules
        for path in rule.paths
    }  # fmt: skip
    for step, slopes in enumerate(gradients, 1):
        total = np.float64(sum((slope**2).sum() for slope in slopes.values()))
        for name, (rule, slots) in held.items():
            sums = [] if rule.summand is None else [total]
            found = updated(rule, [values[name], slopes[name]], [np.int64(step), *sums], slots)
            values[name], slots[:] = found[0], found[1:]
        yield values


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("size", [1.0, 1e-6, 1e4])
def test_steps(name: str, options: dict[str, Any], size: float) -> None:
    rng = np.random.default_rng(4)
    values = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    gradients = [{path: size * rng.normal(size=shape) for path, shape in SHAPES.items()} for _ in range(4)]
    theirs = [keras.Variable(value, dtype="float64") for value in values.values()]
    reference = theirs_of(name, options)
    reference.build(theirs)
    for ours, slopes in zip(stepped(free(spelt(name, options)), values, gradients), gradients, strict=True):
        reference.apply([torch.from_numpy(slope) for slope in slopes.values()], theirs)
        for value, wanted in zip(ours.values(), theirs, strict=True):
            # Keras's numbers, 0.001 and the like, are float32
            np.testing.assert_allclose(value, wanted.numpy(), rtol=3e-6, atol=3e-6)


# A net ---------------------------------------------------------------------------------------------------------------

NET = """model Net(x: float[4]) -> y: float[2] {
    hidden = x |> Dense(5, tanh)
    y      = hidden |> Dense(2)
}

train Net {
    target t: float[2]
    loss = mean_squared_error(y, t)
    optimizer = OPTIMIZER
}
"""
CURVES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    *((name, {"learning_rate": 0.01}) for name in (*POINTWISE[1:], *SHAPED)),
    ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.8}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "global_clipnorm": 0.3}),
]


@pytest.mark.parametrize(("name", "options"), CURVES, ids=[" ".join([name, *options]) for name, options in CURVES])
def test_curves_of_a_net(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "net.nn"
    path.write_text(NET.replace("OPTIMIZER", spelt(name, options)), encoding="utf-8")
    model = nnc.load(path)(seed=3)
    inputs = keras.Input((4,))
    reference = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(5, activation="tanh")(inputs)))
    reference.set_weights([view.numpy() for key in ("hidden", "y") for view in of_layer(model, key)])
    reference.compile(theirs_of(name, options), loss="mse")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 9, 4)).astype(np.float32)
    t = np.sin(x[..., :2]) + x[..., 2:]
    for inputs_now, targets in zip(x, t, strict=True):
        ours = model.train_on_batch(inputs_now, targets)["loss"]
        theirs = reference.train_on_batch(inputs_now, targets)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    reference.optimizer.finalize_variable_values(reference.trainable_variables)
    np.testing.assert_allclose(model.test_on_batch(x[0], t[0])["loss"], reference.test_on_batch(x[0], t[0]), rtol=1e-4)


def of_layer(model: Any, key: str) -> list[torch.Tensor]:
    return [model.parameters[f"{key}.dense.{name}"] for name in ("kernel", "bias")]


@pytest.mark.parametrize(("name", "share"), [("AdamW", 0.004), ("Muon", 0.004), ("Lamb", None), ("SGD", 0.1)])
def test_a_schedule_is_the_rate_of_all_that_reads_it(name: str, share: float | None) -> None:
    """Of the decay, and of an optimizer within."""
    written = f"{name}(ExponentialDecay(0.1, 1, 0.5), weight_decay = {'none' if share is None else share})"
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    rng = np.random.default_rng(4)
    values = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    gradients = [{path: rng.normal(size=shape) for path, shape in SHAPES.items()} for _ in range(4)]
    theirs = [keras.Variable(value, dtype="float64") for value in values.values()]
    reference = theirs_of(name, {"learning_rate": schedule, "weight_decay": share})
    reference.build(theirs)
    for ours, slopes in zip(stepped(free(written), values, gradients), gradients, strict=True):
        reference.apply([torch.from_numpy(slope) for slope in slopes.values()], theirs)
        for value, wanted in zip(ours.values(), theirs, strict=True):
            np.testing.assert_allclose(value, wanted.numpy(), rtol=3e-6, atol=3e-6)


# Kernels, mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), [
    *((name, {}) for name in POINTWISE),
    ("Adam", {"use_ema": True, "clipvalue": 0.1, "weight_decay": 0.1}),
])  # fmt: skip
def test_pointwise_ones_update_all_in_one_kernel(name: str, options: dict[str, Any]) -> None:
    source = Source("net.nn", NET.replace("OPTIMIZER", spelt(name, options)))
    made = schedule(source, Options(), Reporter())
    assert made.train is not None
    kinds = [kernel.kind for kernel in made.train.kernels]
    assert kinds.count(KernelKind.UPDATE) == 1
    assert len(kinds) == 7  # those of the forward and backward passes, the running sums, and the update


@pytest.mark.parametrize(
    "options", ["clipnorm = 1, clipvalue = 1", "clipvalue = 0", "global_clipnorm = -1, clipvalue = none"]
)
def test_clipping_that_means_nothing(options: str) -> None:
    assert codes(NET.replace("OPTIMIZER", f"SGD(0.1, {options})")) == ["E0414"]
