"""Special functions in float64 NumPy, for the reference column alone."""

from __future__ import annotations

import math

import numpy as np

from nnc.tensor.primitives.primitive import Array

# B_2, B_4, ... of Bernoulli
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 24.0  # where the asymptotic series is exact to float64


def erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[float])(x))


def _lgamma(x: float) -> float:
    if x <= 0 and x == math.floor(x):
        return math.inf
    return math.lgamma(x)


def lgamma(x: Array) -> Array:
    return np.asarray(np.vectorize(_lgamma, otypes=[float])(x))


def _polygamma(order: int, x: float) -> float:
    if not math.isfinite(x) or (x <= 0 and x == math.floor(x)):
        return math.inf if order == 0 and x == math.inf else (0.0 if x == math.inf else math.nan)
    sign = 1 if order % 2 else -1
    total = 0.0
    while x < _FAR:
        total += sign * math.factorial(order) / x ** (order + 1)
        x += 1
    if order == 0:
        series = math.log(x) - 0.5 / x
        series -= sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
        return total + series
    series = math.factorial(order - 1) / x**order + math.factorial(order) / (2 * x ** (order + 1))
    series += sum(
        b * math.factorial(2 * k + order - 1) / (math.factorial(2 * k) * x ** (2 * k + order))
        for k, b in enumerate(_BERNOULLI, 1)
    )
    return total + sign * series


def polygamma(order: int, x: Array) -> Array:
    """The derivative of lgamma of `order` + 1: Abramowitz and Stegun 6.4.6 (recurrence) and 6.4.11 (asymptotic
    series)."""
    return np.asarray(np.vectorize(lambda value: _polygamma(order, float(value)), otypes=[float])(x))
