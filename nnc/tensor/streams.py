"""The numbers that draws are made of, as a generated module makes them: NumPy's Philox4x64-10, counter-based.

In: which stream, and which samples. Out: float64 or bool arrays, one tensor for each sample. A stream is told by the
run's seed and the draw's key; a place in it by the pass over the data and the sample's row in the data set. So no draw
depends on the batch, on the order of the samples, or on what else is drawn.

A sample has whole blocks of 256 bits: 16 lanes of 16 bits each for `bernoulli`, 8 of 32 for `uniform` and `normal`, in
row-major order of the sample's shape; an element of `gamma` has four blocks of its own.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LANES = {"bernoulli": 16, "uniform": 8, "normal": 8}  # elements that one block of 256 bits gives
GAMMA_BLOCKS = 4  # of an element of `gamma`: each two tries
UNIT = 2.0**-24


def threshold(p: float) -> int:
    """A lane of 16 bits below this is true: p is rounded to a multiple of 2^-16."""
    return round(p * 65536)


def blocks_of(primitive: str, size: int) -> int:
    """How many blocks a sample of `size` elements has."""
    return GAMMA_BLOCKS * size if primitive == "gamma" else -(-size // LANES[primitive])


@dataclass(frozen=True, slots=True)
class Streams:
    """Which numbers a run of a program draws.

    number: of the pass over the data. kind: 0 in training, 1 in evaluation, 2 in prediction. rows: the samples' rows in
    the data set; None for 0, 1, 2 ...
    """

    seed: int = 0
    number: int = 0
    kind: int = 0
    rows: tuple[int, ...] | None = None

    def draw(self, primitive: str, key: int, shape: tuple[int, ...], numbers: tuple[float, ...], batch: int) -> Array:
        """[batch, *shape]: one tensor for each sample."""
        rows = tuple(range(batch)) if self.rows is None else self.rows
        size = math.prod(shape)
        blocks = blocks_of(primitive, size)
        words = np.concatenate([self._words(key, row * blocks, blocks) for row in rows]).reshape(len(rows), -1)
        found: Array = _DRAWN[primitive](words, numbers, size).reshape(len(rows), *shape)
        return found

    def common(self, primitive: str, key: int, shape: tuple[int, ...], numbers: tuple[float, ...]) -> Array:
        """[*shape]: of the sample at row 0."""
        found: Array = Streams(self.seed, self.number, self.kind, (0,)).draw(primitive, key, shape, numbers, 1)[0]
        return found

    def _words(self, key: int, start: int, blocks: int) -> Array:
        counter = np.array([start, self.number, self.kind, 0], dtype=np.uint64)
        bits = np.random.Philox(counter=counter, key=np.array([self.seed, key], dtype=np.uint64))
        words: Array = bits.random_raw(4 * blocks)
        return words


def _bernoulli(words: Array, numbers: tuple[float, ...], size: int) -> Array:
    result: Array = words.view("<u2")[:, :size] < threshold(numbers[0])
    return result


def _uniform(words: Array, numbers: tuple[float, ...], size: int) -> Array:
    low, high = numbers
    result: Array = low + (high - low) * ((words.view("<u4")[:, :size] >> 8) * UNIT)
    return result


def _pairs(first: Array, second: Array) -> tuple[Array, Array]:
    """Two normal numbers of two lanes of 32 bits: Box and Muller, 1958."""
    radius = np.sqrt(-2.0 * np.log(((first >> 8) + 1.0) * UNIT))
    angle = 2.0 * math.pi * ((second >> 8) * UNIT)
    return radius * np.cos(angle), radius * np.sin(angle)


def _normal(words: Array, numbers: tuple[float, ...], size: int) -> Array:
    mean, stddev = numbers
    lanes = words.view("<u4")
    whole = np.stack(_pairs(lanes[:, 0::2], lanes[:, 1::2]), axis=-1).reshape(len(words), -1)
    result: Array = mean + stddev * whole[:, :size]
    return result


def _gamma(words: Array, numbers: tuple[float, ...], size: int) -> Array:
    """Marsaglia and Tsang, "A simple method for generating gamma variables", 2000, of eight tries, of which each fails
    in at most 5 of 100 cases; below alpha = 1 times a power of a uniform number. What no try gives is the mode's."""
    alpha, beta = numbers
    lanes = words.view("<u4").reshape(len(words), size, GAMMA_BLOCKS, 8)
    d = (alpha if alpha >= 1 else alpha + 1) - 1 / 3
    value = np.ones((len(words), size))
    done = np.zeros((len(words), size), bool)
    for block in range(GAMMA_BLOCKS):
        for start in (0, 3):
            first, second, third = (lanes[:, :, block, start + i] for i in range(3))
            x = _pairs(first, second)[0]
            v = (1 + x / math.sqrt(9 * d)) ** 3
            u = ((third >> 8) + 1.0) * UNIT
            with np.errstate(invalid="ignore", divide="ignore"):
                good = (v > 0) & (np.log(u) < 0.5 * x * x + d - d * v + d * np.log(v))
            value = np.where(good & ~done, v, value)
            done |= good
    boost = ((lanes[:, :, 0, 6] >> 8) + 1.0) * UNIT
    result: Array = d * value * (boost ** (1 / alpha) if alpha < 1 else 1.0) / beta
    return result


_DRAWN: Mapping[str, Callable[[Array, tuple[float, ...], int], Array]] = {
    "bernoulli": _bernoulli,
    "uniform": _uniform,
    "normal": _normal,
    "gamma": _gamma,
}

FIRST = Streams()  # of seed 0, the first pass over the data in its own order
