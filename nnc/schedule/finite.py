"""Whether the lanes of a tile beyond a variable's end hold finite numbers: only then is zero times them zero.

In: a node and a variable. Out: yes, or that it is not known. Lanes beyond the end compute what a sample of zeros would:
that is finite unless an op has a pole, such as the logarithm's at zero, that its operand may come to.
"""

from __future__ import annotations

import math
from enum import IntEnum

from nnc.schedule.index import Variable
from nnc.schedule.region import Accumulator, Apply, Constant, Inside, Node, Reduce
from nnc.tensor.primitives import TABLE


class Range(IntEnum):
    """What is known of a number."""

    ANY = 0  # it may be infinite or NaN
    FINITE = 1
    POSITIVE = 2  # and finite


# Finite for finite operands; what is no row of the table or in neither set may have a pole anywhere.
_ARITHMETIC = ("add", "sub", "mul", "neg", "maximum", "minimum", "abs", "sign", "where", "stop_gradient")
_TRUTHS = ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "isfinite")
_FUNCTIONS = ("tanh", "sin", "cos", "erf", "atan", "floor", "ceil", "round", "sinh", "expm1")
_TAME = (*_ARITHMETIC, *_TRUTHS, *_FUNCTIONS)
_ABOVE_ZERO = ("exp", "sigmoid", "softplus", "cosh")
_KEEPS_SIGN = ("add", "mul", "maximum", "minimum", "where", "stop_gradient")

_NAMES = {TABLE[name].triton: name for name in (*_TAME, *_ABOVE_ZERO, "div", "log", "sqrt", "rsqrt")}
_NAMES["{0}.to(tl.float32)"] = "stop_gradient"


def is_finite(node: Node, beyond: Variable) -> bool:
    """Whether `node` is finite in lanes beyond the end of `beyond` and inside of all other variables."""
    return _range(node, beyond, {}) >= Range.FINITE


def _range(node: Node, beyond: Variable, known: dict[Node, Range]) -> Range:
    if node not in known:
        known[node] = _found(node, beyond, known)
    return known[node]


def _found(node: Node, beyond: Variable, known: dict[Node, Range]) -> Range:
    fill = float(node.value) if isinstance(node, Constant) else node.fills.get(beyond)
    if fill is not None:
        return Range.ANY if not math.isfinite(fill) else Range.POSITIVE if fill > 0 else Range.FINITE
    if beyond not in node.dims:
        return Range.POSITIVE  # a real lane beside holds the same, and has what is wrong with it
    match node:
        case Accumulator(poles=poles) if beyond in poles:
            return Range.ANY
        case Reduce(arg=arg) if arg is not None:
            return _range(arg, beyond, known)
        case Apply(form="tl.where({0}, {1}, {2})", args=(Inside(padding=padding), then, _)) if padding:
            return _range(then, beyond, known)
        case Apply(form=form, args=args):
            return _applied(_NAMES.get(form, ""), [_range(arg, beyond, known) for arg in args])
        case _:
            return Range.FINITE  # loads, products of what is finite, places


def _applied(name: str, args: list[Range]) -> Range:
    least = min(args, default=Range.ANY)
    if least is Range.ANY:
        return Range.ANY
    match name, args:
        case _ if name in _ABOVE_ZERO:
            return Range.POSITIVE
        case ("div", [over, Range.POSITIVE]):
            return over
        case ("log", [Range.POSITIVE]):
            return Range.FINITE
        case (("sqrt" | "rsqrt"), [Range.POSITIVE]):
            return Range.POSITIVE
        case _ if name in _KEEPS_SIGN:
            return least
        case _:
            return Range.FINITE if name in _TAME else Range.ANY
