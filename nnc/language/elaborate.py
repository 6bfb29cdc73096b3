"""From a file's tree to a model: its three programs, its parameters, its training.

In: a parsed module. Out: a `Model`, or None where there were errors, all of them reported. The programs for training,
evaluation and prediction are elaborated one after the other; names and parameters are those of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nnc.base.diagnostic import Reporter
from nnc.base.source import Span
from nnc.language import doubts, expressions, names
from nnc.language.body import apply_body
from nnc.language.choose import Choice, choose, models_exist
from nnc.language.configuration import configure
from nnc.language.context import Mode, Registry
from nnc.language.evaluator import Elaborator
from nnc.language.files import FileScope, file_scope
from nnc.language.hints import renamed
from nnc.language.imports import resolve_imports
from nnc.language.naming import Place
from nnc.language.scope import Frame
from nnc.language.settings import settings_of
from nnc.language.signature import declared
from nnc.language.statements import assigned
from nnc.language.training import Training, batch_length, train_block
from nnc.language.values import Anything, Configured, Defined, Poison, Poisoned, Results, Tensor, describe
from nnc.syntax import tree
from nnc.tensor.build import Builder
from nnc.tensor.program import PLAIN_WEIGHT, Binding, Model, Plain, Port, Program, Role, Settings
from nnc.tensor.types import TensorType

RECURSION = 20_000  # Python's own frames: 200 applications within one another, each of deeply nested expressions


def elaborate(
    module: tree.Module,
    reporter: Reporter,
    *,
    model: str | None = None,
    train: str | None = None,
    settings: Mapping[str, Plain] | None = None,
) -> Model | None:
    """The model of a file.

    model:    which `model` where the file has several; by default that of the `train` block, or the only one.
    train:    which `train` block, by its name or its model's; by default the first of the model.
    settings: values for the model's configuration, instead of its defaults. A string is an expression of the file, or
    stands for itself where a string is wanted.

    Errors go to `reporter`; None where there are any.
    """
    home = file_scope(module)
    with _deep_recursion():
        try:
            resolve_imports(home, reporter)
            names.check(home, reporter)
            choice = choose(home, reporter, model, train, settings or {})
            result = None if choice is None else _elaborate(home, reporter, choice)
        except RecursionError:
            reporter.error("E0216", "the program is nested too deeply", module.span, help="break it into named parts")
            return None
    if reporter.has_errors:
        return None
    assert result is not None or module.damaged, "what failed must have been reported"
    return result


def review(module: tree.Module, reporter: Reporter) -> None:
    """Looks for mistakes in a file that is there to be imported, and so has no model: its names, its constants, and
    the layers whose sizes are all written. Errors go to `reporter`."""
    home = file_scope(module)
    with _deep_recursion():
        resolve_imports(home, reporter)
        names.check(home, reporter)
        models_exist(home, reporter, {})
        for item in module.items:
            try:
                _reviewed(home, reporter, item)
            except RecursionError:
                reporter.error("E0216", "the program is nested too deeply", item.span, help="break it into named parts")
            except Poisoned:
                pass  # reported, or of sizes that only a use tells


def _reviewed(home: FileScope, reporter: Reporter, item: tree.Item) -> None:
    if isinstance(item, tree.Const):
        expressions.in_file(Elaborator(reporter, "predict", Builder("constants"), Registry()), home, item.name.text)
    elif isinstance(item, tree.Definition) and item.kind == "layer" and _has_defaults(item):
        _Run(home, reporter, Choice(item, None, (), None), Registry(), "predict").go()


def _has_defaults(definition: tree.Definition) -> bool:
    return all(param.default is not None for param in definition.signature.configuration)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class _Run:
    """One of the programs: the model applied to its inputs, and for training and evaluation the `train` block."""

    def __init__(self, home: FileScope, reporter: Reporter, choice: Choice, registry: Registry, mode: Mode) -> None:
        self.choice = choice
        self.ctx = Elaborator(reporter, mode, Builder(f"{mode}_{choice.model.name.text}"), registry)
        self.frame = Frame(home, "train", Place(()))
        self.inputs: list[Port] = []
        self.targets: list[Port] = []
        self.results: list[Port] = []
        self.outputs: dict[str, Tensor] = {}
        self.training: Training | None = None
        self.renamed: Mapping[Tensor, Tensor] = {}

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
            if not isinstance(statement, tree.TargetStmt):
                continue
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

    def rows(self) -> dict[Binding, Tensor]:
        """What predict gives: a row for each sample, of a common result too."""
        return {Binding(Role.OUTPUT, name): self._row(name, value) for name, value in self.outputs.items()}

    def _row(self, name: str, value: Tensor) -> Tensor:
        if value.type.batched:
            return value
        with self.ctx.builder.at(value.span, value.scope):
            return self.ctx.builder.op("broadcast", value, shape=value.type.shape, batched=True, hint=name)

    def program(self, outputs: Mapping[Binding, Tensor]) -> Program:
        function, self.renamed = renamed(self.ctx.builder.finish(tuple(outputs.values())), self.ctx.named)
        return Program(function, tuple(self.ctx.bindings.values()), tuple(outputs))


def _elaborate(home: FileScope, reporter: Reporter, choice: Choice) -> Model | None:
    registry = Registry()
    modes: tuple[Mode, ...] = ("train", "evaluate", "predict") if choice.train is not None else ("predict",)
    runs: dict[Mode, _Run] = {}
    for mode in modes:
        runs[mode] = _Run(home, reporter, choice, registry, mode)
        try:
            runs[mode].go()
        except Poisoned:
            return None
        if reporter.has_errors or runs[mode].ctx.failed:
            return None
        registry.sealed = True
    return _assemble(home, choice, registry, runs)


def _accumulators(run: _Run | None) -> Program | None:
    if run is None or run.training is None:
        return None
    folds = run.training.folds
    sums = {
        Binding(Role.ACCUMULATOR, name, fold=folds.get(name, "sum")): value
        for name, value in run.training.accumulators.items()
    }
    states = {Binding(Role.STATE, path): run.ctx.states[path] for path in run.ctx.states if path in run.ctx.renewed}
    return run.program(sums | states)


def _assemble(home: FileScope, choice: Choice, registry: Registry, runs: Mapping[Mode, _Run]) -> Model:
    first = runs.get("train") or runs["predict"]
    predict = runs["predict"]
    training = first.training
    train = _accumulators(runs.get("train"))
    if training is not None and training.loss is not None and train is not None:
        doubts.warn(first.ctx, first.ctx.builder.finish(()), training.loss)
    (root,) = first.ctx.applications[0][:1] or (None,)
    return Model(
        name=choice.model.name.text,
        documentation=choice.model.documentation,
        source=home.source,
        span=choice.model.span,
        inputs=tuple(first.inputs),
        targets=tuple(first.targets),
        results=tuple(first.results),
        parameters=tuple(registry.parameters[path] for path in first.ctx.parameters),
        states=tuple(registry.states[path] for path in first.ctx.states),
        applications=() if root is None else root.children,
        loss=None if training is None or training.loss is None else first.renamed.get(training.loss, training.loss),
        train=train,
        evaluate=_accumulators(runs.get("evaluate")),
        predict=predict.program(predict.rows()),
        reports=tuple(training.reports) if training is not None else (),
        optimizers=training.optimizers if training is not None else (),
        settings=Settings()
        if training is None
        else settings_of(training.values, training.spans, training.early_stopping, training.class_weight),
        variant=choice.variant,
        weights=tuple(each.port for each in first.ctx.weighings),
    )
