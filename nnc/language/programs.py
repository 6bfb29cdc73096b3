"""One of a model's programs: the model applied to its inputs, and for training and evaluation the `train` block.

In: a file, and which model and training of it are meant. Out: `Program`s. What is elaborated for training serves
evaluation and prediction too, unless something in it asked for the mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnc.base.diagnostic import Reporter
from nnc.language.body import apply_body
from nnc.language.choose import Choice
from nnc.language.configuration import configure
from nnc.language.context import Mode, Question
from nnc.language.evaluator import Elaborator
from nnc.language.files import FileScope
from nnc.language.naming import Place
from nnc.language.registry import Registry
from nnc.language.scope import Frame
from nnc.language.signature import declared
from nnc.language.statements import assigned
from nnc.language.training import Training, batch_length, train_block
from nnc.language.values import Anything, Configured, Defined, Poison, Poisoned, Results, Tensor, describe
from nnc.syntax import tree
from nnc.tensor.build import Builder
from nnc.tensor.ir import Function
from nnc.tensor.program import PLAIN_WEIGHT, Binding, Port, Program, Role
from nnc.tensor.rewrite import renamed
from nnc.tensor.types import TensorType

_OF_TRAINING = (Role.TARGET, Role.WEIGHT)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a program had come when the model was applied, and what had been asked for by then."""

    ops: int = 0
    bindings: int = 0
    asked: frozenset[Question] = frozenset()


class Run:
    """One of the programs: the model applied to its inputs, and for training and evaluation the `train` block."""

    def __init__(self, home: FileScope, reporter: Reporter, choice: Choice, registry: Registry, mode: Mode) -> None:
        self.choice = choice
        self.ctx = Elaborator(reporter, mode, Builder(f"{mode}_{choice.model.name.text}"), registry)
        self.ctx.steps, self.ctx.operations = registry.spent.steps, registry.spent.operations
        self.frame = Frame(home, "train", Place(()))
        self.inputs: list[Port] = []
        self.targets: list[Port] = []
        self.results: list[Port] = []
        self.outputs: dict[str, Tensor] = {}
        self.training: Training | None = None
        self.of_model = _Mark()

    def go(self) -> None:
        """Elaborates; what is wrong is reported, and what does not depend on it is tried. Raises Poisoned."""
        layer = Configured(
            Defined(self.choice.model, self.frame.home),
            {},
            "",
            self.choice.model.name.span,
            Place(()),
            (),
            (),
        )
        self._inputs(layer)
        if self.choice.train is not None and self.ctx.mode != "predict":
            self.ctx.batch_length = batch_length(self.ctx, self.choice.train, self.frame)
            self._targets(self.choice.train)
            weight, place = TensorType("f32", (), True), self.choice.train.model.span
            self.ctx.weight = self.ctx.parameter(Binding(Role.WEIGHT, PLAIN_WEIGHT), weight, PLAIN_WEIGHT, place)
        self._model(layer)
        self.of_model = _Mark(self.ctx.builder.mark, len(self.ctx.bindings), frozenset(self.ctx.asked))
        if self.choice.train is not None and self.ctx.weight is not None:
            self.frame.bind(self.choice.model.name.text, layer, self.choice.model.name.span)
            body = self.choice.model.body
            self.frame.taken = frozenset(name.text for each in body.statements for name in assigned(each))
            self.training = train_block(self.ctx, self.choice.train, self.frame)

    def _declare(self, role: Role, name: tree.Name, written: tree.TypeExpr, default: tree.Expression | None) -> None:
        """An input or a target, bound to its name. One whose default is a number or a truth has it where the data lack
        it; one with another default, `none` or what is made of other inputs, is not asked for."""
        value = None if default is None else self.ctx.evaluate(default, self.frame, name.text)
        constant = value if isinstance(value, bool | int | float) else None
        if default is not None and constant is None:
            self.frame.bind(name.text, value, name.span)
            return
        type = declared(self.ctx, self.frame, written, batched=True)
        spelt = " ".join(written.span.text.split())
        if default is not None and not type.holds(constant):
            title = f"`{name.text}` is {spelt}, and its default is {describe(constant)}"
            raise self.ctx.fail("E0404", title, default.span)
        tensor = self.ctx.parameter(Binding(role, name.text), type, name.text, name.span)
        self.ctx.named[tensor] = name.text
        self.ctx.origins[tensor] = frozenset((role.value, f"{role.value} {name.text}"))
        self.frame.bind(name.text, tensor, name.span)
        ports = self.inputs if role is Role.INPUT else self.targets
        ports.append(Port(name.text, type, spelt, name.span, constant))

    def _inputs(self, layer: Configured) -> None:
        for name, value in configure(self.ctx, layer, self.choice.given).items():
            self.frame.bind(name, value, layer.span)
        poisoned = False
        for param in self.choice.model.signature.tensors:
            try:
                if param.type is None:
                    raise self.ctx.fail(
                        "E0412",
                        f"the type of the model's input `{param.name.text}` is not written",
                        param.span,
                        help=f"write it, {param.name.text}: float[28, 28]",
                    )
                self._declare(Role.INPUT, param.name, param.type, param.default)
            except Poisoned:
                poisoned = True
        if poisoned:
            raise Poisoned

    def _targets(self, train: tree.Train) -> None:
        for statement in train.body.statements:
            if not isinstance(statement, tree.TargetStmt) or statement.name.text in self.frame.names:
                continue  # no target, or one of a name that is taken, which `names` has reported
            try:
                self._declare(Role.TARGET, statement.name, statement.type, statement.default)
            except Poisoned:
                if not self.ctx.reporter.has_errors:  # it names what is there, but not yet
                    self.ctx.fail(
                        "E0211",
                        f"the type of the target `{statement.name.text}` reads a name of the block or a result",
                        statement.type.span,
                        "targets are declared before the model is run",
                        help="write a number, a `const` of the file or an argument of the model",
                    )
                self.ctx.failed = True
                self.frame.bind(statement.name.text, Poison(), statement.name.span)

    def _model(self, layer: Configured) -> None:
        definition = self.choice.model
        tensors: dict[str, Anything] = {}
        for port in self.inputs:
            binding = self.frame.find(port.name)
            assert binding is not None, "bound with its port"
            tensors[port.name] = binding.value
        declared_results = definition.signature.results
        try:
            configuration = configure(self.ctx, layer)
            value = apply_body(self.ctx, layer, configuration, tensors, definition.name.span, (), "")
        except Poisoned:
            self.ctx.failed = True
            for result in declared_results:
                if result.name is not None:
                    self.frame.bind(result.name.text, Poison(), result.name.span)
            return
        values = value.values if isinstance(value, Results) and len(declared_results) > 1 else (value,)
        if len(values) != len(declared_results):
            raise Poisoned  # two have one name, which was reported
        for result, each in zip(declared_results, values, strict=True):
            if not isinstance(each, Tensor) or result.name is None:
                raise self.ctx.fail("E0205", f"a model's result is a tensor, and this is {describe(each)}", result.span)
            written = " ".join(result.type.span.text.split()) if result.type is not None else str(each.type)
            self.results.append(Port(result.name.text, each.type, written, result.name.span))
            self.outputs[result.name.text] = each
            self.ctx.outputs.add(each)
            self.ctx.named.setdefault(each, result.name.text)
            self.frame.bind(result.name.text, each, result.name.span)

    def serves(self, mode: Mode) -> bool:
        """Whether elaborating for `mode` would come to the same: nothing asked for the mode, nor, where there is no
        train block, for the batch. All but training is alike to the model."""
        if mode == "predict":
            return "batch" not in self.of_model.asked and (
                "mode" not in self.of_model.asked or self.ctx.mode != "train"
            )
        return "mode" not in self.ctx.asked

    def scores(self) -> tuple[Program, Mapping[Tensor, Tensor]]:
        """What is folded over the batches, and the states' new values; and what became of the values that have other
        names there."""
        assert self.training is not None, "asked of trainings"
        folds = self.training.folds
        sums = {
            Binding(Role.ACCUMULATOR, name, fold=folds.get(name, "sum")): value
            for name, value in self.training.accumulators.items()
        }
        ctx = self.ctx
        states = {Binding(Role.STATE, path): value for path, value in ctx.states.items() if path in ctx.renewed}
        outputs = sums | states
        function, instead = renamed(ctx.builder.finish(tuple(outputs.values())), ctx.named)
        return Program(function, tuple(ctx.bindings.values()), tuple(outputs)), instead

    def predictions(self) -> Program:
        """What predict gives: a row for each sample, of a common result too. Nothing of the train block is in it."""
        builder = self.ctx.builder
        mark = builder.mark
        outputs = {Binding(Role.OUTPUT, name): self._row(name, value) for name, value in self.outputs.items()}
        rows = builder.taken(mark)
        given = list(self.ctx.bindings.items())[: self.of_model.bindings]
        known = {value: binding for value, binding in given if binding.role not in _OF_TRAINING}
        ops = (*builder.finish(()).ops[: self.of_model.ops], *rows)
        name = f"predict_{self.choice.model.name.text}"
        function, _ = renamed(Function(name, tuple(known), ops, tuple(outputs.values())), self.ctx.named)
        return Program(function, tuple(known.values()), tuple(outputs))

    def _row(self, name: str, value: Tensor) -> Tensor:
        if value.type.batched:
            return value
        with self.ctx.builder.at(value.span, value.scope):
            return self.ctx.builder.op("broadcast", value, shape=value.type.shape, batched=True, hint=name)
