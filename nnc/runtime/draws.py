"""Random draws of a step on the torch path: the numbers of every sample of a data set, pass after pass.

In: what the generated module declares (`Draw`), the seed, and which rows a stretch of batches takes. Out: those rows'
numbers, written into memory given. NumPy's Philox4x64-10 gives raw bits: a stream is keyed by the seed and the draw's
key, and a sample's place in it is its row in the data set, so that one pass in the data's order is one stretch of the
stream. Nothing here depends on the batch or on the order of the samples.

Only raw 64-bit outputs are taken from NumPy, whose derived distributions may change between versions.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from nnc.runtime.declarations import Draw

LANES = {"bernoulli": 16, "uniform": 8, "normal": 8}  # elements of a block of 256 bits
GAMMA_BLOCKS = 4  # blocks of an element
UNIT = 2.0**-24
WHOLE = 1 << 26  # bytes: a pass's numbers are made at once, in the data's order, if they are no more
CHUNK = 1 << 16  # words made at once, which stay in a processor's cache


class DrawnRows:
    """One draw over a data set of `samples` rows. kind: 0 in training, 1 in evaluation, 2 in prediction."""

    def __init__(self, draw: Draw, samples: int, seed: int, kind: int) -> None:
        self.draw = draw
        self.size = math.prod(draw.shape)
        blocks = GAMMA_BLOCKS * self.size if draw.distribution == "gamma" else -(-self.size // LANES[draw.distribution])
        self._words = 4 * blocks
        self._samples = samples
        self._bits = np.random.Philox(key=np.array([seed, draw.key], dtype=np.uint64))
        self._state = self._bits.state
        self._place = np.array([0, 0, kind, 0], dtype=np.uint64)  # the counter of a pass's first block
        self._held = torch.bool if draw.distribution == "bernoulli" else torch.float32
        self._pass: Tensor | None = None

    def begin(self, number: int) -> None:
        """Start pass `number`."""
        self._place[1] = number
        self._pass = None

    def fill(self, first: int, rows: Tensor | None, out: Tensor) -> None:
        """Write numbers to `out`, [n, *shape]: of these rows of the data set, or of the n rows from `first` on."""
        flat = out.reshape(out.shape[0], self.size)
        if rows is None:
            self._give(self._consecutive(first, out.shape[0]), flat)
        elif self._samples * self.size * self._held.itemsize <= WHOLE:
            if self._pass is None:
                self._pass = self._consecutive(0, self._samples)
            self._give(self._pass.index_select(0, rows), flat)
        else:
            held = torch.empty((len(rows), self.size), dtype=self._held)
            for start, end in _runs(rows.numpy()):
                held[start:end] = self._consecutive(int(rows[start]), end - start)
            self._give(held, flat)

    def _give(self, held: Tensor, out: Tensor) -> None:
        """Convert what is held, true and false to the two numbers that they stand for."""
        is_truth = held.dtype is torch.bool and out.dtype is not torch.bool
        out.copy_(held.view(torch.uint8) if is_truth else held)  # torch converts bytes in vectors, and bool one by one
        if self.draw.values is not None:
            low, high = self.draw.values
            if high - low != 1.0:
                out.mul_(high - low)
            if low:
                out.add_(low)

    def _consecutive(self, first: int, count: int) -> Tensor:
        """[count, size]: the numbers of rows first, first + 1, ..."""
        self._place[0] = first * self._words // 4
        self._state["state"]["counter"] = self._place
        self._state["buffer_pos"] = 4
        self._bits.state = self._state
        result = torch.empty((count, self.size), dtype=self._held)
        step = max(1, CHUNK // self._words)
        for start in range(0, count, step):
            end = min(count, start + step)
            words = self._bits.random_raw((end - start) * self._words).reshape(end - start, self._words)
            _MAKERS[self.draw.distribution](words, self.draw.numbers, result[start:end])
        return result


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Where stretches of consecutive numbers begin and end."""
    breaks = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    return list(pairwise(breaks))


def _lanes(words: np.ndarray) -> Tensor:
    """int32[rows, lanes]: the upper 24 bits of each lane of 32."""
    return torch.from_numpy((words.view("<u4") >> 8).view("<i4"))


def _bernoulli(words: np.ndarray, numbers: tuple[float, ...], out: Tensor) -> None:
    """A lane of 16 bits below p * 2^16."""
    threshold = round(numbers[0] * 65536)
    if threshold == 0:
        out.zero_()
    else:
        np.less_equal(words.view("<u2")[:, : out.shape[1]], np.uint16(threshold - 1), out=out.numpy())


def _uniform(words: np.ndarray, numbers: tuple[float, ...], out: Tensor) -> None:
    low, high = numbers
    out.copy_(_lanes(words)[:, : out.shape[1]]).mul_(UNIT).mul_(high - low).add_(low)


def _polar(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Radius and angle of two normal numbers: Box and Muller, 1958."""
    radius = first.float().add_(1.0).mul_(UNIT).log_().mul_(-2.0).sqrt_()
    return radius, second.float().mul_(2.0 * math.pi * UNIT)


def _normal(words: np.ndarray, numbers: tuple[float, ...], out: Tensor) -> None:
    mean, stddev = numbers
    lanes = _lanes(words)
    radius, angle = _polar(lanes[:, 0::2], lanes[:, 1::2])
    pairs = torch.stack((radius * angle.cos(), radius * angle.sin()), 2).reshape(len(words), -1)
    out.copy_(pairs[:, : out.shape[1]]).mul_(stddev).add_(mean)


def _gamma(words: np.ndarray, numbers: tuple[float, ...], out: Tensor) -> None:
    """Marsaglia and Tsang, "A simple method for generating gamma variables", 2000, of eight tries, of which each fails
    in at most 5 of 100 cases; below alpha = 1 times a power of a uniform number. What no try gives is the mode's."""
    alpha, beta = numbers
    lanes = _lanes(words).reshape(*out.shape, GAMMA_BLOCKS, 8).double()
    d = (alpha if alpha >= 1 else alpha + 1) - 1 / 3
    value = torch.ones(out.shape, dtype=torch.float64)
    done = torch.zeros(out.shape, dtype=torch.bool)
    for block in range(GAMMA_BLOCKS):
        for start in (0, 3):
            radius, angle = _polar(lanes[..., block, start], lanes[..., block, start + 1])
            x = radius.double() * angle.double().cos()
            v = (1 + x / math.sqrt(9 * d)) ** 3
            u = (lanes[..., block, start + 2] + 1) * UNIT
            good = (v > 0) & (u.log() < 0.5 * x * x + d - d * v + d * v.clamp(min=1e-30).log())
            value = torch.where(good & ~done, v, value)
            done |= good
    boost = ((lanes[..., 0, 6] + 1) * UNIT) ** (1 / alpha) if alpha < 1 else 1.0
    out.copy_(d * value * boost / beta)


_MAKERS: dict[str, Callable[[np.ndarray, tuple[float, ...], Tensor], None]] = {
    "bernoulli": _bernoulli,
    "uniform": _uniform,
    "normal": _normal,
    "gamma": _gamma,
}
