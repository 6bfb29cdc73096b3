"""`value.name`: of imported files, records, layers and several results.

In: the node and the frame it stands in. Out: what the name stands for there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nnc.language.builtins import BUILTINS
from nnc.language.configuration import configure
from nnc.language.context import Elaboration
from nnc.language.elsewhere import nearest_definition
from nnc.language.files import FileScope
from nnc.language.layers import parameter_names
from nnc.language.scope import Frame
from nnc.language.suggest import nearest
from nnc.language.values import (
    Anything,
    Configured,
    Defined,
    Fixed,
    ModuleValue,
    Poison,
    Poisoned,
    Record,
    Results,
    Tensor,
    describe,
    is_applicable,
)
from nnc.syntax import tree


def attribute(
    ctx: Elaboration, node: tree.Attribute, frame: Frame, in_file: Callable[[Elaboration, FileScope, str], Anything]
) -> Anything:
    """`value.name`; `in_file` finds what an imported file knows a name as. Raises Poisoned."""
    value = ctx.evaluate(node.value, frame)
    name = node.name.text
    match value:
        case ModuleValue(home=home):
            if name in home.lost:
                raise Poisoned
            if name in home.items:
                found = in_file(ctx, home, name)
                if isinstance(found, Poison):
                    raise Poisoned
                return found
            known: Sequence[str] = tuple(home.items)
        case Record(entries=entries):
            if name in entries:
                if isinstance(entries[name], Poison):
                    raise Poisoned
                return entries[name]
            known = tuple(entries)
        case Configured():
            return _of_layer(ctx, value, node)
        case Fixed(target=Configured() as layer):
            found = _of_layer(ctx, layer, node)
            if isinstance(found, Tensor):
                return ctx.op("stop_gradient", [found], node.span, hint=found.hint)
            return Fixed(found) if is_applicable(found) else found
        case Results():
            if name in value.names:
                return value.values[value.names.index(name)]
            known = value.names
        case _:
            known = ()
    near = nearest(name, known)
    listed = "it has " + ", ".join(f"`{each}`" for each in known) if known else None
    if isinstance(value, Tensor) and name in BUILTINS:
        listed = f"write {name}({node.value.span.text})"
    elif isinstance(value, Tensor):
        meant = nearest_definition(name)
        listed = f"write {node.value.span.text} |> {meant}" if meant and meant.lower() == name.lower() else None
    if isinstance(value, Defined) and value.makes_layer:
        listed = (
            f"each use of `{value.name}` without parentheses is a layer of its own: name one, block = {value.name}()"
        )
    raise ctx.fail(
        "E0306",
        f"{describe(value)} {'have' if isinstance(value, Results) else 'has'} no `{name}`",
        node.name.span,
        help=f"did you mean `{near}`?" if near else listed,
    )


def _of_layer(ctx: Elaboration, layer: Configured, node: tree.Attribute) -> Anything:
    """A parameter or a configuration value of a layer."""
    name = node.name.text
    if layer.path is not None:
        path = ".".join((*layer.path, name))
        held = ctx.parameters.get(path) or ctx.states.get(path)
        if held is not None:
            return ctx.op("stop_gradient", [held], node.span, hint=held.hint) if ctx.is_fixed else held
    whole = configure(ctx, layer)
    for table in (whole, layer.inner):
        if name in table:
            return table[name]
    known = (*parameter_names(layer.defined), *whole, *layer.inner)
    near = nearest(name, known)
    late = name in known or layer.path is None
    raise ctx.fail(
        "E0306",
        f"{describe(layer)} has no `{name}`",
        node.name.span,
        help="its parameters exist once it has been applied"
        if late
        else f"did you mean `{near}`?"
        if near
        else ("it has " + ", ".join(f"`{each}`" for each in known) if known else None),
    )
