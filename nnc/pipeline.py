"""The passes, from a program's text to its module, in the order in which they run.

    source ── parse ── elaborate ── training_step ── schedule ── emit ── text

In: a path, or a `Source`. Out: diagnostics, or a module's text, which `build` writes and `load` imports. Errors of the
program are raised as ProgramError. Nothing here imports torch or triton; the module that `load` imports does.
"""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.base.diagnostic import Diagnostic, Explanation, Reporter
from nnc.base.names import Names
from nnc.base.source import Source
from nnc.language import errors as language_errors
from nnc.language.choose import choices
from nnc.language.elaborate import elaborate, review
from nnc.language.registry import Spent
from nnc.schedule.kernel import Schedule
from nnc.syntax import errors as syntax_errors
from nnc.syntax.format import format_module
from nnc.syntax.parse import parse
from nnc.tensor.program import Model, Plain
from nnc.tools import files
from nnc.tools.late import late

if TYPE_CHECKING:
    from nnc.emit import module as emission
    from nnc.schedule import run as scheduling
    from nnc.tensor import shared
    from nnc.tensor import step as steps
else:  # `check` needs none of them
    emission, scheduling = late("nnc.emit.module"), late("nnc.schedule.run")
    shared, steps = late("nnc.tensor.shared"), late("nnc.tensor.step")

# What `nnc explain` knows, from the floors that report it.
EXPLANATIONS: Mapping[str, Explanation] = {
    **{each.code: each for each in files.EXPLANATIONS},
    **syntax_errors.EXPLANATIONS,
    **language_errors.EXPLANATIONS,
}


@dataclass(frozen=True, slots=True)
class Options:
    """Which model and train block of the file, and values for the model's configuration, as `--set` gives them."""

    model: str | None = None
    train: str | None = None
    settings: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program's way through the compiler; `warnings` are what it was told on the way."""

    model: Model
    schedule: Schedule
    text: str
    warnings: tuple[Diagnostic, ...]

    @property
    def class_name(self) -> str:
        """What the module calls the model."""
        return emission.class_name(self.model)


def _model(source: Source, options: Options, reporter: Reporter) -> Model | None:
    module = parse(source, reporter)
    return elaborate(module, reporter, model=options.model, train=options.train, settings=options.settings)


def check(source: Source, options: Options | None = None) -> tuple[Diagnostic, ...]:
    """All that is to be said of a program, errors and warnings, sorted by place: of each of its trainings, and of each
    model that none trains, unless `options` name one. A file of definitions without a model is a program too."""
    reporter = Reporter()
    module = parse(source, reporter)
    meant = choices(module)
    if options is not None or not module.items:
        options = options or Options()
        elaborate(module, reporter, model=options.model, train=options.train, settings=options.settings)
    elif not meant:
        review(module, reporter)
    said, spent = reporter.all, Spent()
    for model, train in meant if options is None else ():
        each = Reporter()
        each.extend(said)
        elaborate(module, each, model=model, train=train, spent=spent)
        reporter.extend(each.all)
        if spent.is_all:
            break  # the others have nothing left
    return reporter.diagnostics


def formatted(source: Source) -> str:
    """The program in canonical layout. Raises ProgramError where it cannot be read."""
    reporter = Reporter()
    module = parse(source, reporter)
    reporter.raise_errors()
    return format_module(module)


def schedule(source: Source, options: Options, reporter: Reporter) -> Schedule:
    """The program down to its kernels. Raises ProgramError."""
    model = _model(source, options, reporter)
    reporter.raise_errors()
    assert model is not None, "a program without errors has a model"
    train = None if model.train is None else steps.training_step(model)
    evaluate = None if model.evaluate is None else steps.forward_step(model.evaluate, model.rules)
    model, train, evaluate = shared.run(model, train, evaluate)
    return scheduling.run(model, train, evaluate, steps.forward_step(model.predict, model.rules))


def compile(path: str | Path, options: Options | None = None) -> Compiled:
    """The module of a program, as text. Raises ProgramError."""
    reporter = Reporter()
    made = schedule(files.read(path), options or Options(), reporter)
    return Compiled(made.model, made, emission.run(made), reporter.diagnostics)


def write(compiled: Compiled, path: str | Path, output: str | Path | None = None) -> Path:
    """Puts the module beside its source, or at `output` (a file that ends in .py, or a folder). Raises FileError."""
    place = files.module_path(path, output, variant=compiled.model.variant)
    files.write(place, compiled.text)
    return place


def build(path: str | Path, options: Options | None = None, output: str | Path | None = None) -> tuple[Compiled, Path]:
    """Compiles a program and writes its module, whole or not at all. Raises ProgramError, FileError."""
    compiled = compile(path, options)
    return compiled, write(compiled, path, output)


def imported(place: Path, source: str | Path, name: str) -> Any:
    """The class `name` of a module that was written. The module takes itself to lie beside its source, so that it finds
    the data that the program names."""
    title = Names(sys.modules).fresh(f"nnc_{place.stem}")
    specification = importlib.util.spec_from_file_location(title, place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[title] = module
    specification.loader.exec_module(module)
    module.__file__ = str(Path(source).resolve().with_name(place.name))
    return getattr(module, name)


def load(path: str | Path, *, model: str | None = None, train: str | None = None, **settings: Plain) -> Any:
    """Compiles a program and imports its class:

        Digits = nnc.load("digits.nn")

    model, train: which of the file's models and train blocks, where there are several.
    settings:     values for the model's configuration; a string is an expression of the file, or stands for itself
                  where a string is wanted.

    Raises ProgramError.
    """
    return imported_now(compile(path, Options(model, train, settings)), path)


def imported_now(compiled: Compiled, path: str | Path) -> Any:
    """The class of a module that is not to be kept: it lives in a temporary folder until Python ends."""
    folder = tempfile.mkdtemp(prefix="nnc-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return imported(write(compiled, path, folder), path, compiled.class_name)
