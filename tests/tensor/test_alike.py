"""What a body computes alike for all tensors is taken out of it, and what it means stays the same."""

from __future__ import annotations

import numpy as np

from nnc.tensor.alike import split
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Value
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")


def corrected() -> tuple[Function, tuple[Value, Value]]:
    """p - 0.1 / (1 - 0.9 ^ step) * m' * scale, and m' = m + (g - m) * 0.1; with a result that all tensors share."""
    b = Builder("update")
    p, g, m, step, scale = (b.parameter(SCALAR, name) for name in ("parameter", "gradient", "m", "step", "scale"))
    tenth = b.constant(0.1)
    rate = b.div(tenth, b.sub(1.0, b.op("pow", b.constant(0.9), step)))
    moved = b.add(m, b.mul(b.sub(g, m), tenth))
    shown = b.op("sqrt", step)
    return b.finish([b.sub(p, b.mul(b.mul(rate, moved), scale)), moved, shown]), (step, scale)


def test_numbers_and_the_rest_are_the_whole():
    body, shared = corrected()
    numbers, rest = split(body, shared)
    given = {"parameter": 2.0, "gradient": -3.0, "m": 0.5, "step": 4.0, "scale": 7.0}
    found = evaluate(numbers, [np.array(given[value.hint]) for value in numbers.parameters], 1)
    made = dict(zip(numbers.results, found, strict=True))
    tensors = [made[value] if value in made else np.array(given[value.hint]) for value in rest.parameters]
    whole = [np.array(given[value.hint]) for value in body.parameters]
    np.testing.assert_array_equal(evaluate(rest, tensors, 1), evaluate(body, whole, 1))


def test_what_takes_the_shared_alone_is_taken_out_and_results_are_not():
    body, shared = corrected()
    numbers, rest = split(body, shared)
    assert [op.primitive for op in numbers.ops if op.args] == ["pow", "sub", "div"]
    assert {value.hint for value in numbers.results} == {"div", "scale", "step"}
    left = {op.primitive for op in rest.ops}
    assert "pow" not in left
    assert "sqrt" in left  # a result, though it is the same for all
    assert rest.results == body.results


def test_a_body_that_reads_nothing_shared_keeps_no_parameter_for_it():
    b = Builder("update")
    p, g, step = (b.parameter(SCALAR, name) for name in ("parameter", "gradient", "step"))
    numbers, rest = split(b.finish([b.sub(p, b.mul(g, 0.1))]), (step,))
    assert numbers.results == ()
    assert rest.parameters == (p, g)
