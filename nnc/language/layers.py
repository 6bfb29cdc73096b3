"""Layers made of layers: copies, layers whose parameters are held fixed, and values in a parameter's place.

In: a layer or a row of layers. Out: another one. Nothing is applied here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.base.source import Span
from nnc.language.calls import Given, check_kind, unknown_argument
from nnc.language.constants import write
from nnc.language.context import Elaboration
from nnc.language.operators import number, origin
from nnc.language.scope import Frame
from nnc.language.values import (
    Anything,
    Configured,
    Defined,
    Fixed,
    Poisoned,
    Stages,
    Tensor,
    describe,
    is_applicable,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.types import TensorType


def copied(ctx: Elaboration, value: Anything, changes: Mapping[str, Anything], span: Span, frame: Frame) -> Anything:
    """A fresh layer of the same configuration, `changes` apart. Layers within the configuration become fresh ones too.
    Raises Poisoned."""
    if isinstance(value, Defined) and value.makes_layer:
        value = ctx.configured(value, span, frame)
    if isinstance(value, Stages) and not changes:
        return Stages(tuple(copied(ctx, stage, {}, span, frame) for stage in value.stages))
    if isinstance(value, Fixed):
        return Fixed(copied(ctx, value.target, changes, span, frame))
    if not isinstance(value, Configured):
        if is_applicable(value) and not changes:
            return value
        raise ctx.fail("E0407", f"a layer is copied, and this is {describe(value)}", span)
    params = {param.name.text: param for param in value.defined.definition.signature.configuration}
    configuration = {name: _fresh(ctx, each, span, frame) for name, each in value.configuration.items()}
    for name, change in changes.items():
        given = Given(tree.Name(name, span), change, span)
        if name not in params:
            raise unknown_argument(ctx, value.defined, given, tuple(params))
        check_kind(ctx, value.defined, params[name], given)
        configuration[name] = change
    changed = ", ".join(f"{name} = {write(change)}" for name, change in changes.items())
    return replace(
        value,
        configuration=configuration,
        written=", ".join(part for part in (value.written, changed) if part),
        span=span,
        place=frame.place,
        key=frame.place.key(span),
        path=None,
        overrides={},
        inner={},
    )


def _fresh(ctx: Elaboration, value: Anything, span: Span, frame: Frame) -> Anything:
    match value:
        case Configured() if value.defined.makes_layer:
            return copied(ctx, value, {}, span, frame)
        case Stages() | Fixed():
            return copied(ctx, value, {}, span, frame)
        case tuple():
            return tuple(_fresh(ctx, item, span, frame) for item in value)
        case _:
            return value


def fixed(ctx: Elaboration, value: Anything, span: Span) -> Fixed:
    """`stop_gradient(layer)`: the layer, whose parameters no gradient reaches through it. Raises Poisoned."""
    if not is_applicable(value):
        raise ctx.fail("E0210", f"`stop_gradient`: a tensor or a layer is wanted, and this is {describe(value)}", span)
    return Fixed(value)


def parameter_names(defined: Defined) -> tuple[str, ...]:
    """The names of the parameters that a definition's body declares."""
    body = defined.definition.body
    statements = body.statements if isinstance(body, tree.Block) else ()
    return tuple(each.name.text for each in statements if isinstance(each, tree.ParamStmt))


def put_in_place(ctx: Elaboration, layer: Configured, name: str, type: TensorType, span: Span) -> Tensor:
    """What a call of the layer puts in the place of its parameter `name`. Raises Poisoned."""
    value = layer.overrides[name]
    if is_number(value):
        value = number(ctx, value, type.element, span)
        value = (
            ctx.op("broadcast", [value], span, {"shape": type.shape, "batched": False}, name) if type.shape else value
        )
    fits = isinstance(value, Tensor) and value.type.shape == type.shape and value.type.element == type.element
    if not isinstance(value, Tensor) or not fits:
        found = spell(value.type) if isinstance(value, Tensor) else describe(value)
        raise _misfit(ctx, layer, name, type, found, value)
    return value


def _misfit(ctx: Elaboration, layer: Configured, name: str, type: TensorType, found: str, value: Anything) -> Poisoned:
    return ctx.fail(
        "E0420",
        f"the parameter `{name}` of `{layer.defined.name}` is {spell(type)}, and what is put in its place is {found}",
        ctx.trail[-1].span,
        others=origin(ctx, value) if isinstance(value, Tensor) else (),
    )
