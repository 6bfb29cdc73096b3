"""Options that several commands of the shell take: which program, and what runs it with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def _settings(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip().isidentifier():
            raise click.BadParameter(f"{each!r} is not NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def _device(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"cpu|cuda(:\d{1,3})?", given):
        raise click.BadParameter(f"{given!r} is neither cpu nor cuda nor cuda:N")
    return given


def program(command: Command) -> Command:
    """FILE, and which model and train block of it, with what configuration."""
    decorators = (
        click.argument("file"),
        click.option("--model", metavar="NAME", help="Which model, where the file has several."),
        click.option("--train", "block", metavar="NAME", help="Which train block, where the model has several."),
        click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, callback=_settings,
                     help="A value for the model's configuration; may be given several times."),
    )  # fmt: skip
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def running(command: Command) -> Command:
    """Options of what runs a model."""
    decorators = (
        click.option("--data", metavar="PATH", help="An .npz file; the train block's `data` unless given."),
        click.option("--batch-size", type=click.IntRange(min=1), metavar="N", help="Samples in a batch."),
        click.option("--device", metavar="NAME", callback=_device, help="cpu or cuda; cuda where there is one."),
        click.option("--backend", type=click.Choice(["torch", "triton"]), help="triton on cuda, else torch."),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def choice(model: str | None, block: str | None, settings: Mapping[str, str]) -> list[str]:
    """The options that name the same model and training again."""
    named = [("--model", model), ("--train", block)]
    given = [part for option, name in named if name is not None for part in (option, name)]
    return given + [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
