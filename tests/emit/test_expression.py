"""Expressions from forms, beside Python's own reading of the same with every operand in parentheses."""

import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.emit.expression import fill, number, precedence

NUMBERS = {"a": 7, "b": 3, "c": 2, "d": 5}
BINARY = ("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "<", "<=", "==", "!=", "and", "or", "@")
FORMS = (
    *(f"{{0}} {operator} {{1}}" for operator in BINARY),
    "-{0}",
    "~{0}",
    "not {0}",
    "{0} if {1} else {0}",
    "{0}.real",
    "{0}[{1}]",
    "f({0}, {1})",
    "({0} + {1}) * {0}",
    "{0} + {1} * {0}",
    "{0} < {1} < {0}",
)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4) -> tuple[str, str]:
    """Text as `fill` makes it, and with parentheses around every operand."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        leaf = draw(st.sampled_from((*NUMBERS, "-2", "1.5", "f(a, b)", "a, b")))
        return (leaf, f"({leaf})") if leaf != "a, b" else ("a", "(a)")
    form = draw(st.sampled_from(FORMS))
    (x, whole_x), (y, whole_y) = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return fill(form, x, y), f"({form.replace('{0}', whole_x).replace('{1}', whole_y)})"


@given(expressions())
def test_filled_forms_read_as_their_operands_in_parentheses(expression: tuple[str, str]) -> None:
    found, whole = expression
    assert ast.dump(ast.parse(found, mode="eval")) == ast.dump(ast.parse(whole, mode="eval"))


@pytest.mark.parametrize(
    ("form", "operands", "expected"),
    [
        ("{0} * {1}", ("a + b", "c"), "(a + b) * c"),
        ("{0} + {1}", ("a * b", "c"), "a * b + c"),
        ("{0} - {1}", ("a - b", "c"), "a - b - c"),
        ("{0} - {1}", ("a", "b - c"), "a - (b - c)"),
        ("{0} / {1}", ("a", "b * c"), "a / (b * c)"),
        ("{0} ** {1}", ("a ** b", "c ** d"), "(a ** b) ** c ** d"),
        ("{0} ** {1}", ("-a", "-b"), "(-a) ** -b"),
        ("{0} & {1}", ("a < b", "c == d"), "(a < b) & (c == d)"),
        ("{0} < {1}", ("a & b", "c"), "a & b < c"),
        ("-{0}", ("a + b",), "-(a + b)"),
        ("{0} * {1}", ("-a", "b"), "-a * b"),
        ("tl.where({0}, {1}, 0.0)", ("a & b", "c + d"), "tl.where(a & b, c + d, 0.0)"),
        ("{0}.to(tl.float32)", ("a + b",), "(a + b).to(tl.float32)"),
        ("{0}.to(tl.float32)", ("f(a)",), "f(a).to(tl.float32)"),
        ("{0}[:, None]", ("a + b",), "(a + b)[:, None]"),
        ("{0} + {0}", ("a if b else c",), "(a if b else c) + (a if b else c)"),
    ],
)
def test_parentheses_only_where_they_are_needed(form: str, operands: tuple[str, ...], expected: str) -> None:
    assert fill(form, *operands) == expected


def test_named_places() -> None:
    assert fill("{x} * {low}", x="a + b", low="-1.0") == "(a + b) * -1.0"


def test_precedence_rises_as_pythons_does() -> None:
    rising = ("a, b", "a if b else c", "a or b", "a and b", "not a", "a < b", "a | b", "a ^ b", "a & b", "a << b")
    rising += ("a + b", "a * b", "-a", "a ** b", "a")
    levels = [precedence(text) for text in rising]
    assert levels == sorted(set(levels))


@pytest.mark.parametrize("value", [0, 1, -3, 2**40, 0.0, -0.0, 1.5, 1e-30, 1e300, True, False, math.pi])
def test_numbers_are_read_back(value: float) -> None:
    found = ast.literal_eval(number(value))
    assert (found, type(found), math.copysign(1, found)) == (value, type(value), math.copysign(1, value))


def test_numbers_that_are_none() -> None:
    assert eval(number(math.inf)) == math.inf
    assert eval(number(-math.inf)) == -math.inf
    assert math.isnan(eval(number(math.nan)))
