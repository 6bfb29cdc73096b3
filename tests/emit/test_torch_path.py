"""A whole training step on the torch path; memory, hazards, the optimizer over flat buffers; how the text reads."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nnc.base.source import Source, Span
from nnc.emit.torch_path import lower
from nnc.schedule import run as schedule
from nnc.schedule.kernel import BATCH, Buffer, Space, StepSchedule
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Binding, Model, Optimizer, Parameter, Program, Role, Rule, Settings, Slot
from nnc.tensor.step import forward_step, training_step
from nnc.tensor.types import TensorType
from tests.emit.torch_harness import Run, by_hand, one_kernel, program_of

SPAN = Span(Source("step.nn", ""), 0, 0)
F32 = TensorType("f32")


def dense(b: Builder, x: Value, kernel: Value, bias: Value) -> Value:
    return b.add(b.op("einsum", x, kernel, spec="Bk,kn->Bn"), bias)


def optimizer_of(name: str, update: Function, slots: tuple[Slot, ...]) -> Optimizer:
    return Optimizer(name, "", (Rule(tuple(PATHS), update, slots),), SPAN)


def rmsprop(epsilon: float = 1e-7) -> Optimizer:
    b = Builder("update")
    parameter, gradient, step, square = (b.parameter(F32, name) for name in ("parameter", "gradient", "step", "square"))
    del step
    new = b.add(b.mul(square, 0.9), b.mul(b.mul(gradient, gradient), 0.1))
    moved = b.sub(parameter, b.div(b.mul(gradient, 1e-3), b.op("sqrt", b.add(new, epsilon))))
    return optimizer_of("rmsprop", b.finish([moved, new]), (Slot("square", 0.0, SPAN),))


def adam() -> Optimizer:
    b = Builder("update")
    names = ("parameter", "gradient", "step", "momentum", "velocity")
    parameter, gradient, step, momentum, velocity = (b.parameter(F32, name) for name in names)
    first, second = (b.op("pow", b.constant(beta), step) for beta in (0.9, 0.999))
    rate = b.div(b.mul(b.op("sqrt", b.sub(1.0, second)), 1e-3), b.sub(1.0, first))
    m = b.add(momentum, b.mul(b.sub(gradient, momentum), 0.1))
    v = b.add(velocity, b.mul(b.sub(b.mul(gradient, gradient), velocity), 0.001))
    moved = b.sub(parameter, b.div(b.mul(m, rate), b.add(b.op("sqrt", v), 1e-7)))
    slots = (Slot("momentum", 0.0, SPAN), Slot("velocity", 0.0, SPAN))
    return optimizer_of("adam", b.finish([moved, m, v]), slots)


def descent() -> Optimizer:
    b = Builder("update")
    parameter, gradient, step = (b.parameter(F32, name) for name in ("parameter", "gradient", "step"))
    del step
    return optimizer_of("descent", b.finish([b.sub(parameter, b.mul(gradient, 0.01))]), ())


PATHS = {
    "hidden.dense.kernel": (5, 4),
    "hidden.dense.bias": (4,),
    "probs.dense.kernel": (4, 3),
    "probs.dense.bias": (3,),
}


def model(optimizer: Optimizer) -> Model:
    """Two dense layers, a softmax's cross-entropy, weights and hits."""
    b = Builder("train")
    x = b.parameter(TensorType("f32", (5,), True), "pixels")
    digit = b.parameter(TensorType("i64", (), True, 3), "digit")
    weight = b.parameter(TensorType("f32", (), True), "weight")
    p = [b.parameter(TensorType("f32", shape), path.split(".")[-1]) for path, shape in PATHS.items()]
    hidden = b.op("maximum", dense(b, x, p[0], p[1]), b.constant(0.0), hint="hidden")
    logits = dense(b, hidden, p[2], p[3])
    e = b.op("exp", b.sub(logits, b.op("stop_gradient", b.op("max", logits, axes=(0,), keepdims=True))))
    probs = b.div(e, b.sum(e, (0,), True))
    loss = b.neg(b.op("log", b.op("pick", probs, digit)))
    hit = b.op("convert", b.eq(b.op("argmax", probs, axes=(0,)), digit), element="f32")
    total, hits, weights = (b.sum(each, (), batch=True) for each in (b.mul(loss, weight), b.mul(hit, weight), weight))
    count = b.op("batch_size")
    mean = b.div(total, count)
    names = ("loss", "count", "weight", "accuracy")
    inputs = (
        Binding(Role.INPUT, "pixels"),
        Binding(Role.TARGET, "digit"),
        Binding(Role.WEIGHT, "weight"),
        *(Binding(Role.PARAMETER, path) for path in PATHS),
    )
    outputs = tuple(Binding(Role.ACCUMULATOR, name) for name in names)
    train = Program(b.finish([total, count, weights, hits]), inputs, outputs)
    empty = Builder("initializer").finish(())
    parameters = tuple(Parameter(path, TensorType("f32", shape), empty, SPAN) for path, shape in PATHS.items())
    return Model(
        "Digits", "", SPAN.source, SPAN, (), (), (), parameters, (), (), mean, train, train, train, (), (optimizer,),
        Settings(),
    )  # fmt: skip


def arguments(program: Program, batch: int) -> list[np.ndarray]:
    rng = np.random.default_rng(batch)
    found: list[np.ndarray] = []
    for value, binding in zip(program.function.parameters, program.inputs, strict=True):
        shape = ((batch,) if value.type.batched else ()) + value.type.shape
        if binding.role is Role.STEP:
            found.append(np.array(3))
        elif value.type.bound is not None:
            found.append(rng.integers(0, value.type.bound, shape))
        else:
            array = rng.normal(size=shape).astype(np.float32)
            found.append(np.abs(array) if binding.role in (Role.SLOT, Role.WEIGHT) else array)
    return found


def steps(optimizer: Optimizer) -> tuple[StepSchedule, StepSchedule]:
    made = model(optimizer)
    assert made.train is not None
    forward = forward_step(made.train)
    found = schedule.run(made, training_step(made), forward, forward)
    assert found.train is not None
    assert found.evaluate is not None
    return found.train, found.evaluate


def agrees(step: StepSchedule, batch: int, tolerance: float = 2e-5) -> Run:
    program = step.program
    given = arguments(program, batch)
    run = Run(step, given, batch)
    run()
    for number, expected in enumerate(evaluate(program.function, given, batch)):
        message = f"{program.outputs[number]}\n{run.text}"
        np.testing.assert_allclose(run.result(number), expected, rtol=tolerance, atol=tolerance, err_msg=message)
    return run


@pytest.mark.parametrize("batch", [1, 2, 37])
@pytest.mark.parametrize("optimizer", [rmsprop, adam, descent], ids=lambda make: make.__name__)
def test_a_training_step(optimizer, batch: int) -> None:
    train, evaluation = steps(optimizer())
    agrees(train, batch)
    agrees(evaluation, batch)


def test_the_training_step_reads_as_written_by_hand() -> None:
    train, evaluation = steps(rmsprop())
    step = lower(train)
    text = "\n".join(function.text for function in step.functions)
    assert "    torch.addmm(bias, pixels, kernel, out=hidden_t).relu_()\n" in text
    assert "    square.mul_(0.9).addcmul_(gradient, gradient, value=0.1)\n" in text
    assert "    parameter.addcdiv_(gradient, scratch, value=-0.001)\n" in text
    assert "threshold_backward.grad_input(dhidden_t, hidden_t, 0, grad_input=hidden_t)" in text
    assert sum(function.calls for function in step.functions) <= 28
    assert sum(function.calls for function in lower(evaluation).functions) <= 13
    assert len(step.calls) == len(step.functions) == 6  # what finishes partials has nothing to do here
    assert not re.search(r"\.item\(|\bif\b|\bfor\b|empty|zeros\(", text)


def test_the_update_runs_once_over_flat_buffers() -> None:
    train, _ = steps(adam())
    function = lower(train).functions[-1]
    assert function.name == "update_torch"
    assert function.calls == 1
    assert "mean=0.1, square=0.001" in function.text or "mean=0.1,\n" in function.text
    assert "0.999**step" in function.text


def test_an_update_of_some_parameters_runs_on_their_part_of_the_flat_buffers() -> None:
    """What is updated at once lies together, so that it is one call however much of the whole it is."""
    made = training_step(model(rmsprop()))
    (op,) = [each for each in made.function.ops if each.primitive == "foreach"]
    run = agrees(one_kernel(made), 5)
    assert "parameter.addcdiv_" in run.text
    assert op["shared"] == 0  # it needs nothing of the step
    fewer = replace(
        op, args=tuple(op.args[place] for place in (0, 1, 4, 5, 8, 9)), results=(*op.results[:2], *op.results[4:6])
    )
    fewer = replace(fewer, attributes=(("count", 2), ("shared", 0)))
    kept = [
        (v, b)
        for v, b in zip(made.function.results, made.outputs, strict=True)
        if v not in op.results or v in fewer.results
    ]
    ops = tuple(fewer if each is op else each for each in made.function.ops)
    function = replace(made.function, ops=ops, results=tuple(value for value, _ in kept))
    partial = Program(function, made.inputs, tuple(binding for _, binding in kept))
    run = agrees(one_kernel(partial), 5)
    assert run.text.count("parameter.addcdiv_(gradient") == 1


def in_place_of_operand() -> tuple[Function, dict[Value, Buffer], list[Value]]:
    """`late` is to lie where `early` lies, which the kernel still reads after it could write `late`."""
    b = Builder("hazard")
    x = b.parameter(TensorType("f32", (3,), True), "x")
    early = b.op("exp", x, hint="early")
    late = b.op("mul", early, b.constant(2.0), hint="late")
    total = b.add(b.sum(b.mul(late, late), (0,)), b.sum(b.op("exp", b.neg(early)), (0,)))
    buffer = Buffer("early", "f32", (BATCH, 3), Space.ARENA)
    return b.finish([total, b.mul(late, 1.5)]), {early: buffer, late: buffer}, [early, late]


def test_what_is_still_read_is_not_written_over() -> None:
    function, arena, (early, late) = in_place_of_operand()
    program = program_of(function)
    first = [op for op in function.ops if early in op.results]
    middle = [op for op in function.ops if early not in op.results and function.results[1] not in op.results]
    last = [op for op in function.ops if function.results[1] in op.results or op.primitive == "constant"]
    parts = [
        ("first", first, [early]),
        ("second", middle, [late, function.results[0]]),
        ("third", last, [function.results[1]]),
    ]
    agrees(by_hand(program, parts, arena), 5)


def test_scratch_is_shared_and_has_lifetimes() -> None:
    b = Builder("chain")
    x = b.parameter(TensorType("f32", (3,), True), "x")
    value = b.op("transpose", b.op("exp", x), permutation=(0,))
    for _ in range(4):
        value = b.sub(b.op("sin", value), b.sum(value, (0,), keepdims=True))
    run = agrees(one_kernel(program_of(b.finish([value]))), 5)
    assert len(run.step.buffers) <= 2 + 4
    assert all(first == last == 0 for _, first, last in run.step.buffers)
    train, _ = steps(rmsprop())
    lifetimes = {buffer.name: (first, last) for buffer, first, last in lower(train).buffers}
    assert lifetimes["hidden"] == (0, 4)
    assert "partials" not in lifetimes


def test_a_result_that_is_an_input_or_a_number_is_copied() -> None:
    b = Builder("copies")
    x = b.parameter(TensorType("f32", (2,), True), "x")
    size = b.op("batch_size")
    spread = b.op("broadcast", size, shape=(2,), batched=True)
    turned = b.op("transpose", b.op("reshape", b.op("exp", x), shape=(1, 2)), permutation=(1, 0))
    agrees(one_kernel(program_of(b.finish([x, size, spread, turned]))), 3)


def test_a_chain_keeps_to_one_view() -> None:
    """What is picked is written through a column; a call with a second operand must not go on from that."""
    b = Builder("picked")
    x = b.parameter(TensorType("f32", (4,), True), "x")
    picked = b.op("pick", x, b.parameter(TensorType("i64", (), True, 4), "index"))
    run_of(b.finish([b.sub(picked, picked)]), 1)
    run_of(b.finish([b.sub(picked, picked)]), 5)


def run_of(function: Function, batch: int) -> Run:
    return agrees(one_kernel(program_of(function)), batch)


def test_an_accumulator_may_be_anything() -> None:
    b = Builder("sums")
    x = b.parameter(TensorType("f32", (3,), True), "x")
    w = b.parameter(TensorType("f32", (), True), "weight")
    first = b.sum(b.mul(b.sum(x), w), (), batch=True)
    largest = b.op("max", x, axes=(0,), batch=True)
    plain = b.sum(b.op("exp", x), (0,), batch=True)
    results = [largest, b.sum(w, (), batch=True), plain, first, b.op("batch_size"), b.sum(b.mul(w, w), (), batch=True)]
    inputs = (Binding(Role.INPUT, "x"), Binding(Role.WEIGHT, "weight"))
    names = tuple(Binding(Role.ACCUMULATOR, f"a{number}") for number in range(len(results)))
    run = agrees(one_kernel(Program(b.finish(results), inputs, names)), 7)
    assert run.text.count("sums.add_(") == 1
    run()
    assert run.result(4) == 14  # they run on
    for number in range(len(results)):
        alone = Program(b.finish([results[number]]), inputs, names[:1])
        agrees(one_kernel(alone), 7)


def test_a_buffer_in_bf16_is_computed_with_in_f32() -> None:
    b = Builder("stored")
    x = b.parameter(TensorType("f32", (4,), True), "x")
    h = b.op("exp", x, hint="h")
    result = b.add(b.mul(h, 3.0), b.sum(h, (0,), keepdims=True))
    program = program_of(b.finish([result]))
    buffer = Buffer("h", "bf16", (BATCH, 4), Space.ARENA)
    ops = program.function.ops
    step = by_hand(program, [("first", ops[:1], [h]), ("second", ops[1:], [result])], {h: buffer})
    run = agrees(step, 5, 2e-2)
    stored = run.v.h.float().numpy()
    np.testing.assert_allclose(run.result(0), stored * 3 + stored.sum(1, keepdims=True), rtol=1e-6)


def test_text_is_as_the_formatter_leaves_it() -> None:
    for optimizer in (rmsprop(), adam(), descent()):
        for step in steps(optimizer):
            text = "import torch\n\n\n" + "\n\n".join(function.text for function in lower(step).functions)
            command = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
            assert done.stdout == text


def test_the_same_text_each_time() -> None:
    first, again = (lower(steps(rmsprop())[0]) for _ in range(2))
    assert [function.text for function in first.functions] == [function.text for function in again.functions]
    assert (first.calls, first.views) == (again.calls, again.views)


def test_draws_are_the_runtimes() -> None:
    """A step reads what is drawn; of a truth that chooses between two numbers, the numbers."""
    b = Builder("draw")
    x = b.parameter(TensorType("f32", (2,), True), "x")
    kept = b.op("bernoulli", shape=(2,), batched=True, p=0.5, key=3, hint="kept")
    scaled = b.mul(x, b.op("where", kept, b.constant(2.0), b.constant(0.0), hint="scale"))
    even = b.op("uniform", shape=(2,), batched=True, key=4, hint="even")
    step = lower(one_kernel(program_of(b.finish([b.add(scaled, even)]))))
    numbers, truths = step.draws
    assert (numbers.name, numbers.distribution, numbers.key, numbers.values) == ("scale", "bernoulli", 3, (0.0, 2.0))
    assert (truths.name, truths.distribution, truths.key, truths.values) == ("even", "uniform", 4, None)
    assert "v.scale" in step.calls[0]
    assert "v.even" in step.calls[0]
