"""Operations on all slices at once, beside the same operations on one slice after the other."""

from typing import Any

import numpy as np
import pytest

from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function
from nnc.tensor.lift import lift
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.primitive import Kind
from nnc.tensor.types import TypeMismatch
from tests.tensor.cases import BATCH, Case
from tests.tensor.test_primitives import ROWS, drawn

COUNT = 3
# What programs do not hold before they are differentiated, and what optimizers and initializers alone do.
REFUSED = {"scatter_add", "foreach", "qr"}
SOURCES = {name for name, row in TABLE.items() if row.operands == 0}
CASES = [
    pytest.param(name, case, place, id=f"{name}-{number}-{place}")
    for name, row in ROWS.items()
    if name not in REFUSED | SOURCES
    for number, case in enumerate(row.cases)
    for place in range(len(case.types))
]


def lifted(name: str, case: Case, place: int) -> Function:
    """The row's op where the operand at `place` is one slice of a tensor; then all of them where it is the first."""
    b = Builder("lifted")
    over = b.parameter(case.types[place].with_shape((COUNT, *case.types[place].shape)), "over")
    others = [b.parameter(type, "other") for type in case.types]
    slice = Builder("slice").parameter(case.types[place], "slice")
    operands = [slice if i == place else other for i, other in enumerate(others)]
    mark = b.mark
    value = b.op(name, *operands, **case.attributes)
    known = lift(b, b.taken(mark), slice, over)
    return b.finish([known[value]])


@pytest.mark.parametrize(("name", "case", "place"), CASES)
def test_each_operand(name: str, case: Case, place: int) -> None:
    if name == "gather" and place == 0 and not case.types[0].is_float:
        with pytest.raises(TypeMismatch, match="of each slice expects float"):
            lifted(name, case, place)
        return
    function = lifted(name, case, place)
    arrays = drawn(case)
    slices = [drawn(case, seed)[place] for seed in range(COUNT)]
    over = np.stack(slices, axis=int(case.types[place].batched))
    (found,) = evaluate(function, [over, *arrays], BATCH)
    alone = Builder("alone")
    alone_parameters = [alone.parameter(type, "x") for type in case.types]
    one = alone.finish([alone.op(name, *alone_parameters, **case.attributes)])
    expected = [evaluate(one, [*arrays[:place], each, *arrays[place + 1 :]], BATCH)[0] for each in slices]
    batched = one.results[0].type.batched
    np.testing.assert_allclose(found, np.stack(expected, axis=int(batched)), rtol=1e-12, atol=1e-12)


def test_every_row_has_a_rule() -> None:
    unruled = []
    for name in TABLE:
        if name in REFUSED | SOURCES:
            continue
        try:
            lifted(name, ROWS[name].cases[0], 0)
        except TypeMismatch as mismatch:
            if "for each slice of a tensor" in str(mismatch):
                unruled.append(name)
    assert not unruled


def two(b: Builder, type: Any) -> tuple[Any, Any]:
    return b.parameter(type.with_shape((COUNT, *type.shape)), "over"), Builder("slice").parameter(type, "slice")


def test_all_operands_at_once() -> None:
    from_table = ROWS["einsum"].cases[0].types[0]
    b = Builder("pairs")
    over, slice = two(b, from_table.with_shape((2, 5)))
    mark = b.mark
    left = b.op("transpose", slice, permutation=(1, 0))
    batch = "B" * slice.type.batched
    value = b.op("einsum", left, slice, spec=f"{batch}ak,{batch}kb->{batch}ab")
    function = b.finish([lift(b, b.taken(mark), slice, over)[value]])
    x = np.random.default_rng(0).normal(size=(*((BATCH,) * slice.type.batched), COUNT, 2, 5))
    (found,) = evaluate(function, [x], BATCH)
    np.testing.assert_allclose(found, np.swapaxes(x, -1, -2) @ x, rtol=1e-12)


def test_what_does_not_depend_on_the_slice_is_computed_once() -> None:
    b = Builder("apart")
    other = b.parameter(ROWS["add"].cases[0].types[0], "other")
    over, slice = two(b, other.type)
    mark = b.mark
    alone = b.op("exp", other)
    value = b.op("add", slice, alone)
    known = lift(b, b.taken(mark), slice, over)
    function = b.finish([known[value]])
    assert [op.primitive for op in function.ops] == ["exp", "add"]
    assert function.ops[0].result is alone
    assert alone not in known


@pytest.mark.parametrize("name", sorted(name for name, row in TABLE.items() if row.kind is Kind.RANDOM))
def test_draws_are_made_anew_for_each_slice(name: str) -> None:
    case = next(case for case in ROWS[name].cases if not case.types) if name in ROWS else None
    needed = {"bernoulli": {"p": 0.5}, "gamma": {"alpha": 2.0}}.get(name, {})
    attributes = case.attributes if case is not None else {"shape": (2,), **needed}
    b = Builder("drawn")
    over, slice = two(b, ROWS["add"].cases[0].types[0])
    mark = b.mark
    value = b.op(name, **attributes)
    known = lift(b, b.taken(mark), slice, over)
    assert known[value].type.shape == (COUNT, *value.type.shape)
