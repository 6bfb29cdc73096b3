"""Pointwise functions of mathematics on floats. Adjoints are written with the result where that spares an operand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.pointwise import floats, pointwise_reference, row
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Primitive, no_gradient
from nnc.tensor.primitives.special import erf, lgamma, polygamma
from nnc.tensor.types import TensorType, TypeMismatch

Slope = Callable[[Expressions, Value, Value], Value]  # (expressions, operand, result) -> derivative


def function(
    name: str, reference: Callable[..., Any], slope: Slope | None, triton: str, torch: str, cost: int = 10, **more: Any
) -> Primitive:
    """A function of one operand whose adjoint is the gradient times `slope`."""

    def vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
        assert slope is not None
        return (b.mul(g, slope(b, op.args[0], op.result)),)

    return row(name, floats, reference, vjp if slope else no_gradient, triton, torch, cost=cost, **more)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _log(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.div(g, op.args[0]),)


def _log1p(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.div(g, b.add(op.args[0], 1)),)


def _sqrt(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.div(b.mul(g, 0.5), op.result),)


def _atan(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    (x,) = op.args
    return (b.div(g, b.add(b.mul(x, x), 1)),)


def _asin_slope(b: Expressions, x: Value) -> Value:
    return b.op("rsqrt", b.mul(b.sub(1, x), b.add(x, 1)))


def _polygamma(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    order = op["order"]
    assert isinstance(order, int)
    return (b.mul(g, b.op("polygamma", op.args[0], order=order + 1)),)


def _polygamma_type(call: Call) -> TensorType:
    if call.integer("order") < 1:
        raise TypeMismatch(f"`polygamma` expects an order of at least 1, found {call.integer('order')}")
    return floats(call)


def _cube_slope(b: Expressions, x: Value, y: Value) -> Value:
    return b.mul(b.mul(b.mul(y, y), y), -0.5)


ROWS = (
    function("exp", np.exp, lambda b, x, y: y, "tl.exp({0})", "torch.exp({0})"),
    function("expm1", np.expm1, lambda b, x, y: b.add(y, 1), "expm1({0})", "torch.expm1({0})"),
    row("log", floats, np.log, _log, "tl.log({0})", "torch.log({0})", cost=10),
    row("log1p", floats, np.log1p, _log1p, "log1p({0})", "torch.log1p({0})", cost=10),
    row("sqrt", floats, np.sqrt, _sqrt, "tl.sqrt({0})", "torch.sqrt({0})", exact="tl.sqrt_rn({0})"),
    function(
        "rsqrt",
        lambda x: 1 / np.sqrt(x),
        _cube_slope,
        "tl.rsqrt({0})",
        "torch.rsqrt({0})",
        2,
        exact="tl.div_rn(1.0, tl.sqrt_rn({0}))",
    ),
    function("sin", np.sin, lambda b, x, y: b.op("cos", x), "tl.sin({0})", "torch.sin({0})"),
    function("cos", np.cos, lambda b, x, y: b.neg(b.op("sin", x)), "tl.cos({0})", "torch.cos({0})"),
    function("tan", np.tan, lambda b, x, y: b.add(b.mul(y, y), 1), "tan({0})", "torch.tan({0})"),
    function("asin", np.arcsin, lambda b, x, y: _asin_slope(b, x), "asin({0})", "torch.asin({0})"),
    function("acos", np.arccos, lambda b, x, y: b.neg(_asin_slope(b, x)), "acos({0})", "torch.acos({0})"),
    row("atan", floats, np.arctan, _atan, "atan({0})", "torch.atan({0})", cost=10),
    function("sinh", np.sinh, lambda b, x, y: b.op("cosh", x), "sinh({0})", "torch.sinh({0})"),
    function("cosh", np.cosh, lambda b, x, y: b.op("sinh", x), "cosh({0})", "torch.cosh({0})"),
    function("tanh", np.tanh, lambda b, x, y: b.sub(1, b.mul(y, y)), "tanh({0})", "torch.tanh({0})"),
    function("sigmoid", _sigmoid, lambda b, x, y: b.mul(y, b.sub(1, y)), "tl.sigmoid({0})", "torch.sigmoid({0})"),
    # The operand, not the result: the slope is then the sigmoid that most programs compute anyhow.
    function(
        "softplus",
        lambda x: np.logaddexp(0.0, x),
        lambda b, x, y: b.op("sigmoid", x),
        "softplus({0})",
        "torch.nn.functional.softplus({0})",
        out=False,
    ),
    function(
        "erf",
        erf,
        lambda b, x, y: b.mul(b.op("exp", b.neg(b.mul(x, x))), 2 / math.sqrt(math.pi)),
        "tl.erf({0})",
        "torch.erf({0})",
    ),
    function("lgamma", lgamma, lambda b, x, y: b.op("digamma", x), "lgamma({0})", "torch.lgamma({0})", 40),
    function(
        "digamma",
        lambda x: polygamma(0, x),
        lambda b, x, y: b.op("polygamma", x, order=1),
        "digamma({0})",
        "torch.digamma({0})",
        40,
    ),
    row(
        "polygamma",
        _polygamma_type,
        pointwise_reference,
        _polygamma,
        "polygamma({0}, {order})",
        "torch.polygamma({order}, {0})",
        cost=60,
        reference=lambda call, x: polygamma(call.integer("order"), x),
        attributes={"order": REQUIRED},
    ),
    function("floor", np.floor, None, "tl.floor({0})", "torch.floor({0})", 1),
    function("ceil", np.ceil, None, "tl.ceil({0})", "torch.ceil({0})", 1),
    function("round", np.round, None, "round_half_even({0})", "torch.round({0})", 4),
)
