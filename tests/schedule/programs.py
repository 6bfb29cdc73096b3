"""Tensor programs for tests of the schedule: what is made comes out, and is compared with the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nnc.base.source import Source, Span
from nnc.schedule import fuse, materialise, normalise
from nnc.schedule.kernel import Schedule, StepSchedule
from nnc.schedule.run import run as schedule
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Value
from nnc.tensor.primitives.primitive import full_shape
from nnc.tensor.program import Binding, Model, Parameter, Program, Role, Settings, State
from nnc.tensor.types import TensorType
from tests.schedule.interpreter import interpret

SPAN = Span(Source("model.nn", "model M\n"), 0, 5)


def F(*shape: int) -> TensorType:  # the upper case tells that there is one per sample
    return TensorType("f32", shape, True)


def f(*shape: int) -> TensorType:
    return TensorType("f32", shape)


def index(bound: int, *shape: int) -> TensorType:
    return TensorType("i64", shape, True, bound)


@dataclass
class Build:
    """A program in the making. A batched parameter is an input, a common one a parameter of the model."""

    b: Builder = field(default_factory=lambda: Builder("step"))
    inputs: list[Binding] = field(default_factory=list)
    results: list[tuple[Value, Binding]] = field(default_factory=list)

    def parameter(self, type: TensorType, name: str) -> Value:
        self.inputs.append(Binding(Role.INPUT if type.batched else Role.PARAMETER, name))
        return self.b.parameter(type, name)

    def give(self, value: Value, role: Role | None = None, name: str = "") -> None:
        """`value` is a result: an output for each sample, a state, or what `role` says."""
        role = role or (Role.OUTPUT if value.type.batched else Role.STATE)
        self.results.append((value, Binding(role, name or f"{role.value}{len(self.results)}")))

    def program(self) -> Program:
        values = [value for value, _ in self.results]
        return Program(self.b.finish(values), tuple(self.inputs), tuple(binding for _, binding in self.results))


def model_of(program: Program, batch: int, precision: str = "f32") -> Model:
    """A model with the parameters and states that a program names."""
    empty = Function("initial", (), (), ())
    pairs = list(zip(program.function.parameters, program.inputs, strict=True))
    parameters = [Parameter(b.name, v.type, empty, SPAN) for v, b in pairs if b.role is Role.PARAMETER]
    results = zip(program.function.results, program.outputs, strict=True)
    states = {b.name: v.type for v, b in [*results, *pairs] if b.role is Role.STATE}
    return Model(
        "M",
        "",
        SPAN.source,
        SPAN,
        inputs=(),
        targets=(),
        results=(),
        parameters=tuple(parameters),
        states=tuple(State(name, type, empty, SPAN) for name, type in states.items()),
        applications=(),
        loss=None,
        train=None,
        evaluate=None,
        predict=program,
        reports=(),
        optimizers=(),
        settings=Settings(batch_size=batch, precision=precision),
    )


NOTHING = Program(Function("nothing", (), (), ()), (), ())


def scheduled(program: Program, batch: int = 8, precision: str = "f32") -> Schedule:
    return schedule(model_of(program, batch, precision), program, None, NOTHING)


def step_of(program: Program, batch: int = 8) -> StepSchedule:
    step = scheduled(program, batch).train
    assert step is not None
    return step


def fused(program: Program) -> fuse.Fusion:
    return fuse.run(normalise.run(program))


def planned(program: Program) -> materialise.Plan:
    return materialise.run(fused(program))


def arguments_of(program: Program, batch: int, seed: int = 0) -> list[np.ndarray]:
    """Floats between 0.25 and 2 of both signs, none equal to another; integers within their bound."""
    random = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    for value in program.function.parameters:
        shape = full_shape(value.type, batch)
        if value.type.is_integer:
            found.append(random.integers(0, value.type.bound or 5, shape))
        elif value.type.element == "bool":
            found.append(random.random(shape) < 0.5)
        else:
            found.append(random.uniform(0.25, 2, shape) * random.choice([-1, 1], shape))
    return found


def compare(
    program: Program, batches: Sequence[tuple[int, int]] = ((5, 8), (1, 1), (33, 40)), declared: int = 8
) -> StepSchedule:
    """The step's kernels give what the reference gives, for some (count, capacity); tiles run forth and back."""
    step = step_of(program, declared)
    for number, (count, capacity) in enumerate(batches):
        arguments = arguments_of(program, count)
        expected = evaluate(program.function, arguments, count)
        found = interpret(step, arguments, count, capacity, backwards=bool(number % 2))
        for value, mine, exact in zip(program.function.results, found, expected, strict=True):
            np.testing.assert_allclose(mine, exact, rtol=1e-9, atol=1e-9, err_msg=value.hint)
    return step
