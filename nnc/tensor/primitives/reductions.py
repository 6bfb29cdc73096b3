"""Reductions over axes of the sample and over the batch.

Axes are counted from the front. `batch = True` reduces over the samples too and gives a common value. Ties of max, min,
argmax and argmin go to the first element in row-major order, samples first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnc.tensor.expressions import Expressions, without
from nnc.tensor.ir import Attribute, Op, Value
from nnc.tensor.primitives.pointwise import numbers
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Infer, Kind, Primitive, Required, Vjp, no_gradient
from nnc.tensor.types import Shape, TensorType, TypeMismatch

ATTRIBUTES: dict[str, Attribute | Required] = {"axes": REQUIRED, "keepdims": False, "batch": False}


_RANGES = {"i32": (-(2**31), 2**31 - 1), "i64": (-(2**63), 2**63 - 1), "u8": (0, 255)}


def neutral(primitive: str, element: str) -> bool | int | float:
    """What a reduction over values of `element` may take along without a change of its result."""
    lowest, highest = _RANGES.get(element, (-math.inf, math.inf))
    zero, one = (0, 1) if element in _RANGES else (0.0, 1.0)
    return {
        "sum": zero,
        "prod": one,
        "max": lowest,
        "argmax": lowest,
        "min": highest,
        "argmin": highest,
        "any": False,
        "all": True,
    }[primitive]


def _check_axes(call: Call, type: TensorType) -> tuple[int, ...]:
    axes = call.integers("axes")
    for axis in axes:
        if not 0 <= axis < type.rank:
            raise TypeMismatch(f"`{call.symbol}` over axis {axis}: {type} has {type.rank} axes")
    if len(set(axes)) != len(axes):
        raise TypeMismatch(f"`{call.symbol}` over axes {list(axes)}: an axis is named twice")
    if call.flag("batch") and not type.batched:
        raise TypeMismatch(f"`{call.symbol}` over the batch expects a value per sample, found a common {type}")
    return axes


def kept_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    """`shape` with size 1 at `axes`."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def _reduced(call: Call, element: str, bound: int | None = None) -> TensorType:
    (type,) = call.types
    axes = _check_axes(call, type)
    shape = kept_shape(type.shape, axes) if call.flag("keepdims") else without(type.shape, axes)
    return TensorType(element, shape, type.batched and not call.flag("batch"), bound)


def _number(call: Call) -> TensorType:
    return _reduced(call, numbers(call).element)


def _extreme(call: Call) -> TensorType:
    type = _number(call)
    return TensorType(type.element, type.shape, type.batched, call.types[0].bound)


def _float(call: Call) -> TensorType:
    if not call.types[0].is_float:
        raise TypeMismatch(f"`{call.symbol}` expects real numbers, found {call.types[0]}")
    return _reduced(call, call.types[0].element)


def _boolean(call: Call) -> TensorType:
    if call.types[0].element != "bool":
        raise TypeMismatch(f"`{call.symbol}` expects bool, found {call.types[0]}: compare it with something")
    return _reduced(call, "bool")


def _position(call: Call) -> TensorType:
    """One axis, or the batch alone: then the result counts samples and has no bound."""
    numbers(call)
    axes = call.integers("axes")
    if len(axes) + call.flag("batch") != 1:
        raise TypeMismatch(f"`{call.symbol}` expects one axis, found {list(axes)}")
    _check_axes(call, call.types[0])
    return _reduced(call, "i32", None if call.flag("batch") else call.types[0].shape[axes[0]])


def _numpy_axes(call: Call) -> tuple[int, ...]:
    shift = int(call.types[0].batched)
    axes = tuple(axis + shift for axis in call.integers("axes"))
    return (0, *axes) if call.flag("batch") else axes


def _reference(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(call: Call, x: Array) -> Array:
        result = function(x, axis=_numpy_axes(call), keepdims=True)
        (type,) = call.results
        return np.asarray(result).reshape(((call.batch,) if type.batched else ()) + type.shape)

    return run


def _position_reference(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(call: Call, x: Array) -> Array:
        (axis,) = _numpy_axes(call)
        (type,) = call.results
        return np.asarray(function(x, axis=axis)).reshape(((call.batch,) if type.batched else ()) + type.shape)

    return run


def axes_of(op: Op) -> tuple[int, ...]:
    axes = op["axes"]
    assert isinstance(axes, tuple)
    return tuple(axis for axis in axes if isinstance(axis, int))


def _spread(b: Expressions, op: Op, g: Value) -> Value:
    """`g`, of the result's type, with size 1 at the reduced axes: it broadcasts against the operand."""
    return b.reshape(g, kept_shape(op.args[0].type.shape, axes_of(op)))


def _sum(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.broadcast(_spread(b, op, g), op.args[0].type),)


def _variance(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    """2 g (x - mean) / count. The mean hands nothing on: the deviations from it add up to zero."""
    (x,) = op.args
    axes, batch = axes_of(op), bool(op["batch"])
    deviation = b.sub(x, b.mean(x, axes, True, batch))
    count = b.count(x, axes, batch)
    return (b.mul(deviation, b.div(b.mul(_spread(b, op, g), 2), count)),)


def _prod(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    """The product of the others, without dividing by zeros: with one zero only that element has a gradient."""
    (x,) = op.args
    axes, batch = axes_of(op), bool(op["batch"])
    zero = b.eq(x, 0)
    count = b.op("sum", b.where(zero, b.like(1, x), b.like(0, x)), axes=axes, keepdims=True, batch=batch)
    filled = b.where(zero, 1, x)
    product = b.op("prod", filled, axes=axes, keepdims=True, batch=batch)
    # No `and` of both: Triton's interpreter makes numbers of a lone truth value where it meets a tile of them.
    alone = b.where(zero, b.where(b.eq(count, 1), product, 0), 0)
    others = b.where(b.eq(count, 0), b.div(product, filled), alone)
    return (b.mul(_spread(b, op, g), others),)


def _to_first(b: Expressions, x: Value, axes: tuple[int, ...], g: Value, position: str) -> Value:
    """`g` (size 1 at `axes`) at the first extreme element along `axes` taken together, 0 elsewhere."""
    others = tuple(axis for axis in range(x.type.rank) if axis not in axes)
    order = others + axes
    outer = tuple(x.type.shape[axis] for axis in others)
    size = math.prod(x.type.shape[axis] for axis in axes)
    rows = b.reshape(b.op("transpose", x, permutation=order), (*outer, size))
    winner = b.op(position, rows, axes=(len(outer),))
    placed = b.op("place", b.reshape(g, outer), winner, n=size)
    moved = b.reshape(placed, tuple(x.type.shape[axis] for axis in order))
    return b.op("transpose", moved, permutation=tuple(order.index(axis) for axis in range(x.type.rank)))


def _extreme_vjp(name: str, position: str) -> Vjp:
    def vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
        (x,) = op.args
        axes = axes_of(op)
        g = _spread(b, op, g)
        if op["batch"]:
            best = b.op(name, x, axes=axes, keepdims=True) if axes else x
            winner = b.op(position, best, axes=(), batch=True)
            g = b.where(b.eq(b.op("row"), winner), g, 0)
        return (_to_first(b, x, axes, g, position) if axes else g,)

    return vjp


def _row(
    name: str, infer: Infer, reference: Callable[..., Array], vjp: Vjp, triton: str, torch: str, **more: Any
) -> Primitive:
    return Primitive(
        name=name,
        kind=Kind.REDUCTION,
        infer=infer,
        reference=reference,
        vjp=vjp,
        flops=lambda call: call.types[0].size,
        triton=triton,
        torch=torch,
        attributes=ATTRIBUTES,
        **more,
    )


ROWS = (
    _row(
        "sum",
        _number,
        _reference(np.sum),
        _sum,
        "tl.sum({0}, axis={axis})",
        "torch.sum({0}, {axes}, keepdim={keepdims})",
    ),
    _row(
        "prod",
        _number,
        _reference(np.prod),
        _prod,
        "tl.reduce({0}, {axis}, multiply)",
        "torch.prod({0}, {axis}, keepdim={keepdims})",
    ),
    _row(
        "max",
        _extreme,
        _reference(np.max),
        _extreme_vjp("max", "argmax"),
        "largest({0}, {axis})",
        "torch.amax({0}, {axes}, keepdim={keepdims})",
    ),
    _row(
        "min",
        _extreme,
        _reference(np.min),
        _extreme_vjp("min", "argmin"),
        "smallest({0}, {axis})",
        "torch.amin({0}, {axes}, keepdim={keepdims})",
    ),
    _row(
        "variance",
        _float,
        _reference(np.var),
        _variance,
        "",
        "torch.var({0}, {axes}, correction=0, keepdim={keepdims})",
    ),
    _row(
        "any",
        _boolean,
        _reference(np.any),
        no_gradient,
        "tl.max({0}.to(tl.int32), axis={axis}) != 0",
        "torch.any({0}, {axes}, keepdim={keepdims})",
    ),
    _row(
        "all",
        _boolean,
        _reference(np.all),
        no_gradient,
        "tl.min({0}.to(tl.int32), axis={axis}) != 0",
        "torch.all({0}, {axes}, keepdim={keepdims})",
    ),
    _row(
        "argmax",
        _position,
        _position_reference(np.argmax),
        no_gradient,
        "tl.argmax({0}, axis={axis})",
        "torch.argmax({0}, {axis}, keepdim={keepdims})",
    ),
    _row(
        "argmin",
        _position,
        _position_reference(np.argmin),
        no_gradient,
        "tl.argmin({0}, axis={axis})",
        "torch.argmin({0}, {axis}, keepdim={keepdims})",
    ),
)
