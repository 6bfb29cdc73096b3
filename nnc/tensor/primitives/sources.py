"""What needs no operand: constants, the number of samples, and random draws.

The reference of a draw is NumPy's Philox keyed by `place`: it fixes types and distributions. Which key a generated
module
draws with is the runtime's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Kind, Primitive, full_shape, no_gradient
from nnc.tensor.types import ELEMENTS, TensorType, TypeMismatch


def _constant(call: Call) -> TensorType:
    element, value = call.text("element"), call.attributes["value"]
    if element not in ELEMENTS:
        raise TypeMismatch(f"there is no element type {element}: expected one of {', '.join(ELEMENTS)}")
    if not isinstance(value, bool | int | float):
        raise TypeMismatch(f"a constant must be a number, found {value!r}")
    type = TensorType(element)
    if (element == "bool") != isinstance(value, bool):
        raise TypeMismatch(f"the constant {value} does not fit {type}")
    if type.is_integer and not float(value).is_integer():
        raise TypeMismatch(f"the number {value} meets {type}: convert that with float(...)")
    return type


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


def _draws(draw: Callable[[np.random.Generator, Call, tuple[int, ...]], Any]) -> Callable[[Call], Array]:
    def run(call: Call) -> Array:
        generator = np.random.Generator(np.random.Philox(key=call.integer("place")))
        return np.asarray(draw(generator, call, full_shape(call.results[0], call.batch)))

    return run


def _random(
    name: str, infer: Callable[[Call], TensorType], draw: Callable[..., Any], torch: str, **more: Any
) -> Primitive:
    attributes = {"shape": REQUIRED, "batched": False, "place": 0, **more}
    return Primitive(
        name, Kind.RANDOM, infer, _draws(draw), no_gradient, torch=torch, attributes=attributes, operands=0, out=False
    )


ROWS = (
    Primitive(
        "constant",
        Kind.SOURCE,
        _constant,
        lambda call: np.asarray(call.attributes["value"]),
        no_gradient,
        triton="{value}",
        torch="{value}",
        attributes={"value": REQUIRED, "element": "f32"},
        operands=0,
        out=False,
    ),
    Primitive(
        "batch_size",
        Kind.SOURCE,
        lambda call: TensorType("f32"),
        lambda call: np.asarray(float(call.batch)),
        no_gradient,
        triton="{batch}",
        torch="{batch}",
        operands=0,
        out=False,
    ),
    _random(
        "uniform",
        _uniform,
        lambda generator, call, shape: generator.uniform(call.number("low"), call.number("high"), shape),
        "torch.empty({shape}).uniform_({low}, {high})",
        low=0.0,
        high=1.0,
    ),
    _random(
        "normal",
        _normal,
        lambda generator, call, shape: generator.normal(call.number("mean"), call.number("stddev"), shape),
        "torch.empty({shape}).normal_({mean}, {stddev})",
        mean=0.0,
        stddev=1.0,
    ),
    _random(
        "bernoulli",
        _bernoulli,
        lambda generator, call, shape: generator.random(shape) < call.number("p"),
        "torch.empty({shape}).bernoulli_({p})",
        p=REQUIRED,
    ),
)
