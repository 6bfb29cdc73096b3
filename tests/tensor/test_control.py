"""foreach runs its body on each tensor; the training step updates every parameter that a gradient reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnc.base.source import Source, Span
from nnc.tensor.build import Builder, infer
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function
from nnc.tensor.program import Binding, Model, Optimizer, Program, Role, Rule, Settings, Slot
from nnc.tensor.step import forward_step, gradient_step, training_step
from nnc.tensor.types import TensorType, TypeMismatch
from nnc.tensor.verify import verify

SPAN = Span(Source("model.nn", "model"), 0, 5)
SCALAR = TensorType("f32")
RATE = 0.1
DECAY = 0.9


def momentum() -> Function:
    """m' = decay m + g; p' = p - rate m' / step"""
    builder = Builder("update")
    p, g = builder.parameter(SCALAR, "parameter"), builder.parameter(SCALAR, "gradient")
    step, m = builder.parameter(SCALAR, "step"), builder.parameter(SCALAR, "m")
    moved = builder.add(builder.mul(m, DECAY), g)
    return builder.finish([builder.sub(p, builder.div(builder.mul(moved, RATE), step)), moved])


def test_foreach() -> None:
    builder = Builder("body")
    x, y, c = (builder.parameter(SCALAR, name) for name in "xyc")
    body = builder.finish([builder.add(x, builder.mul(y, c)), builder.mul(c, 2)])
    builder = Builder("all")
    shapes = [(3,), (2, 5), ()]
    xs = [builder.parameter(TensorType("f32", shape), "x") for shape in shapes]
    ys = [builder.parameter(TensorType("f32", shape), "y") for shape in shapes]
    shared = builder.parameter(SCALAR, "c")
    function = builder.finish(builder.ops("foreach", *xs, *ys, shared, body=body, count=3, shared=1))
    verify(function)
    generator = np.random.default_rng(0)
    a, b = ([generator.normal(size=shape) for shape in shapes] for _ in range(2))
    found = evaluate(function, [*a, *b, np.array(3.0)], 1)
    for i, shape in enumerate(shapes):
        np.testing.assert_allclose(found[i], a[i] + 3 * b[i])
        np.testing.assert_array_equal(found[3 + i], np.full(shape, 6.0))


def test_foreach_counts_its_operands() -> None:
    with pytest.raises(TypeMismatch, match="`foreach` of 2 tensors expects 7 operands, found 1"):
        infer("foreach", [SCALAR], {"count": 2, "shared": 1}, momentum())


def linear_model() -> Model:
    """The mean squared error of x @ k + bias; `unused` is a parameter that no gradient reaches."""
    builder = Builder("train")
    x = builder.parameter(TensorType("f32", (3,), True), "x")
    y = builder.parameter(TensorType("f32", (2,), True), "y")
    k = builder.parameter(TensorType("f32", (3, 2)), "kernel")
    bias = builder.parameter(TensorType("f32", (2,)), "bias")
    unused = builder.parameter(TensorType("f32", (5,)), "unused")
    error = builder.sub(builder.add(builder.op("einsum", x, k, spec="Bk,kn->Bn"), bias), y)
    loss = builder.mean(builder.mul(error, error), batch=True)
    total = builder.mul(loss, builder.op("batch_size"))
    builder.op("exp", unused)
    inputs = (
        Binding(Role.INPUT, "x"),
        Binding(Role.TARGET, "y"),
        *(Binding(Role.PARAMETER, name) for name in ("kernel", "bias", "unused")),
    )
    train = Program(builder.finish([total]), inputs, (Binding(Role.ACCUMULATOR, "loss"),))
    rule = Rule(("kernel", "bias", "unused"), momentum(), (Slot("m", 0.0, SPAN),))
    optimizer = Optimizer("Momentum", "Momentum()", (rule,), SPAN)
    return Model(
        "Linear", "", SPAN.source, SPAN, (), (), (), (), (), (), loss, train, train, train, (), (optimizer,), Settings()
    )


def arguments(program: Program, values: dict[tuple[Role, str, str], Any]) -> list[Any]:
    return [values[(binding.role, binding.name, binding.path)] for binding in program.inputs]


def given(samples: int) -> dict[tuple[Role, str, str], Any]:
    generator = np.random.default_rng(2)
    return {
        (Role.INPUT, "x", ""): generator.normal(size=(samples, 3)),
        (Role.TARGET, "y", ""): generator.normal(size=(samples, 2)),
        (Role.PARAMETER, "kernel", ""): generator.normal(size=(3, 2)),
        (Role.PARAMETER, "bias", ""): generator.normal(size=2),
        (Role.PARAMETER, "unused", ""): generator.normal(size=5),
        (Role.SLOT, "m", "kernel"): generator.normal(size=(3, 2)),
        (Role.SLOT, "m", "bias"): generator.normal(size=2),
        (Role.STEP, "", ""): np.array(4),
    }


@pytest.mark.parametrize("samples", [1, 7])
def test_training_step(samples: int) -> None:
    program = training_step(linear_model())
    verify(program.function)
    values = given(samples)
    results = evaluate(program.function, arguments(program, values), samples)
    found = {(b.role, b.name, b.path): result for b, result in zip(program.outputs, results, strict=True)}
    x, y = values[(Role.INPUT, "x", "")], values[(Role.TARGET, "y", "")]
    kernel, bias = values[(Role.PARAMETER, "kernel", "")], values[(Role.PARAMETER, "bias", "")]
    error = x @ kernel + bias - y
    slope = 2 * error / error.size
    for path, old, slope_of in (("kernel", kernel, x.T @ slope), ("bias", bias, slope.sum(0))):
        moved = DECAY * values[(Role.SLOT, "m", path)] + slope_of
        np.testing.assert_allclose(found[(Role.GRADIENT, path, "")], slope_of)
        np.testing.assert_allclose(found[(Role.SLOT, "m", path)], moved)
        np.testing.assert_allclose(found[(Role.PARAMETER, path, "")], old - RATE * moved / 4)
    np.testing.assert_allclose(found[(Role.ACCUMULATOR, "loss", "")], (error**2).mean() * samples)
    assert (Role.PARAMETER, "unused", "") not in found
    assert [op.primitive for op in program.function.ops].count("foreach") == 1
    assert len(program.inputs) == len(program.function.parameters)


def test_gradient_and_forward_steps() -> None:
    model = linear_model()
    program = gradient_step(model)
    verify(program.function)
    assert [binding.role for binding in program.outputs] == [Role.GRADIENT, Role.GRADIENT, Role.ACCUMULATOR]
    assert "foreach" not in {op.primitive for op in program.function.ops}
    whole = training_step(model)
    values = given(3)
    found = evaluate(program.function, arguments(program, values), 3)
    expected = evaluate(whole.function, arguments(whole, values), 3)
    for binding, result in zip(program.outputs, found, strict=True):
        np.testing.assert_array_equal(result, expected[whole.outputs.index(binding)])
    forward = forward_step(model.predict)
    verify(forward.function)
    assert "exp" not in {op.primitive for op in forward.function.ops}
