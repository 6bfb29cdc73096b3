"""Calls as written: which arguments are configuration, which are tensors, and what is wrong with them (section 4).

In: a definition's parameter lists and evaluated arguments. Out: values by parameter name. Nothing is applied here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language import library
from nnc.language.context import Elaboration
from nnc.language.elsewhere import help_for_argument
from nnc.language.scope import Frame
from nnc.language.suggest import nearest, unquoted
from nnc.language.values import Anything, Defined, Poisoned, Tensor, describe, is_applicable, is_number
from nnc.syntax import tree

_KINDS = {
    "int": "an integer",
    "number": "a number",
    "bool": "true or false",
    "string": "a string",
    "list": "a list",
    "function": "a function",
    "layer": "a layer or function",
    "rate": "a number",
    "choice": "a string",
}


TEXTS = ("string", "choice")  # kinds whose values are strings


@dataclass(slots=True, eq=False)
class Given:
    """An evaluated argument. `name` is None for one by place."""

    name: Final[tree.Name | None]
    value: Final[Anything]
    span: Final[Span]


def names_of(params: Sequence[tree.Param]) -> tuple[str, ...]:
    return tuple(param.name.text for param in params)


def match(
    ctx: Elaboration, defined: Defined, params: Sequence[tree.Param], given: Sequence[Given], span: Span, what: str
) -> dict[str, Given]:
    """The arguments by parameter; `what` says what they are. Raises Poisoned for one too many, unknown or given
    twice."""
    names = names_of(params)
    found: dict[str, Given] = {}
    for place, argument in enumerate(given):
        if argument.name is None:
            if place >= len(names):
                raise _too_many(ctx, defined, params, argument, what)
            name = names[place]
        else:
            name = argument.name.text
            if name not in names:
                raise unknown_argument(ctx, defined, argument, names)
        if name in found:
            raise ctx.fail(
                "E0406",
                f"`{name}` of `{defined.name}` is given twice",
                argument.span,
                others=(Label(found[name].span, "given here already"),),
            )
        found[name] = argument
    return found


def _too_many(ctx: Elaboration, defined: Defined, params: Sequence[tree.Param], extra: Given, what: str) -> Poisoned:
    takes = "none" if not params else f"{len(params)}: {', '.join(names_of(params))}"
    kinds = [param.type.name.text for param in params if param.type is not None]
    return ctx.fail(
        "E0403",
        f"`{defined.name}` is given too many {what}: it takes {takes}",
        extra.span,
        f"{describe(extra.value)} is one too many",
        help=f"make one list of them: {defined.name}([a, b])" if kinds == ["list"] else None,
    )


def unknown_argument(ctx: Elaboration, defined: Defined, argument: Given, known: Sequence[str]) -> Poisoned:
    """Reports an argument of a name that the definition does not have."""
    assert argument.name is not None, "it is by name"
    listed = (
        "its arguments are " + ", ".join(f"`{name}`" for name in known) if known else "it takes no arguments by name"
    )
    return ctx.fail(
        "E0401",
        f"`{defined.name}` has no argument `{argument.name.text}`",
        argument.name.span,
        help=help_for_argument(argument.name.text, known) or listed,
    )


def refuse_in_function(ctx: Elaboration, defined: Defined, span: Span, frame: Frame) -> None:
    """Raises Poisoned where a layer would be made in a user's `fn`."""
    if defined.makes_layer and frame.block.body == "fn" and not frame.home.is_library:
        raise ctx.fail(
            "E0411",
            f"a `fn` makes no layers, and this makes `{defined.name}`",
            span,
            help="define a `layer`, or pass the layer in as an argument",
        )


def missing(ctx: Elaboration, defined: Defined, param: tree.Param, span: Span, what: str) -> Poisoned:
    """Reports a parameter without a default that was not given."""
    typed = f" ({' '.join(param.type.span.text.split())})" if param.type is not None else ""
    return ctx.fail(
        "E0402",
        f"`{defined.name}` needs its {what} `{param.name.text}`",
        span,
        f"`{param.name.text}`{typed} is missing",
        others=() if defined.home.is_library else (Label(param.span, "declared here"),),
    )


def check_kind(ctx: Elaboration, defined: Defined, param: tree.Param, argument: Given) -> None:
    """Checks a configuration value against the declared kind, or against what its default is. Raises Poisoned."""
    wanted = wanted_kind(param)
    if wanted is None or _is_kind(wanted, argument.value):
        return
    if argument.value is None and isinstance(param.default, tree.NoneLiteral):
        return  # what it is where nothing is given
    if wanted == "rate" and ctx.updating is not None and isinstance(argument.value, Tensor):
        return  # the number that a schedule gives at this step, handed to an optimizer within
    value = argument.value
    help = None
    if wanted in ("function", "layer") and isinstance(value, str) and value.isidentifier():
        help = without_quotes(value)
    elif isinstance(value, str):
        help = unquoted(value)
    elif wanted == "int" and isinstance(value, float):
        is_written = value.is_integer() and "/" not in argument.span.text
        help = f"write {int(value)}" if is_written else "divide with `//`, which gives an integer"
    raise ctx.fail(
        "E0404",
        f"`{param.name.text}` of `{defined.name}` is {_KINDS[wanted]}, and this is {describe(value)}",
        argument.span,
        others=() if defined.home.is_library else (Label(param.span, "declared here"),),
        help=help,
    )


def without_quotes(text: str) -> str:
    """What to write where a definition's name is given as a string."""
    return f"write it without quotes: {nearest(text, library.names()) or text}"


def wanted_kind(param: tree.Param) -> str | None:
    """The kind of value that a parameter takes, as declared or as its default tells."""
    if param.type is not None:
        name = param.type.name.text
        return name if name in _KINDS and name not in ("rate", "choice") else None
    match param.default:
        case tree.Boolean():
            return "bool"
        case tree.Number():
            return "rate"
        case tree.String():
            return "choice"
        case _:
            return None


def _is_kind(wanted: str, value: Anything) -> bool:
    match wanted:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return is_number(value)
        case "rate":  # a number by default: a schedule may stand for it, or none
            return is_number(value) or is_applicable(value) or value is None
        case "bool":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "choice":  # a string by default: none may be another choice
            return isinstance(value, str) or value is None
        case "list":
            return isinstance(value, tuple)
        case _:
            return is_applicable(value)
