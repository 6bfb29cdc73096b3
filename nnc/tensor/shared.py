"""Accumulators that hold the same number are one.

In: a model and its simplified steps. Out: the same without the accumulators that repeat another one in each of the
steps, and the reports read that one. Two AUCs of one prediction keep one set of counts, and a metric that is the loss
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.tensor.ir import Value
from nnc.tensor.program import Binding, Model, Program, Report, Role


def run(model: Model, train: Program | None, evaluate: Program | None) -> tuple[Model, Program | None, Program | None]:
    """The model, with its reports renamed, and each of the steps."""
    held = [_accumulators(step) for step in (train, evaluate) if step is not None]
    instead: dict[str, str] = {}
    first: dict[tuple[tuple[Value, str] | None, ...], str] = {}
    for name in dict.fromkeys(name for each in held for name in each):
        instead[name] = first.setdefault(tuple(each.get(name) for each in held), name)
    reports = tuple(_renamed(report, instead) for report in model.reports)
    train, evaluate = (step and _without_repeated(step, instead) for step in (train, evaluate))
    return replace(model, reports=reports), train, evaluate


def _accumulators(step: Program) -> dict[str, tuple[Value, str]]:
    """What each accumulator is after a batch, and how batches are put together."""
    pairs = zip(step.outputs, step.function.results, strict=True)
    return {binding.name: (value, binding.fold) for binding, value in pairs if binding.role is Role.ACCUMULATOR}


def _without_repeated(step: Program, instead: Mapping[str, str]) -> Program:
    def is_kept(binding: Binding) -> bool:
        return binding.role is not Role.ACCUMULATOR or instead[binding.name] == binding.name

    pairs = zip(step.outputs, step.function.results, strict=True)
    kept = [(binding, value) for binding, value in pairs if is_kept(binding)]
    function = replace(step.function, results=tuple(value for _, value in kept))
    return replace(step, function=function, outputs=tuple(binding for binding, _ in kept))


def _renamed(report: Report, instead: Mapping[str, str]) -> Report:
    states = tuple(instead[name] for name in report.states)
    return replace(report, total=instead.get(report.total, ""), over=instead.get(report.over, ""), states=states)
