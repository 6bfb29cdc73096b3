"""Calls of the builtin functions: arguments by place and by name, pipes, and waiting for tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nnc.base.source import Span
from nnc.language.builtins.call import BuiltinCall
from nnc.language.calls import Given
from nnc.language.context import Elaboration
from nnc.language.elsewhere import help_for_argument
from nnc.language.scope import Frame
from nnc.language.values import (
    REQUIRED,
    Anything,
    BoundBuiltin,
    Builtin,
    Results,
    Tensor,
    describe,
    holds_tensor,
    is_applicable,
)


def call(
    ctx: Elaboration,
    target: Builtin | BoundBuiltin,
    given: Sequence[Given],
    span: Span,
    frame: Frame,
    hint: str,
    piped: Given | None,
) -> Anything:
    """Applies a builtin; with options only it waits for its tensors. Raises Poisoned."""
    builtin, bound = (target.builtin, target.options) if isinstance(target, BoundBuiltin) else (target, {})
    given = _fed(target, given, piped)
    tensors, order, required = _names(builtin)
    takes_more = len(tensors) < len(builtin.tensors)
    if bound:
        order = tuple(name for name in order if name not in bound)
    values: dict[str, Anything] = dict(bound)
    more: list[Anything] = []
    placed: set[str] = set()
    for place, argument in enumerate(given):
        if argument.name is not None:
            name = argument.name.text
            options = [name for name, _ in builtin.options]
            if name not in tensors and name not in options and not builtin.takes_more:
                raise _unknown(ctx, builtin, argument, [*tensors, *options])
        elif place < len(order):
            name = order[place]
        elif takes_more:
            more.append(argument.value)
            continue
        else:
            raise ctx.fail(
                "E0403",
                f"`{builtin.name}` is given too many arguments: it takes {', '.join(order) or 'none'}",
                argument.span,
                f"{describe(argument.value)} is one too many",
            )
        if name in placed:
            raise ctx.fail("E0406", f"`{name}` of `{builtin.name}` is given twice", argument.span)
        placed.add(name)
        values[name] = argument.value.values if isinstance(argument.value, Results) else argument.value
    if builtin.tensors and values.keys().isdisjoint(tensors[builtin.first :]):
        return BoundBuiltin(builtin, values)
    for name in required:
        if name not in values:
            raise ctx.fail("E0402", f"`{builtin.name}` needs its argument `{name}`", span, f"`{name}` is missing")
    whole = {name: values.get(name, default) for name, default in builtin.options}
    if builtin.takes_more:
        whole |= {name: value for name, value in values.items() if name not in tensors}
    is_of_any_shape = builtin.is_pointwise or ctx.updating is None  # only an optimizer's body is asked
    if not is_of_any_shape and any(
        isinstance(value, Tensor) or (holds_tensor(value) and not builtin.maps_lists)
        for value in (*values.values(), *more)
    ):
        ctx.needs_shape()
    args = (*[values[name] for name in tensors], *more)
    return builtin.build(BuiltinCall(ctx, frame, builtin.name, args, whole, span, hint))  # type: ignore[arg-type]


@cache
def _names(builtin: Builtin) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Of its tensors, of what may be given by place, and of what must be given."""
    tensors = tuple(name for name in builtin.tensors if not name.startswith("*"))
    options = tuple(name for name, _ in builtin.options)
    order = tensors if len(tensors) < len(builtin.tensors) else (*tensors, *options)
    return tensors, order, (*tensors, *(name for name, default in builtin.options if default is REQUIRED))


def feeds_several(target: Builtin | BoundBuiltin) -> bool:
    """Whether a list that is piped in is several tensors."""
    builtin = target.builtin if isinstance(target, BoundBuiltin) else target
    return len(builtin.tensors) - builtin.first > 1


def _fed(target: Builtin | BoundBuiltin, given: Sequence[Given], piped: Given | None) -> Sequence[Given]:
    """The arguments with the piped value where the first tensor stands; a piped list feeds several."""
    if piped is None or (given and given[0].name is None and is_applicable(given[0].value)):
        return given  # `x |> copy(layer)`: what the call makes is fed
    items = piped.value.values if isinstance(piped.value, Results) else piped.value
    several = isinstance(items, tuple) and feeds_several(target)
    fed = [Given(None, item, piped.span) for item in items] if several and isinstance(items, tuple) else [piped]
    place = target.first if isinstance(target, Builtin) else 0
    return [*given[:place], *fed, *given[place:]]


def _unknown(ctx: Elaboration, builtin: Builtin, argument: Given, known: list[str]) -> Exception:
    assert argument.name is not None, "it is by name"
    return ctx.fail(
        "E0401",
        f"`{builtin.name}` has no argument `{argument.name.text}`",
        argument.name.span,
        help=help_for_argument(argument.name.text, known)
        or "its arguments are " + ", ".join(f"`{name}`" for name in known),
    )
