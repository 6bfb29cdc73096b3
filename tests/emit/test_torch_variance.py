"""Variances on the torch path against float64 NumPy, and which deviations they leave."""

from __future__ import annotations

import numpy as np
import pytest

from nnc.tensor.build import Builder
from nnc.tensor.ir import Value
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import Run, check

SHAPES = [((), (), True), ((1,), (), True), ((10,), (0,), False), ((3, 5, 2), (0, 2), True), ((3, 5, 2), (1,), False)]


def values(shape: tuple[int, ...], batch: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(batch).normal(mean, 1.0, (batch, *shape))


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axes", "over"), SHAPES)
def test_variance(shape: tuple[int, ...], axes: tuple[int, ...], over: bool, keepdims: bool, batch: int) -> None:
    b = Builder("variance")
    x = b.parameter(TensorType("f32", shape, True), "x")
    run = check(b.finish([b.variance(x, axes, keepdims, over)]), [values(shape, batch)], batch)
    assert "torch.var(" not in run.text


def test_far_from_zero() -> None:
    b = Builder("far")
    x = b.parameter(TensorType("f32", (4,), True), "x")
    array = values((4,), 100, mean=100.0).astype(np.float32)
    run = check(b.finish([b.variance(x, (), False, True)]), [array], 100)
    np.testing.assert_allclose(run.result(0), array.astype(np.float64).var(0), rtol=1e-5)


def normalised(divisor: float | None) -> tuple[Run, Value]:
    """Values less their mean (or their sum divided by a number) over their standard deviation."""
    b = Builder("normalised")
    x = b.parameter(TensorType("f32", (2, 3), True), "x")
    total = b.sum(x, (0,), batch=True)
    mean = b.mean(x, (0,), batch=True) if divisor is None else b.div(total, divisor)
    deviation = b.sub(x, b.reshape(mean, (1, 3)))
    squared = b.variance(x, (0,), batch=True)
    result = b.mul(deviation, b.reshape(b.op("rsqrt", b.add(squared, 0.1)), (1, 3)))
    return check(b.finish([result]), [values((2, 3), 5)], 5), deviation


def test_the_deviations_of_the_program_are_taken() -> None:
    run, _ = normalised(None)
    assert run.text.count("torch.sub(") == 1
    assert run.text.count("torch.sum(") == 2


@pytest.mark.parametrize("divisor", [2.0, 5.0, 9.0, 10.0])
def test_what_is_no_mean_is_not_taken_for_one(divisor: float) -> None:
    """Ten elements are added up; a number is no count of the samples, though it be equal in this batch."""
    run, _ = normalised(divisor)
    assert run.text.count("sub(") + run.text.count("sub_(") == 2
