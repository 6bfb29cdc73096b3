"""Programs from text, and their values in float64, for the tests of elaboration."""

from collections.abc import Mapping

import numpy as np

from nnc.base.diagnostic import Reporter
from nnc.base.render import render
from nnc.base.source import Source
from nnc.language.elaborate import elaborate
from nnc.syntax.parse import parse
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Model, Program, Role


def tried(text: str, path: str = "program.nn", **options: object) -> tuple[Model | None, Reporter]:
    """The model of a text, or None, and what was reported."""
    reporter = Reporter()
    module = parse(Source(path, text), reporter)
    return elaborate(module, reporter, **options), reporter


def model_of(text: str, **options: object) -> Model:
    """The model of a text that has nothing wrong with it."""
    model, reporter = tried(text, **options)
    assert model is not None, render(reporter.all)
    assert not reporter.all, render(reporter.all)
    return model


def codes(text: str, **options: object) -> list[str]:
    """The codes of what is reported, sorted by place. A model is there exactly where there is no error."""
    model, reporter = tried(text, **options)
    assert (model is None) == reporter.has_errors
    return [each.code for each in reporter.all]


def run(program: Program, given: Mapping[str, object], batch: int) -> dict[str, np.ndarray]:
    """The results of a program by name; `given` holds arrays by input's name or parameter's path."""
    arguments = [
        given.get(binding.name or "weight", np.ones(batch) if binding.role is Role.WEIGHT else None)
        for binding in program.inputs
    ]
    assert all(argument is not None for argument in arguments), [binding.name for binding in program.inputs]
    results = evaluate(program.function, arguments, batch)
    return {binding.name: array for binding, array in zip(program.outputs, results, strict=True)}


def predict(text: str, given: Mapping[str, object], batch: int) -> np.ndarray:
    """The sole result of a model's program for prediction."""
    (result,) = run(model_of(text).predict, given, batch).values()
    return result
