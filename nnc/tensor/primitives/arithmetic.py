"""Pointwise arithmetic, comparison and choice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.pointwise import (
    booleans,
    common_bound,
    floats,
    joined,
    kept,
    numbers,
    ordered,
    row,
    shaped,
)
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Infer, Primitive, dtype_of, no_gradient
from nnc.tensor.types import ELEMENTS, TensorType, TypeMismatch


def quotient(call: Call) -> TensorType:
    for type in call.types:
        if not type.is_float:
            raise TypeMismatch(f"`/` expects float, found {type}: divide with `//`, or convert it with float(...)")
    return shaped(call, joined(call, call.types))


def equated(call: Call) -> TensorType:
    joined(call, call.types)
    return shaped(call, "bool")


def _chosen(call: Call) -> TensorType:
    condition, *branches = call.types
    if condition.element != "bool":
        raise TypeMismatch(f"`where` expects bool for its condition, found {condition}: compare it with something")
    return shaped(call, joined(call, branches), common_bound(branches))


def _finite(call: Call) -> TensorType:
    return floats(call).with_element("bool")


def _converted(call: Call) -> TensorType:
    element = call.text("element")
    if element not in ELEMENTS:
        raise TypeMismatch(f"there is no element type {element}: expected one of {', '.join(ELEMENTS)}")
    return call.types[0].with_element(element)


def _sub(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return g, b.neg(g)


def _mul(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    x, y = op.args
    return b.mul(g, y), b.mul(g, x)


def _div(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    scaled = b.div(g, op.args[1])
    return scaled, b.neg(b.mul(scaled, op.result))


def _mod(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return g, b.neg(b.mul(g, b.op("floordiv", *op.args)))


def _pow(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    x, y = op.args
    slope = b.mul(y, b.op("pow", x, b.sub(y, 1)))
    # x^0 is 1 everywhere, and 0^y is 0 for all y > 0: the formulas give 0 * inf there.
    to_base = b.where(b.eq(y, 0), 0, b.mul(g, slope))
    to_exponent = b.where(b.eq(x, 0), 0, b.mul(b.mul(g, op.result), b.op("log", x)))
    return to_base, to_exponent


def _maximum(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    first = b.gt(op.result, op.args[1])
    return b.where(first, g, 0), b.where(first, 0, g)


def _minimum(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    first = b.lt(op.result, op.args[1])
    return b.where(first, g, 0), b.where(first, 0, g)


def _where(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return None, b.where(op.args[0], g, 0), b.where(op.args[0], 0, g)


def _clip(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    low, high = op["low"], op["high"]
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    inside = b.op("and", b.gt(op.result, low), b.lt(op.result, high))
    return (b.where(inside, g, 0),)


def _clipped(call: Call) -> TensorType:
    low, high = call.number("low"), call.number("high")
    if low > high:
        raise TypeMismatch(f"`clip` expects low <= high, found {low} and {high}")
    return floats(call)


def _convert(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    (x,) = op.args
    return (b.op("convert", g, element=x.type.element),) if x.type.is_float else (None,)


def _convert_reference(call: Call, array: Array) -> Array:
    element = call.text("element")
    if element == "bool":
        return np.not_equal(array, 0)
    if element == "u8":
        return np.bitwise_and(array.astype(np.int64), 255)
    return array.astype(dtype_of(element))


def _pairwise(name: str, symbol: str, torch: str, function: Callable[..., Any], infer: Infer) -> Primitive:
    text = f"{{0}} {symbol} {{1}}"
    return row(name, infer, function, no_gradient, text, f"torch.{torch}({{0}}, {{1}})", symbol=symbol, operands=2)


pair = functools.partial(row, operands=2)

ROWS = (
    pair(
        "add",
        numbers,
        np.add,
        lambda b, op, g: (g, g),
        "{0} + {1}",
        "torch.add({0}, {1})",
        symbol="+",
        commutative=True,
    ),
    pair("sub", numbers, np.subtract, _sub, "{0} - {1}", "torch.sub({0}, {1})", symbol="-"),
    pair("mul", numbers, np.multiply, _mul, "{0} * {1}", "torch.mul({0}, {1})", symbol="*", commutative=True),
    pair(
        "div",
        quotient,
        np.divide,
        _div,
        "{0} / {1}",
        "torch.div({0}, {1})",
        symbol="/",
        exact="tl.div_rn({0}, {1})",
    ),
    pair(
        "floordiv",
        numbers,
        np.floor_divide,
        no_gradient,
        "floordiv({0}, {1})",
        "torch.floor_divide({0}, {1})",
        symbol="//",
        cost=2,
    ),
    pair("mod", numbers, np.mod, _mod, "mod({0}, {1})", "torch.remainder({0}, {1})", symbol="%", cost=3),
    pair("pow", floats, np.power, _pow, "power({0}, {1})", "torch.pow({0}, {1})", symbol="^", cost=10),
    row("neg", numbers, np.negative, lambda b, op, g: (b.neg(g),), "-{0}", "torch.neg({0})", symbol="-"),
    pair(
        "maximum",
        numbers,
        np.maximum,
        _maximum,
        "tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
        "torch.maximum({0}, {1})",
        commutative=True,
    ),
    pair(
        "minimum",
        numbers,
        np.minimum,
        _minimum,
        "tl.minimum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
        "torch.minimum({0}, {1})",
        commutative=True,
    ),
    row(
        "abs", numbers, np.abs, lambda b, op, g: (b.mul(g, b.op("sign", op.args[0])),), "tl.abs({0})", "torch.abs({0})"
    ),
    row("sign", numbers, np.sign, no_gradient, "sign({0})", "torch.where({0} == {0}, torch.sgn({0}), {0})"),
    row(
        "clip",
        _clipped,
        np.clip,
        _clip,
        "tl.clamp({0}, {low}, {high}, propagate_nan=tl.PropagateNan.ALL)",
        "torch.clamp({0}, {low}, {high})",
        reference=lambda call, x: np.clip(x, call.number("low"), call.number("high")),
        attributes={"low": REQUIRED, "high": REQUIRED},
        cost=2,
    ),
    row(
        "isfinite",
        _finite,
        np.isfinite,
        no_gradient,
        "tl.abs({0}) < float('inf')",
        "torch.isfinite({0})",
        out=False,
    ),
    row("stop_gradient", kept, lambda x: x, no_gradient, "{0}", "{0}", cost=0, out=False),
    row(
        "where",
        _chosen,
        np.where,
        _where,
        "tl.where({0}, {1}, {2})",
        "torch.where({0}, {1}, {2})",
        operands=3,
    ),
    _pairwise("eq", "==", "eq", np.equal, equated),
    _pairwise("ne", "!=", "ne", np.not_equal, equated),
    _pairwise("lt", "<", "lt", np.less, ordered),
    _pairwise("le", "<=", "le", np.less_equal, ordered),
    _pairwise("gt", ">", "gt", np.greater, ordered),
    _pairwise("ge", ">=", "ge", np.greater_equal, ordered),
    pair("and", booleans, np.logical_and, no_gradient, "{0} & {1}", "torch.logical_and({0}, {1})", commutative=True),
    pair("or", booleans, np.logical_or, no_gradient, "{0} | {1}", "torch.logical_or({0}, {1})", commutative=True),
    row("not", booleans, np.logical_not, no_gradient, "~{0}", "torch.logical_not({0})"),
    row(
        "convert",
        _converted,
        None,  # type: ignore[arg-type]
        _convert,
        "{0}.to({element})",
        "{0}.to({element})",
        reference=_convert_reference,
        attributes={"element": REQUIRED},
        cost=0,
        out=False,
    ),
)
