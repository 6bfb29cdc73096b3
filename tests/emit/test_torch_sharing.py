"""Values that several kernels compute: made once, and the same numbers as the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest

from nnc.schedule.kernel import BATCH, Buffer, Space
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Op
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import Run, by_hand, program_of

SIZES = [(1, 1), (5, 3), (7, 10)]


def two_kernels(builder: Builder, function: Function, again: list[Op], rest: list[Op], n: int) -> Run:
    """`again` belongs to both kernels; the second goes on with `rest`, and both leave a result."""
    first, second = function.results
    program = program_of(function)
    schedule = by_hand(program, [("one", again, [first]), ("two", [*again, *rest], [second])], {})
    rng = np.random.default_rng(n)
    arrays = [rng.normal(size=(5, n)) for _ in function.parameters]
    run = Run(schedule, arrays, 5)
    run()
    for place, expected in enumerate(evaluate(function, arrays, 5)):
        np.testing.assert_allclose(run.result(place), expected, rtol=2e-5, atol=2e-5, err_msg=run.text)
    return run


@pytest.mark.parametrize("n", [1, 3, 10])
def test_a_value_is_computed_once(n: int) -> None:
    b = Builder("once")
    x = b.parameter(TensorType("f32", (n,), True), "x")
    root = b.op("exp", x)
    tangent = b.op("tanh", root)
    function = b.finish([b.mul(tangent, tangent), b.add(root, tangent)])
    run = two_kernels(b, function, list(function.ops[:3]), [function.ops[3]], n)
    assert run.text.count("exp(") == run.text.count("tanh(") == 1
    assert {buffer.name for buffer, _, _ in run.step.buffers} == {"exp", "tanh"}
    assert all((first, last) == (0, 1) for _, first, last in run.step.buffers)


def test_what_only_dropped_ops_need_is_not_kept() -> None:
    b = Builder("inner")
    x = b.parameter(TensorType("f32", (3,), True), "x")
    inner = b.op("sin", b.op("exp", x))
    function = b.finish([b.mul(inner, inner), b.add(inner, x)])
    run = two_kernels(b, function, list(function.ops[:3]), [function.ops[3]], 3)
    assert [buffer.name for buffer, _, _ in run.step.buffers] == ["sin"]


def test_views_are_taken_anew() -> None:
    b = Builder("views")
    x = b.parameter(TensorType("f32", (4,), True), "x")
    turned = b.op("transpose", b.reshape(x, (2, 2)), permutation=(1, 0))
    function = b.finish([b.op("exp", turned), b.op("sin", turned)])
    views = [op for op in function.ops if op.primitive in ("reshape", "transpose")]
    ends = [op for op in function.ops if op not in views]
    schedule = by_hand(
        program_of(function),
        [("one", [*views, ends[0]], [function.results[0]]), ("two", [*views, ends[1]], [function.results[1]])],
        {},
    )
    array = np.random.default_rng(0).normal(size=(3, 4))
    run = Run(schedule, [array], 3)
    run()
    for place, expected in enumerate(evaluate(function, [array], 3)):
        np.testing.assert_allclose(run.result(place), expected, rtol=1e-6)
    assert not run.step.buffers


def test_a_place_that_is_written_over_is_not_read() -> None:
    """The first kernel's `exp` is kept apart from the buffer that a later kernel writes over."""
    b = Builder("over")
    x = b.parameter(TensorType("f32", (3,), True), "x")
    root = b.op("exp", x)
    square, cube = b.mul(root, root), b.op("sin", root)
    function = b.finish([b.add(square, cube), b.mul(cube, root)])
    shared = Buffer("shared", "f32", (BATCH, 3), Space.ARENA)
    ops = list(function.ops)
    parts = [("one", ops[:2], [square]), ("two", [ops[0], *ops[2:4]], [function.results[0], cube])]
    parts.append(("three", [ops[0], ops[4]], [function.results[1]]))
    schedule = by_hand(program_of(function), parts, {square: shared, cube: shared})
    array = np.random.default_rng(0).normal(size=(5, 3))
    run = Run(schedule, [array], 5)
    run()
    for place, expected in enumerate(evaluate(function, [array], 5)):
        np.testing.assert_allclose(run.result(place), expected, rtol=2e-6, atol=1e-6, err_msg=run.text)
    assert run.text.count("exp(") == 1
