"""Functions that move elements, and the product `@`. Axes count within the sample."""

from __future__ import annotations

import math

from nnc.base.source import Span
from nnc.language.builtins.call import BuiltinCall
from nnc.language.context import Elaboration
from nnc.language.operators import is_literal, number, origin, origins
from nnc.language.values import REQUIRED, Anything, Builtin, Tensor, describe, spell
from nnc.tensor.types import TypeMismatch


def _sizes(call: BuiltinCall, x: Tensor) -> tuple[int, ...]:
    """The wished shape; one -1 in it stands for what is left."""
    sizes = call.integers("shape")
    if sizes.count(-1) == 1:
        known = math.prod(size for size in sizes if size != -1)
        if known > 0 and x.type.size % known == 0:
            sizes = tuple(x.type.size // known if size == -1 else size for size in sizes)
    if any(size < 1 for size in sizes) or math.prod(sizes) != x.type.size:
        raise call.fail(
            f"{spell(x.type)} has {x.type.size:,} elements, which {list(call.integers('shape'))} does not hold",
            others=origin(call.ctx, x),
        )
    return sizes


def _reshape(call: BuiltinCall) -> Anything:
    x = call.tensor()
    return call.op("reshape", [x], shape=_sizes(call, x))


def _transpose(call: BuiltinCall) -> Anything:
    x = call.tensor()
    if call.options["axes"] is None:
        order = tuple(reversed(range(x.type.rank)))
    else:
        order = tuple(axis % x.type.rank if x.type.rank else axis for axis in call.integers("axes"))
        if sorted(order) != list(range(x.type.rank)):
            raise call.fail(f"`axes` names each of the {x.type.rank} axes of {spell(x.type)} once")
    return call.op("transpose", [x], permutation=order)


def _broadcast(call: BuiltinCall) -> Anything:
    shape = call.integers("shape")
    if any(size < 1 for size in shape):
        raise call.fail(f"{list(shape)} is no shape")
    x = call.tensor(0, "f32")
    return call.op("broadcast", [x], shape=shape, batched=x.type.batched)


def _tensors(call: BuiltinCall) -> list[Tensor]:
    items = call.args[0] if isinstance(call.args[0], tuple) else ()
    known = next((item.type.element for item in items if isinstance(item, Tensor)), None)
    found = [
        item if isinstance(item, Tensor) else call.listed(item, known)
        for item in items
        if isinstance(item, Tensor) or is_literal(item)
    ]
    if len(found) != len(items) or not found:
        raise call.fail(f"a list of tensors is wanted, and this is {describe(call.args[0])}", code="E0210")
    return found


def _concat(call: BuiltinCall) -> Anything:
    parts = _tensors(call)
    return call.op("concat", parts, axis=call.axis(parts[0].type.rank))


def _stack(call: BuiltinCall) -> Anything:
    parts = _tensors(call)
    axis = call.axis(parts[0].type.rank + 1)
    lifted = []
    for part in parts:
        shape = part.type.shape
        lifted.append(call.op("reshape", [part], last=False, shape=(*shape[:axis], 1, *shape[axis:])))
    return call.op("concat", lifted, axis=axis)


def _split(call: BuiltinCall) -> Anything:
    x, count = call.tensor(), call.integer("count")
    axis = call.axis(x.type.rank)
    size = x.type.shape[axis]
    if count < 1 or size % count:
        raise call.fail(f"axis {axis} of {spell(x.type)} is not divisible by {count}", others=origin(call.ctx, x))
    width = size // count
    return tuple(_cut(call, x, axis, place * width, (place + 1) * width) for place in range(count))


def _cut(call: BuiltinCall, x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    shape = x.type.shape
    starts = tuple(start if place == axis else 0 for place in range(len(shape)))
    stops = tuple(stop if place == axis else size for place, size in enumerate(shape))
    return call.op("slice", [x], starts=starts, stops=stops, steps=(1,) * len(shape))


def _pad(call: BuiltinCall) -> Anything:
    """`pad(x, [[1, 1], [0, 2]])`: how many before and behind, for each axis."""
    x = call.tensor()
    pairs = call.options["widths"]
    counts = [
        item
        for pair in (pairs if isinstance(pairs, tuple) else ())
        for item in (pair if isinstance(pair, tuple) else (pair, pair))
        if isinstance(item, int)
    ]
    if len(counts) != 2 * x.type.rank or min(counts, default=0) < 0:
        raise call.fail(f"`widths` is a list of [before, behind] for each of the {x.type.rank} axes of {spell(x.type)}")
    return call.op("pad", [x], low=tuple(counts[::2]), high=tuple(counts[1::2]), value=call.real("value"))


def _reverse(call: BuiltinCall) -> Anything:
    x = call.tensor()
    return call.op("reverse", [x], axes=(call.axis(x.type.rank),))


def product(
    ctx: Elaboration, left: tuple[Anything, Span], right: tuple[Anything, Span], span: Span, hint: str
) -> Tensor:
    """`x @ y`: the last axis of x with the last but one of y (the only one of a vector), as NumPy's. Raises
    Poisoned."""
    ctx.needs_shape()
    x, y = (
        number(ctx, value, "f32", place) if is_literal(value) and isinstance(other, Tensor) else value
        for (value, place), (other, _) in ((left, right), (right, left))
    )
    for value, place in ((x, left[1]), (y, right[1])):
        if not isinstance(value, Tensor) or value.type.rank == 0:
            raise ctx.fail("E0210", f"`@` multiplies tensors with axes, and this is {describe(value)}", place)
    assert isinstance(x, Tensor), "just checked"
    assert isinstance(y, Tensor), "just checked"
    a, b = x.type.shape, y.type.shape
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        which = "axis -2" if len(b) > 1 else "axis -1"
        raise ctx.fail(
            "E0201",
            f"cannot multiply {spell(x.type)} @ {spell(y.type)}",
            span,
            f"axis -1 on the left is {a[-1]}, {which} on the right is {inner}",
            others=(*origin(ctx, x), *origin(ctx, y)),
            help="the last axis of the left meets the last but one of the right",
        )
    try:
        return ctx.op("einsum", [x, y], span, {"spec": _spec(x, y)}, hint)
    except TypeMismatch as mismatch:
        raise ctx.fail("E0207", f"cannot multiply: {mismatch}", span, others=origins(ctx, [x, y])) from None


def _spec(x: Tensor, y: Tensor) -> str:
    """The letters of `x @ y`. Leading axes that both have are aligned at the end."""
    a, b = x.type.rank, y.type.rank
    letters = "abcdefghijlmnopqrstuvwxyz"
    leading = max(a - 2, b - 2, 0)
    shared = letters[2 : 2 + leading]
    first = (shared[leading - max(a - 2, 0) :] if a > 2 else "") + ("a" if a > 1 else "") + "k"
    second = (shared[leading - max(b - 2, 0) :] if b > 2 else "") + "k" + ("b" if b > 1 else "")
    result = shared + ("a" if a > 1 else "") + ("b" if b > 1 else "")
    left, right = "B" * x.type.batched, "B" * y.type.batched
    return f"{left}{first},{right}{second}->{'B' * (x.type.batched or y.type.batched)}{result}"


_SHAPE: tuple[tuple[str, object], ...] = (("shape", REQUIRED),)
_LAST: tuple[tuple[str, object], ...] = (("axis", -1),)

BUILTINS = (
    Builtin("reshape", ("x",), _SHAPE, _reshape),
    Builtin("broadcast", ("x",), _SHAPE, _broadcast),
    Builtin("transpose", ("x",), (("axes", None),), _transpose),
    Builtin("concat", ("xs",), _LAST, _concat),
    Builtin("stack", ("xs",), _LAST, _stack),
    Builtin("split", ("x",), (("count", REQUIRED), ("axis", -1)), _split),
    Builtin("pad", ("x",), (("widths", REQUIRED), ("value", 0)), _pad),
    Builtin("reverse", ("x",), _LAST, _reverse),
)
