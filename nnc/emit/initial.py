"""How a parameter starts, as an expression that the runtime calls.

In: an initializer's function, without parameters. Out: the text of a lambda.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.emit.expression import fill, number
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.simplify import simplify

_INFIX = {"add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}"}
_DRAWS = {"uniform": ("shape", "low", "high"), "normal": ("shape", "mean", "stddev"), "bernoulli": ("shape", "p")}


def initializer(function: Function) -> str:
    """`lambda random: random.uniform((64, 32), -0.25, 0.25)`. A constant stands for a tensor full of it."""
    plain = simplify(function, erase_stops=True)
    producers = plain.producers()
    (result,) = plain.results
    return f"lambda random: {_expression(result, producers)}"


def _expression(value: Value, producers: Mapping[Value, Op]) -> str:
    op = producers[value]
    args = [_expression(arg, producers) for arg in op.args]
    if op.primitive in _DRAWS:
        return f"random.{op.primitive}({', '.join(_literal(op[name]) for name in _DRAWS[op.primitive])})"
    if op.primitive == "constant":
        return _literal(op["value"])
    if op.primitive == "broadcast":
        return args[0]
    if op.primitive in _INFIX:
        return fill(_INFIX[op.primitive], *args)
    row = TABLE[op.primitive]
    if row.kind is not Kind.POINTWISE:
        raise NotImplementedError(f"{op.primitive} in an initializer")
    return fill(row.torch, *(f"torch.as_tensor({text})" if _is_number(text) else text for text in args))


def _literal(value: object) -> str:
    return number(value) if isinstance(value, bool | int | float) else repr(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
