"""Primitives that move elements of the sample: the batch is never touched, except that `broadcast` may repeat along
it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.pointwise import common_bound, joined
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Infer, Kind, Primitive, Vjp, full_shape
from nnc.tensor.types import BatchLength, TensorType, TypeMismatch, broadcast_shapes, carried


def integers(op: Op, name: str) -> tuple[int, ...]:
    value = op[name]
    assert isinstance(value, tuple)
    return tuple(item for item in value if isinstance(item, int))


def _with_shape(type: TensorType, shape: tuple[int, ...], batched: bool | None = None) -> TensorType:
    return TensorType(type.element, shape, type.batched if batched is None else batched, type.bound)


def _per_axis(call: Call, type: TensorType, *names: str) -> list[tuple[int, ...]]:
    """Attributes that hold a number for each axis. Raises TypeMismatch where their count is another."""
    found = [call.integers(name) for name in names]
    for name, numbers in zip(names, found, strict=True):
        if len(numbers) != type.rank:
            raise TypeMismatch(
                f"`{call.symbol}` expects {name} for the {type.rank} axes of {type}, found {list(numbers)}"
            )
    return found


def _uncut(call: Call, size: int, whole: bool) -> None:
    """An axis along which the samples of the batch lie is taken whole. Raises TypeMismatch."""
    if isinstance(size, BatchLength) and not whole:
        raise TypeMismatch(f"`{call.symbol}` would cut or lengthen an axis that runs over the batch")


def _reshape(call: Call) -> TensorType:
    (type,), shape = call.types, call.integers("shape")
    if math.prod(shape) != type.size or any(size < 1 for size in shape):
        raise TypeMismatch(
            f"`reshape` of {type} to {list(shape)}: {type.size} elements do not fill {math.prod(shape)} places"
        )
    return _with_shape(type, carried(type.shape, shape))


def _transpose(call: Call) -> TensorType:
    (type,), permutation = call.types, call.integers("permutation")
    if sorted(permutation) != list(range(type.rank)):
        raise TypeMismatch(
            f"`transpose` of {type} expects each axis of 0 .. {type.rank - 1} once, found {list(permutation)}"
        )
    return _with_shape(type, tuple(type.shape[axis] for axis in permutation))


def _broadcast(call: Call) -> TensorType:
    (type,), shape = call.types, call.integers("shape")
    if broadcast_shapes(type.shape, shape) != shape:
        raise TypeMismatch(f"`broadcast` of {type} to {list(shape)}: it has more than that")
    if type.batched and not call.flag("batched"):
        raise TypeMismatch(f"`broadcast` of {type}: a value per sample cannot become a common one")
    return _with_shape(type, broadcast_shapes(type.shape, shape), call.flag("batched"))


def _slice(call: Call) -> TensorType:
    (type,) = call.types
    starts, stops, steps = _per_axis(call, type, "starts", "stops", "steps")
    shape = []
    for axis, (start, stop, step, size) in enumerate(zip(starts, stops, steps, type.shape, strict=True)):
        if step < 1:
            raise TypeMismatch(f"`slice` expects a step of at least 1, found {step}")
        if not 0 <= start < stop <= size:
            raise TypeMismatch(
                f"`slice` {start}:{stop} of axis {axis} of {type}: it takes nothing, or more than there is"
            )
        whole = (start, stop, step) == (0, size, 1)
        shape.append(size if whole else -(-(stop - start) // step))
        _uncut(call, size, whole)
    return _with_shape(type, tuple(shape))


def _pad(call: Call) -> TensorType:
    (type,) = call.types
    low, high = _per_axis(call, type, "low", "high")
    interior = call.integers("interior") or (0,) * type.rank
    if any(count < 0 for count in (*low, *high, *interior)):
        raise TypeMismatch(f"`pad` expects counts of at least 0, found {list(low)} and {list(high)}")
    value = call.number("value")
    if not type.is_float and not float(value).is_integer():
        raise TypeMismatch(f"`pad` of {type} expects an integer to fill with, found {value}")
    sizes = zip(type.shape, low, high, interior, strict=True)
    shape = tuple(
        before + (size - 1) * (gap + 1) + 1 + after if before or gap or after else size
        for size, before, after, gap in sizes
    )
    for size, *more in zip(type.shape, low, high, interior, strict=True):
        _uncut(call, size, not any(more))
    bounded = type.bound is not None and 0 <= value < type.bound
    return TensorType(type.element, shape, type.batched, type.bound if bounded else None)


def _concat(call: Call) -> TensorType:
    if not call.types:
        raise TypeMismatch("`concat` expects at least one operand, found none")
    first, axis = call.types[0], call.integer("axis")
    if not 0 <= axis < first.rank:
        raise TypeMismatch(f"`concat` along axis {axis}: {first} has {first.rank} axes")
    for other in call.types[1:]:
        same = other.rank == first.rank and all(
            a == b for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)) if i != axis
        )
        if not same:
            raise TypeMismatch(f"`concat` expects shapes that are equal but for axis {axis}, found {first} and {other}")
    for type in call.types:
        _uncut(call, type.shape[axis], len(call.types) == 1)
    size = sum(type.shape[axis] for type in call.types) if len(call.types) > 1 else first.shape[axis]
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return TensorType(joined(call, call.types), shape, call.batched, common_bound(call.types))


def _reverse(call: Call) -> TensorType:
    (type,) = call.types
    for axis in call.integers("axes"):
        if not 0 <= axis < type.rank:
            raise TypeMismatch(f"`reverse` along axis {axis}: {type} has {type.rank} axes")
        _uncut(call, type.shape[axis], False)
    return type


def _reshape_reference(call: Call, x: Array) -> Array:
    return x.reshape(full_shape(call.results[0], call.batch))


def _transpose_reference(call: Call, x: Array) -> Array:
    shift = int(call.batched)
    return x.transpose(*range(shift), *(axis + shift for axis in call.integers("permutation")))


def _broadcast_reference(call: Call, x: Array) -> Array:
    (type,), (result,) = call.types, call.results
    if type.batched:
        x = x.reshape(call.batch, *(1,) * (result.rank - type.rank), *type.shape)
    return np.broadcast_to(x, full_shape(result, call.batch))


def _whole_batch(call: Call) -> tuple[slice, ...]:
    return (slice(None),) if call.batched else ()


def _slice_reference(call: Call, x: Array) -> Array:
    ranges = zip(call.integers("starts"), call.integers("stops"), call.integers("steps"), strict=True)
    return np.asarray(x[(*_whole_batch(call), *(slice(*each) for each in ranges))])


def _pad_reference(call: Call, x: Array) -> Array:
    result = np.full(full_shape(call.results[0], call.batch), call.number("value"), dtype=x.dtype)
    interior = call.integers("interior") or (0,) * call.types[0].rank
    places = zip(call.integers("low"), interior, call.types[0].shape, strict=True)
    inner = tuple(slice(low, low + (size - 1) * (gap + 1) + 1, gap + 1) for low, gap, size in places)
    result[(*_whole_batch(call), *inner)] = x
    return result


def _concat_reference(call: Call, *arrays: Array) -> Array:
    batched = call.batched
    whole = [
        np.broadcast_to(array, (call.batch, *type.shape)) if batched else array
        for array, type in zip(arrays, call.types, strict=True)
    ]
    return np.concatenate(whole, axis=call.integer("axis") + int(batched))


def _reverse_reference(call: Call, x: Array) -> Array:
    return np.flip(x, tuple(axis + int(call.batched) for axis in call.integers("axes")))


def _transpose_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    permutation = integers(op, "permutation")
    return (b.op("transpose", g, permutation=tuple(permutation.index(axis) for axis in range(len(permutation)))),)


def _slice_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    starts, steps = integers(op, "starts"), integers(op, "steps")
    reached = [start + (size - 1) * step + 1 for start, size, step in zip(starts, g.type.shape, steps, strict=True)]
    high = tuple(size - end for size, end in zip(op.args[0].type.shape, reached, strict=True))
    return (b.op("pad", g, low=starts, high=high, interior=tuple(step - 1 for step in steps)),)


def _pad_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    low, high = integers(op, "low"), integers(op, "high")
    interior = integers(op, "interior") or (0,) * len(low)
    stops = tuple(size - after for size, after in zip(g.type.shape, high, strict=True))
    return (b.op("slice", g, starts=low, stops=stops, steps=tuple(gap + 1 for gap in interior)),)


def _concat_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    axis = op["axis"]
    assert isinstance(axis, int)
    parts: list[Value] = []
    start = 0
    ones = (1,) * g.type.rank
    for arg in op.args:
        starts = tuple(start if i == axis else 0 for i in range(g.type.rank))
        start += arg.type.shape[axis]
        stops = tuple(start if i == axis else size for i, size in enumerate(g.type.shape))
        parts.append(b.op("slice", g, starts=starts, stops=stops, steps=ones))
    return parts


def _row(
    name: str,
    infer: Infer,
    reference: Callable[..., Array],
    vjp: Vjp,
    torch: str,
    attributes: dict[str, Any],
    **more: Any,
) -> Primitive:
    return Primitive(
        name=name, kind=Kind.VIEW, infer=infer, reference=reference, vjp=vjp, torch=torch, attributes=attributes, **more
    )


ROWS = (
    _row(
        "reshape",
        _reshape,
        _reshape_reference,
        lambda b, op, g: (b.reshape(g, op.args[0].type.shape),),
        "{0}.reshape({shape})",
        {"shape": REQUIRED},
    ),
    _row(
        "transpose",
        _transpose,
        _transpose_reference,
        _transpose_vjp,
        "{0}.permute({permutation})",
        {"permutation": REQUIRED},
    ),
    # The pass sums the gradient down to the operand's type.
    _row(
        "broadcast",
        _broadcast,
        _broadcast_reference,
        lambda b, op, g: (g,),
        "{0}.expand({shape})",
        {"shape": REQUIRED, "batched": False},
    ),
    _row(
        "slice",
        _slice,
        _slice_reference,
        _slice_vjp,
        "{0}[{ranges}]",
        {"starts": REQUIRED, "stops": REQUIRED, "steps": REQUIRED},
    ),
    _row(
        "pad",
        _pad,
        _pad_reference,
        _pad_vjp,
        "torch.nn.functional.pad({0}, {counts}, value={value})",
        {"low": REQUIRED, "high": REQUIRED, "value": 0, "interior": ()},
        out=False,
    ),
    _row(
        "concat",
        _concat,
        _concat_reference,
        _concat_vjp,
        "torch.cat({operands}, {axis})",
        {"axis": REQUIRED},
        operands=None,
    ),
    _row(
        "reverse",
        _reverse,
        _reverse_reference,
        lambda b, op, g: (b.op("reverse", g, axes=op["axes"]),),
        "torch.flip({0}, {axes})",
        {"axes": REQUIRED},
        out=False,
    ),
)
