"""Each idiom: it fires, its values are the reference's, and it does not fire where a part is used elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nnc.runtime import fused
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Binding, Program, Role
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import Run, check, one_kernel

Made = tuple[list[Value], list[Value]]  # results; what an idiom swallows
SIZES = [(1, 1), (7, 10), (5, 3)]


def floats(builder: Builder, *shape: int, batched: bool = True, hint: str = "x") -> Value:
    return builder.parameter(TensorType("f32", shape, batched), hint)


def index(builder: Builder, n: int, *shape: int) -> Value:
    return builder.parameter(TensorType("i64", shape, True, n), "index")


def parts_of_softmax(b: Builder, x: Value) -> tuple[Value, Value, Value, Value]:
    """max, shifted, exp and sum along the last axis."""
    axis = x.type.rank - 1
    top = b.op("max", x, axes=(axis,), keepdims=True)
    shifted = b.sub(x, top)
    e = b.op("exp", shifted)
    return top, shifted, e, b.sum(e, (axis,), keepdims=True)


def softmax(b: Builder, n: int) -> Made:
    _, _, e, total = parts_of_softmax(b, floats(b, n))
    return [b.div(e, total)], [e]


def softmax_of_rows(b: Builder, n: int) -> Made:
    _, _, e, total = parts_of_softmax(b, floats(b, 3, n))
    return [b.div(e, total)], [e]


def log_softmax(b: Builder, n: int) -> Made:
    _, shifted, e, total = parts_of_softmax(b, floats(b, n))
    return [b.sub(shifted, b.op("log", total))], [e]


def cross_entropy(b: Builder, n: int) -> Made:
    x, i = floats(b, n), index(b, n)
    top = b.op("max", x, axes=(0,))
    e = b.op("exp", b.sub(x, top))
    total = b.sum(e)
    loss = b.sub(b.op("log", total), b.sub(b.op("pick", x, i), top))
    scale = floats(b, hint="scale")
    gradient = b.sub(b.mul(b.div(scale, total), e), b.op("place", scale, i, n=n))
    return [loss, gradient], [e]


def cross_entropy_of_rows(b: Builder, n: int) -> Made:
    x, i = floats(b, 2, n), index(b, n, 2)
    top, shifted, e, total = parts_of_softmax(b, x)
    picked = b.op("pick", shifted, i)
    loss = b.sub(b.reshape(b.op("log", total), (2,)), picked)
    scale = floats(b, 2, hint="scale")
    column = b.reshape(scale, (2, 1))
    gradient = b.sub(b.mul(b.div(column, total), e), b.op("place", scale, i, n=n))
    return [loss, gradient], [e, top]


def minus_one_hot(b: Builder, n: int) -> Made:
    hot = b.op("one_hot", index(b, n), n=n)
    return [b.sub(floats(b, n), hot)], [hot]


def threshold_backward(b: Builder, n: int) -> Made:
    condition = b.gt(floats(b, n, hint="h"), 0.0)
    return [b.where(condition, floats(b, n, hint="g"), 0.0)], [condition]


def tanh_backward(b: Builder, n: int) -> Made:
    y = floats(b, n, hint="y")
    slope = b.sub(1.0, b.mul(y, y))
    return [b.mul(floats(b, n, hint="g"), slope)], [slope]


def sigmoid_backward(b: Builder, n: int) -> Made:
    y = floats(b, n, hint="y")
    slope = b.mul(y, b.sub(1.0, y))
    return [b.mul(slope, floats(b, n, hint="g"))], [slope]


def compared(b: Builder, n: int) -> Made:
    same = b.eq(index(b, n), index(b, n))
    return [b.op("convert", same, element="f32")], [same]


def addmm(b: Builder, n: int) -> Made:
    product = b.op("einsum", floats(b, 4), floats(b, 4, n, batched=False), spec="Bk,kn->Bn")
    return [b.add(product, floats(b, n, batched=False, hint="bias"))], [product]


def addmm_of_two(b: Builder, n: int) -> Made:
    first = b.op("einsum", floats(b, 4), floats(b, 4, n, batched=False), spec="Bk,kn->Bn")
    second = b.op("einsum", floats(b, 3), floats(b, 3, n, batched=False), spec="Bk,kn->Bn")
    return [b.add(first, second)], [second]


def relu(b: Builder, n: int) -> Made:
    inner = b.op("exp", floats(b, n))
    shifted = b.sub(inner, 1.0)
    return [b.op("maximum", shifted, b.constant(0.0))], [shifted]


def addcmul(b: Builder, n: int) -> Made:
    x, g = floats(b, n), floats(b, n, hint="g")
    term = b.mul(b.mul(g, g), 0.25)
    return [b.add(b.mul(x, 0.75), term)], [term]


def addcdiv(b: Builder, n: int) -> Made:
    x, g, s = floats(b, n), floats(b, n, hint="g"), floats(b, n, hint="s")
    quotient = b.div(b.mul(g, 0.001), b.op("exp", s))
    return [b.sub(x, quotient)], [quotient]


def add_scaled(b: Builder, n: int) -> Made:
    scaled = b.mul(floats(b, n, hint="g"), 0.5)
    return [b.sub(floats(b, n), scaled)], [scaled]


def lerp(b: Builder, n: int) -> Made:
    x = floats(b, n)
    step = b.mul(b.sub(floats(b, n, hint="end"), x), 0.125)
    return [b.add(x, step)], [step]


IDIOMS: list[tuple[Callable[[Builder, int], Made], str]] = [
    (softmax, "torch.softmax("),
    (softmax_of_rows, "torch.softmax("),
    (log_softmax, "torch.log_softmax("),
    (cross_entropy, "torch.log_softmax("),
    (cross_entropy_of_rows, "torch.log_softmax("),
    (minus_one_hot, 'reduce="add"'),
    (threshold_backward, "threshold_backward"),
    (tanh_backward, "tanh_backward"),
    (sigmoid_backward, "sigmoid_backward"),
    (addmm, "torch.addmm("),
    (addmm_of_two, "addmm_("),
    (relu, ".relu_()"),
    (addcmul, "addcmul"),
    (addcdiv, "addcdiv"),
    (add_scaled, "alpha=-0.5"),
    (lerp, "torch.lerp("),
]
NOT_EXCLUSIVE = (relu, addmm_of_two)  # in place only: these are no patterns of several ops, or have another product


def run(make: Callable[[Builder, int], Made], n: int, batch: int, keep: bool) -> Run:
    builder = Builder(make.__name__)
    results, swallowed = make(builder, n)
    function = builder.finish([*results, *swallowed] if keep else results)
    rng = np.random.default_rng(n)
    arrays = []
    for value in function.parameters:
        shape = ((batch,) if value.type.batched else ()) + value.type.shape
        bound = value.type.bound
        arrays.append(rng.integers(0, bound, shape) if bound else rng.normal(size=shape).astype(np.float32))
    return check(function, arrays, batch)


@pytest.mark.parametrize(("batch", "n"), SIZES)
@pytest.mark.parametrize(("make", "text"), IDIOMS, ids=[make.__name__ for make, _ in IDIOMS])
def test_idiom(make: Callable[[Builder, int], Made], text: str, batch: int, n: int) -> None:
    assert text in run(make, n, batch, keep=False).text


@pytest.mark.parametrize(("make", "text"), IDIOMS, ids=[make.__name__ for make, _ in IDIOMS])
def test_an_idiom_leaves_alone_what_is_used_elsewhere(make: Callable[[Builder, int], Made], text: str) -> None:
    found = run(make, 4, 5, keep=True).text
    assert make in NOT_EXCLUSIVE or text not in found


def moment_update(builder: Builder, size: int, mean: float, flaw: str) -> Function:
    """Parameter, m and v after an update by running means; `flaw` says in what it differs from the idiom's."""
    names = ("p", "g", "m", "v")
    p, g, m, v = (floats(builder, size, batched=False, hint=name) for name in names)
    m_new = builder.add(m, builder.mul(builder.sub(g, m), mean))
    squared = builder.mul(g, m if flaw == "another product" else g)
    v_new = builder.add(v, builder.mul(builder.sub(squared, v), 0.001))
    root = builder.op("sqrt", builder.op("maximum", v_new, v) if flaw == "largest v" else v_new)
    quotient = builder.div(builder.mul(m_new, 0.003), builder.add(root, 1e-7))
    p_new = builder.add(p, quotient) if flaw == "ascent" else builder.sub(p, quotient)
    results = [p_new, m_new, v_new, *([root] if flaw == "root kept" else [])]
    return builder.finish(results)


def updated(size: int, mean: float = 0.1, flaw: str = "") -> tuple[Run, list[np.ndarray]]:
    """A run whose slots and parameter are written where they are read, and what it is to give."""
    function = moment_update(Builder("update"), size, mean, flaw)
    inputs = [Binding(Role.STATE, value.hint) for value in function.parameters]
    outputs = [*inputs[:1], *inputs[2:], *([Binding(Role.OUTPUT, "root")] if flaw == "root kept" else [])]
    rng = np.random.default_rng(size)
    arrays = [rng.normal(size=size).astype(np.float32) for _ in function.parameters]
    arrays[3] = np.abs(arrays[3])
    if flaw == "another product":
        arrays[2] = arrays[1].copy()
    run = Run(one_kernel(Program(function, tuple(inputs), tuple(outputs))), arrays, 1)
    run()
    found = [getattr(run.v, name).numpy() for name in ("p", "m", "v")]
    for value, expected in zip(found, evaluate(function, arrays, 1), strict=False):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=3e-7, err_msg=run.text)
    return run, found


@pytest.mark.parametrize("size", [1, 7, 33, 40_000])
@pytest.mark.parametrize("mean", [0.1, 0.5, 1.0, 1e-9])
def test_moment_update_is_one_call(size: int, mean: float) -> None:
    """Sizes beside a vector's, and means that torch's own call takes and that it does not."""
    (function,) = updated(size, mean)[0].step.functions
    assert "moment_step_(" in function.text
    assert function.calls == 1


@pytest.mark.parametrize("flaw", ["another product", "largest v", "ascent", "root kept"])
def test_other_updates_are_left_alone(flaw: str) -> None:
    assert "moment_step_(" not in updated(7, flaw=flaw)[0].text


def test_moment_update_without_the_call_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    _, fast = updated(33)
    monkeypatch.setattr(fused, "_HAS_CALL", False)
    _, slow = updated(33)
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=3e-7)


def test_comparison_as_a_number_is_one_call() -> None:
    found = run(compared, 4, 5, keep=False)
    assert [function.calls for function in found.step.functions] == [1]
    assert found.step.buffers == ()
    assert [function.calls for function in run(compared, 4, 5, keep=True).step.functions] == [2]


def test_cross_entropy_is_few_calls() -> None:
    """log_softmax, gather and neg for the loss; exp, scatter, mul for its gradient."""
    (function,) = run(cross_entropy, 10, 7, keep=False).step.functions
    assert function.calls == 6


@pytest.mark.parametrize("make", [cross_entropy, cross_entropy_of_rows, log_softmax, softmax])
def test_large_logits_stay_finite(make: Callable[[Builder, int], Made]) -> None:
    builder = Builder("large")
    results, _ = make(builder, 4)
    function = builder.finish(results)
    arrays = []
    for value in function.parameters:
        shape = (5, *value.type.shape)
        arrays.append(
            np.ones(shape, dtype=int)
            if value.type.bound
            else np.full(shape, 1e5) * np.arange(1, 6).reshape(5, *(1,) * value.type.rank)
        )
    arrays[0][..., 0] = -1e5
    run = check(function, arrays, 5, 1e-3)
    assert all(np.isfinite(run.result(number)).all() for number in range(len(results)))


def test_a_nan_is_not_hidden() -> None:
    builder = Builder("nan")
    x = floats(builder, 3)
    function = builder.finish([builder.op("maximum", builder.mul(x, 2.0), builder.constant(0.0))])
    array = np.array([[1.0, np.nan, -1.0]])
    found = check(function, [array], 1).result(0)
    assert np.isnan(found).tolist() == [[False, True, False]]


def test_a_coefficient_may_follow_the_step() -> None:
    """A number that Python computes from the number of samples is an argument, not a tensor."""
    builder = Builder("rate")
    x, g = floats(builder, 3), floats(builder, 3, hint="g")
    rate = builder.div(0.5, builder.op("batch_size"))
    function = builder.finish([builder.sub(x, builder.mul(g, rate))])
    rng = np.random.default_rng(0)
    run = check(function, [rng.normal(size=(5, 3)), rng.normal(size=(5, 3))], 5)
    assert "torch.sub(" not in run.text
    assert "alpha=-(0.5 / count)" in run.text
