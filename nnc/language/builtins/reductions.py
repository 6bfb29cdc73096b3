"""Reductions over `axis =` (default: all axes of the sample), with `keepdims = true`, and with `batch = true` over
the batch. Of a list they are element by element: `sum((a, b))` is a + b."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import ARITHMETIC, binary, counted, number, operands, origins, pointwise
from nnc.language.values import Anything, Builtin, Tensor, is_number
from nnc.tensor.types import TypeMismatch

_OPTIONS = (("axis", None), ("keepdims", False), ("batch", False))

_OF_NOTHING = ("sum", "prod")  # 0 and 1; an empty list has no mean and no largest entry
_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "mean": lambda items: sum(items) / len(items),
    "prod": math.prod,
    "max": max,
    "min": min,
}


EXTREMES = {"argmax": "max", "argmin": "min"}
_JOINS = {"sum": "+", "mean": "+", "prod": "*", "max": "maximum", "min": "minimum"}


def _joined(call: BuiltinCall, items: tuple[Anything, ...]) -> Anything:
    """A reduction of a list of tensors, element by element."""
    if any(call.options.get(name) != default for name, default in _OPTIONS):
        raise call.fail("of a list it has no axis", code="E0210", help="stack(xs, axis = 0) makes one tensor of a list")
    join, total = _JOINS[call.name], items[0]
    for item in items[1:]:
        pair = ((total, call.span), (item, call.span))
        if join in ARITHMETIC:
            total = binary(call.ctx, join, *pair, call.span, call.hint)
        else:
            args = operands(call.ctx, f"apply `{call.name}` to", *pair, call.span)
            total = pointwise(call.ctx, join, f"apply `{call.name}` to", [(x, call.span) for x in args], call.span)
    if call.name != "mean":
        return total
    return binary(call.ctx, "/", (total, call.span), (len(items), call.span), call.span, call.hint)


def _listed(call: BuiltinCall) -> Anything:
    """A reduction of a list: of numbers at compile time, or of tensors element by element."""
    (items,) = call.args
    if isinstance(items, tuple) and call.name in _JOINS and any(isinstance(item, Tensor) for item in items):
        return _joined(call, items)
    fold = _FOLDS.get(call.name)
    is_listed = isinstance(items, tuple) and all(map(is_number, items)) and (items or call.name in _OF_NOTHING)
    if fold is None or not isinstance(items, tuple) or not is_listed:
        call.tensor()
        raise call.fail("a tensor is wanted")
    return fold([item for item in items if isinstance(item, int | float)])


def _reduce(primitive: str, call: BuiltinCall) -> Anything:
    if not isinstance(call.args[0], Tensor):
        return _listed(call)
    x = call.tensor()
    if x.type.element == "bool" and primitive in ("sum", "mean"):
        raise call.fail("truth values have no sum", code="E0203", help="make numbers of them: float(x)")
    if primitive in ("sum", "prod"):
        x = counted(call.ctx, x, call.span)
        if x.type.element == "u8":  # 255 is soon reached
            x = call.op("convert", [x], False, element="i32")
    return call.op(
        primitive, [x], axes=call.axes(x.type.rank), keepdims=call.flag("keepdims"), batch=call.flag("batch")
    )


def _position(primitive: str, call: BuiltinCall) -> Anything:
    """The place of the first of the largest: along an axis; along several, as of their elements in a row."""
    x = call.tensor()
    axes, batch = call.axes(x.type.rank), call.flag("batch")
    if not axes and not batch:
        raise call.fail("there is no axis to look along", others=origins(call.ctx, [x]))
    kept = tuple(axis for axis in range(x.type.rank) if axis not in axes)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.type.shape))
    keeps = call.flag("keepdims")
    if len(axes) == 1 and not batch:
        return call.op(primitive, [x], axes=axes, keepdims=keeps)
    if axes:
        count = math.prod(x.type.shape[axis] for axis in axes)
        moved = call.op("transpose", [x], False, permutation=(*kept, *axes))
        x = call.op("reshape", [moved], False, shape=(*(x.type.shape[axis] for axis in kept), count))
    is_seen = keeps and len(kept) < len(shape)
    found = _in_batch(primitive, call, x, bool(axes), is_seen) if batch else _along_last(primitive, call, x, is_seen)
    return call.op("reshape", [found], shape=shape) if is_seen else found


def _along_last(primitive: str, call: BuiltinCall, x: Tensor, is_inner: bool) -> Tensor:
    return call.op(primitive, [x], not is_inner, axes=(x.type.rank - 1,), keepdims=False)


def _in_batch(primitive: str, call: BuiltinCall, x: Tensor, has_axes: bool, is_inner: bool) -> Tensor:
    """The sample's row; with axes, the place among all samples' elements along the last: row times their count, and
    the place in that sample."""
    if not has_axes:
        return call.op(primitive, [x], not is_inner, axes=(), keepdims=False, batch=True)
    count, last = x.type.shape[-1], (x.type.rank - 1,)
    best = call.op(EXTREMES[primitive], [x], False, axes=last)
    row = call.op(primitive, [best], False, axes=(), keepdims=False, batch=True)
    here = call.op("eq", [call.op("row", [], False), row], False)
    place = call.op("convert", [call.op(primitive, [x], False, axes=last)], False, element="i32")
    found = call.op("where", [here, place, number(call.ctx, 0, "i32", call.span)], False)
    found = call.op("sum", [found], False, axes=(), batch=True)
    whole = call.op("mul", [row, number(call.ctx, count, "i32", call.span)], False)
    return call.op("add", [whole, found], not is_inner)


def _composed(call: BuiltinCall) -> Anything:
    """What is written with sums: mean, variance, logsumexp."""
    if not isinstance(call.args[0], Tensor):
        return _listed(call)
    x, ctx = call.tensor(), call.ctx
    axes, keepdims, batch = call.axes(x.type.rank), call.flag("keepdims"), call.options.get("batch") is True
    if not x.type.is_float:
        raise call.fail(f"real numbers are wanted, and this is {x.type}", code="E0203", help="convert it: float(x)")
    try:
        with ctx.builder.at(ctx.user_span(call.span), ctx.scope):
            if call.name == "mean":
                value = ctx.builder.mean(x, axes, keepdims, batch)
            elif call.name == "variance":
                value = ctx.builder.variance(x, axes, keepdims, batch)
            else:
                value = ctx.builder.logsumexp(x, axes, keepdims, batch)
    except TypeMismatch as mismatch:
        raise call.fail(str(mismatch), others=origins(ctx, [x])) from None
    ctx.origins[value] = ctx.origins.get(x, frozenset())
    return value


BUILTINS = (
    *(
        Builtin(name, ("x",), _OPTIONS, partial(_reduce, name), maps_lists=True)
        for name in ("sum", "prod", "max", "min", "any", "all")
    ),
    *(Builtin(name, ("x",), _OPTIONS, partial(_position, name)) for name in ("argmax", "argmin")),
    *(Builtin(name, ("x",), _OPTIONS, _composed, maps_lists=True) for name in ("mean", "variance", "logsumexp")),
)
