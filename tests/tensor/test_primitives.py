"""Down the table: types, values, gradients, ties, NaN, refusals, adjoints that stay inside; no row without a case."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nnc.tensor.build import Builder, infer
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.ir import Function
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.reductions import neutral
from nnc.tensor.types import TensorType, TypeMismatch
from nnc.tensor.verify import verify
from tests.tensor.cases import BATCH, POINTWISE, Case, Row
from tests.tensor.structural import STRUCTURAL

ROWS: dict[str, Row] = POINTWISE | STRUCTURAL
ELSEWHERE = {
    "foreach": "test_control.py",
    "qr": "test_initializers.py",
    "uniform": "test_random.py",
    "normal": "test_random.py",
    "bernoulli": "test_random.py",
    "gamma": "test_random.py",
}

EACH = [pytest.param(name, case, id=f"{name}-{n}") for name, row in ROWS.items() for n, case in enumerate(row.cases)]
SMOOTH = [
    pytest.param(name, case, id=f"{name}-{n}")
    for name, row in ROWS.items()
    for n, case in enumerate(row.cases)
    if case.smooth
]


def function_of(name: str, case: Case) -> Function:
    builder = Builder(name)
    args = [builder.parameter(type, f"x{n}") for n, type in enumerate(case.types)]
    return builder.finish([builder.op(name, *args, **case.attributes)])


def full(type: TensorType, batch: int = BATCH) -> tuple[int, ...]:
    return (batch, *type.shape) if type.batched else type.shape


def drawn(case: Case, seed: int = 0) -> list[Any]:
    """Operands: floats from the domain, all different; indices inside their bound; booleans."""
    generator = np.random.default_rng(seed)
    found: list[Any] = []
    for place, type in enumerate(case.types):
        shape = full(type)
        if type.element == "bool":
            found.append(generator.random(shape) < 0.5)
        elif type.is_integer:
            found.append(generator.integers(0, type.bound or 5, shape))
        else:
            low, high = case.domain
            # Off-centre and apart from the other operands: no kink and no tie is hit.
            evenly = np.linspace(0.02, 0.93, math.prod(shape)) + 0.003 * place
            found.append(low + (high - low) * generator.permutation(evenly).reshape(shape))
    return found


def elementwise(row: Row, case: Case, result: TensorType, arrays: list[Any]) -> Any:
    """The formula for one element, at every place; broadcasting is spelled out by indices."""
    assert row.element is not None
    found = np.empty(full(result), dtype=object)
    for place in np.ndindex(*found.shape):
        sample, inner = (place[0], place[1:]) if result.batched else (None, place)
        operands = []
        for array, type in zip(arrays, case.types, strict=True):
            at = tuple(0 if n == 1 else p for n, p in zip(type.shape, inner[len(inner) - type.rank :], strict=True))
            operands.append(array[(sample, *at)] if type.batched else array[at])
        found[place] = row.element(*operands)
    return found


def test_every_row_has_a_case() -> None:
    assert ROWS.keys() | ELSEWHERE.keys() == TABLE.keys()
    for name, row in ROWS.items():
        assert row.cases, name
        assert (row.element is None) != (row.whole is None), name
        if TABLE[name].operands != 0 and name not in ("stop_gradient",):
            assert row.refused or name == "row", f"{name} refuses nothing"


@pytest.mark.parametrize(("name", "case"), EACH)
def test_value(name: str, case: Case) -> None:
    function = function_of(name, case)
    verify(function)
    arrays = drawn(case)
    (found,) = evaluate(function, arrays, BATCH)
    row = ROWS[name]
    (type,) = (value.type for value in function.results)
    assert found.shape == full(type)
    expected = row.whole(case, *arrays) if row.whole else elementwise(row, case, type, arrays)
    assert np.shape(expected) == found.shape
    tolerance = 1e-7 if name in ("digamma", "polygamma") else 1e-12
    np.testing.assert_allclose(found.astype(float), np.asarray(expected).astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "case"), SMOOTH)
def test_gradient(name: str, case: Case) -> None:
    """Against central differences of a weighted sum of the results, in every float operand."""
    builder = Builder(name)
    args = [builder.parameter(type, f"x{n}") for n, type in enumerate(case.types)]
    result = builder.op(name, *args, **case.attributes)
    weight = builder.parameter(result.type.with_element("f32"), "weight")
    loss = builder.sum(
        builder.op("convert", builder.mul(builder.op("convert", result, element="f32"), weight), element="f32")
    )
    loss = builder.sum(loss, batch=True) if loss.type.batched else loss
    floats = [arg for arg in args if arg.type.is_float]
    function = gradient(builder.finish([loss]), loss, floats)
    verify(function)
    weights = np.asarray(np.random.default_rng(1).uniform(0.5, 1.5, full(weight.type)))
    arrays = [*drawn(case), weights]
    _, *gradients = evaluate(function, arrays, BATCH)
    for arg, found in zip(floats, gradients, strict=True):
        place = args.index(arg)
        assert found.shape == arrays[place].shape
        np.testing.assert_allclose(found, differences(function, arrays, place), rtol=1e-6, atol=1e-7)


def differences(function: Function, arrays: list[Any], place: int, step: float = 1e-6) -> Any:
    found = np.zeros(arrays[place].shape)
    for at in np.ndindex(*found.shape):
        ends = []
        for sign in (1, -1):
            moved = np.array(arrays[place])
            moved[at] += sign * step
            ends.append(evaluate(function, [*arrays[:place], moved, *arrays[place + 1 :]], BATCH)[0])
        found[at] = (ends[0] - ends[1]) / (2 * step)
    return found


def called(name: str, operands: list[Any], row: Row, differentiated: bool = False) -> Any:
    """The row on literal operands: numbers for pointwise rows, arrays reduced over their last axis for others."""
    attributes = dict(row.cases[0].attributes)
    arrays = [np.asarray(operand, dtype=float) for operand in operands]
    types = [TensorType("f32", array.shape[1:], array.ndim > 0) for array in arrays]
    if TABLE[name].kind is Kind.REDUCTION:
        attributes = {"axes": (types[0].rank - 1,)}
    builder = Builder(name)
    args = [builder.parameter(type, "x") for type in types]
    result = builder.op(name, *args, **attributes)
    if not differentiated:
        return evaluate(builder.finish([result]), arrays, 1)[0]
    loss = builder.sum(result)
    loss = builder.sum(loss, batch=True) if loss.type.batched else loss
    return evaluate(gradient(builder.finish([]), loss, args), arrays, 1)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.examples])
def test_examples(name: str) -> None:
    for operands, expected in ROWS[name].examples:
        np.testing.assert_allclose(
            np.squeeze(called(name, operands, ROWS[name])).astype(float), float(expected), rtol=1e-12
        )


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.ties])
def test_ties(name: str) -> None:
    for operands, expected in ROWS[name].ties:
        for found, wish in zip(called(name, operands, ROWS[name], True), expected, strict=True):
            np.testing.assert_array_equal(found, np.asarray(wish))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.refused])
def test_refusals(name: str) -> None:
    for types, attributes, message in ROWS[name].refused:
        operands = types * (TABLE[name].operands or 1) if len(types) == 1 else types
        with pytest.raises(TypeMismatch) as caught:
            infer(name, operands, attributes)
        assert message in str(caught.value)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if any(case.smooth for case in row.cases)])
def test_closed_under_adjoints(name: str) -> None:
    """Whatever an adjoint applies is differentiable again; second derivatives agree with differences of the first."""
    case = next(case for case in ROWS[name].cases if case.smooth)
    builder = Builder(name)
    args = [builder.parameter(type, f"x{n}") for n, type in enumerate(case.types)]
    result = builder.op(name, *args, **case.attributes)
    squared = builder.op("convert", result, element="f32")
    loss = builder.sum(builder.mul(squared, squared))
    loss = builder.sum(loss, batch=True) if loss.type.batched else loss
    wrt = next(arg for arg in args if arg.type.is_float)
    once = gradient(builder.finish([]), loss, [wrt])
    (slope,) = once.results
    again = Builder.resume(once)
    second = again.sum(again.op("convert", slope, element="f32"))
    second = again.sum(second, batch=True) if second.type.batched else second
    twice = gradient(again.finish([second]), second, [wrt])
    verify(twice)
    assert {op.primitive for op in twice.ops} <= TABLE.keys()
    arrays = drawn(case)
    found = evaluate(twice, arrays, BATCH)[1]
    np.testing.assert_allclose(found, differences(twice, arrays, args.index(wrt)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_columns(name: str) -> None:
    row = TABLE[name]
    assert row.name == name
    if row.kind is Kind.POINTWISE or row.kind is Kind.REDUCTION:
        assert "{0}" in row.triton or name == "variance"  # tiles compute it in parts
        assert "{0}" in row.torch
    if name in ROWS:
        case = ROWS[name].cases[0]
        call = row.call(case.types, case.attributes, None, TABLE, infer(name, case.types, case.attributes))
        assert row.flops(call) >= 0


def test_attributes_are_checked() -> None:
    with pytest.raises(ValueError, match="missing \\['axes'\\], unknown \\['axis'\\]"):
        infer("sum", [TensorType("f32", (2,))], {"axis": 0})
    with pytest.raises(ValueError, match="add takes 2 operands, 1 given"):
        infer("add", [TensorType("f32", (2,))], {})


@pytest.mark.parametrize("element", ["i32", "i64", "u8"])
def test_what_a_reduction_of_integers_starts_at(element: str) -> None:
    limits = np.iinfo({"i32": np.int32, "i64": np.int64, "u8": np.uint8}[element])
    assert (neutral("max", element), neutral("min", element)) == (limits.min, limits.max)
    assert (neutral("sum", element), neutral("prod", element)) == (0, 1)
