"""From a file's tree to a model: its three programs, its parameters, its training.

In: a parsed module. Out: a `Model`, or None where there were errors, all of them reported. The programs for training,
evaluation and prediction are elaborated one after the other, as far as they differ; names and parameters are those of
the first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from nnc.base.diagnostic import Reporter
from nnc.language import doubts, expressions, names
from nnc.language.choose import Choice, choose, models_exist
from nnc.language.context import Mode
from nnc.language.evaluator import Elaborator
from nnc.language.files import FileScope, file_scope
from nnc.language.imports import resolve_imports
from nnc.language.programs import Run
from nnc.language.registry import Registry, Spent
from nnc.language.settings import settings_of
from nnc.language.values import Poisoned, Tensor
from nnc.syntax import tree
from nnc.tensor.build import Builder
from nnc.tensor.program import Model, Plain, Settings

RECURSION = 20_000  # Python's own frames: 200 applications within one another, each of deeply nested expressions


def elaborate(
    module: tree.Module,
    reporter: Reporter,
    *,
    model: str | None = None,
    train: str | None = None,
    settings: Mapping[str, Plain] | None = None,
    spent: Spent | None = None,
) -> Model | None:
    """The model of a file.

    model:    which `model` where the file has several; by default that of the `train` block, or the only one.
    train:    which `train` block, by its name or its model's; by default the first of the model.
    settings: values for the model's configuration, instead of its defaults. A string is an expression of the file, or
              stands for itself where a string is wanted.
    spent:    what was taken of the limits before, to which this elaboration adds what it takes.

    Errors go to `reporter`; None where there are any.
    """
    home = file_scope(module)
    with _deep_recursion():
        try:
            resolve_imports(home, reporter)
            names.check(home, reporter)
            choice = choose(home, reporter, model, train, settings or {})
            result = None if choice is None else _elaborate(home, reporter, choice, spent or Spent())
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
        Run(home, reporter, Choice(item, None, (), None), Registry(), "predict").go()


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


def _elaborate(home: FileScope, reporter: Reporter, choice: Choice, spent: Spent) -> Model | None:
    """The model. What would come out as before is not elaborated once more for another mode."""
    registry = Registry(replace(spent))
    modes: tuple[Mode, ...] = ("train", "evaluate", "predict") if choice.train is not None else ("predict",)
    runs: dict[Mode, Run] = {}
    for mode in modes:
        known = next((run for run in reversed(runs.values()) if run.serves(mode)), None)
        if known is not None:
            runs[mode] = known
            continue
        runs[mode] = Run(home, reporter, choice, registry, mode)
        try:
            runs[mode].go()
        except Poisoned:
            return None
        finally:
            spent.steps = max(spent.steps, runs[mode].ctx.steps)
            spent.operations = max(spent.operations, runs[mode].ctx.operations)
        if reporter.has_errors or runs[mode].ctx.failed:
            return None
        registry.sealed = True
    return _assemble(home, choice, registry, runs)


def _assemble(home: FileScope, choice: Choice, registry: Registry, runs: Mapping[Mode, Run]) -> Model:
    first = runs.get("train") or runs["predict"]
    training = first.training
    train = evaluate = None
    renamed: Mapping[Tensor, Tensor] = {}
    if training is not None:
        train, renamed = first.scores()
        evaluate = train if runs["evaluate"] is first else runs["evaluate"].scores()[0]
    if training is not None and training.loss is not None:
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
        loss=None if training is None or training.loss is None else renamed.get(training.loss, training.loss),
        train=train,
        evaluate=evaluate,
        predict=runs["predict"].predictions(),
        reports=tuple(training.reports) if training is not None else (),
        optimizers=training.optimizers if training is not None else (),
        settings=Settings()
        if training is None
        else settings_of(training.values, training.spans, training.early_stopping, training.class_weight),
        variant=choice.variant,
        weights=tuple(each.port for each in first.ctx.weighings),
    )
