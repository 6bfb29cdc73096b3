"""Random numbers that depend on nothing but seed and name: NumPy's Philox, counter-based, keyed by both.

Only raw 64-bit outputs are taken from NumPy, whose derived distributions may change between versions.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MASK = 2**64 - 1


def bits(seed: int, name: str) -> np.random.Philox:
    """The stream of `name` under `seed`: the key is the seed and the first 64 bits of the name's SHA-256."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.Philox(key=np.array([seed & MASK, int.from_bytes(digest[:8], "little")], dtype=np.uint64))


class Orders:
    """The orders of a run's epochs: one key for all, made once, and the epoch in the counter's highest word."""

    def __init__(self, seed: int) -> None:
        self._bits = bits(seed, "order")
        self._state = self._bits.state

    def at(self, epoch: int, samples: int) -> Tensor:
        """int64[samples]: the permutation of that epoch, whatever was asked before."""
        self._state["state"]["counter"] = np.array([0, 0, 0, epoch], dtype=np.uint64)
        self._bits.state = self._state
        return torch.from_numpy(self._bits.random_raw(samples).argsort(kind="stable"))


class Draws:
    """What an initializer draws from. float64 tensors; a second draw goes on where the first ended."""

    def __init__(self, seed: int, path: str) -> None:
        self._bits = bits(seed, path)

    def _unit(self, count: int) -> np.ndarray:
        """float64[count], evenly in [0, 1), by steps of 2^-53."""
        raw: np.ndarray = self._bits.random_raw(count)
        return (raw >> np.uint64(11)) * 2.0**-53

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Evenly in [low, high)."""
        unit = self._unit(math.prod(shape)).reshape(tuple(shape))
        return torch.from_numpy(low + (high - low) * unit)

    def normal(self, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> Tensor:
        """Normally distributed, by Box and Muller (1958): one pair of uniform numbers for each."""
        count = math.prod(shape)
        unit = self._unit(2 * count)
        radius = np.sqrt(-2.0 * np.log1p(-unit[:count]))
        value = mean + stddev * radius * np.cos(2.0 * math.pi * unit[count:])
        return torch.from_numpy(value.reshape(tuple(shape)))

    def bernoulli(self, shape: Sequence[int], p: float) -> Tensor:
        """1 with probability p, else 0."""
        return torch.from_numpy((self._unit(math.prod(shape)) < p).astype(np.float64).reshape(tuple(shape)))

    def gamma(self, shape: Sequence[int], alpha: float, beta: float = 1.0) -> Tensor:
        """Of mean alpha / beta, by Marsaglia and Tsang (2000): of eight tries the first that is good, of which each
        fails in at most 5 of 100 cases, else the mode; below alpha = 1 times a power of a uniform number."""
        count = math.prod(shape)
        d = (alpha if alpha >= 1 else alpha + 1) - 1 / 3
        value, done = np.ones(count), np.zeros(count, dtype=bool)
        for _ in range(8):
            first, second, third = self._unit(3 * count).reshape(3, count)
            x = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * math.pi * second)
            v = (1 + x / math.sqrt(9 * d)) ** 3
            good = (v > 0) & (np.log1p(-third) < 0.5 * x * x + d - d * v + d * np.log(np.maximum(v, 1e-30)))
            value[good & ~done] = v[good & ~done]
            done |= good
        if alpha < 1:
            value *= (1.0 - self._unit(count)) ** (1 / alpha)
        return torch.from_numpy((d * value / beta).reshape(tuple(shape)))
