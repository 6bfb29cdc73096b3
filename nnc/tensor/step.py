"""From a model's programs to the steps that are compiled.

In: a Model, its objective not yet differentiated. Out: Programs: one for the whole training step (forward, backward,
    the
optimizer's update of every parameter), and the simplified ones for gradients, evaluation and prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnc.tensor import absent
from nnc.tensor.build import Builder
from nnc.tensor.gradient import gradient, reached_from
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Binding, Model, Optimizer, Program, Role
from nnc.tensor.simplify import simplify
from nnc.tensor.types import TensorType


@dataclass(frozen=True, slots=True)
class _Differentiated:
    """A forward program with its gradients: the last results of `function`, in the order of `parameters`."""

    function: Function
    inputs: tuple[Binding, ...]
    outputs: tuple[Binding, ...]
    parameters: tuple[tuple[Value, str], ...]  # those that a gradient reaches, with their paths

    @property
    def gradients(self) -> tuple[Value, ...]:
        return self.function.results[len(self.outputs) :]


def training_step(model: Model) -> Program:
    """One step of training: forward, gradients of the loss by all parameters, update.

    Results: new parameters, new slots (slot by slot), gradients, then what the train program gives (accumulators,
             states).
    A parameter that no gradient reaches, or that is frozen, is left alone.

    Raises ValueError for a model that has no loss or no optimizer.
    """
    if model.optimizer is None:
        raise ValueError(f"{model.name} has no optimizer")
    found = _differentiated(model)
    builder = Builder.resume(found.function)
    inputs = list(found.inputs)
    results: list[Value] = []
    outputs: list[Binding] = []
    if found.parameters:
        updated, bindings = _update(builder, model.optimizer, found, inputs)
        results += updated
        outputs += bindings
    results += [*found.gradients, *found.function.results[: len(found.outputs)]]
    outputs += [*(Binding(Role.GRADIENT, path) for _, path in found.parameters), *found.outputs]
    function = simplify(builder.finish(results), erase_stops=True)
    return Program(function, tuple(inputs), tuple(outputs))


def gradient_step(model: Model) -> Program:
    """The gradients of the loss by all parameters that one reaches, and what the train program gives; nothing is
    updated.

    Raises ValueError for a model that has no loss.
    """
    found = _differentiated(model)
    count = len(found.outputs)
    function = replace(found.function, results=(*found.gradients, *found.function.results[:count]))
    outputs = (*(Binding(Role.GRADIENT, path) for _, path in found.parameters), *found.outputs)
    return Program(simplify(function, erase_stops=True), found.inputs, outputs)


def forward_step(program: Program) -> Program:
    """A program that is not differentiated (evaluate, predict), simplified."""
    return replace(program, function=simplify(absent.run(program.function), erase_stops=True))


def _differentiated(model: Model) -> _Differentiated:
    if model.train is None or model.loss is None:
        raise ValueError(f"{model.name} has no train block")
    train = model.train
    with_loss = replace(train.function, results=(*train.function.results, model.loss))
    forward = simplify(absent.run(with_loss))
    loss = forward.results[-1]
    forward = replace(forward, results=forward.results[:-1])
    trained = [
        (value, binding.name)
        for value, binding in zip(forward.parameters, train.inputs, strict=True)
        if binding.role is Role.PARAMETER and binding.name not in model.frozen
        if loss in reached_from(forward, [value])
    ]
    function = gradient(forward, loss, [value for value, _ in trained])
    return _Differentiated(function, train.inputs, train.outputs, tuple(trained))


def _update(
    builder: Builder, optimizer: Optimizer, found: _Differentiated, inputs: list[Binding]
) -> tuple[list[Value], list[Binding]]:
    """Appends the optimizer's update of all parameters as one `foreach`; new parameters of the function go to
    `inputs`."""
    parameter, gradient_, step, *slots = optimizer.update.parameters
    # The step is the one value that all tensors share, and shared operands come last.
    body = replace(optimizer.update, parameters=(parameter, gradient_, *slots, step))
    states: list[Value] = []
    state_bindings: list[Binding] = []
    for slot in optimizer.slots:
        for value, path in found.parameters:
            hint = f"{value.hint}_{slot.name}"
            states.append(builder.parameter(TensorType(value.type.element, value.type.shape), hint, slot.span))
            state_bindings.append(Binding(Role.SLOT, slot.name, path))
    inputs += state_bindings
    with builder.at(optimizer.span):
        operands = [*(value for value, _ in found.parameters), *found.gradients, *states]
        shared = _step_number(builder, found, step.type, inputs)
        updated = builder.ops(
            "foreach", *operands, shared, hint="updated", body=body, count=len(found.parameters), shared=1
        )
    new_parameters = [Binding(Role.PARAMETER, path) for _, path in found.parameters]
    return list(updated), [*new_parameters, *state_bindings]


def _step_number(builder: Builder, found: _Differentiated, type: TensorType, inputs: list[Binding]) -> Value:
    """The number of the step under way in the type that the update reads; a parameter of the program, the forward's if
    it
    has one."""
    value = _bound(found.function.parameters, found.inputs, Role.STEP)
    if value is None:
        value = builder.parameter(TensorType("i64"), "step")
        inputs.append(Binding(Role.STEP))
    return value if value.type == type else builder.op("convert", value, element=type.element)


def _bound(parameters: Sequence[Value], inputs: Sequence[Binding], role: Role) -> Value | None:
    for value, binding in zip(parameters, inputs, strict=True):
        if binding.role is role:
            return value
    return None
