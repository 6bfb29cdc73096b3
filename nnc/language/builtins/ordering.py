"""Functions of the order along an axis: cumsum, cumprod, argsort, sort, top_k. Equal elements keep their order; NaN is
the largest."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import origin
from nnc.language.values import REQUIRED, Anything, Builtin, Tensor, spell


def _moved(call: BuiltinCall) -> tuple[Tensor, tuple[int, ...]]:
    """The tensor with the axis in question last, and the permutation that brings it back."""
    x = call.tensor()
    axis = call.axis(x.type.rank)
    order = [*(other for other in range(x.type.rank) if other != axis), axis]
    back = tuple(order.index(place) for place in range(x.type.rank))
    is_last = axis == x.type.rank - 1
    return (x if is_last else call.op("transpose", [x], False, permutation=tuple(order))), back


def _back(call: BuiltinCall, x: Tensor, permutation: tuple[int, ...]) -> Tensor:
    return x if permutation == tuple(range(x.type.rank)) else call.op("transpose", [x], permutation=permutation)


def _taken(call: BuiltinCall, x: Tensor, places: Tensor) -> Tensor:
    """The elements of the last axis at `places`, [..., k] of [..., n]."""
    *outer, n = x.type.shape
    (*_, k) = places.type.shape
    rows = call.op("reshape", [x], False, shape=(*outer, 1, n))
    spread = call.op("broadcast", [rows], False, shape=(*outer, k, n), batched=x.type.batched)
    return call.op("pick", [spread, places])


def _running(call: BuiltinCall) -> Anything:
    """cumsum and cumprod."""
    x, back = _moved(call)
    return _back(call, call.op(call.name, [x]), back)


def _argsort(call: BuiltinCall) -> Anything:
    x, back = _moved(call)
    return _back(call, call.op("argsort", [x], descending=call.flag("descending")), back)


def _sort(call: BuiltinCall) -> Anything:
    x, back = _moved(call)
    return _back(call, _taken(call, x, call.op("argsort", [x], False, descending=call.flag("descending"))), back)


def _top_k(call: BuiltinCall) -> Anything:
    """`values, places = top_k(x, 3)`: the largest along the last axis, the largest first."""
    x, k = call.tensor(), call.integer("k")
    if x.type.rank == 0 or not 1 <= k <= x.type.shape[-1]:
        raise call.fail(f"{k} of the last axis of {spell(x.type)} cannot be taken", others=origin(call.ctx, x))
    places = call.op("argsort", [x], False, descending=True)
    shape = places.type.shape
    stops = (*shape[:-1], k)
    places = call.op("slice", [places], False, starts=(0,) * len(shape), stops=stops, steps=(1,) * len(shape))
    return _taken(call, x, places), places


_AXIS: tuple[tuple[str, object], ...] = (("axis", -1),)

BUILTINS = (
    Builtin("cumsum", ("x",), _AXIS, _running),
    Builtin("cumprod", ("x",), _AXIS, _running),
    Builtin("argsort", ("x",), (*_AXIS, ("descending", False)), _argsort),
    Builtin("sort", ("x",), (*_AXIS, ("descending", False)), _sort),
    Builtin("top_k", ("x",), (("k", REQUIRED),), _top_k),
)
