"""Expressions as text, with parentheses only where they are needed.

A primitive's text is a form with places, `"{0} * {1}"`. `fill` puts operands' texts in these places and encloses an
operand where the form binds tighter than it. Precedence is read off the text by Python's own parser, once for each
distinct text, so there is no table of operators to keep.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

import numpy as np

_BINARY: dict[type[ast.operator], int] = {
    ast.BitOr: 6,
    ast.BitXor: 7,
    ast.BitAnd: 8,
    ast.LShift: 9,
    ast.RShift: 9,
    ast.Add: 10,
    ast.Sub: 10,
    ast.Mult: 11,
    ast.Div: 11,
    ast.FloorDiv: 11,
    ast.Mod: 11,
    ast.MatMult: 11,
    ast.Pow: 13,
}
ATOM = 20
_PLACE = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=65536)
def precedence(text: str) -> int:
    """How tightly the outermost operator of `text` binds; larger is tighter."""
    node = ast.parse(text, mode="eval").body
    match node:
        case ast.IfExp() | ast.Lambda():
            return 1
        case ast.BoolOp(op=ast.Or()):
            return 2
        case ast.BoolOp():
            return 3
        case ast.UnaryOp(op=ast.Not()):
            return 4
        case ast.Compare():
            return 5
        case ast.BinOp(op=operator):
            return _BINARY[type(operator)]
        case ast.UnaryOp():
            return 12
        case ast.Tuple():
            return 0
        case ast.Constant(value=int() | float() as number) if number < 0:
            return 12
        case _:
            return ATOM


@lru_cache(maxsize=4096)
def _demands(form: str) -> dict[str, int]:
    """For each place of `form`, how tightly an operand there must bind to stand without parentheses."""
    marks = {name: f"place_{name}_" for name in _PLACE.findall(form)}
    tree = ast.parse(_PLACE.sub(lambda found: marks[found[1]], form), mode="eval")
    names = {mark: name for name, mark in marks.items()}
    demands = dict.fromkeys(marks, 0)

    def demand(node: ast.AST, least: int) -> None:
        if isinstance(node, ast.Name) and node.id in names:
            demands[names[node.id]] = max(demands[names[node.id]], least)

    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left, ast.Pow(), right):
                demand(left, 14)
                demand(right, 12)
            case ast.BinOp(left, operator, right):
                demand(left, _BINARY[type(operator)])
                demand(right, _BINARY[type(operator)] + 1)
            case ast.Compare(left, _, comparators):
                for operand in (left, *comparators):
                    demand(operand, 6)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                demand(operand, 4)
            case ast.UnaryOp(operand=operand):
                demand(operand, 12)
            case ast.BoolOp(op, operands):
                for operand in operands:
                    demand(operand, 3 if isinstance(op, ast.Or) else 4)
            case ast.IfExp(test, body, orelse):
                for operand in (test, body, orelse):
                    demand(operand, 2)
            case ast.Attribute(value=operand) | ast.Subscript(value=operand):
                demand(operand, ATOM)
    return demands


def fill(form: str, *operands: str, **named: str) -> str:
    """`form` with its places filled: {0}, {1} ... by `operands`, {name} by `named`. ("{0} * {1}", "a + b", "c") gives
    "(a + b) * c". A form that is a call takes its operands as they are."""
    texts = {str(i): text for i, text in enumerate(operands)} | named
    demands = _demands(form)

    def place(found: re.Match[str]) -> str:
        text = texts[found[1]]
        least = demands[found[1]]
        return text if least == 0 or precedence(text) >= least else f"({text})"

    return _PLACE.sub(place, form)


def number(value: bool | int | float, element: str = "f64") -> str:
    """A number as Python source, as short as `element` allows: in f32, 0.1 stands for 0.09999999999999998. Infinities
    and NaN are calls of float."""
    if isinstance(value, bool):
        return repr(value)
    if element in ("f32", "f16", "bf16"):
        value = float(value)
        if value == value and abs(value) != float("inf"):
            return repr(float(str(np.float32(value))))
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return repr(value)
