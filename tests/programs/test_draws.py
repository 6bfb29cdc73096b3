"""Programs that draw: their numbers on both paths, dropout's gradients beside plain torch, and what changes no draw."""

import hashlib
import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, compile, schedule
from nnc.runtime import Callback
from nnc.tensor.streams import Streams
from tests.emit.lint import lint
from tests.programs.harness import imported, run_interpreted

SEED = 5
SAMPLES = 11
SHAPES = {"a": (), "b": (3,), "c": (16,), "d": (17,), "e": (5, 3), "f": (2, 32)}
NUMBERS = {"bernoulli": (0.3,), "uniform": (-1.0, 2.0), "normal": (0.5, 2.0), "gamma": (0.7, 2.0)}

NET = """
model Net(x: float[9]) -> y: float[4] {
    h = x |> Dense(37, relu) |> Dropout(0.5)
    y = h |> Dense(16, tanh) |> Dropout(0.25) |> Dense(4, softmax)
}
train Net {
    target t: float[4]
    loss = mean_squared_error(y, t)
    optimizer = SGD(0.5)
}
"""


@cache
def built(text: str) -> Any:
    return imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")


def key_of(path: str, application: int = 1, place: int = 0) -> int:
    return int.from_bytes(hashlib.sha256(f"{path}/{application}/{place}".encode()).digest()[:8], "little")


def data(samples: int = SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(samples, 9)).astype("f4"), rng.dirichlet(np.ones(4), samples).astype("f4")


def weights(model: Any) -> dict[str, np.ndarray]:
    return {path: view.cpu().numpy().copy() for path, view in model.parameters.items()}


def same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


# Numbers -------------------------------------------------------------------------------------------------------------


def sampler() -> str:
    """A model whose results are draws of every distribution and shape, read as they stand and across themselves."""
    calls = {
        "bernoulli": "float(bernoulli({0}, 0.3))",
        "uniform": "uniform({0}, -1, 2)",
        "normal": "normal({0}, 0.5, 2)",
        "gamma": "gamma({0}, 0.7, 2)",
    }
    results = list(itertools.product(calls, SHAPES))
    names = [f"{name}_{shape}" for name, shape in results]
    lines = [f"    {name}_{shape} = x + {calls[name].format(list(SHAPES[shape]))}\n" for name, shape in results]
    turned = "    turned = x + transpose(normal([4, 16]), [1, 0])\n    part = x + uniform([40])[3:21]\n"
    return f"model Net(x: float) -> ({', '.join([*names, 'turned', 'part'])}) {{\n{''.join(lines)}{turned}}}\n"


def check_numbers(backend: str) -> None:
    model = built(sampler())(device="cpu", seed=SEED, backend=backend, _guard=True)
    model.predict(np.zeros(3, "f4"), verbose=0)
    found = model.predict(np.zeros(SAMPLES, "f4"), batch_size=4, verbose=0)  # the second pass
    assert model.guards.overwritten() == []
    streams = Streams(SEED, 1, 2)
    for place, (name, shape) in enumerate(itertools.product(NUMBERS, SHAPES)):
        wanted = streams.draw(name, key_of("", 1, place), SHAPES[shape], NUMBERS[name], SAMPLES)
        exact = name == "bernoulli"
        tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(found[f"{name}_{shape}"], wanted, **tolerance, err_msg=f"{name} {shape}")
    wanted = streams.draw("normal", key_of("", 1, 24), (4, 16), (0.0, 1.0), SAMPLES)
    np.testing.assert_allclose(found["turned"], wanted.swapaxes(1, 2), atol=1e-5)
    wanted = streams.draw("uniform", key_of("", 1, 25), (40,), (0.0, 1.0), SAMPLES)
    np.testing.assert_allclose(found["part"], wanted[:, 3:21], atol=1e-6)


def test_numbers() -> None:
    check_numbers("torch")


# Training ------------------------------------------------------------------------------------------------------------


def exact_gradients(start: Mapping[str, np.ndarray], number: int) -> dict[str, torch.Tensor]:
    """Of a pass as one batch, by autograd in float64."""
    held = {path: torch.tensor(array, dtype=torch.float64, requires_grad=True) for path, array in start.items()}
    streams = Streams(SEED, number)

    def keep(path: str, shape: tuple[int, ...], p: float) -> torch.Tensor:
        return torch.tensor(streams.draw("bernoulli", key_of(path), shape, (p,), SAMPLES)) / p

    x, t = (torch.tensor(array, dtype=torch.float64) for array in data())
    kernels = [held[f"{name}.kernel"] for name in ("h.dense", "y.dense", "y.dense_2")]
    biases = [held[f"{name}.bias"] for name in ("h.dense", "y.dense", "y.dense_2")]
    h = (x @ kernels[0] + biases[0]).relu() * keep("h.dropout", (37,), 0.5)
    h = (h @ kernels[1] + biases[1]).tanh() * keep("y.dropout", (16,), 0.75)
    loss = (((h @ kernels[2] + biases[2]).softmax(-1) - t) ** 2).mean()
    return dict(zip(held, torch.autograd.grad(loss, list(held.values())), strict=True))


def check_training(backend: str) -> None:
    """Gradients are those of the masks of this pass, in forward and backward; the next pass has others."""
    model = built(NET)(device="cpu", seed=SEED, backend=backend, _guard=True)
    for number in range(2):
        wanted = exact_gradients(weights(model), number)
        for path, found in model.gradients(*data()).items():
            np.testing.assert_allclose(found, wanted[path], rtol=1e-4, atol=1e-7, err_msg=path)
        model.train_on_batch(*data())
    before = weights(model)
    model.fit(*data(), batch_size=4, epochs=1, verbose=0)
    assert model.guards.overwritten() == []
    beside = built(NET)(device="cpu", seed=SEED, backend="torch")
    beside.set_weights(before)
    beside.place.passes = 2
    beside.fit(*data(), batch_size=4, epochs=1, verbose=0)
    for path, array in weights(beside).items():
        np.testing.assert_allclose(weights(model)[path], array, rtol=0, atol=2e-6, err_msg=path)


def test_training() -> None:
    check_training("torch")


def test_kernels() -> None:
    run_interpreted("from tests.programs.test_draws import *\ncheck_numbers('triton')\ncheck_training('triton')")


def test_lint() -> None:
    assert lint(emission.run(schedule(Source("net.nn", NET), Options(), Reporter()))) == []


def test_dropout_costs_no_kernel(tmp_path: Path) -> None:
    def launches(layers: str) -> int:
        path = tmp_path / "net.nn"
        path.write_text(
            f"model Net(x: float[9]) -> y: float[4] {{\n    y = x |> {layers} |> Dense(4, softmax)\n}}\n"
            "train Net {\n    target t: float[4]\n    loss = mean_squared_error(y, t)\n    optimizer = SGD\n}\n"
        )
        return compile(path).text.count("    Launch(")

    assert launches("Dense(64, relu) |> Dropout(0.5)") == launches("Dense(64, relu)")


# What changes no draw ------------------------------------------------------------------------------------------------

STILL = NET.replace("SGD(0.5)", "SGD(0.0)")  # every pass has the weights of the first


def losses(text: str = STILL, **options: Any) -> list[float]:
    model = built(text)(device="cpu", seed=SEED)
    found: list[float] = model.fit(*data(), verbose=0, **{"epochs": 2, "batch_size": 4, **options}).history["loss"]
    return found


def test_neither_the_batch_nor_the_order() -> None:
    wanted = losses()
    assert wanted[0] != pytest.approx(wanted[1], rel=1e-4), "passes draw apart"
    for options in ({"batch_size": 3}, {"batch_size": SAMPLES}, {"shuffle": False}):
        assert losses(**options) == pytest.approx(wanted, rel=1e-6), options


def test_neither_names_nor_other_statements() -> None:
    body = """
layer Noisy(x: float[D]) -> y {{
    {0}
    y = x * {1} + {2}
}}
model Net(x: float[9]) -> y: float[4] {{
    y = x |> Dense(4) |> Noisy |> softmax
}}
train Net {{
    target t: float[4]
    loss = mean_squared_error(y, t)
    optimizer = SGD(0.0)
}}
"""
    plain = losses(body.format("a = normal(shape(x))\n    b = uniform(shape(x))", "a", "b"))
    assert losses(body.format("c = normal(shape(x))\n    d = uniform(shape(x))", "c", "d")) == plain
    assert losses(body.format("z = 0.0\n    a = normal(shape(x))\n    b = uniform(shape(x)) + z", "a", "b")) == plain
    assert losses(body.format("b = uniform(shape(x))\n    a = normal(shape(x))", "a", "b")) != plain


def test_applications_draw_apart() -> None:
    text = """
model Net(x: float[300]) -> y {
    drop = Dropout(0.5)
    first = x |> drop
    second = x |> drop
    y = sum(first * second)
}
train Net {
    loss = y
    optimizer = SGD
}
"""
    model = built(text)(device="cpu", seed=SEED)
    loss = model.train_on_batch(np.ones((40, 300), "f4"))["loss"]  # 4 where both keep: a quarter of 12,000
    assert loss / 300 == pytest.approx(1.0, abs=5 * np.sqrt(3 / 12_000))


def test_neither_validation_nor_prediction() -> None:
    one, other = (built(NET)(device="cpu", seed=SEED) for _ in range(2))
    one.fit(*data(), batch_size=4, epochs=3, verbose=0)
    other.fit(*data(), batch_size=4, epochs=2, verbose=0, validation_data=data(3))
    other.predict(data()[0], verbose=0)
    other.fit(*data(), batch_size=4, epochs=1, verbose=0)
    assert same(weights(one), weights(other))


class Interrupt(Callback):
    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.place.step == self.step:
            self.model.save(self.path)
            raise RuntimeError


@pytest.mark.parametrize("step", [1, 3, 5])
def test_resumed_is_uninterrupted(step: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 4, "epochs": 2, "verbose": 0}
    whole, broken, resumed = (built(NET)(device="cpu", seed=seed) for seed in (SEED, SEED, 8))
    whole.train_on_batch(*data())
    whole.fit(*data(), **options)
    broken.train_on_batch(*data())
    with pytest.raises(RuntimeError):
        broken.fit(*data(), callbacks=[Interrupt(step + 1, tmp_path / "m")], **options)
    resumed.gradients(*data())  # keeps a batch of another seed
    resumed.fit(*data(), resume=tmp_path / "m", **options)
    assert same(weights(resumed), weights(whole))
    for model in (resumed, whole):
        model.train_on_batch(*data())
    assert same(weights(resumed), weights(whole))


def test_slices_draw_apart() -> None:
    text = """
layer Noisy(x: float[D]) -> y {
    y = x + uniform(shape(x))
}
model Net(x: float[5, 3]) -> y {
    noisy = Noisy()
    y = [each |> noisy for each in x]
}
"""
    found = built(text)(device="cpu", seed=SEED).predict(np.zeros((2, 5, 3), "f4"), verbose=0)
    assert found.shape == (2, 5, 3)
    assert len(np.unique(found)) == 30
