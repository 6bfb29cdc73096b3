"""The `nnc` command.

In: arguments. Out: text on the terminal, files, an exit code: 0 done, 1 the program or the data have errors, 2 wrong
usage, 70 a fault in nnc itself, 130 interrupted. Nothing a user gives ends in a traceback; NNC_TRACEBACK=1 shows that
of a fault. Commands compile by way of the pipeline; what runs a model is the generated module's own `main`.
"""

from __future__ import annotations

import gc
import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import click

from nnc import __version__, pipeline
from nnc.base.diagnostic import Diagnostic, ProgramError, Reporter
from nnc.pipeline import Options
from nnc.tools import diagnostics as rendering
from nnc.tools import documentation, faults, files, summary
from nnc.tools import explain as explaining
from nnc.tools.options import choice, program, running

DONE, PROGRAM_ERROR, WRONG_USAGE, FAULT, INTERRUPTED = 0, 1, 2, 70, 130
CHECKPOINT = ".safetensors"
YOUNG = 200_000  # objects made before Python looks for cycles: a program's tree and values live on to the end anyhow


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(found: Sequence[Diagnostic], stream: TextIO) -> None:
    """Diagnostics as text, a blank line after each."""
    coloured = is_coloured(stream)
    for each in found:
        print(rendering.as_text(each, coloured), end="\n\n", file=stream)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nnc", message="%(prog)s %(version)s")
def cli() -> None:
    """Compiles a neural network written in .nn into one readable Python module of Triton kernels."""


# Compiling ------------------------------------------------------------------------------------------------------------


@cli.command()
@program
@click.option("-o", "output", metavar="OUT", help="A file that ends in .py, or a folder; beside FILE unless given.")
def build(file: str, model: str | None, block: str | None, settings: dict[str, str], output: str | None) -> None:
    """Write the module of a program."""
    compiled, place = pipeline.build(file, Options(model, block, settings), output)
    show(compiled.warnings, sys.stderr)
    click.echo(f"{place}: {compiled.model.name}")
    for line in summary.built(compiled.schedule):
        click.echo(f"  {line}")


@cli.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", help="How to say it.")
def check(paths: tuple[str, ...], form: str) -> int:
    """Say what is wrong with programs; write nothing."""
    found: list[Diagnostic] = []
    for path in paths:
        try:
            found.extend(pipeline.check(files.read(path)))
        except ProgramError as error:
            found.extend(error.diagnostics)
    match form:
        case "json":
            click.echo(rendering.as_json(found))
        case "sarif":
            click.echo(rendering.as_sarif(found, __version__))
        case _:
            show(found, sys.stdout)
            checked = paths[0] if len(paths) == 1 else f"{len(paths)} files"
            click.echo(f"{checked}: {rendering.totals(found) or 'no errors'}")
    return PROGRAM_ERROR if any(each.level == "error" for each in found) else DONE


@cli.command("fmt")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say which files are laid out otherwise.")
def format_files(paths: tuple[str, ...], only_check: bool) -> int:
    """Lay programs out in the canonical way."""
    code = DONE
    for path in paths:
        try:
            source = files.read(path)
            text = pipeline.formatted(source)
        except ProgramError as error:
            show(error.diagnostics, sys.stderr)
            code = PROGRAM_ERROR
            continue
        if text == source.text:
            continue
        if only_check:
            click.echo(f"{path}: laid out otherwise")
            code = PROGRAM_ERROR
        else:
            files.rewrite(path, text)
            click.echo(f"{path}: laid out anew")
    return code


@cli.command("summary")
@program
def summarise(file: str, model: str | None, block: str | None, settings: dict[str, str]) -> None:
    """Show layers, parameters, kernels with the lines they implement, and their cost."""
    reporter = Reporter()
    schedule = pipeline.schedule(files.read(file), Options(model, block, settings), reporter)
    show(reporter.diagnostics, sys.stderr)
    click.echo(summary.text(schedule))


@cli.command()
@click.argument("code", required=False)
def explain(code: str | None) -> int:
    """Explain the code of an error or a warning, as in `nnc explain E0201`; list all codes without one."""
    if code is None:
        click.echo(explaining.listing(pipeline.EXPLANATIONS))
        return DONE
    found = explaining.find(pipeline.EXPLANATIONS, code)
    if found is None:
        near = explaining.near(pipeline.EXPLANATIONS, code)
        hint = f"did you mean {' or '.join(near)}?" if near else "`nnc explain` lists all codes"
        raise click.UsageError(f"there is no code {code}: {hint}")
    click.echo(explaining.as_text(found))
    return DONE


@cli.command()
@click.argument("name", required=False)
def doc(name: str | None) -> int:
    """Show what an entry of the library takes and does, as in `nnc doc Dense`; list all entries without a name."""
    if name is None:
        click.echo(documentation.listing())
        return DONE
    found = documentation.find(name)
    if found is None:
        near = documentation.near(name)
        hint = f"did you mean {near}?" if near else "`nnc doc` lists what there is"
        raise click.UsageError(f"the library has no {name}: {hint}")
    click.echo(found)
    return DONE


# Running: the generated module does it --------------------------------------------------------------------------------


def _arguments(command: str, **given: object) -> list[str]:
    """A command line for the module's `main`, of what was given at all."""
    line = [command]
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        line += [option] if value is True else [] if value is None or value is False else [option, str(value)]
    return line


def _require_data(file: str, given: str | None, declared: str | None) -> None:
    if given is None and declared is None:
        raise files.FileError(f"the train block of {file} has no `data` setting: give an .npz file by --data")


def _weights(file: str, variant: str | None, given: str | None) -> Path:
    """The checkpoint that is asked for, or the one that `nnc train` leaves beside the program."""
    place = Path(given) if given is not None else files.module_path(file, suffix=CHECKPOINT, variant=variant)
    if not place.is_file():
        hint = "; `nnc train` makes it, --weights names another one" if given is None else ""
        raise files.FileError(f"there is no checkpoint {place}{hint}")
    return place


@cli.command()
@program
@running
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="How often to go over the data.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of weights, order and all else that is random.")
@click.option("--validation-split", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE", help="Held out.")
@click.option("--verbose", type=click.Choice(["0", "1", "2"]), help="0 silent, 1 a bar, 2 a line an epoch.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, as if never interrupted.")
@click.option("-o", "output", metavar="DIR", help="Folder of module and checkpoint; that of FILE unless given.")
def train(
    file: str, model: str | None, block: str | None, settings: dict[str, str], output: str | None, **given: Any
) -> int:
    """Train a model; write its module and a checkpoint."""
    compiled = pipeline.compile(file, Options(model, block, settings))
    show(compiled.warnings, sys.stderr)
    _require_data(file, given["data"], compiled.model.settings.data)
    folder = Path(file).parent if output is None else Path(output)
    if compiled.model.train is None:
        raise files.FileError(f"{file} has no train block for {compiled.model.name}: there is nothing to train it on")
    if folder.exists() and not folder.is_dir():
        raise files.FileError(f"{folder} is no folder: -o names the one for module and checkpoint")
    place = pipeline.write(compiled, file, folder)
    made = pipeline.imported(place, file, compiled.class_name)
    code: int = made.main(_arguments("train", output=folder, **given))
    if code == DONE:
        weights = place.with_suffix(CHECKPOINT)
        is_found = weights == files.module_path(file, suffix=CHECKPOINT, variant=compiled.model.variant)
        again = shlex.join([file, *choice(model, block, settings)])
        named = "" if is_found else f" --weights {shlex.quote(str(weights))}"
        click.echo(f"module: {place}")
        click.echo(f"next: nnc evaluate {again}{named}")
        click.echo(f"      nnc summary {again}")
    return code


@cli.command()
@program
@running
@click.option("--weights", metavar="PATH", help="The checkpoint; the one beside FILE unless given.")
def evaluate(
    file: str, model: str | None, block: str | None, settings: dict[str, str], weights: str | None, **given: Any
) -> int:
    """Print loss and metrics of trained weights, over the validation data where no others are given."""
    compiled = pipeline.compile(file, Options(model, block, settings))
    _require_data(file, given["data"], compiled.model.settings.data)
    line = _arguments("evaluate", weights=_weights(file, compiled.model.variant, weights), **given)
    code: int = pipeline.imported_now(compiled, file).main(line)
    return code


@cli.command()
@program
@running
@click.option("--weights", metavar="PATH", help="The checkpoint; the one beside FILE unless given.")
@click.option("-o", "output", metavar="OUT", required=True, help="An .npz file; .npy will do for a single result.")
def predict(
    file: str, model: str | None, block: str | None, settings: dict[str, str], weights: str | None, **given: Any
) -> int:
    """Write a model's results for every sample."""
    if Path(given["output"]).suffix not in (".npz", ".npy"):
        raise click.BadParameter("it has to end in .npz or .npy", param_hint="-o")
    compiled = pipeline.compile(file, Options(model, block, settings))
    _require_data(file, given["data"], compiled.model.settings.data)
    if given["data"] is None and compiled.model.settings.data is not None:
        given["data"] = Path(file).parent / compiled.model.settings.data
    line = _arguments("predict", weights=_weights(file, compiled.model.variant, weights), **given)
    code: int = pipeline.imported_now(compiled, file).main(line)
    return code


# Faults and exit codes ------------------------------------------------------------------------------------------------


def _complain(message: str) -> int:
    label = "\x1b[1;31merror\x1b[0m" if is_coloured(sys.stderr) else "error"
    print(f"{label}: {message}", file=sys.stderr)
    return PROGRAM_ERROR


def _prepare_streams() -> None:
    """Characters that a terminal cannot show become question marks instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _without_output(error: OSError) -> int:
    """Our output cannot be written. What is left of it goes nowhere, so that Python has nothing to flush in the end. A
    reader that has gone, as `head` does, wants to hear nothing of it."""
    if not isinstance(error, BrokenPipeError):
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
    with suppress(OSError, ValueError):  # where tests or notebooks put something else in its place
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PROGRAM_ERROR


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line, the process's own unless given, and gives the exit code."""
    _prepare_streams()
    gc.set_threshold(YOUNG)
    try:
        result = cli.main(args=None if arguments is None else list(arguments), prog_name="nnc", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else DONE
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except ProgramError as error:
        show(error.diagnostics, sys.stderr)
        return PROGRAM_ERROR
    except files.FileError as error:
        return _complain(str(error))
    except OSError as error:
        return _without_output(error)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else DONE if error.code is None else WRONG_USAGE
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(faults.as_text(error), file=sys.stderr)
        return FAULT
