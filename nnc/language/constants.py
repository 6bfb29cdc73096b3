"""Arithmetic of compile-time values: numbers, booleans, strings, lists.

In: an operator's text and Python values. Out: a Python value. Raises `ConstantError` where the operation has no
result, or one too large to be meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nnc.language.values import Anything, Builtin, Defined, Tensor, describe, is_number

LARGEST = 2**63
LONGEST = 100_000


class ConstantError(Exception):
    """Compile-time arithmetic that has no result; `str()` says why."""


def _power(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int and b >= 0:
        if abs(a) > 1 and b * math.log2(abs(a)) > 64:
            raise ConstantError(f"{a} ^ {b} is too large")
        whole = a**b
        return whole
    result = float(a) ** b
    if isinstance(result, complex):
        raise ConstantError(f"{a} ^ {b} is no real number")
    return result


def _floored(a: Any, b: Any) -> Any:
    """`//` gives an integer, of fractions too."""
    found = a // b
    return int(found) if math.isfinite(found) else found


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": _floored,
    "%": lambda a, b: a % b,
    "^": _power,
}

_ORDER: dict[str, Callable[..., bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def checked(value: Any) -> int | float:
    """The number itself. Raises ConstantError where an integer leaves 64 bits or a fraction is not a number."""
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ConstantError("the result does not fit 64 bits")
    if isinstance(value, float) and math.isnan(value):
        raise ConstantError("the result is not a number")
    number: int | float = value
    return number


def arithmetic(operator: str, left: Anything, right: Anything) -> Anything:
    """`left operator right` of two compile-time values."""
    if is_number(left) and is_number(right):
        try:
            return checked(_ARITHMETIC[operator](left, right))
        except ZeroDivisionError:
            raise ConstantError("division by zero") from None
        except OverflowError:
            raise ConstantError("the result is too large") from None
    if operator == "+" and isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) + len(right) > LONGEST:
            raise ConstantError(f"a list may hold {LONGEST:,} items")
        return (*left, *right)
    raise ConstantError(f"`{operator}` does not take {describe(left)} and {describe(right)}")


def equal(left: Anything, right: Anything) -> bool:
    """Whether two compile-time values are the same; a tensor or a layer is only itself, a definition's name is that
    of the same definition."""
    if left is right:
        return True
    if isinstance(left, Defined) and isinstance(right, Defined):
        return left.definition is right.definition
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    plain = (int, float, str)
    return isinstance(left, plain) and isinstance(right, plain) and left == right


def compare(operator: str, left: Anything, right: Anything) -> bool:
    """A comparison of two compile-time values."""
    match operator:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "in" | "not in":
            if isinstance(left, str) and isinstance(right, str):
                return (left in right) == (operator == "in")
            if not isinstance(right, tuple):
                raise ConstantError(f"`{operator}` looks into a list, and this is {describe(right)}")
            return any(equal(left, item) for item in right) == (operator == "in")
    if not (is_number(left) and is_number(right)):
        raise ConstantError(f"`{operator}` does not order {describe(left)} and {describe(right)}")
    return _ORDER[operator](left, right)


def write(value: Anything) -> str:
    """A compile-time value as it would be written in a program."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return "inf" if value == math.inf else f"{value:g}"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple():
            return "[" + ", ".join(write(item) for item in value) + "]"
        case Tensor():
            return value.hint
        case Builtin():
            return value.name
    return getattr(value, "name", "") or getattr(getattr(value, "defined", None), "name", "...")
