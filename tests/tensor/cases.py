"""A case for every row of the table: calls of it, values from formulas of its own, and what it refuses.

Used by test_primitives.py, which also asserts that no row is without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnc.tensor.ir import Attribute
from nnc.tensor.types import TensorType

BATCH = 3


def f(*shape: int) -> TensorType:
    """Common floats."""
    return TensorType("f32", shape)


def F(*shape: int) -> TensorType:  # the upper case tells that there is one per sample
    """Floats per sample."""
    return TensorType("f32", shape, True)


def i(*shape: int, bound: int | None = None, batched: bool = False) -> TensorType:
    return TensorType("i32", shape, batched, bound)


def b(*shape: int, batched: bool = False) -> TensorType:
    return TensorType("bool", shape, batched)


@dataclass(frozen=True)
class Case:
    """A way of calling a row. `domain` is where operands are drawn from; `smooth`: differences make sense."""

    types: tuple[TensorType, ...]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    domain: tuple[float, float] = (-2.0, 2.0)
    smooth: bool = True


@dataclass(frozen=True)
class Row:
    """All that is known of a row independently of it.

    element: a formula for one element from Python numbers, for pointwise rows. whole: (case, arrays) gives the result
    by other means. ties: (operands, expected gradients of the summed result). refused: (types, attributes, the
    message).
    """

    cases: Sequence[Case]
    element: Callable[..., Any] | None = None
    whole: Callable[..., Any] | None = None
    ties: Sequence[tuple[list[Any], list[Any]]] = ()
    refused: Sequence[tuple[tuple[TensorType, ...], dict[str, Attribute], str]] = ()
    examples: Sequence[tuple[list[Any], Any]] = ()


ONE = (F(1), F(3), f(5, 2), F(2, 7), F())
TWO = ((F(3), F(3)), (F(5, 3), f(3)), (f(2, 1), F(7)), (F(1), f(1)), (F(), f(2, 3)), (f(5), f(1)))


def unary(element: Callable[[float], Any], low: float, high: float, smooth: bool = True, **more: Any) -> Row:
    attributes = more.pop("attributes", {})
    cases = [Case((type,), attributes, (low, high), smooth) for type in ONE]
    refused = more.pop("refused", None)
    return Row(
        cases, element, refused=refused if refused is not None else [(*_not_float(more.pop("symbol", "")),)], **more
    )


def _not_float(symbol: str) -> tuple[tuple[TensorType, ...], dict[str, Attribute], str]:
    return (i(2),), {}, "expects float, found i32[2]: convert it with float(...)"


def binary(element: Callable[[Any, Any], Any], low: float, high: float, smooth: bool = True, **more: Any) -> Row:
    refused = [
        ((F(3), F(4)), {}, "shapes [3] and [4] do not fit: axis -1 is 3 here and 4"),
        *more.pop("refused", [((F(3), i(3)), {}, "expects operands of one element type, found float[3] and i32[3]")]),
    ]
    return Row([Case(types, {}, (low, high), smooth) for types in TWO], element, refused=refused, **more)


def logical(element: Callable[..., Any], operands: int) -> Row:
    types = [(b(3, batched=True), b(5, 1)), (b(), b(2))] if operands == 2 else [(b(3, batched=True),), (b(),)]
    wrong = ((b(2), F(2)) if operands == 2 else (F(2),), {}, "expects bool, found float[2]: compare it with something")
    return Row([Case(t, smooth=False) for t in types], element, refused=[wrong])


def sign(x: float) -> float:
    return x if math.isnan(x) else float(x > 0) - float(x < 0)


def python_power(x: float, y: float) -> float:
    return math.exp(y * math.log(x))


NUMBERS = [((b(2), b(2)), {}, "expects numbers, found bool[2] and bool[2]")]
NAN = math.nan

POINTWISE: dict[str, Row] = {
    "add": binary(lambda x, y: x + y, -2, 2, examples=[([NAN, 1.0], NAN)]),
    "sub": binary(lambda x, y: x - y, -2, 2, refused=NUMBERS),
    "mul": binary(lambda x, y: x * y, -2, 2, refused=NUMBERS),
    "div": binary(
        lambda x, y: x / y,
        0.5,
        2,
        refused=[
            ((i(2), i(2)), {}, "`/` expects float, found i32[2]: divide with `//`, or convert it with float(...)")
        ],
    ),
    "floordiv": binary(
        lambda x, y: x // y, 0.3, 9, False, examples=[([-7.0, 2.0], -4.0), ([7.0, -2.0], -4.0), ([1.0, 0.1], 9.0)]
    ),
    "mod": binary(
        lambda x, y: x % y, 0.3, 2, False, examples=[([-7.0, 2.0], 1.0), ([7.0, -2.0], -1.0), ([-6.0, 3.0], 0.0)]
    ),
    "pow": binary(
        python_power,
        0.3,
        2,
        refused=[((i(2), i(2)), {}, "expects float, found i32[2]: convert it with float(...)")],
        examples=[([-2.0, 3.0], -8.0), ([0.0, 0.0], 1.0), ([-2.0, 0.5], NAN)],
        ties=[([0.0, 2.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, 0.0])],
    ),
    "neg": unary(lambda x: -x, -2, 2, refused=[((b(2),), {}, "`-` expects numbers, found bool[2]")]),
    "maximum": binary(
        lambda x, y: x if x > y else y,
        -2,
        2,
        ties=[([1.0, 1.0], [0.0, 1.0]), ([2.0, 1.0], [1.0, 0.0])],
        examples=[([NAN, 0.0], NAN), ([0.0, NAN], NAN)],
    ),
    "minimum": binary(
        lambda x, y: x if x < y else y,
        -2,
        2,
        ties=[([1.0, 1.0], [0.0, 1.0]), ([1.0, 2.0], [1.0, 0.0])],
        examples=[([NAN, 0.0], NAN), ([0.0, NAN], NAN)],
    ),
    "abs": unary(abs, -2, 2, ties=[([0.0], [0.0])], examples=[([NAN], NAN)], refused=[((b(2),), {}, "found bool[2]")]),
    "sign": unary(sign, -2, 2, False, examples=[([NAN], NAN), ([0.0], 0.0)], refused=[((b(2),), {}, "found bool[2]")]),
    "clip": unary(
        lambda x: min(max(x, -0.5), 0.75),
        -2,
        2,
        attributes={"low": -0.5, "high": 0.75},
        ties=[([-0.5], [0.0]), ([0.75], [0.0]), ([0.0], [1.0])],
        examples=[([NAN], NAN)],
        refused=[
            ((F(2),), {"low": 1, "high": 0}, "`clip` expects low <= high, found 1 and 0"),
            ((i(2),), {"low": 0, "high": 1}, "`clip` expects float, found i32[2]"),
        ],
    ),
    "isfinite": unary(math.isfinite, -2, 2, False, examples=[([math.inf], False), ([NAN], False)]),
    "stop_gradient": unary(lambda x: x, -2, 2, False, refused=[]),
    "where": Row(
        [
            Case((b(3, batched=True), F(3), f(3))),
            Case((b(), F(5, 1), f(7))),
            Case((b(2, 1), f(1), F())),
            Case((b(1), F(1), F(1))),
            Case((b(3), f(3), f())),
        ],
        lambda c, x, y: x if c else y,
        refused=[
            (
                (F(2), F(2), F(2)),
                {},
                "`where` expects bool for its condition, found float[2]: compare it with something",
            ),
            ((b(2), F(2), i(2)), {}, "`where` expects operands of one element type, found float[2] and i32[2]"),
        ],
    ),
    "eq": binary(lambda x, y: x == y, -2, 2, False, examples=[([NAN, NAN], False), ([1.0, 1.0], True)]),
    "ne": binary(lambda x, y: x != y, -2, 2, False, examples=[([NAN, NAN], True)]),
    "lt": binary(lambda x, y: x < y, -2, 2, False, refused=NUMBERS, examples=[([1.0, 1.0], False)]),
    "le": binary(lambda x, y: x <= y, -2, 2, False, refused=NUMBERS, examples=[([1.0, 1.0], True)]),
    "gt": binary(lambda x, y: x > y, -2, 2, False, refused=NUMBERS, examples=[([1.0, 1.0], False)]),
    "ge": binary(lambda x, y: x >= y, -2, 2, False, refused=NUMBERS, examples=[([1.0, 1.0], True)]),
    "and": logical(lambda x, y: x and y, 2),
    "or": logical(lambda x, y: x or y, 2),
    "not": logical(lambda x: not x, 1),
    "convert": Row(
        [
            *(Case((type,), {"element": "f64"}) for type in ONE),
            Case((F(5),), {"element": "i32"}, smooth=False),
            Case((i(3, bound=4),), {"element": "f32"}, smooth=False),
            Case((b(2),), {"element": "f32"}, smooth=False),
        ],
        None,
        lambda case, x: x if case.attributes["element"] == "f64" else np.trunc(x.astype(float)),
        refused=[((F(2),), {"element": "f8"}, "there is no element type f8: expected one of f64, f32")],
    ),
    "exp": unary(math.exp, -3, 3),
    "expm1": unary(math.expm1, -3, 3, examples=[([1e-9], 1.0000000005e-9)]),
    "log": unary(math.log, 0.2, 3, examples=[([0.0], -math.inf), ([-1.0], NAN)]),
    "log1p": unary(math.log1p, -0.8, 3),
    "sqrt": unary(math.sqrt, 0.2, 3, examples=[([-1.0], NAN)]),
    "rsqrt": unary(lambda x: 1 / math.sqrt(x), 0.2, 3),
    "sin": unary(math.sin, -3, 3),
    "cos": unary(math.cos, -3, 3),
    "tan": unary(math.tan, -1.2, 1.2),
    "asin": unary(math.asin, -0.9, 0.9, examples=[([2.0], NAN)]),
    "acos": unary(math.acos, -0.9, 0.9),
    "atan": unary(math.atan, -3, 3),
    "sinh": unary(math.sinh, -3, 3),
    "cosh": unary(math.cosh, -3, 3),
    "tanh": unary(math.tanh, -3, 3, examples=[([NAN], NAN), ([1e5], 1.0)]),
    "sigmoid": unary(lambda x: 1 / (1 + math.exp(-x)), -3, 3, examples=[([1e5], 1.0), ([-1e5], 0.0)]),
    "softplus": unary(lambda x: math.log(1 + math.exp(x)), -3, 3, examples=[([1e5], 1e5), ([-1e5], 0.0)]),
    "erf": unary(math.erf, -2, 2),
    "lgamma": unary(math.lgamma, 0.3, 6, examples=[([-1.0], math.inf)]),
    "digamma": unary(
        lambda x: (math.lgamma(x + 1e-5) - math.lgamma(x - 1e-5)) / 2e-5,
        0.3,
        6,
        examples=[([1.0], -0.5772156649015329), ([0.5], -1.9635100260214235)],
    ),
    "polygamma": unary(
        lambda x: sum(1 / (x + k) ** 2 for k in range(20000)) + 1 / (x + 19999.5),
        0.3,
        6,
        attributes={"order": 1},
        examples=[([1.0], math.pi**2 / 6), ([0.5], math.pi**2 / 2)],
        refused=[
            ((F(2),), {"order": 0}, "`polygamma` expects an order of at least 1, found 0"),
            ((i(2),), {"order": 1}, "expects float, found i32[2]"),
        ],
    ),
    "floor": unary(math.floor, -3, 3, False),
    "ceil": unary(math.ceil, -3, 3, False),
    "round": unary(round, -3, 3, False, examples=[([0.5], 0.0), ([1.5], 2.0), ([-2.5], -2.0)]),
}
