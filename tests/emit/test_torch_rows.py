"""Every row of the table through the torch path, against the float64 reference; and products of any specification."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nnc.emit.torch_pointwise import IN_PLACE
from nnc.tensor.build import Builder
from nnc.tensor.ir import Function, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import check
from tests.tensor.cases import BATCH, POINTWISE, Case
from tests.tensor.structural import STRUCTURAL

CASES = [
    pytest.param(name, case, id=f"{name}-{number}")
    for name, row in {**POINTWISE, **STRUCTURAL}.items()
    for number, case in enumerate(row.cases)
    if name in TABLE and TABLE[name].kind not in (Kind.CONTROL, Kind.FACTOR, Kind.RANDOM)
]
# float32 loses what float64 keeps where these are steep.
STEEP = {"tan": 1e-3, "polygamma": 1e-3, "digamma": 1e-3, "lgamma": 1e-4, "pow": 1e-4, "rsqrt": 1e-4, "exp": 1e-4}


def values(type: TensorType, domain: tuple[float, float], rng: np.random.Generator, batch: int = BATCH) -> np.ndarray:
    shape = (batch, *type.shape) if type.batched else type.shape
    if type.element == "bool":
        return rng.random(shape) < 0.5
    if type.is_integer:
        low, high = (0, type.bound) if type.bound else (-5, 9)
        return rng.integers(low, high, shape)
    return rng.uniform(*domain, shape).astype(np.float32)


def function_of(name: str, case: Case, copies: int = 1) -> Function:
    builder = Builder(name)
    args = [builder.parameter(type, f"x{number}") for number, type in enumerate(case.types)]
    results: list[Value] = []
    for _ in range(copies):
        results += builder.ops(name, *args, **case.attributes)
    return builder.finish(results)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_row(name: str, case: Case) -> None:
    rng = np.random.default_rng(len(name))
    arguments = [values(type, case.domain, rng) for type in case.types]
    if name in ("eq", "ne", "le", "ge"):
        arguments[1] = np.where(rng.random(arguments[1].shape) < 0.5, 0, arguments[1])
        arguments[0] = np.where(rng.random(arguments[0].shape) < 0.5, 0, arguments[0])
    if name in ("floordiv", "mod"):
        arguments = [np.where(np.asarray(array) == 0, 1, array) for array in arguments]
    check(function_of(name, case), arguments, BATCH, STEEP.get(name, 2e-5))


def test_no_row_is_left_out() -> None:
    wanted = {name for name, row in TABLE.items() if row.kind not in (Kind.CONTROL, Kind.FACTOR, Kind.RANDOM)}
    assert wanted <= {name for name, row in {**POINTWISE, **STRUCTURAL}.items() if row.cases}


def test_what_works_in_place_exists() -> None:
    assert not [name for name in IN_PLACE if not hasattr(torch.Tensor, f"{name}_")]


NUMBERED = [
    name
    for name, row in TABLE.items()
    if row.kind is Kind.POINTWISE and row.operands == 2 and name not in ("and", "or")
]


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("number", [2.0, 1.0, 0.5])
def test_a_number_for_an_operand(name: str, first: bool, number: float) -> None:
    builder = Builder(name)
    x = builder.parameter(TensorType("f32", (5,), True), "x")
    constant = builder.constant(number)
    once = builder.op(name, *((constant, x) if first else (x, constant)))
    twice = builder.op("exp", builder.neg(x))
    again = builder.op(name, *((constant, twice) if first else (twice, constant)))
    function = builder.finish([once, again])
    array = np.random.default_rng(1).uniform(0.3, 3.0, (7, 5)).astype(np.float32)
    array[0, 0] = number
    check(function, [array], 7)


@pytest.mark.parametrize("x", [None, 1.5])
@pytest.mark.parametrize("y", [None, 0.0])
@pytest.mark.parametrize("reuse", [True, False])
def test_where_with_numbers(x: float | None, y: float | None, reuse: bool) -> None:
    builder = Builder("where")
    a, c = (builder.parameter(TensorType("f32", (3,), True), "a"), builder.parameter(TensorType("f32", (3,)), "c"))
    condition = builder.gt(a, c)
    branches = [builder.op("exp", a) if x is None else builder.constant(x), c if y is None else builder.constant(y)]
    result = builder.op("where", condition, *branches)
    also = [builder.where(condition, 2.0, a)] if reuse else []
    rng = np.random.default_rng(2)
    check(builder.finish([result, *also]), [rng.normal(size=(5, 3)), rng.normal(size=3)], 5)


PRODUCTS = [
    ("Bk,kn->Bn", 0),
    ("Bn,kn->Bk", 0),
    ("Bk,Bn->kn", 0),
    ("Btk,kn->Btn", 1),
    ("Btk,Btn->kn", 0),
    ("Bqhd,Bkhd->Bhqk", 0),
    ("Bhqk,Bkhd->Bqhd", 1),
    ("Bk,Bk->B", 0),
    ("Bk,k->B", 0),
    ("k,Bk->B", 0),
    ("k,k->", 0),
    ("k,kn->n", 1),
    ("kn,n->k", 0),
    ("k,n->kn", 0),
    ("Bk,Bn->Bkn", 0),
    ("ij,jk->ki", 1),
    ("ikj,jl->lik", 1),
    ("B,Bn->n", 0),
    ("B,B->", 0),
    ("kn,kn->kn", 0),
]


@pytest.mark.parametrize(("spec", "added"), PRODUCTS)
@pytest.mark.parametrize("sizes", [(3, 5, 2), (1, 1, 1), (1, 4, 3)])
@pytest.mark.parametrize("precision", ["f32", "bf16", "f16"])
def test_product(spec: str, added: int, sizes: tuple[int, ...], precision: str) -> None:
    """Any specification; `added`: with a bias, which becomes one call where that is possible."""
    operands, _ = spec.split("->")
    letters = sorted(set(spec) - set("B,->"))
    size = {letter: sizes[number % 3] for number, letter in enumerate(letters)}
    rng = np.random.default_rng(len(spec))
    batch = 7
    builder = Builder("product")
    args, arrays = [], []
    for number, term in enumerate(operands.split(",")):
        type = TensorType("f32", tuple(size[x] for x in term.removeprefix("B")), term.startswith("B"))
        args.append(builder.parameter(type, f"x{number}"))
        # Few bits: the rounding to bf16 is exact, and what is checked is the arithmetic.
        arrays.append(rng.integers(-8, 9, ((batch,) if type.batched else ()) + type.shape) / 8)
    result = builder.op("einsum", *args, spec=spec)
    if added:
        bias = builder.parameter(TensorType("f32", result.type.shape[-1:]), "bias")
        arrays.append(rng.integers(-8, 9, bias.type.shape) / 8)
        result = builder.add(result, bias)
    check(builder.finish([result]), arrays, batch, precision=precision)


def test_bf16_rounds_the_operands_of_products() -> None:
    builder = Builder("product")
    x = builder.parameter(TensorType("f32", (4,), True), "x")
    y = builder.parameter(TensorType("f32", (4, 3)), "y")
    function = builder.finish([builder.op("einsum", x, y, spec="Bk,kn->Bn"), builder.add(x, 0.001)])
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(5, 4)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)]
    rounded = [torch.tensor(array).to(torch.bfloat16).double().numpy() for array in arrays]
    run = check(function, [rounded[0], rounded[1]], 5, precision="bf16")
    assert "bfloat16" not in run.text  # rounding is a copy between buffers
    exact = check(function, arrays, 5)
    from_rounded = type(run)(exact.schedule, arrays, 5, "bf16")
    from_rounded()
    np.testing.assert_allclose(from_rounded.result(0), rounded[0] @ rounded[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(from_rounded.result(1), arrays[0] + 0.001, rtol=1e-6)
