"""Warnings about a training that is well formed and probably not meant: swapped arguments, no probability, nothing to
train.

In: the program for training. Out: diagnostics. Intervals of values are followed through the program, roughly: where
nothing is known of an operation, its result may be any number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nnc.language.context import Elaboration
from nnc.language.operators import called, origins
from nnc.tensor.ir import Function, Op, Value

Interval = tuple[float, float]
ANY: Interval = (-math.inf, math.inf)
UNIT: Interval = (0.0, 1.0)
POSITIVE: Interval = (0.0, math.inf)
SYMMETRIC: Interval = (-1.0, 1.0)

_FIXED: dict[str, Interval] = {
    "exp": POSITIVE,
    "sigmoid": UNIT,
    "softplus": POSITIVE,
    "abs": POSITIVE,
    "sqrt": POSITIVE,
    "rsqrt": POSITIVE,
    "one_hot": UNIT,
    "tanh": SYMMETRIC,
    "sin": SYMMETRIC,
    "cos": SYMMETRIC,
    "erf": SYMMETRIC,
}
_KEEPS = frozenset(
    ["reshape", "transpose", "broadcast", "slice", "reverse", "stop_gradient", "pick", "gather", "max", "min"]
)


def intervals(function: Function) -> dict[Value, Interval]:
    """Between what numbers each float value of a function lies."""
    producers = function.producers()
    known: dict[Value, Interval] = {}
    for op in function.ops:
        found = _interval(op, known, producers)
        for value in op.results:
            known[value] = found
    return known


def _interval(op: Op, known: dict[Value, Interval], producers: dict[Value, Op]) -> Interval:
    args = [known.get(arg, ANY) for arg in op.args]
    if op.primitive in _FIXED:
        return _FIXED[op.primitive]
    if op.primitive in _KEEPS:
        return args[0]
    rule = _RULES.get(op.primitive)
    if rule is not None:
        return rule(op, args, producers)
    return ANY


def _constant(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    value = op["value"]
    return (float(value), float(value)) if isinstance(value, int | float) else ANY


def _div(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    (low, _), (other, _) = args
    if low < 0 or other < 0:
        return ANY
    below = producers.get(op.args[1])
    is_share = below is not None and below.primitive == "sum" and below.args[0] is op.args[0]
    return UNIT if is_share else POSITIVE


def _mul(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    if op.args[0] is op.args[1]:
        return POSITIVE
    (a, b), (c, d) = args
    if math.inf in (b, d) or -math.inf in (a, c):
        return POSITIVE if a >= 0 and c >= 0 else ANY
    corners = [a * c, a * d, b * c, b * d]
    return min(corners), max(corners)


def _sum(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    return POSITIVE if args[0][0] >= 0 else ANY


def _where(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    return min(args[1][0], args[2][0]), max(args[1][1], args[2][1])


def _clip(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    low, high = op["low"], op["high"]
    return (float(low), float(high)) if isinstance(low, int | float) and isinstance(high, int | float) else ANY


def _concat(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    return min(low for low, _ in args), max(high for _, high in args)


_RULES: dict[str, Callable[[Op, list[Interval], dict[Value, Op]], Interval]] = {
    "constant": _constant,
    "div": _div,
    "mul": _mul,
    "sum": _sum,
    "where": _where,
    "clip": _clip,
    "concat": _concat,
    "add": lambda op, args, _: (args[0][0] + args[1][0], args[0][1] + args[1][1]),
    "sub": lambda op, args, _: (args[0][0] - args[1][1], args[0][1] - args[1][0]),
    "neg": lambda op, args, _: (-args[0][1], -args[0][0]),
    "maximum": lambda op, args, _: (max(args[0][0], args[1][0]), max(args[0][1], args[1][1])),
    "minimum": lambda op, args, _: (min(args[0][0], args[1][0]), min(args[0][1], args[1][1])),
}


def warn(ctx: Elaboration, function: Function, loss: Value) -> None:
    """Warns of a log of a prediction that is no probability, and of a loss that nothing trained leads to."""
    known = intervals(function)
    producers = function.producers()
    for op in function.ops:
        if op.primitive != "log" or op.span is None:
            continue
        value = op.args[0]
        picked = producers.get(value)
        if picked is not None and picked.primitive == "pick":
            value = picked.args[0]
        low, high = known.get(value, ANY)
        if value not in ctx.outputs or (low >= 0 and high <= 1):
            continue
        spread = "any number" if low < 0 else "more than 1"
        ctx.reporter.warning(
            "W0502",
            f"the log of {called(ctx, value)} is taken as of a probability, and it may be {spread}",
            op.span,
            others=origins(ctx, [value]),
            help="end the model with softmax, or with sigmoid for a single number",
        )
    if "prediction" not in ctx.origins.get(loss, frozenset()) and loss.span is not None:
        ctx.reporter.warning("W0503", "the loss does not depend on anything that is trained", loss.span)
