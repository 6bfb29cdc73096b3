"""Reductions of more than a tile holds become several that fit, one after another.

In and out: a program of the same meaning. A long axis is cut into chunks, each of which one program reduces, and what
the chunks leave is reduced in turn, in a fixed order. A reduction over the batch gets the axes that it takes away in
front of those that it keeps, which become one axis. What fits a tile stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import replace

from nnc.schedule.groups import COVERED, held
from nnc.tensor.build import Builder
from nnc.tensor.expressions import without
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.reductions import axes_of, kept_shape, neutral
from nnc.tensor.program import Program

CHUNK = 1 << 12  # elements of a tile of a long reduction
ACROSS = 1 << 8  # of those, how many may lie along axes behind the reduced one: they are read side by side
_EXTREMES = {"argmax": "max", "argmin": "min"}


def run(program: Program) -> Program:
    function = program.function
    if all(_fits_somehow(op) for op in function.ops):
        return program
    builder = Builder(function.name)
    known: dict[Value, Value] = {}
    for value in function.parameters:
        known[value] = builder.parameter(value.type, value.hint, value.span)
    for op in function.ops:
        args = tuple(known[arg] for arg in op.args)
        with builder.at(op.span, op.results[0].scope):
            made = builder.again(op, *args) if _fits_somehow(op) else (_reduced(builder, op, *args),)
        known.update(zip(op.results, made, strict=True))
    finished: Function = builder.finish([known[value] for value in function.results])
    return replace(program, function=finished)


def _fits_somehow(op: Op) -> bool:
    """Whether one kernel can do it: within a tile, or as a fold of partials."""
    if TABLE[op.primitive].kind is not Kind.REDUCTION:
        return True
    x, axes = op.args[0], axes_of(op)
    if _is_fold(op):
        return (not op["batch"] and _fits(x, axes, COVERED)) or _folds(x, axes)
    return _fits(x, axes, COVERED)


def _is_fold(op: Op) -> bool:
    """Whether it takes away the axis that tiles go over."""
    return bool(op["batch"]) or (not op.args[0].type.batched and 0 in axes_of(op))


def _fits(x: Value, axes: tuple[int, ...], limit: int) -> bool:
    """Whether a tile holds all that lies along `axes` and behind the first of them."""
    return not axes or held(x.type.shape[min(axes) :]) <= limit


def _folds(x: Value, axes: tuple[int, ...]) -> bool:
    """Whether a tile holds all but the leading axes, which tiles go over, or only goes over a single axis beside."""
    leading = next((i for i, axis in enumerate(axes) if axis != i), len(axes))
    behind = x.type.shape[leading:]
    return (leading == len(axes) and len(behind) <= 1) or held(behind) <= COVERED


def _reduced(b: Builder, op: Op, x: Value) -> Value:
    axes, shape, hint = axes_of(op), x.type.shape, op.result.hint
    if _is_fold(op):
        kept = tuple(axis for axis in range(len(shape)) if axis not in axes)
        behind = (math.prod(shape[axis] for axis in kept),) if kept else ()
        turned = b.reshape(_turned(b, x, (*axes, *kept)), (*(shape[axis] for axis in axes), *behind))
        made = b.op(op.primitive, turned, axes=tuple(range(len(axes))), batch=bool(op["batch"]), hint=hint)
    elif op.primitive in _EXTREMES:
        made = _position(b, _EXTREMES[op.primitive], x, axes, hint)
    else:
        made = _staged(b, op.primitive, x, axes, hint)
    shape = op.result.type.shape
    return made if made.type.shape == shape else b.op("reshape", made, shape=shape, hint=hint)


def _turned(b: Builder, x: Value, order: tuple[int, ...]) -> Value:
    return x if order == tuple(range(len(order))) else b.op("transpose", x, permutation=order)


def _staged(b: Builder, primitive: str, x: Value, axes: tuple[int, ...], hint: str) -> Value:
    """The reduction over axes of the sample, which go: the last ones that fit a chunk together first, or a part of the
    last one."""
    while axes:
        count = len(axes) if _fits(x, axes, COVERED) else _last(x, axes)
        if count:
            x = b.op(primitive, x, axes=axes[-count:], hint=hint if count == len(axes) else f"{hint}_parts")
        else:
            x = _cut(b, primitive, x, axes[-1], hint)
        axes = axes[: -max(count, 1)]
    return x


def _last(x: Value, axes: tuple[int, ...]) -> int:
    """How many of the last axes fit a chunk together."""
    return next((count for count in range(len(axes), 0, -1) if _fits(x, axes[-count:], CHUNK)), 0)


def _cut(b: Builder, primitive: str, x: Value, axis: int, hint: str) -> Value:
    """The reduction over one long axis. Of what lies behind it, parts that are read side by side stay behind; the axis
    of the parts goes before it."""
    outer, n, behind = x.type.shape[:axis], x.type.shape[axis], math.prod(x.type.shape[axis + 1 :])
    left = without(x.type.shape, (axis,))
    across = _divisor(behind, ACROSS)
    inner = (across,) if across > 1 else ()
    if across < behind:
        x, parts = b.reshape(x, (*outer, n, behind // across, *inner)), len(outer) + 1
        x = b.op("transpose", x, permutation=(*range(axis), parts, axis, *range(parts + 1, x.type.rank)))
        outer = (*outer, behind // across)
    room = CHUNK // held(inner)
    chunk = _divisor(n, room)
    chunk = min(n, room) if chunk < room // 8 else chunk
    beyond = -n % chunk
    if beyond:
        x = b.reshape(x, (*outer, n, *inner))
        low, high = (0,) * x.type.rank, (*(0 for _ in outer), beyond, *(0 for _ in inner))
        x = b.op("pad", x, low=low, high=high, value=_nothing(primitive, x))
    x = b.reshape(x, (*outer, (n + beyond) // chunk, chunk, *inner))
    x = b.op(primitive, x, axes=(len(outer) + 1,), hint=f"{hint}_parts")
    return b.reshape(_staged(b, primitive, x, (len(outer),), hint), left)


def _position(b: Builder, extreme: str, x: Value, axes: tuple[int, ...], hint: str) -> Value:
    """The first place along an axis where the extreme stands, or where there is no number: a NaN is the extreme."""
    (axis,) = axes
    n = x.type.shape[axis]
    best = b.reshape(_staged(b, extreme, x, axes, f"{hint}_{extreme}"), kept_shape(x.type.shape, axes))
    stands = b.op("or", b.eq(x, best), b.op("ne", x, x)) if x.type.is_float else b.eq(x, best)
    places = b.reshape(b.op("arange", n=n), (n, *(1 for _ in x.type.shape[axis + 1 :])))
    last = b.op("constant", value=n - 1, element="i32", bound=n)
    return _staged(b, "min", b.op("where", stands, places, last), axes, hint)


def _divisor(size: int, most: int) -> int:
    """The largest divisor of `size` that is at most `most`."""
    return next(each for each in range(min(size, most), 0, -1) if size % each == 0)


def _nothing(primitive: str, x: Value) -> bool | int | float:
    """What changes nothing, and is an index where `x` is."""
    if x.type.bound is None:
        return neutral(primitive, x.type.element)
    return 0 if primitive == "max" else x.type.bound - 1
