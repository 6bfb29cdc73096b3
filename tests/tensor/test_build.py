"""The builder, what verify refuses, what show prints, and the composites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnc.base.source import Source, Span
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.ir import Function
from nnc.tensor.show import show
from nnc.tensor.types import BatchLength, TensorType
from nnc.tensor.verify import InvalidProgram, verify

X = TensorType("f32", (5, 3), True)


def small() -> Function:
    builder = Builder("small")
    x = builder.parameter(X, "x")
    return builder.finish([builder.sum(builder.op("exp", x, hint="e"), (1,))])


def test_show() -> None:
    assert show(small()) == (
        "small(x: float[5, 3]*)\n"
        "    e: float[5, 3]* = exp(x)\n"
        "    sum: float[5]* = sum(e, axes=(1,), batch=False, keepdims=False)\n"
        "    -> sum"
    )


def test_spans_and_scopes_are_stamped_and_survive_inlining() -> None:
    span = Span(Source("a.nn", "exp(x)"), 0, 6)
    builder = Builder("outer")
    x = builder.parameter(X, "x")
    with builder.at(span, ("hidden", "dense")):
        y = builder.op("exp", x)
    z = builder.op("exp", y)
    assert (y.span, y.scope, z.span, z.scope) == (span, ("hidden", "dense"), None, ())
    function = builder.finish([y])
    again = Builder("again")
    (copy,) = again.inline(function, [again.parameter(X, "x")])
    assert (copy.span, copy.scope) == (span, ("hidden", "dense"))
    verify(again.finish([copy]))


@pytest.mark.parametrize("batch", [False, True])
def test_composites(batch: bool) -> None:
    builder = Builder("composites")
    x = builder.parameter(X, "x")
    results = [builder.mean(x, (1,), batch=batch), builder.variance(x, (1,), batch=batch), builder.logsumexp(x, (1,))]
    values = np.random.default_rng(0).normal(size=(4, 5, 3))
    mean, variance, total = evaluate(builder.finish(results), [values], 4)
    axes = (0, 2) if batch else 2
    np.testing.assert_allclose(mean, values.mean(axes))
    np.testing.assert_allclose(variance, values.var(axes))
    np.testing.assert_allclose(total, np.log(np.exp(values).sum(2)))


def test_logsumexp_of_large_numbers_is_finite() -> None:
    builder = Builder("large")
    x = builder.parameter(TensorType("f32", (2,)), "x")
    assert evaluate(builder.finish([builder.logsumexp(x)]), [np.array([1e5, 1e5])], 1)[0] == 1e5 + np.log(2)


def test_gradients_of_what_is_not_reached_are_zero() -> None:
    builder = Builder("unreached")
    x, other = builder.parameter(X, "x"), builder.parameter(TensorType("f32", (7,)), "other")
    loss = builder.sum(x, batch=True)
    function = gradient(builder.finish([loss]), loss, [x, other])
    verify(function)
    _, slope, zero = evaluate(function, [np.ones((2, 5, 3)), np.ones(7)], 2)
    np.testing.assert_array_equal(slope, np.ones((2, 5, 3)))
    np.testing.assert_array_equal(zero, np.zeros(7))


def test_only_scalars_have_gradients() -> None:
    function = small()
    with pytest.raises(ValueError, match=r"only a common float scalar has gradients here, not sum: float\[5\]"):
        gradient(function, function.results[0], function.parameters)


def test_verify_refuses() -> None:
    function = small()
    verify(function)
    first, second = function.ops
    wrong_type = replace(first.result, type=TensorType("f32", (5, 2), True))
    broken = {
        "reads %1 \\(e\\) before it is made": replace(function, ops=(second, first)),
        "defines %1 \\(e\\) a second time": replace(function, ops=(first, first, second)),
        "op 0, exp \\(e\\): types are float\\[5, 2\\], should be": replace(
            function, ops=(replace(first, results=(wrong_type,)),), results=()
        ),
        "there is no such primitive": replace(function, ops=(replace(first, primitive="frobnicate"), second)),
        "attributes \\[\\] are not the row's": replace(function, ops=(first, replace(second, attributes=()))),
        "the result %2 \\(sum\\) is never made": replace(function, ops=(first,)),
    }
    for message, wrong in broken.items():
        with pytest.raises(InvalidProgram, match=message):
            verify(wrong)


def test_evaluate_refuses_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match=r"x: expected an array of shape \(2, 5, 3\), found \(2, 3, 5\)"):
        evaluate(small(), [np.ones((2, 3, 5))], 2)


def test_an_axis_of_the_batch_is_no_other_of_its_size():
    """Equal types are one object in a builder, except where one of them runs over the batch."""
    b = Builder("f")
    plain, long = b.parameter(TensorType("f32", (4,)), "x"), b.parameter(TensorType("f32", (BatchLength(4),)), "y")
    assert b.op("exp", plain).type is b.op("exp", plain).type
    for value, kind in ((plain, int), (long, BatchLength), (plain, int)):
        assert type(b.op("exp", value).type.shape[0]) is kind
        assert type(b.op("neg", b.op("exp", value)).type.shape[0]) is kind


def test_a_builder_knows_what_makes_a_value():
    b = Builder("f")
    x = b.parameter(TensorType("f32", (4,)), "x")
    kept = b.op("exp", x)
    mark = b.mark
    first, second = b.op("neg", kept), b.op("exp", kept)
    taken = b.taken(mark)
    assert [b.producer(value) for value in (x, first, second)] == [None] * 3
    b.keep(taken[1])
    assert b.producer(second) is taken[1]
    assert b.producer(kept).args == (x,)
