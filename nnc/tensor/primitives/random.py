"""Random draws: one tensor for each sample, or, in an initializer, one in all.

`key` tells streams apart: two draws of one key are the same numbers. In a step it is 64 bits that stand for the layer's
path, its application and the draw's place in its body; in an initializer the draw's place alone. What a generated
module draws is what the reference draws, to rounding: see `nnc.tensor.streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnc.tensor.ir import Op
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Kind, Primitive, no_gradient
from nnc.tensor.types import TensorType, TypeMismatch

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "normal": ("mean", "stddev"),
    "bernoulli": ("p",),
    "gamma": ("alpha", "beta"),
}


def numbers_of(op: Op) -> tuple[float, ...]:
    """What a draw's distribution takes, in the order of `NUMBERS`."""
    values = [op[name] for name in NUMBERS[op.primitive]]
    return tuple(float(value) for value in values if isinstance(value, int | float))


def _drawn(call: Call) -> TensorType:
    return TensorType("f32", call.integers("shape"), call.flag("batched"))


def _uniform(call: Call) -> TensorType:
    if call.number("low") > call.number("high"):
        raise TypeMismatch(f"`uniform` expects low <= high, found {call.number('low')} and {call.number('high')}")
    return _drawn(call)


def _normal(call: Call) -> TensorType:
    if call.number("stddev") < 0:
        raise TypeMismatch(f"`normal` expects stddev >= 0, found {call.number('stddev')}")
    return _drawn(call)


def _bernoulli(call: Call) -> TensorType:
    if not 0 <= call.number("p") <= 1:
        raise TypeMismatch(f"`bernoulli` expects a probability, found {call.number('p')}")
    return TensorType("bool", call.integers("shape"), call.flag("batched"))


def _gamma(call: Call) -> TensorType:
    for name in ("alpha", "beta"):
        if call.number(name) <= 0:
            raise TypeMismatch(f"`gamma` expects {name} > 0, found {call.number(name)}")
    return _drawn(call)


def _reference(name: str) -> Callable[[Call], Array]:
    def run(call: Call) -> Array:
        key, shape = call.integer("key"), call.integers("shape")
        numbers = tuple(call.number(each) for each in NUMBERS[name])
        if call.flag("batched"):
            return np.asarray(call.streams.draw(name, key, shape, numbers, call.batch))
        return np.asarray(call.streams.common(name, key, shape, numbers))

    return run


def _row(name: str, infer: Callable[[Call], TensorType], torch: str, **more: Any) -> Primitive:
    """`torch`: how a reader may think of it; a step is given its draws (`Draw` of the runtime)."""
    attributes = {"shape": REQUIRED, "batched": False, "key": 0, **more}
    return Primitive(
        name,
        Kind.RANDOM,
        infer,
        _reference(name),
        no_gradient,
        torch=torch,
        attributes=attributes,
        operands=0,
        out=False,
    )


ROWS = (
    _row("uniform", _uniform, "torch.empty({shape}).uniform_({low}, {high})", low=0.0, high=1.0),
    _row("normal", _normal, "torch.empty({shape}).normal_({mean}, {stddev})", mean=0.0, stddev=1.0),
    _row("bernoulli", _bernoulli, "torch.empty({shape}).bernoulli_({p})", p=REQUIRED),
    _row("gamma", _gamma, "torch.empty({shape}).gamma_({alpha}, {beta})", alpha=REQUIRED, beta=1.0),
)
