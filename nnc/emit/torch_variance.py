"""Variances on the torch path, written out: the mean of the squared deviations from the mean.

In: a kernel's ops, and the program that they are of. Out: ops without variances. torch's own call goes over its
elements one by one, and gives no deviations; two passes are as exact and many times as fast. Where the program has the
deviations itself, its own ops are taken, so that who reads them next finds them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nnc.tensor.build import Builder
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives.reductions import axes_of
from nnc.tensor.types import BatchLength

_VIEWS = ("stop_gradient", "reshape", "broadcast")
_FLOATS = ("f32", "f64")


def run(ops: Sequence[Op], function: Function) -> list[Op]:
    if not any(_is_spread(op) for op in ops):
        return list(ops)
    producers, users = function.producers(), function.users()
    found: list[Op] = []
    made: set[Value] = set()
    for op in ops:
        for new in _written_out(op, producers, users) if _is_spread(op) else (op,):
            if not made.issuperset(new.results):
                made.update(new.results)
                found.append(new)
    return found


def _is_spread(op: Op) -> bool:
    """Whether an op is a variance of floats along axes whose lengths are known."""
    if op.primitive != "variance" or op.args[0].type.element not in _FLOATS:
        return False
    axes, shape = axes_of(op), op.args[0].type.shape
    return bool(axes or op["batch"]) and not any(isinstance(shape[axis], BatchLength) for axis in axes)


def _written_out(op: Op, producers: Mapping[Value, Op], users: Mapping[Value, Sequence[Op]]) -> list[Op]:
    (x,), axes, batch = op.args, axes_of(op), bool(op["batch"])
    builder = Builder("variance")
    own = _deviation_of_program(op, producers, users)
    with builder.at(op.span, op.result.scope):
        deviation = builder.sub(x, builder.mean(x, axes, True, batch)) if own is None else own.result
        squares = builder.mul(deviation, deviation)
        mean = builder.mean(squares, axes, op["keepdims"] is True, batch)
    made = builder.finish((mean,)).ops
    before = [] if own is None else _chain(own, x, producers)
    return [*before, *made[:-1], replace(made[-1], results=op.results)]


def _deviation_of_program(
    variance: Op, producers: Mapping[Value, Op], users: Mapping[Value, Sequence[Op]]
) -> Op | None:
    """The op that takes from x its mean along the axes of its variance."""
    x = variance.args[0]
    for op in users.get(x, ()):
        if op.primitive == "sub" and op.args[0] is x and op.result.type == x.type:
            mean = _before_views(op.args[1], producers)
            if mean is not None and mean.primitive == "div" and _is_mean(mean, variance, producers):
                return op
    return None


def _is_mean(quotient: Op, variance: Op, producers: Mapping[Value, Op]) -> bool:
    total = _before_views(quotient.args[0], producers)
    if total is None or total.primitive != "sum" or total.args != variance.args:
        return False
    axes, batch = axes_of(variance), bool(variance["batch"])
    shape = variance.args[0].type.shape
    count = (math.prod(shape[axis] for axis in axes), int(batch))
    return (axes_of(total), bool(total["batch"])) == (axes, batch) and _count(quotient.args[1], producers) == count


def _before_views(value: Value, producers: Mapping[Value, Op]) -> Op | None:
    op = producers.get(value)
    return _before_views(op.args[0], producers) if op is not None and op.primitive in _VIEWS else op


def _count(value: Value, producers: Mapping[Value, Op]) -> tuple[float, int] | None:
    """`value` as a number times a power of the number of samples."""
    op = producers.get(value)
    match op.primitive if op is not None else "":
        case "constant":
            number = op["value"] if op is not None else None
            return (number, 0) if isinstance(number, int | float) else None
        case "batch_size":
            return 1, 1
        case "mul":
            counts = [_count(arg, producers) for arg in op.args] if op is not None else []
            (a, b) = counts
            return None if a is None or b is None else (a[0] * b[0], a[1] + b[1])
        case "convert" | "stop_gradient" | "reshape" | "broadcast":
            return _count(op.args[0], producers) if op is not None else None
        case _:
            return None


def _chain(last: Op, x: Value, producers: Mapping[Value, Op]) -> list[Op]:
    """The ops from `x` to `last`, in order."""
    found: dict[Op, None] = {}

    def visit(op: Op) -> None:
        for arg in op.args:
            if arg is not x and arg in producers:
                visit(producers[arg])
        found.setdefault(op)

    visit(last)
    return list(found)
