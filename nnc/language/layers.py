"""Layers made of layers: copies, layers whose parameters are held fixed, and values in a parameter's place.

In: a layer or a row of layers. Out: another one. Nothing is applied here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nnc.base.source import Span
from nnc.language.calls import Given, check_kind, refuse_in_function, unknown_argument
from nnc.language.configuration import begun
from nnc.language.constants import write
from nnc.language.context import Elaboration
from nnc.language.operators import is_literal, number, origin
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
    """A fresh layer of the same configuration, `changes` apart. Layers within the configuration become fresh ones too,
    one for each. Raises Poisoned."""
    if isinstance(value, Defined) and value.makes_layer:
        value = ctx.configured(value, span, frame)
    if isinstance(value, Fixed):
        return Fixed(copied(ctx, value.target, changes, span, frame))
    if not changes and is_applicable(value):
        return _Copying(ctx, span, frame).fresh(value)
    if not isinstance(value, Configured):
        raise ctx.fail("E0407", f"a layer is copied, and this is {describe(value)}", span)
    params = {param.name.text: param for param in value.defined.definition.signature.configuration}
    for name, change in changes.items():
        given = Given(tree.Name(name, span), change, span)
        if name not in params:
            raise unknown_argument(ctx, value.defined, given, tuple(params))
        check_kind(ctx, value.defined, params[name], given)
    return _Copying(ctx, span, frame).layer(value, changes)


@dataclass(slots=True, eq=False)
class _Copying:
    """One copy under way; `made` are the fresh layers by those that they stand for, so that what is one layer in
    several places stays one."""

    ctx: Elaboration
    span: Span
    frame: Frame
    made: dict[int, Configured] = field(default_factory=dict)

    def layer(self, value: Configured, changes: Mapping[str, Anything]) -> Configured:
        refuse_in_function(self.ctx, value.defined, self.span, self.frame)
        key = begun(self.ctx, value.defined, self.span, self.frame)
        changed = ", ".join(f"{name} = {write(change)}" for name, change in changes.items())
        kept = {name: self.fresh(each) for name, each in value.configuration.items() if name not in changes}
        return replace(
            value,
            configuration=kept | dict(changes),
            written=", ".join(part for part in (value.written, changed) if part),
            span=self.span,
            place=self.frame.place,
            key=key,
            path=None,
            overrides={},
            inner={},
        )

    def fresh(self, value: Anything) -> Anything:
        match value:
            case Configured():
                if id(value) not in self.made:
                    self.made[id(value)] = self.layer(value, {})
                return self.made[id(value)]
            case Stages():
                return replace(value, stages=tuple(map(self.fresh, value.stages)))
            case Fixed():
                return Fixed(self.fresh(value.target))
            case tuple():
                return tuple(map(self.fresh, value))
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
    if is_literal(value):
        value = number(ctx, value, type.element, span)
    elif is_number(value):
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
