"""From a model's programs to the steps that are compiled.

In: a Model, its objective not yet differentiated. Out: Programs: one for the whole training step (forward, backward,
the optimizers' updates of all parameters), and the simplified ones for gradients, evaluation and prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnc.tensor import absent
from nnc.tensor.build import Builder
from nnc.tensor.gradient import gradient, leading_to
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Binding, Model, Program, Role, Rule
from nnc.tensor.simplify import simplify
from nnc.tensor.update import Updates, with_results


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

    Results: new parameters and slots, rule by rule, gradients, then what the train program gives (accumulators,
    states).
    A parameter that no gradient reaches, or that is frozen, is left alone.

    Raises ValueError for a model that has no loss or no optimizer.
    """
    if not model.optimizers:
        raise ValueError(f"{model.name} has no optimizer")
    found = _differentiated(model)
    builder = Builder.resume(found.function)
    pairs = zip(found.parameters, found.gradients, strict=True)
    trained = {path: (value, gradient) for (value, path), gradient in pairs}
    step = _bound(found.function.parameters, found.inputs, Role.STEP)
    updates = Updates(builder, trained, list(found.inputs), step)
    updates.run(model.optimizers)
    results = [*updates.results, *found.gradients, *found.function.results[: len(found.outputs)]]
    outputs = [*updates.outputs, *(Binding(Role.GRADIENT, path) for path in trained), *found.outputs]
    function = simplify(builder.finish(results), erase_stops=True)
    return Program(function, tuple(updates.inputs), tuple(outputs))


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


def forward_step(program: Program, rules: Sequence[Rule] = ()) -> Program:
    """A program that is not differentiated (evaluate, predict), simplified; it reads the weights that the optimizers'
    rules have it read."""
    program = with_results(program, rules)
    return replace(program, function=simplify(absent.run(program.function), erase_stops=True))


def _differentiated(model: Model) -> _Differentiated:
    if model.train is None or model.loss is None:
        raise ValueError(f"{model.name} has no train block")
    train = model.train
    with_loss = replace(train.function, results=(*train.function.results, model.loss))
    forward = simplify(absent.run(with_loss))
    loss = forward.results[-1]
    forward = replace(forward, results=forward.results[:-1])
    updated = model.trained if model.optimizers else {parameter.path for parameter in model.parameters}
    reached = leading_to(forward, loss)
    trained = [
        (value, binding.name)
        for value, binding in zip(forward.parameters, train.inputs, strict=True)
        if binding.role is Role.PARAMETER and binding.name in updated
        if value in reached
    ]
    function = gradient(forward, loss, [value for value, _ in trained], model.settings.loss_scale_factor)
    return _Differentiated(function, train.inputs, train.outputs, tuple(trained))


def _bound(parameters: Sequence[Value], inputs: Sequence[Binding], role: Role) -> Value | None:
    for value, binding in zip(parameters, inputs, strict=True):
        if binding.role is role:
            return value
    return None
