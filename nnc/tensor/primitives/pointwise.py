"""What pointwise rows share: their type rules, their reference and how one is written.

Operands broadcast as NumPy's do on the sample's axes; a common operand meets a per-sample one in each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnc.tensor.primitives.primitive import Array, Call, Infer, Kind, Primitive, Vjp, size_of_results
from nnc.tensor.types import TensorType, TypeMismatch, broadcast_shapes


def listed(types: Sequence[TensorType]) -> str:
    return " and ".join(str(type) for type in types)


def joined(call: Call, types: Sequence[TensorType]) -> str:
    """The one element type of operands. Raises TypeMismatch where they differ; an index fits any of i32 and i64."""
    elements = {type.element for type in types}
    if len(elements) == 1:
        return elements.pop()
    if elements <= {"i32", "i64"} and any(type.bound is not None for type in types):
        counted = {type.element for type in types if type.bound is None}
        return counted.pop() if counted else "i64"
    raise TypeMismatch(f"`{call.symbol}` expects operands of one element type, found {listed(types)}")


def common_bound(types: Sequence[TensorType]) -> int | None:
    bounds = [type.bound for type in types if type.bound is not None]
    return max(bounds) if bounds and len(bounds) == len(types) else None


def shaped(call: Call, element: str, bound: int | None = None) -> TensorType:
    return TensorType(element, broadcast_shapes(*(type.shape for type in call.types)), call.batched, bound)


def numbers(call: Call) -> TensorType:
    """Floats or integers in, the same out."""
    element = joined(call, call.types)
    if element == "bool":
        raise TypeMismatch(f"`{call.symbol}` expects numbers, found {listed(call.types)}")
    return shaped(call, element)


def floats(call: Call) -> TensorType:
    """Floats in, the same out."""
    for type in call.types:
        if not type.is_float:
            raise TypeMismatch(f"`{call.symbol}` expects float, found {type}: convert it with float(...)")
    return shaped(call, joined(call, call.types))


def ordered(call: Call) -> TensorType:
    return numbers(call).with_element("bool")


def booleans(call: Call) -> TensorType:
    for type in call.types:
        if type.element != "bool":
            raise TypeMismatch(f"`{call.symbol}` expects bool, found {type}: compare it with something")
    return shaped(call, "bool")


def kept(call: Call) -> TensorType:
    return call.types[0]


def aligned(call: Call, arrays: Sequence[Array]) -> list[Array]:
    """Per-sample arrays with as many axes as the result has, so that NumPy's broadcasting meets the right ones."""
    rank = max((type.rank for type in call.types), default=0)
    return [
        array.reshape(array.shape[0], *(1,) * (rank - type.rank), *type.shape) if type.batched else array
        for array, type in zip(arrays, call.types, strict=True)
    ]


def pointwise_reference(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(call: Call, *arrays: Array) -> Array:
        return np.asarray(function(*aligned(call, arrays)))

    return run


def row(
    name: str,
    infer: Infer,
    function: Callable[..., Any],
    vjp: Vjp,
    triton: str,
    torch: str,
    *,
    cost: int = 1,
    **more: Any,
) -> Primitive:
    """A pointwise row; `cost` is the operations an element takes."""
    return Primitive(
        name=name,
        kind=Kind.POINTWISE,
        infer=infer,
        reference=more.pop("reference", None) or pointwise_reference(function),
        vjp=vjp,
        flops=lambda call: cost * size_of_results(call),
        triton=triton,
        torch=torch,
        **more,
    )
