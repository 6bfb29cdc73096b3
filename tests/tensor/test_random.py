"""Draws: types, moments and independence of the reference, and which bits it takes of NumPy's generator."""

import math

import numpy as np
import pytest

from nnc.tensor.build import Builder, infer
from nnc.tensor.evaluate import evaluate
from nnc.tensor.streams import Streams
from nnc.tensor.types import TensorType, TypeMismatch

KEY = 0x9A3C_0000_1234_5678


def draw(name: str, batch: int = 1, streams: Streams | None = None, **attributes: object) -> np.ndarray:
    builder = Builder("draw")
    function = builder.finish([builder.op(name, **attributes)])  # type: ignore[arg-type]
    return evaluate(function, [], batch, streams or Streams())[0]


def near(found: float, wanted: float, deviation: float, count: int) -> None:
    """Within five standard deviations of a mean of `count` numbers."""
    assert abs(found - wanted) <= 5 * deviation / math.sqrt(count), (found, wanted)


MOMENTS = {  # attributes, mean, variance, kurtosis
    "uniform": ({"low": -1.0, "high": 3.0}, 1.0, 16 / 12, 1.8),
    "normal": ({"mean": 2.0, "stddev": 0.5}, 2.0, 0.25, 3.0),
    "bernoulli": ({"p": 0.25}, 0.25, 3 / 16, 7 / 3),
}


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("shape", [(), (3,), (16,), (5, 7)])
def test_moments(name: str, shape: tuple[int, ...]) -> None:
    attributes, mean, variance, kurtosis = MOMENTS[name]
    rows = 20_000 // math.prod(shape)
    found = draw(name, rows, shape=shape, batched=True, key=KEY, **attributes)
    assert found.shape == (rows, *shape)
    near(float(found.mean()), mean, math.sqrt(variance), found.size)
    near(float(((found - mean) ** 2).mean()), variance, variance * math.sqrt(kurtosis - 1), found.size)


@pytest.mark.parametrize(("alpha", "beta"), [(0.2, 1.0), (1.0, 3.0), (2.5, 0.5), (40.0, 1.0)])
def test_gamma(alpha: float, beta: float) -> None:
    found = draw("gamma", 20_000, shape=(3,), batched=True, key=KEY, alpha=alpha, beta=beta)
    assert (found > 0).all()
    near(float(found.mean()), alpha / beta, math.sqrt(alpha) / beta, found.size)
    spread = alpha / beta**2 * math.sqrt(2 + 6 / alpha)
    near(float(((found - alpha / beta) ** 2).mean()), alpha / beta**2, spread, found.size)


def test_ends() -> None:
    found = draw("uniform", shape=(100, 101), low=-1.0, high=3.0)
    assert -1 <= found.min() < -0.99
    assert 2.99 < found.max() < 3
    assert not draw("bernoulli", shape=(1000,), p=0.0).any()
    assert draw("bernoulli", shape=(1000,), p=1.0).all()


def test_bits() -> None:
    """A block of 256 bits is NumPy's: 16 lanes for truths, 8 for numbers, in the order in which they lie in memory."""
    streams = Streams(seed=7, number=5, kind=1, rows=(4, 2))
    philox = np.random.Philox(key=np.array([7, KEY], dtype=np.uint64), counter=np.array([6, 5, 1, 0], dtype=np.uint64))
    second = philox.random_raw(12)  # the sample at row 2, of three blocks
    kept = draw("bernoulli", 2, streams, shape=(3, 13), batched=True, key=KEY, p=0.3)
    np.testing.assert_array_equal(kept[1].reshape(-1), second.view("<u2")[:39] < 19661)
    philox = np.random.Philox(key=np.array([7, KEY], dtype=np.uint64), counter=np.array([8, 5, 1, 0], dtype=np.uint64))
    first = philox.random_raw(8)  # the sample at row 4, of two blocks
    even = draw("uniform", 2, streams, shape=(9,), batched=True, key=KEY)
    np.testing.assert_array_equal(even[0], (first.view("<u4")[:9] >> 8) / 2.0**24)


def test_streams_are_apart() -> None:
    """Draws of other keys, seeds, passes, kinds and rows have nothing to do with each other."""
    rows = tuple(range(64))
    ways = [Streams(1, rows=rows), Streams(2, rows=rows), Streams(1, 1, rows=rows), Streams(1, 0, 1, rows=rows)]
    drawn = [draw("normal", 64, way, shape=(50,), batched=True, key=KEY) for way in ways]
    drawn.append(draw("normal", 64, ways[0], shape=(50,), batched=True, key=KEY + 1))
    drawn.append(np.roll(drawn[0], 1, axis=0))
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            near(float((one * other).mean()), 0.0, 1.0, one.size)
    again = draw("normal", 64, ways[0], shape=(50,), batched=True, key=KEY)
    np.testing.assert_array_equal(again, drawn[0])


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("uniform", {"shape": (), "low": 1.0, "high": 0.0}, "`uniform` expects low <= high, found 1.0 and 0.0"),
        ("normal", {"shape": (), "stddev": -1.0}, "`normal` expects stddev >= 0, found -1.0"),
        ("bernoulli", {"shape": (), "p": 1.5}, "`bernoulli` expects a probability, found 1.5"),
        ("gamma", {"shape": (), "alpha": 0.0}, "`gamma` expects alpha > 0, found 0.0"),
        ("gamma", {"shape": (), "alpha": 1.0, "beta": -2.0}, "`gamma` expects beta > 0, found -2.0"),
    ],
)
def test_refusals(name: str, attributes: dict, message: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        infer(name, [], attributes)
    assert str(caught.value) == message
    assert infer("uniform", [], {"shape": (2,), "batched": True}) == (TensorType("f32", (2,), True),)
