"""Warnings about a training that is well formed and probably not meant: no probability, pixels as they are, nothing to
train.

In: the program for training. Out: diagnostics. Intervals of values are followed through the program, roughly. Products,
sums and parameters may be any number; of what has no rule, or is divided by something computed, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nnc.language.context import Elaboration
from nnc.language.operators import called, origins
from nnc.tensor.ir import Function, Op, Value

Interval = tuple[float, float]
Rule = Callable[[Op, list[Interval], dict[Value, Op]], Interval | None]
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


def intervals(function: Function) -> dict[Value, Interval | None]:
    """Between what numbers each value of a function lies; None where that is not known."""
    producers = function.producers()
    known: dict[Value, Interval | None] = dict.fromkeys(function.parameters, ANY)
    for op in function.ops:
        found = _interval(op, known, producers)
        for value in op.results:
            known[value] = found
    return known


def _interval(op: Op, known: dict[Value, Interval | None], producers: dict[Value, Op]) -> Interval | None:
    if op.primitive in _FIXED:
        return _FIXED[op.primitive]
    if op.results[0].type.element == "bool":
        return UNIT
    args = [known[arg] for arg in op.args]
    if op.primitive in _KEEPS:
        return args[0]
    rule = _RULES.get(op.primitive)
    sure = [arg for arg in args if arg is not None]
    return rule(op, sure, producers) if rule is not None and len(sure) == len(args) else None


def _constant(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval:
    value = op["value"]
    return (float(value), float(value)) if isinstance(value, int | float) else ANY


def _div(op: Op, args: list[Interval], producers: dict[Value, Op]) -> Interval | None:
    """Divided by a number; by something computed it may be a share, such as exp(x) / sum(exp(x))."""
    (low, high), (divisor, other) = args
    if divisor != other or divisor <= 0:
        return None
    return low / divisor, high / divisor


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


_RULES: dict[str, Rule] = {
    "einsum": lambda op, args, _: ANY,
    "log": lambda op, args, _: ANY,
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
    """Warns of what a training probably does not mean."""
    _probabilities(ctx, function)
    _raw_bytes(ctx, function)
    if "prediction" not in ctx.origins.get(loss, frozenset()) and loss.span is not None:
        ctx.reporter.warning("W0503", "the loss does not depend on anything that is trained", loss.span)


def _probabilities(ctx: Elaboration, function: Function) -> None:
    """Warns of the log of a result that is no probability."""
    known = intervals(function)
    producers = function.producers()
    for op in function.ops:
        if op.primitive != "log" or op.span is None:
            continue
        value = op.args[0]
        picked = producers.get(value)
        if picked is not None and picked.primitive == "pick":
            value = picked.args[0]
        found = known[value]
        if value not in ctx.outputs or found is None or (found[0] >= 0 and found[1] <= 1):
            continue
        spread = "any number" if found[0] < -1 else "below 0" if found[0] < 0 else "more than 1"
        ctx.reporter.warning(
            "W0502",
            f"the log of {called(ctx, value)} is taken as of a probability, and it may be {spread}",
            op.span,
            others=origins(ctx, [value]),
            help="end the model with softmax, or with sigmoid for a single number",
        )


_PASSES_ON = frozenset(
    ("reshape", "transpose", "broadcast", "slice", "reverse", "pad", "concat", "stop_gradient", "add", "sub", "neg")
)


def _raw_bytes(ctx: Elaboration, function: Function) -> None:
    """Warns of the numbers 0 .. 255 of an input that reach a product as they are."""
    raw: dict[Value, Value] = {value: value for value in function.parameters if value.type.element == "u8"}
    for op in function.ops:
        source = next((raw[arg] for arg in op.args if arg in raw), None)
        if source is None or "input" not in ctx.origins.get(source, ()):
            continue
        if op.primitive in _PASSES_ON or (op.primitive == "convert" and op.result.type.is_float):
            raw.update(dict.fromkeys(op.results, source))
        elif op.primitive == "einsum" and op.span is not None:
            name = ctx.named.get(source, source.hint)
            ctx.reporter.warning(
                "W0504",
                f"`{name}` is u8, 0 to 255, and reaches a product unscaled",
                op.span,
                others=origins(ctx, [source]),
                help=f"scale it first: float({name}) / 255",
            )
            return
