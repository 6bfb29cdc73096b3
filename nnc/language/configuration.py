"""Configuration: what a definition is given before its tensors, and the defaults of what it is not given.

In: a definition and evaluated arguments. Out: a layer or function that waits for its tensors; of one that is applied,
its whole configuration by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.base.source import Span
from nnc.language.calls import Given, check_kind, match, missing, refuse_in_function
from nnc.language.constants import write
from nnc.language.context import Elaboration
from nnc.language.naming import Place
from nnc.language.scope import Frame
from nnc.language.values import Anything, Configured, Defined
from nnc.syntax import tree


def configured(
    ctx: Elaboration,
    target: Defined,
    given: Sequence[Given],
    span: Span,
    frame: Frame,
    key: tuple[object, ...] | None = None,
) -> Configured:
    """The definition with its configuration: a layer or function that waits for its tensors; `key` identifies it where
    it was begun before. Raises Poisoned."""
    signature = target.definition.signature
    found = match(ctx, target, signature.configuration, given, span, "arguments")
    for param in signature.configuration:
        argument = found.get(param.name.text)
        if argument is not None:
            check_kind(ctx, target, param, argument)
        elif param.default is None:
            raise missing(ctx, target, param, span, "argument")
    refuse_in_function(ctx, target, span, frame)
    written = ", ".join(
        (f"{argument.name.text} = " if argument.name is not None else "") + _text(argument) for argument in given
    )
    values = {name: argument.value for name, argument in found.items()}
    return Configured(target, values, written, span, frame.place, key or begun(ctx, target, span, frame))


def begun(ctx: Elaboration, target: Defined, span: Span, frame: Frame) -> tuple[object, ...]:
    """Identifies what is made of a definition at `span`; a layer is named now, before those within its arguments, so
    that the repeats of a statement are numbered from left to right."""
    key = frame.place.key(span)
    if target.makes_layer:
        ctx.registry.naming.name(key, frame.place.path, target.name)
    return key


def _text(argument: Given) -> str:
    text = " ".join(argument.span.text.split())
    return text if len(text) <= 60 else write(argument.value)


def configure(ctx: Elaboration, layer: Configured, given: Sequence[tree.Param] = ()) -> dict[str, Anything]:
    """The whole configuration of a layer, with defaults. A default is evaluated where the definition stands, anew.
    `given` are parameters as they are declared whose defaults came from outside. Raises Poisoned."""
    definition = layer.defined.definition
    frame = Frame(layer.defined.home, layer.defined.kind, layer.place)
    whole: dict[str, Anything] = {}
    for param in definition.signature.configuration:
        name = param.name.text
        if name in layer.configuration:
            whole[name] = layer.configuration[name]
        else:
            assert param.default is not None, "checked when it was configured"
            frame.place = Place((*layer.path, name)) if layer.path is not None else layer.place
            made = ctx.evaluate(param.default, frame, name)
            if isinstance(made, Configured) and made.place is frame.place and layer.path is not None:
                made.path = frame.place.path
            whole[name] = made
            for declared in given:
                if declared.name.text == name:
                    check_kind(ctx, layer.defined, declared, Given(None, made, param.default.span))
        frame.bind(name, whole[name], param.name.span)
    return whole
