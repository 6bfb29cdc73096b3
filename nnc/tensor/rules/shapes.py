"""Rules about where elements lie: views, picking and placing, sums, and the position of the largest.

Reductions are kept without `keepdims`, followed by a reshape where one is needed, so that the two forms are one value.
"""

from __future__ import annotations

import math

from nnc.tensor.expressions import without
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.reductions import axes_of, kept_shape
from nnc.tensor.primitives.views import integers
from nnc.tensor.rules.pattern import Rewriter
from nnc.tensor.types import Shape


def _made_by(s: Rewriter, value: Value, primitive: str) -> Op | None:
    op = s.producer(value)
    return op if op is not None and op.primitive == primitive else None


def reshape(s: Rewriter, op: Op) -> Value | None:
    """A reshape to the same shape, and one of a reshape."""
    (x,) = op.args
    if x.type.shape == op.result.type.shape:
        return x
    inner = _made_by(s, x, "reshape")
    return s.reshape(inner.args[0], op.result.type.shape) if inner else None


def transpose(s: Rewriter, op: Op) -> Value | None:
    """A transpose that moves nothing, or only axes of size 1, and one of a transpose."""
    (x,) = op.args
    permutation = integers(op, "permutation")
    moved = [axis for axis in permutation if x.type.shape[axis] != 1]
    if moved == sorted(moved):
        return s.reshape(x, op.result.type.shape)
    inner = _made_by(s, x, "transpose")
    if inner is None:
        return None
    before = integers(inner, "permutation")
    return s.op("transpose", inner.args[0], permutation=tuple(before[axis] for axis in permutation))


def broadcast(s: Rewriter, op: Op) -> Value | None:
    """A broadcast that repeats nothing, and one of a broadcast."""
    (x,) = op.args
    if x.type.size == op.result.type.size and x.type.batched == op.result.type.batched:
        return s.reshape(x, op.result.type.shape)
    inner = _made_by(s, x, "broadcast")
    return s.broadcast(inner.args[0], op.result.type) if inner else None


def convert(s: Rewriter, op: Op) -> Value | None:
    return op.args[0] if op.args[0].type == op.result.type else None


def keepdims(s: Rewriter, op: Op) -> Value | None:
    """A reduction that keeps its axes: reduced without them, then reshaped."""
    if not op["keepdims"]:
        return None
    batch = bool(op["batch"])
    return s.reshape(s.op(op.primitive, op.args[0], axes=axes_of(op), batch=batch), op.result.type.shape)


def nothing_reduced(s: Rewriter, op: Op) -> Value | None:
    """Axes of size 1 need no reduction."""
    (x,) = op.args
    axes = tuple(axis for axis in axes_of(op) if x.type.shape[axis] != 1)
    if axes == axes_of(op) and (axes or op["batch"]):
        return None
    squeezed = s.reshape(x, tuple(n for axis, n in enumerate(x.type.shape) if axis in axes or axis not in axes_of(op)))
    gone = [axis for axis in axes_of(op) if axis not in axes]
    left = tuple(axis - sum(other < axis for other in gone) for axis in axes)
    batch = bool(op["batch"])
    return s.op(op.primitive, squeezed, axes=left, batch=batch) if left or batch else squeezed


def nothing_varies(s: Rewriter, op: Op) -> Value | None:
    """The variance of one element is 0."""
    (x,) = op.args
    if op["batch"] or any(x.type.shape[axis] != 1 for axis in axes_of(op)):
        return None
    return s.broadcast(s.like(0, x), op.result.type)


def reduction_of_reduction(s: Rewriter, op: Op) -> Value | None:
    """sum(sum(x, a), b) -> sum(x, a and b); so for every reduction but the positions."""
    inner = _made_by(s, op.args[0], op.primitive)
    if inner is None or inner["keepdims"] or not s.used_once(op.args[0]):
        return None
    (x,) = inner.args
    left = [axis for axis in range(x.type.rank) if axis not in axes_of(inner)]
    axes = sorted({*axes_of(inner), *(left[axis] for axis in axes_of(op))})
    return s.op(op.primitive, x, axes=tuple(axes), batch=bool(op["batch"]) or bool(inner["batch"]))


def sum_of_place(s: Rewriter, op: Op) -> Value | None:
    """sum(place(g, i), last axis) -> g"""
    inner = _made_by(s, op.args[0], "place")
    last = op.args[0].type.rank - 1
    if inner is None or last not in axes_of(op):
        return None
    g = s.broadcast(inner.args[0], inner.result.type.with_shape(inner.args[0].type.shape))
    return s.op("sum", g, axes=tuple(axis for axis in axes_of(op) if axis != last), batch=bool(op["batch"]))


def sum_of_chosen(s: Rewriter, op: Op) -> Value | None:
    """sum(one_hot(i) * x, last axis) -> pick(x, i)"""
    inner = _made_by(s, op.args[0], "mul")
    last = op.args[0].type.rank - 1
    if inner is None or last not in axes_of(op):
        return None
    for chooser, x in (inner.args, inner.args[::-1]):
        choice = _made_by(s, chooser, "one_hot")
        if choice is not None and x.type.shape == chooser.type.shape == inner.result.type.shape:
            picked = s.op("pick", x, choice.args[0])
            return s.op(
                "sum", picked, axes=tuple(axis for axis in axes_of(op) if axis != last), batch=bool(op["batch"])
            )
    return None


def sum_of_negative(s: Rewriter, op: Op) -> Value | None:
    inner = _made_by(s, op.args[0], "neg")
    return s.neg(s.op("sum", inner.args[0], axes=axes_of(op), batch=bool(op["batch"]))) if inner else None


def sum_of_repeated(s: Rewriter, op: Op) -> Value | None:
    """The sum of a value repeated along the summed axes and nowhere else is that value times their number."""
    inner = _made_by(s, op.args[0], "broadcast")
    if inner is None or not op.result.type.is_float:
        return None
    (x,) = inner.args
    whole = inner.result.type.shape
    shape = (1,) * (len(whole) - x.type.rank) + x.type.shape
    if kept_shape(whole, axes_of(op)) != shape or (inner.result.type.batched and not x.type.batched) != op["batch"]:
        return None
    factor = math.prod(whole[axis] for axis in axes_of(op))
    total = s.mul(s.reshape(x, op.result.type.shape), factor)
    return s.mul(total, s.op("convert", s.op("batch_size"), element=x.type.element)) if op["batch"] else total


def invariant_factor(s: Rewriter, op: Op) -> Value | None:
    """sum(x * c) -> sum(x) * c, sum(x / c) -> sum(x) / c, where c does not change along what is summed."""
    inner = s.producer(op.args[0])
    if inner is None or inner.primitive not in ("mul", "div") or not s.used_once(op.args[0]):
        return None
    orders = [inner.args, inner.args[::-1]] if inner.primitive == "mul" else [inner.args]
    for x, factor in orders:
        varies = not invariant(factor, op.args[0].type.rank, axes_of(op)) or (op["batch"] and factor.type.batched)
        if varies or (x.type.shape, x.type.batched) != (inner.result.type.shape, inner.result.type.batched):
            continue
        total = s.op("sum", x, axes=axes_of(op), batch=bool(op["batch"]))
        return s.op(inner.primitive, total, squeezed(s, factor, op.args[0].type.rank, axes_of(op)))
    return None


def invariant(value: Value, rank: int, axes: tuple[int, ...]) -> bool:
    """Whether `value`, broadcast to `rank`, has size 1 at `axes`."""
    extra = rank - value.type.rank
    return all(axis < extra or value.type.shape[axis - extra] == 1 for axis in axes)


def squeezed(s: Rewriter, value: Value, rank: int, axes: tuple[int, ...]) -> Value:
    """`value`, which broadcasts to `rank` axes, without `axes`."""
    extra = rank - value.type.rank
    return s.reshape(value, without(value.type.shape, [axis - extra for axis in axes if axis >= extra]))


def pick(s: Rewriter, op: Op) -> Value | None:
    """pick(a op b, i) -> pick(a, i) op b where b has size 1 on the picked axis, and pick(-a, i) -> -pick(a, i)."""
    x, index = op.args
    inner = s.producer(x)
    if inner is None or TABLE[inner.primitive].kind is not Kind.POINTWISE:
        return None
    if inner.primitive == "neg":
        return s.neg(s.op("pick", inner.args[0], index))
    last = (x.type.rank - 1,)
    whole = [arg.type.shape == x.type.shape for arg in inner.args]
    if whole.count(True) != 1 or not all(
        w or invariant(a, x.type.rank, last) for a, w in zip(inner.args, whole, strict=True)
    ):
        return None
    args = [
        s.op("pick", arg, index) if is_whole else squeezed(s, arg, x.type.rank, last)
        for arg, is_whole in zip(inner.args, whole, strict=True)
    ]
    return s.again(inner, *args)[0] if len(args) > 1 else None


def place(s: Rewriter, op: Op) -> Value | None:
    """place(-g, i) -> -place(g, i), and place(1, i) -> one_hot(i)"""
    g, index = op.args
    n = op["n"]
    assert isinstance(n, int)
    negated = _made_by(s, g, "neg")
    if negated is not None:
        whole = s.broadcast(negated.args[0], g.type)
        return s.neg(s.op("place", whole, index, n=n))
    if s.number(_unrepeated(s, g)) == 1 and op.result.type.element == "f32":
        return s.op("one_hot", index, n=n)
    return None


def _unrepeated(s: Rewriter, value: Value) -> Value:
    op = _made_by(s, value, "broadcast")
    return op.args[0] if op else value


def position(s: Rewriter, op: Op) -> Value | None:
    """argmax(x - c), argmax(x / c) for c > 0 and argmax(exp(x)) are argmax(x), where c does not change along the
    axis."""
    inner = s.producer(op.args[0])
    if inner is None or op["batch"]:
        return None
    if inner.primitive == "exp":
        return s.op(op.primitive, inner.args[0], axes=axes_of(op))
    if inner.primitive not in ("sub", "div"):
        return None
    x, c = inner.args
    fits = x.type == op.args[0].type and invariant(c, x.type.rank, axes_of(op))
    if not fits or (inner.primitive == "div" and not is_positive(s, c)):
        return None
    return s.op(op.primitive, x, axes=axes_of(op))


def is_positive(s: Rewriter, value: Value) -> bool:
    """Whether a value is known to be above 0: exponentials, and sums and products of such."""
    op = s.producer(value)
    if op is None:
        return False
    if op.primitive in ("exp", "softplus", "sigmoid"):
        return True
    number = s.number(value)
    if number is not None:
        return number > 0
    passing = op.primitive in ("sum", "reshape", "broadcast", "add", "mul", "div", "transpose")
    return passing and all(is_positive(s, arg) for arg in op.args)


def leading_ones(shape: Shape, inner: Shape) -> bool:
    """Whether `shape` is `inner` behind axes of size 1: NumPy's broadcasting needs no reshape for that."""
    extra = len(shape) - len(inner)
    return extra >= 0 and shape == (1,) * extra + inner


_FOLDABLE = (keepdims, nothing_reduced, reduction_of_reduction)

SHAPE_RULES = {
    "reshape": (reshape,),
    "transpose": (transpose,),
    "broadcast": (broadcast,),
    "convert": (convert,),
    "sum": (*_FOLDABLE, sum_of_place, sum_of_chosen, sum_of_negative, sum_of_repeated, invariant_factor),
    "prod": _FOLDABLE,
    "max": _FOLDABLE,
    "min": _FOLDABLE,
    "variance": (keepdims, nothing_varies),
    "any": _FOLDABLE,
    "all": _FOLDABLE,
    "argmax": (keepdims, position),
    "argmin": (keepdims,),
    "pick": (pick,),
    "place": (place,),
}
