"""What needs no operand: constants and the number of samples. Draws have a file of their own, random.py."""

from __future__ import annotations

import numpy as np

from nnc.tensor.primitives.primitive import REQUIRED, Call, Kind, Primitive, no_gradient
from nnc.tensor.types import ELEMENTS, TensorType, TypeMismatch


def _constant(call: Call) -> TensorType:
    element, value = call.text("element"), call.attributes["value"]
    if element not in ELEMENTS:
        raise TypeMismatch(f"there is no element type {element}: expected one of {', '.join(ELEMENTS)}")
    if not isinstance(value, bool | int | float):
        raise TypeMismatch(f"a constant must be a number, found {value!r}")
    bound = call.attributes["bound"]
    type = TensorType(element, bound=bound if isinstance(bound, int) else None)
    if (element == "bool") != isinstance(value, bool):
        raise TypeMismatch(f"the constant {value} does not fit {type}")
    if type.is_integer and not float(value).is_integer():
        raise TypeMismatch(f"the number {value} meets {type}: convert that with float(...)")
    return type


ROWS = (
    Primitive(
        "constant",
        Kind.SOURCE,
        _constant,
        lambda call: np.asarray(call.attributes["value"]),
        no_gradient,
        triton="{value}",
        torch="{value}",
        attributes={"value": REQUIRED, "element": "f32", "bound": None},
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
)
