"""What optimizers make of the gradients: the part of a training step that writes parameters and slots.

In: a program under construction with the gradients in it, and the model's optimizers. Out: new parameters and slots,
with their bindings. A pointwise rule becomes one `foreach` over all that it updates; the body of any other rule is
copied in for each parameter, as ordinary ops on common values. Also here: the weights that evaluation and prediction
read, where an optimizer has them differ from the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nnc.tensor import alike
from nnc.tensor.build import Builder
from nnc.tensor.ir import Value
from nnc.tensor.program import Binding, Optimizer, Program, Role, Rule
from nnc.tensor.types import TensorType


@dataclass(slots=True)
class Updates:
    """The update under construction.

    trained:  the parameters that a gradient reaches with their gradients, by path.
    inputs:   bindings of the program's parameters, which slots and the step join.
    """

    builder: Builder
    trained: Mapping[str, tuple[Value, Value]]
    inputs: list[Binding]
    step: Value | None
    results: list[Value] = field(default_factory=list)
    outputs: list[Binding] = field(default_factory=list)

    def run(self, optimizers: Sequence[Optimizer]) -> None:
        """Appends the updates of all of `optimizers`."""
        for optimizer in optimizers:
            with self.builder.at(optimizer.span):
                self._optimizer(optimizer)

    def _optimizer(self, optimizer: Optimizer) -> None:
        slots = [self._slots(rule) for rule in optimizer.rules]
        squares = [self._summands(rule, own) for rule, own in zip(optimizer.rules, slots, strict=True)]
        total = None
        for value in (value for each in squares for value in each):
            total = value if total is None else self.builder.op("add", total, value, hint="total")
        for rule, own in zip(optimizer.rules, slots, strict=True):
            if self._paths(rule):
                (self._foreach if rule.is_pointwise else self._apart)(rule, own, total)

    def _paths(self, rule: Rule) -> list[str]:
        return [path for path in rule.paths if path in self.trained]

    def _slots(self, rule: Rule) -> dict[str, list[Value]]:
        """The slots of each parameter before the step, which become parameters of the program, slot by slot."""
        found: dict[str, list[Value]] = {path: [] for path in self._paths(rule)}
        for slot in rule.slots:
            for path, own in found.items():
                value, _ = self.trained[path]
                type = slot.type or TensorType(value.type.element, value.type.shape)
                own.append(self.builder.parameter(type, f"{value.hint}_{slot.name}", slot.span))
                self.inputs.append(Binding(Role.SLOT, slot.name, path))
        return found

    def _summands(self, rule: Rule, slots: Mapping[str, list[Value]]) -> list[Value]:
        """For each parameter its part of what the optimizer sums over all of them."""
        if rule.summand is None:
            return []
        found = []
        for path in self._paths(rule):
            parameter, gradient = self.trained[path]
            step = self._step(rule.summand.parameters[2].type)
            (value,) = self.builder.inline(rule.summand, [parameter, gradient, step, *slots[path]])
            axes = tuple(range(value.type.rank))
            hint = f"{parameter.hint}_total"
            found.append(self.builder.op("sum", value, axes=axes, hint=hint) if axes else value)
        return found

    def _step(self, type: TensorType) -> Value:
        """The number of the step under way in the type that the update reads."""
        if self.step is None:
            self.step = self.builder.parameter(TensorType("i64"), "step")
            self.inputs.append(Binding(Role.STEP))
        return self.step if self.step.type == type else self.builder.op("convert", self.step, element=type.element)

    def _foreach(self, rule: Rule, slots: Mapping[str, list[Value]], total: Value | None) -> None:
        parameter, gradient, step, *others = rule.update.parameters
        own = others[1:] if rule.summand is not None else others
        total_of = others[:1] if rule.summand is not None else []
        body = replace(rule.update, parameters=(parameter, gradient, *own, step, *total_of))
        numbers, body = alike.split(body, (step, *total_of))
        paths = self._paths(rule)
        states = [slots[path][place] for place in range(len(rule.slots)) for path in paths]
        operands = [*(self.trained[path][0] for path in paths), *(self.trained[path][1] for path in paths), *states]
        given = [self._step(step.type), *([total] if rule.summand is not None and total is not None else [])]
        common = self.builder.inline(numbers, given)
        self.results += self.builder.ops(
            "foreach", *operands, *common, hint="updated", body=body, count=len(paths), shared=len(common)
        )
        self.outputs += [Binding(Role.PARAMETER, path) for path in paths]
        self.outputs += [Binding(Role.SLOT, slot.name, path) for slot in rule.slots for path in paths]

    def _apart(self, rule: Rule, slots: Mapping[str, list[Value]], total: Value | None) -> None:
        for path in self._paths(rule):
            parameter, gradient = self.trained[path]
            step = self._step(rule.update.parameters[2].type)
            common = [total] if rule.summand is not None and total is not None else []
            self.results += self.builder.inline(rule.update, [parameter, gradient, step, *common, *slots[path]])
            self.outputs.append(Binding(Role.PARAMETER, path))
            self.outputs += [Binding(Role.SLOT, slot.name, path) for slot in rule.slots]


def with_results(program: Program, rules: Sequence[Rule]) -> Program:
    """The program with the weights that are used outside of training in its parameters' places, made of them and of
    the slots."""
    by_path = {path: rule for rule in rules if rule.result is not None for path in rule.paths}
    pairs = list(zip(program.function.parameters, program.inputs, strict=True))
    if not any(binding.role is Role.PARAMETER and binding.name in by_path for _, binding in pairs):
        return program
    builder = Builder(program.function.name)
    inputs = list(program.inputs)
    given: list[Value] = []
    for value, _ in pairs:
        with builder.at(value.span, value.scope):
            given.append(builder.parameter(value.type, value.hint, value.span))
    step = next((made for made, binding in zip(given, inputs, strict=True) if binding.role is Role.STEP), None)
    if step is None:
        step = builder.parameter(TensorType("i64"), "step")
        inputs.append(Binding(Role.STEP))
    weights = list(given)
    for place, (value, binding) in enumerate(pairs):
        rule = by_path.get(binding.name) if binding.role is Role.PARAMETER else None
        if rule is None or rule.result is None:
            continue
        slots = []
        for slot in rule.slots:
            type = slot.type or TensorType(value.type.element, value.type.shape)
            slots.append(builder.parameter(type, f"{value.hint}_{slot.name}", slot.span))
            inputs.append(Binding(Role.SLOT, slot.name, binding.name))
        (weights[place],) = builder.inline(rule.result, [given[place], step, *slots])
    function = builder.finish(builder.inline(program.function, weights))
    return replace(program, function=function, inputs=tuple(inputs))
