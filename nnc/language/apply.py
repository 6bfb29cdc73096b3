"""Calls, pipes and applications: how a layer or function meets its configuration and its tensors.

Called with configuration, a definition becomes a layer or function that waits; with tensors it is applied at once.
Applying opens a frame, unifies the signature and runs the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnc.base.source import Span
from nnc.language import builtin_calls
from nnc.language.body import apply_body
from nnc.language.calls import (
    Given,
    match,
    missing,
    names_of,
    unknown_argument,
)
from nnc.language.configuration import begun, configure, configured
from nnc.language.context import Elaboration
from nnc.language.layers import parameter_names
from nnc.language.scope import Frame
from nnc.language.values import (
    Anything,
    BoundBuiltin,
    Builtin,
    Configured,
    Defined,
    Fixed,
    Poison,
    Poisoned,
    Results,
    Stages,
    describe,
    holds_tensor,
    is_applicable,
)
from nnc.syntax import tree


@dataclass(slots=True, eq=False)
class Piped:
    """What is piped into a call, and whether the call took it."""

    value: Anything
    span: Span
    is_taken: bool = False

    def given(self) -> Given:
        self.is_taken = True
        return Given(None, self.value, self.span)


def call(ctx: Elaboration, node: tree.Call, frame: Frame, hint: str, piped: Piped | None = None) -> Anything:
    """`function(arguments)`. A piped value stands in for a first tensor that the call lacks. Raises Poisoned."""
    try:
        target: Anything = ctx.evaluate(node.function, frame)
    except Poisoned:
        target = Poison()
    key = begun(ctx, target, node.span, frame) if isinstance(target, Defined) else ()
    given = _arguments(ctx, node, frame, isinstance(target, Poison))
    if isinstance(target, Builtin | BoundBuiltin):
        return builtin_calls.call(ctx, target, given, node.span, frame, hint, None if piped is None else piped.given())
    if isinstance(target, Defined):
        return _call_defined(ctx, target, given, node, frame, hint, piped, key)
    if not is_applicable(target):
        raise ctx.fail("E0407", f"{describe(target)} cannot be called", node.function.span)
    if piped is not None:
        given = _with_piped(target, given, piped)
    positional = [argument.value for argument in given if argument.name is None]
    named = {argument.name.text: argument.value for argument in given if argument.name is not None}
    return ctx.apply(target, positional, named, node.span, frame, hint)


def _with_piped(target: Anything, given: Sequence[Given], piped: Piped) -> list[Given]:
    """The arguments of an application, with what is piped in front if an input is lacking."""
    inputs = _inputs(target)
    taken = sum(argument.name is None or argument.name.text in inputs for argument in given)
    if taken >= len(inputs):
        return list(given)
    first = piped.given()
    return [*(Given(None, value, first.span) for value in _spread(target, first.value)), *given]


def _inputs(target: Anything) -> tuple[str, ...]:
    """The names of the tensors that something is applied to; of a row of layers, those of the first."""
    match target:
        case Defined(definition=definition):
            return names_of(definition.signature.tensors)
        case Configured(defined=defined):
            return names_of(defined.definition.signature.tensors)
        case Fixed(target=inner) | Stages(stages=(inner, *_)):
            return _inputs(inner)
        case Builtin(tensors=tensors) | BoundBuiltin(builtin=Builtin(tensors=tensors)):
            return tensors
        case _:
            return ("x",)


def _arguments(ctx: Elaboration, node: tree.Call, frame: Frame, poisoned: bool) -> list[Given]:
    """All arguments evaluated; all are tried before Poisoned is raised."""
    given = []
    for argument in node.arguments:
        try:
            given.append(Given(argument.name, ctx.evaluate(argument.value, frame), argument.value.span))
        except Poisoned:
            poisoned = True
    if poisoned:
        raise Poisoned
    return given


def pipe(ctx: Elaboration, value: Anything, stage: tree.Expression, frame: Frame, hint: str) -> Anything:
    """`value |> stage`. Raises Poisoned."""
    if isinstance(stage, tree.Call):
        piped = Piped(value, stage.span)
        made = call(ctx, stage, frame, hint, piped)
        if piped.is_taken and not is_applicable(made):
            return made
        if not is_applicable(made):
            raise ctx.fail(
                "E0410", "this is applied already, and one more value is piped into it", stage.span, describe(made)
            )
        return _feed(ctx, made, value, stage, frame, hint)
    return _feed(ctx, ctx.evaluate(stage, frame), value, stage, frame, hint)


def _feed(
    ctx: Elaboration, target: Anything, value: Anything, stage: tree.Expression, frame: Frame, hint: str
) -> Anything:
    if not is_applicable(target):
        raise ctx.fail(
            "E0410",
            f"a layer or function is wanted after `|>`, and this is {describe(target)}",
            stage.span,
            help="layers in a row are joined by `|>`, or made by `2 * Layer(...)`"
            if isinstance(target, tuple)
            else "use parentheses around what is computed beside a pipe",
        )
    return ctx.apply(target, _spread(target, value), {}, stage.span, frame, hint)


def _spread(target: Anything, value: Anything) -> list[Anything]:
    """What is piped as the inputs that it feeds: a list feeds several."""
    items = value.values if isinstance(value, Results) else value
    if not isinstance(items, tuple):
        return [value]
    match target:
        case Fixed(target=inner):
            return _spread(inner, value)
        case Stages(stages=(first, *_)):
            return _spread(first, value)
        case Defined() | Configured():
            signature = (target if isinstance(target, Defined) else target.defined).definition.signature
            return list(items) if len(signature.tensors) > 1 else [value]
        case Builtin() | BoundBuiltin():
            return list(items) if builtin_calls.feeds_several(target) else [value]
        case _:
            return [value]


def _is_step(signature: tree.Signature, given: Sequence[Given]) -> bool:
    """Whether an optimizer is given a parameter and its gradient; a rate may be a tensor, too, that a schedule gave."""
    configuration = names_of(signature.configuration)
    configures = any(each.name is not None and each.name.text in configuration for each in given)
    return not configures and any(holds_tensor(each.value) for each in given)


def _call_defined(
    ctx: Elaboration,
    target: Defined,
    given: list[Given],
    node: tree.Call,
    frame: Frame,
    hint: str,
    piped: Piped | None,
    key: tuple[object, ...],
) -> Anything:
    signature = target.definition.signature
    if target.kind == "optimizer" and ctx.updating is not None and _is_step(signature, given):
        inner = configured(ctx, target, (), node.span, frame, key)
        positional_only = [argument.value for argument in given if argument.name is None]
        by_names = {argument.name.text: argument.value for argument in given if argument.name is not None}
        return ctx.update(inner, positional_only, by_names, node.span, frame)
    tensor_names = names_of(signature.tensors)
    own = tuple(name for name in parameter_names(target) if name not in names_of(signature.configuration))
    named = {argument.name.text for argument in given if argument.name is not None}
    # `Flatten()`, as what has configuration
    is_bare = not given and piped is None and (target.makes_layer or target.kind == "metric")
    is_applied = signature.has_tensors and (
        (not signature.has_configuration and not is_bare)
        or not named.isdisjoint((*tensor_names, *own))
        or any(holds_tensor(argument.value) for argument in given)
    )
    if not is_applied:
        return configured(ctx, target, given, node.span, frame, key)
    if piped is not None:
        given = _with_piped(target, given, piped)
    positional = [argument for argument in given if argument.name is None]
    by_name = [argument for argument in given if argument.name is not None]
    known = (*tensor_names, *names_of(signature.configuration), *own)
    for argument in by_name:
        if argument.name is not None and argument.name.text not in known:
            raise unknown_argument(ctx, target, argument, known)
    configuration = [a for a in by_name if a.name is not None and a.name.text not in (*tensor_names, *own)]
    puts = {a.name.text: a.value for a in by_name if a.name is not None and a.name.text in own}
    tensors = match(
        ctx,
        target,
        signature.tensors,
        [*positional, *(a for a in by_name if a.name is not None and a.name.text in tensor_names)],
        node.span,
        "inputs",
    )
    layer = configured(ctx, target, configuration, node.span, frame, key)
    values = {name: argument.value for name, argument in tensors.items()}
    return ctx.apply(layer, (), values | puts, node.span, frame, hint)


# Application --------------------------------------------------------------------------------------------------------


def apply(
    ctx: Elaboration,
    target: Anything,
    tensors: Sequence[Anything],
    named: Mapping[str, Anything],
    span: Span,
    frame: Frame,
    hint: str = "",
) -> Anything:
    """Applies a layer or function. Raises Poisoned."""
    match_target: Anything = target
    if isinstance(match_target, Builtin | BoundBuiltin):
        return builtin_calls.call(ctx, match_target, given_of(tensors, named, span), span, frame, hint, None)
    if isinstance(match_target, Fixed):
        before, ctx.is_fixed = ctx.is_fixed, True
        try:
            return ctx.apply(match_target.target, tensors, named, span, frame, hint)
        finally:
            ctx.is_fixed = before
    if isinstance(match_target, Stages) and named:
        name = next(iter(named))
        raise ctx.fail(
            "E0401", f"a row of layers has no argument `{name}`", span, help="apply the layer itself that has it"
        )
    if isinstance(match_target, Stages):
        return _in_a_row(ctx, match_target, tensors, span, frame, hint)
    if isinstance(match_target, Defined):
        match_target = configured(ctx, match_target, (), span, frame)
    if not isinstance(match_target, Configured):
        raise ctx.fail("E0407", f"{describe(target)} cannot be applied", span)
    kind = match_target.defined.kind
    if kind == "optimizer" and ctx.updating is not None:
        return ctx.update(match_target, tensors, named, span, frame)
    if kind == "optimizer":
        raise ctx.fail(
            "E0407", f"{describe(target)} is not applied to tensors", span, help="name it in `optimizer = ...`"
        )
    definition = match_target.defined.definition
    taken = names_of(definition.signature.tensors)
    own = [name for name in parameter_names(match_target.defined) if name in named and name not in taken]
    given = given_of(tensors, {name: value for name, value in named.items() if name not in own}, span)
    matched = match(ctx, match_target.defined, definition.signature.tensors, given, span, "inputs")
    values: dict[str, Anything] = {}
    for param in definition.signature.tensors:
        if param.name.text in matched:
            values[param.name.text] = matched[param.name.text].value
        elif param.default is None:
            raise missing(ctx, match_target.defined, param, span, "input")
    path = _path(ctx, match_target)
    scope = path if match_target.defined.makes_layer else ctx.scope
    with ctx.using(match_target.defined.name, span, _is_hidden(ctx, match_target), scope):
        configuration = configure(ctx, match_target)
        kept, match_target.overrides = match_target.overrides, {name: named[name] for name in own}
        try:
            return apply_body(ctx, match_target, configuration, values, span, path, hint)
        finally:
            match_target.overrides = kept


def given_of(tensors: Sequence[Anything], named: Mapping[str, Anything], span: Span) -> list[Given]:
    """Values as the arguments of a call at `span`."""
    by_name = [Given(tree.Name(name, span), value, span) for name, value in named.items()]
    return [*(Given(None, value, span) for value in tensors), *by_name]


def _is_hidden(ctx: Elaboration, layer: Configured) -> bool:
    """Whether places inside of the body are the library's, which a user is not shown."""
    return layer.defined.home.is_library


def _path(ctx: Elaboration, layer: Configured) -> tuple[str, ...]:
    """The path of a layer, given at its first application; a function has that of where it stands."""
    if not layer.defined.makes_layer:
        return layer.place.path
    if layer.path is None:
        below = layer.place.path
        layer.path = (*below, ctx.registry.naming.name(layer.key, below, layer.defined.name))
    return layer.path


def _in_a_row(
    ctx: Elaboration, target: Stages, tensors: Sequence[Anything], span: Span, frame: Frame, hint: str
) -> Anything:
    value: Anything = tensors[0] if len(tensors) == 1 else tuple(tensors)
    before = ctx.operations
    for number, stage in enumerate(target.stages):
        last = stage is target.stages[-1]
        if number == 1 and target.is_repeated:
            ctx.foresee((ctx.operations - before) * (len(target.stages) - 1), span)
        place = stage.span if isinstance(stage, Configured) and not ctx.trail else span
        value = ctx.apply(stage, _spread(stage, value), {}, place, frame, hint if last else "")
    return value
