"""Products and sums that are grouped anew: the float64 reference's numbers, in fewer passes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from nnc.schedule.kernel import BATCH, Buffer, Space
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Value
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import Run, by_hand, check, program_of

SIZES = [(1, 1), (5, 3), (7, 10)]


def floats(builder: Builder, *shape: int, batched: bool = True, hint: str = "x") -> Value:
    return builder.parameter(TensorType("f32", shape, batched), hint)


def run(make: Callable[[Builder, int], list[Value]], n: int, batch: int) -> Run:
    builder = Builder(make.__name__)
    function = builder.finish(make(builder, n))
    rng = np.random.default_rng(n)
    shapes = [((batch,) if value.type.batched else ()) + value.type.shape for value in function.parameters]
    return check(function, [rng.normal(size=shape).astype(np.float32) for shape in shapes], batch)


def calls(found: Run) -> list[str]:
    return re.findall(r"\b(add|sub|mul|div|sum|addcmul)_?\(", found.text)


def normalisation_backward(b: Builder, n: int) -> list[Value]:
    """The sums that the gradient of a batch's normalisation needs."""
    g, deviation = floats(b, n, hint="g"), floats(b, n, hint="deviation")
    scale, root = floats(b, n, batched=False, hint="scale"), floats(b, n, batched=False, hint="root")
    scaled = b.mul(g, scale)
    sums = [g, b.mul(g, b.mul(deviation, root)), b.mul(scaled, deviation), b.mul(scaled, root)]
    return [b.sum(x, (), batch=True) for x in sums]


def without_the_plain_sum(b: Builder, n: int) -> list[Value]:
    g, deviation, scale = floats(b, 2, n), floats(b, 2, n), floats(b, n, batched=False)
    column = floats(b, 1, n, batched=False, hint="column")
    product = b.mul(g, deviation)
    return [b.sum(b.mul(product, scale), (0,), batch=True), b.sum(b.mul(b.mul(g, column), deviation), (0,), batch=True)]


def along_an_axis(b: Builder, n: int) -> list[Value]:
    """Factors with a number for each sample and row, and one that is a number."""
    x, row = floats(b, 2, n), floats(b, 2, 1, hint="row")
    sums = [b.mul(x, row), b.mul(x, 0.5), x]
    return [b.sum(each, (1,), keepdims=True) for each in sums] + [b.sum(b.mul(x, row), (1,)), b.sum(x, (1,))]


def the_plain_sum_last(b: Builder, n: int) -> list[Value]:
    x, y, scale = floats(b, n), floats(b, n), floats(b, n, batched=False)
    return [b.sum(b.mul(b.mul(x, y), scale), (), batch=True), b.sum(b.mul(x, y), (), batch=True)]


@pytest.mark.parametrize(("batch", "n"), SIZES)
@pytest.mark.parametrize(
    ("make", "sums"),
    [(normalisation_backward, 2), (without_the_plain_sum, 1), (along_an_axis, 2), (the_plain_sum_last, 1)],
)
def test_sums_that_differ_by_a_factor(
    make: Callable[[Builder, int], list[Value]], sums: int, batch: int, n: int
) -> None:
    found = calls(run(make, n, batch)).count("sum")
    assert found == sums or n == 1


def other_axes(b: Builder, n: int) -> list[Value]:
    x, y = floats(b, 2, n), floats(b, 2, n)
    return [b.sum(x, (0,), batch=True), b.sum(b.mul(x, 2.0), (1,), batch=True), b.sum(b.mul(y, 2.0), (0,), batch=True)]


def varying_factor(b: Builder, n: int) -> list[Value]:
    """What has a number for each sample stays within a sum over the samples."""
    x, each = floats(b, n), floats(b, hint="each")
    return [b.sum(x, (), batch=True), b.sum(b.mul(x, b.mul(each, each)), (), batch=True)]


@pytest.mark.parametrize(("make", "sums"), [(other_axes, 3), (varying_factor, 2)])
def test_other_sums_are_left_alone(make: Callable[[Builder, int], list[Value]], sums: int) -> None:
    assert calls(run(make, 4, 5)).count("sum") == sums


def numbers(b: Builder, n: int) -> list[Value]:
    x = b.mul(b.div(b.mul(b.mul(floats(b, n), -0.5), floats(b, n, hint="y")), b.op("batch_size")), 2)
    return [b.div(x, 4.0)]


def rows_first(b: Builder, n: int) -> list[Value]:
    scale, root = floats(b, n, batched=False, hint="scale"), floats(b, n, batched=False, hint="root")
    return [b.mul(b.mul(floats(b, n), scale), b.mul(root, 3.0))]


def outer(b: Builder, n: int) -> list[Value]:
    return [b.mul(b.mul(floats(b), floats(b, n, batched=False)), 2.0)]


def quotient(b: Builder, n: int) -> list[Value]:
    """What is divided by a tensor stays as it is."""
    y = b.op("exp", floats(b, n, hint="y"))
    return [b.mul(b.mul(b.div(b.mul(floats(b, n), 2.0), y), 0.5), 3.0)]


def by_zero(b: Builder, n: int) -> list[Value]:
    return [b.mul(b.op("maximum", b.div(b.op("exp", floats(b, n)), 0.0), b.constant(1.0)), 0.5)]


def two_uses(b: Builder, n: int) -> list[Value]:
    inner = b.mul(floats(b, n), 2.0)
    return [b.mul(inner, 3.0), b.mul(inner, 0.25)]


def one(b: Builder, n: int) -> list[Value]:
    return [b.mul(b.mul(floats(b, n), 2.0), 0.5)]


@pytest.mark.parametrize(("batch", "n"), SIZES)
@pytest.mark.parametrize(
    ("make", "most"),
    [(numbers, 2), (rows_first, 3), (outer, 2), (quotient, 3), (by_zero, 2), (two_uses, 3), (one, 0)],
)
def test_product(make: Callable[[Builder, int], list[Value]], most: int, batch: int, n: int) -> None:
    assert len(calls(run(make, n, batch))) <= most


def test_rows_are_multiplied_first() -> None:
    text = run(rows_first, 4, 5).text
    assert "torch.mul(x0, x1, out=product).mul_(3.0)" in text


def test_numbers_are_one_number() -> None:
    assert "-0.25 / count" in run(numbers, 4, 5).text


def test_a_value_that_no_later_kernel_reads_is_not_kept() -> None:
    """The first kernel leaves a sum for a tile of the second, which here has its exponential."""
    b = Builder("idle")
    x = floats(b, 3)
    total = b.add(x, 1.0)
    root = b.op("exp", total)
    function = b.finish([b.mul(root, root), b.op("sin", root)])
    arena = Buffer("total", "f32", (BATCH, 3), Space.ARENA)
    ops = list(function.ops)
    parts = [("one", ops[:4], [total, function.results[0]]), ("two", [*ops[:3], ops[4]], [function.results[1]])]
    array = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    found = Run(by_hand(program_of(function), parts, {total: arena}), [array], 5)
    found()
    for place, expected in enumerate(evaluate(function, [array], 5)):
        np.testing.assert_allclose(found.result(place), expected, rtol=2e-6, atol=1e-6, err_msg=found.text)
    assert [buffer.name for buffer, _, _ in found.step.buffers] == ["exp"]
