"""Simplified indices beside plain arithmetic at every point, and their normal form."""

import itertools
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.schedule.index import (
    Index,
    Looked,
    Quotient,
    Remainder,
    Variable,
    add,
    constant,
    flatten,
    quotient,
    remainder,
    scale,
    unflatten,
    variable,
)

M, N, K = Variable("m", 6), Variable("n", 4), Variable("k", 15)
BATCH = Variable("rows", None)
m, n, k, rows = (variable(v) for v in (M, N, K, BATCH))


def value_of(index: Index, at: Mapping[Variable, int]) -> int:
    total = index.constant
    for atom, coefficient in index.terms:
        match atom:
            case Variable():
                part = at[atom]
            case Quotient(of, by):
                part = value_of(of, at) // by
            case Remainder(of, by):
                part = value_of(of, at) % by
            case Looked():
                raise AssertionError("nothing is looked up here")
        total += coefficient * part
    return total


def places(*variables: Variable) -> list[dict[Variable, int]]:
    spans = [range(20 if v.extent is None else v.extent) for v in variables]
    return [dict(zip(variables, place, strict=True)) for place in itertools.product(*spans)]


def factored(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """A shape of that many elements, with some axes of size 1."""
    shape: list[int] = []
    while size > 1:
        factor = draw(st.sampled_from([d for d in range(2, size + 1) if size % d == 0]))
        shape.append(factor)
        size //= factor
    for _ in range(draw(st.integers(0, 2))):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    return tuple(shape)


@given(st.data())
def test_reshapes_of_reshapes(data: st.DataObject) -> None:
    """Coordinates through a chain of shapes: the position that comes out is the one that went in."""
    size = data.draw(st.sampled_from((2, 6, 12, 24, 30)))
    batched = data.draw(st.booleans())
    v = Variable("v", None if batched else size, each=size)
    position = variable(v)
    lead = (0,) if batched else ()
    for _ in range(data.draw(st.integers(1, 4))):
        shape = (*lead, *(data.draw(st.composite(factored)(size))))
        coordinates = unflatten(position, shape)
        assert len(coordinates) == len(shape)
        for place in range(2 * size if batched else size):
            rest = place
            for axis in reversed(range(len(shape))):
                whole = rest if axis == 0 else rest % shape[axis]
                assert value_of(coordinates[axis], {v: place}) == whole
                rest = 0 if axis == 0 else rest // shape[axis]
        position = flatten(coordinates, shape)
        assert position == variable(v), "what is split and joined again is the variable"


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[Index, str]:
    """An index that is never negative, and the same as Python text."""
    if depth == 0:
        return draw(st.sampled_from([(m, "m"), (n, "n"), (rows, "r"), (constant(3), "3"), (constant(0), "0")]))
    (x, left), by = draw(expressions(depth - 1)), draw(st.integers(1, 6))
    match draw(st.sampled_from(("add", "scale", "quotient", "remainder"))):
        case "add":
            y, right = draw(expressions(depth - 1))
            return add(x, y), f"({left} + {right})"
        case "scale":
            return scale(x, by), f"({left} * {by})"
        case "quotient":
            return quotient(x, by), f"({left} // {by})"
        case _:
            return remainder(x, by), f"({left} % {by})"


@given(expressions())
def test_simplified_indices_are_what_was_written(expression: tuple[Index, str]) -> None:
    index, text = expression
    code = compile(text, "index", "eval")
    for at in places(M, N, BATCH):
        expected = eval(code, {"m": at[M], "n": at[N], "r": at[BATCH]})
        assert value_of(index, at) == expected
        assert index.last is None or expected <= index.last
    assert all(coefficient for _, coefficient in index.terms)
    assert len({atom for atom, _ in index.terms}) == len(index.terms)


def test_normal_forms() -> None:
    assert add(scale(quotient(m, 4), 4), remainder(m, 4)) == m
    assert add(scale(remainder(k, 5), 2), scale(quotient(k, 5), 10), constant(1)) == add(scale(k, 2), constant(1))
    assert quotient(add(scale(m, 4), n), 4) == m
    assert remainder(add(scale(m, 4), n), 4) == n
    assert quotient(add(scale(rows, 6), m), 6) == rows
    assert quotient(quotient(k, 3), 2) == quotient(k, 6)
    assert remainder(remainder(k, 6), 3) == remainder(k, 3)
    assert remainder(remainder(k, 6), 4) != remainder(k, 4), "4 does not divide 6"
    assert remainder(m, 6) == m
    assert quotient(m, 6) == constant(0)
    assert remainder(m, 5) == variable(Remainder(m, 5))
    assert add(m, scale(m, -1)) == constant(0)
    assert scale(m, 0) == constant(0)


def test_the_largest_value() -> None:
    assert add(scale(m, 4), n, constant(2)).last == 5 * 4 + 3 + 2
    assert quotient(k, 4).last == 3
    assert remainder(rows, 7).last == 6
    assert remainder(k, 20).last == 14
    assert rows.last is None
    assert quotient(rows, 3).last is None
    assert scale(m, -1).last is None
    assert variable(Looked("class", (), 10)).last == 9


def test_variables_and_atoms_below_quotients() -> None:
    looked = Looked("sample", (BATCH,))
    index = add(quotient(add(k, m), 4), variable(looked))
    assert index.variables() == (K, M, BATCH)
    assert {M, K, looked} <= set(index.atoms())


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 2), (1, 1)])
def test_coordinates_of_small_shapes(shape: tuple[int, ...]) -> None:
    v = Variable("v", math.prod(shape))
    assert len(unflatten(variable(v), shape)) == len(shape)
    if shape:
        assert flatten(unflatten(variable(v), shape), shape) in (variable(v), constant(0))
