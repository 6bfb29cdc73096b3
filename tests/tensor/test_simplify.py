"""Simplification: the stable forms, the softmax's gradient, and random programs whose values it must not change."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.ir import Function, Value
from nnc.tensor.rules.pattern import rules_of
from nnc.tensor.simplify import simplify
from nnc.tensor.types import TensorType, TypeMismatch
from nnc.tensor.verify import verify

SAMPLES = 5
CLASSES = 7


def softmax_loss() -> Function:
    """The weighted mean of -log of the probability of the target, as the library writes it."""
    builder = Builder("loss")
    z = builder.parameter(TensorType("f32", (CLASSES,), True), "z")
    target = builder.parameter(TensorType("i32", (), True, CLASSES), "target")
    w = builder.parameter(TensorType("f32", (), True), "w")
    top = builder.op("stop_gradient", builder.op("max", z, axes=(0,), keepdims=True))
    e = builder.op("exp", builder.sub(z, top))
    probabilities = builder.div(e, builder.sum(e, (0,), True))
    loss = builder.neg(builder.op("log", builder.op("pick", probabilities, target)))
    return builder.finish([builder.div(builder.sum(builder.mul(w, loss), batch=True), builder.op("batch_size"))])


def slope_of(function: Function) -> Function:
    """The gradient by the first parameter, simplified before and after."""
    stable = simplify(function)
    return simplify(gradient(stable, stable.results[0], [stable.parameters[0]]), erase_stops=True)


def count(function: Function) -> Counter[str]:
    return Counter(op.primitive for op in function.ops)


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_gradient_of_softmax_and_logarithm(scale: float) -> None:
    function = slope_of(softmax_loss())
    verify(function)
    generator = np.random.default_rng(0)
    z = generator.choice([-scale, 0.25 * scale, scale], (SAMPLES, CLASSES))
    target = generator.integers(0, CLASSES, SAMPLES)
    w = generator.uniform(0, 2, SAMPLES)
    loss, found = evaluate(function, [z, target, w], SAMPLES)
    shifted = z - z.max(1, keepdims=True)
    total = np.exp(shifted).sum(1, keepdims=True)
    expected = (np.exp(shifted) / total - np.eye(CLASSES)[target]) * w[:, None] / SAMPLES
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_allclose(loss, (w * (np.log(total[:, 0]) - shifted[range(SAMPLES), target])).sum() / SAMPLES)


def test_gradient_of_softmax_and_logarithm_is_short() -> None:
    function = slope_of(softmax_loss())
    found = count(function)
    assert found["exp"] == found["log"] == found["max"] == 1
    assert found["place"] + found["one_hot"] == 1
    assert found["stop_gradient"] == found["broadcast"] == 0
    shape = function.results[1].type.shape
    # Over all classes: z - max, exp, exp * scale, its difference with what is placed.
    assert sum(op.result.type.shape == shape for op in function.ops) <= 5
    logs = [op.args[0] for op in function.ops if op.primitive == "log"]
    producers = function.producers()
    assert all(producers[value].primitive == "sum" for value in logs), "the logarithm of a probability is left"


def test_gradient_of_sigmoid_and_logarithm_is_finite() -> None:
    builder = Builder("loss")
    z = builder.parameter(TensorType("f32", (), True), "z")
    t = builder.parameter(TensorType("f32", (), True), "t")
    p = builder.op("sigmoid", z)
    log = builder.op("log", p)
    log_other = builder.op("log", builder.sub(1, p))
    loss = builder.neg(builder.add(builder.mul(t, log), builder.mul(builder.sub(1, t), log_other)))
    function = slope_of(builder.finish([builder.mean(loss, batch=True)]))
    assert "log" not in count(function)
    arrays = [np.array([-1e5, 1e5, 0.0, 1e5]), np.array([1.0, 0.0, 0.5, 1.0])]
    value, slope = evaluate(function, arrays, 4)
    np.testing.assert_allclose(value, (1e5 + 1e5 + np.log(2)) / 4)
    np.testing.assert_allclose(slope, np.array([-1, 1, 0, 0]) / 4, atol=1e-15)


def one(build: Any, *types: TensorType) -> Function:
    builder = Builder("one")
    return simplify(builder.finish([build(builder, *(builder.parameter(type, "x") for type in types))]))


X = TensorType("f32", (3,), True)


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (lambda b, x: b.mul(x, 1), []),
        (lambda b, x: b.add(0, x), []),
        (lambda b, x: b.neg(b.neg(x)), []),
        (lambda b, x: b.div(x, 4), ["constant", "mul"]),
        (lambda b, x: b.div(x, 3), ["constant", "div"]),
        (lambda b, x: b.op("pow", x, b.constant(2)), ["mul"]),
        (lambda b, x: b.op("log", b.op("exp", x)), []),
        (lambda b, x: b.reshape(b.reshape(x, (1, 3)), (3,)), []),
        (
            lambda b, x: b.sum(b.sum(b.broadcast(x, TensorType("f32", (2, 3), True)), (0,)), (0,)),
            ["constant", "mul", "sum"],
        ),
        (lambda b, x: b.add(b.op("exp", x), b.op("exp", x)), ["add", "exp"]),
        (lambda b, x: b.mul(x, b.div(1, b.op("batch_size"))), ["batch_size", "div"]),
        (lambda b, x: b.mul(x, b.add(b.constant(2), b.constant(3))), ["constant", "mul"]),
        (lambda b, x: b.op("argmax", b.op("exp", x), axes=(0,)), ["argmax"]),
        (lambda b, x: b.sum(b.mul(x, b.sum(x, (0,), True))), ["mul", "sum"]),
    ],
)
def test_one_rule(build: Any, left: list[str]) -> None:
    assert sorted(op.primitive for op in one(build, X).ops) == left


def test_stops_are_kept_until_they_are_erased() -> None:
    builder = Builder("stop")
    x = builder.parameter(X, "x")
    function = builder.finish([builder.op("stop_gradient", x)])
    assert count(simplify(function)) == {"stop_gradient": 1}
    assert not simplify(function, erase_stops=True).ops


def test_a_line_that_is_no_rule_is_refused() -> None:
    for line in ("exp(x)", "x -> x", "frobnicate(x) -> x", "exp(x.y) -> x"):
        with pytest.raises(ValueError, match="no "):
            rules_of(line)


UNARY = ("neg", "exp", "tanh", "sigmoid", "softplus", "abs", "sin", "floor", "sign")
BINARY = ("add", "sub", "mul", "div", "maximum", "minimum", "pow")


@st.composite
def programs(draw: st.DrawFn) -> Function:
    """Random well-typed programs of pointwise ops, reductions and views, with repeated and constant operands."""
    builder = Builder("random")
    shapes = [TensorType("f32", (2, 3), True), TensorType("f32", (3,)), TensorType("f32", (2, 1), True)]
    values: list[Value] = [builder.parameter(type, "x") for type in shapes]
    values += [builder.constant(draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 3.0, 0.5]))) for _ in range(2)]
    for _ in range(draw(st.integers(1, 12))):
        x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        try:
            match draw(st.integers(0, 6)):
                case 0:
                    made = builder.op(draw(st.sampled_from(UNARY)), x)
                case 1 | 2:
                    made = builder.op(draw(st.sampled_from(BINARY)), x, y)
                case 3:
                    axes = [axis for axis in range(x.type.rank) if draw(st.booleans())]
                    made = builder.sum(x, axes, draw(st.booleans()), x.type.batched and draw(st.booleans()))
                case 4:
                    made = builder.reshape(
                        x, draw(st.sampled_from([(x.type.size,), (1, x.type.size), x.type.shape[::-1]]))
                    )
                case 5:
                    made = builder.op("transpose", x, permutation=tuple(reversed(range(x.type.rank))))
                case _:
                    made = builder.broadcast(x, TensorType("f32", (2, 3), True))
        except TypeMismatch:
            continue
        values.append(made)
    return builder.finish(values[-3:])


@settings(max_examples=200)
@given(programs(), st.integers(0, 2**32 - 1))
def test_values_stay(function: Function, seed: int) -> None:
    simplified = simplify(function)
    verify(simplified)
    assert [value.type for value in simplified.results] == [value.type for value in function.results]
    generator = np.random.default_rng(seed)
    arrays = [
        generator.uniform(0.5, 1.5, (4, *p.type.shape) if p.type.batched else p.type.shape) for p in function.parameters
    ]
    for before, after in zip(evaluate(function, arrays, 4), evaluate(simplified, arrays, 4), strict=True):
        usual = np.isfinite(before) & (
            abs(before) < 1e6
        )  # beyond, the simplified form may be finite or rounded otherwise
        np.testing.assert_allclose(after[usual], before[usual], rtol=1e-8, atol=1e-7)
