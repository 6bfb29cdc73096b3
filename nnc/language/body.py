"""Applying a definition: open a frame, unify the signature, run the body, unify the results."""

from __future__ import annotations

from itertools import islice

from nnc.base.source import Span
from nnc.language import fold, weighing
from nnc.language.context import Elaboration
from nnc.language.initialize import initial_value
from nnc.language.naming import Place
from nnc.language.operators import called, is_literal, number
from nnc.language.scope import Frame
from nnc.language.signature import ELEMENTS, KINDS, PREDICTION, Slot, Unifier, declared, type_error
from nnc.language.values import (
    Anything,
    Configured,
    Poison,
    Poisoned,
    Results,
    Stages,
    Tensor,
    describe,
    is_applicable,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.program import Application


def apply_body(
    ctx: Elaboration,
    layer: Configured,
    configuration: dict[str, Anything],
    tensors: dict[str, Anything],
    span: Span,
    path: tuple[str, ...],
    hint: str,
) -> Anything:
    """The results of a configured definition on its tensors. Raises Poisoned."""
    defined, definition = layer.defined, layer.defined.definition
    makes_layer = defined.makes_layer
    frame = Frame(defined.home, defined.kind, Place(path), owner=layer if makes_layer else None)
    for param in definition.signature.configuration:
        frame.bind(param.name.text, configuration[param.name.text], param.name.span)
    unifier = Unifier(ctx, frame, f"`{defined.name}`")
    _bind_tensors(ctx, frame, unifier, layer, tensors, span)
    if defined.kind == "metric":
        outer, ctx.in_metric = ctx.in_metric, True
        try:
            with weighing.weighing(ctx, list(tensors.values())):
                result = _given(_run(ctx, definition, frame, unifier, hint))
                return fold.applied(ctx, defined.name, result, frame, span)
        finally:
            ctx.in_metric = outer
    if not makes_layer:
        return _given(_run(ctx, definition, frame, unifier, hint))
    ctx.applications.append([])
    before = len(ctx.parameters)
    try:
        with ctx.applying(path):
            results = _run(ctx, definition, frame, unifier, hint)
    finally:
        children = ctx.applications.pop()
    layer.inner = {name: bound.value for name, bound in frame.names.items() if _is_layer(bound.value)}
    prefix = ".".join(path)
    latest = list(islice(reversed(ctx.parameters), len(ctx.parameters) - before))
    made = [name for name in reversed(latest) if name.rpartition(".")[0] == prefix]
    inputs, outputs = (
        tuple(value.type for value in values if isinstance(value, Tensor))
        for values in (tensors.values(), results.values())
    )
    ctx.applications[-1].append(
        Application(
            defined.name, prefix, layer.written, inputs, outputs, tuple(made), ctx.user_span(span), tuple(children)
        )
    )
    return _given(results)


def _is_layer(value: Anything) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_layer, value))
    return isinstance(value, Stages) or (isinstance(value, Configured) and value.defined.makes_layer)


def _given(results: dict[str, Anything]) -> Anything:
    """One result as it is, several by place and by name."""
    if len(results) == 1:
        return next(iter(results.values()))
    return Results(tuple(results), tuple(results.values()))


PREDICTION_FIRST = (PREDICTION, "y_true")


def _warn_swapped(ctx: Elaboration, layer: Configured, tensors: dict[str, Anything], span: Span) -> None:
    """Warns where the prediction's place holds a target and the target's the model's output."""
    values = [tensors.get(name) for name in PREDICTION_FIRST]
    first, second = (ctx.origins.get(v, frozenset()) if isinstance(v, Tensor) else frozenset() for v in values)
    is_target = "target" in first and not first & {"input", "prediction"}
    if is_target and "prediction" in second:
        ctx.reporter.warning(
            "W0501",
            f"`{layer.defined.name}` is given the target first, then the prediction",
            ctx.user_span(span),
            help="the prediction comes first: exchange the two",
        )


def _bind_tensors(
    ctx: Elaboration, frame: Frame, unifier: Unifier, layer: Configured, tensors: dict[str, Anything], span: Span
) -> None:
    """Binds the inputs after unifying those whose types are written; defaults come last, in order."""
    params = layer.defined.definition.signature.tensors
    slots = []
    for param in params:
        if param.name.text not in tensors:
            continue
        value = _accepted(ctx, layer, param, tensors[param.name.text], span)
        tensors[param.name.text] = value
        if param.type is not None and isinstance(value, Tensor):
            slots.append(Slot(param.name.text, param.type, value, span))
    unifier.run(slots)
    _warn_swapped(ctx, layer, tensors, span)
    for param in params:
        name = param.name.text
        if name not in tensors:
            assert param.default is not None, "checked before"
            value = ctx.evaluate(param.default, frame, name)
            if is_applicable(value) and param.type is not None:
                value = initial_value(
                    ctx, value, declared(ctx, frame, param.type, False), param.default.span, frame, name
                )
            tensors[name] = value
        frame.bind(name, tensors[name], param.name.span)


def _accepted(ctx: Elaboration, layer: Configured, param: tree.Param, value: Anything, span: Span) -> Anything:
    """An input as the definition takes it. Raises Poisoned for what is no tensor where one is declared."""
    if param.type is None:
        return value
    kind = param.type.name.text
    if isinstance(value, Tensor):
        if kind != "list":
            return value
        raise ctx.fail(
            "E0204",
            f"`{param.name.text}` of `{layer.defined.name}` is a list, and {called(ctx, value)} is {spell(value.type)}",
            span,
            help="make a list of it, (x,), or of several, (x, y)",
        )
    if kind == "list" and isinstance(value, tuple | Results):
        return value.values if isinstance(value, Results) else value
    if kind in ELEMENTS and is_literal(value):
        return number(ctx, value, ELEMENTS[kind], span)
    if kind in ELEMENTS and (is_number(value) or isinstance(value, bool)) and _takes_scalar(param.type):
        return number(ctx, value, ELEMENTS[kind], span)
    if value is None and isinstance(param.default, tree.NoneLiteral):
        return value
    if kind in KINDS and kind != "list":
        raise type_error(ctx, param.type, tensors_only=True)
    written = " ".join(param.type.span.text.split())
    raise ctx.fail(
        "E0204",
        f"`{param.name.text}` of `{layer.defined.name}` is {written}, and this is {describe(value)}",
        span,
        help="apply it to its tensors first" if is_applicable(value) else None,
    )


def _takes_scalar(written: tree.TypeExpr) -> bool:
    return all(isinstance(dim, tree.Rest) for dim in written.dims or ())


def _run(
    ctx: Elaboration,
    definition: tree.Definition | tree.FunctionDef,
    frame: Frame,
    unifier: Unifier,
    hint: str,
) -> dict[str, Anything]:
    """Runs the body and gives the results by name, unified with their declared types."""
    declared_results = definition.signature.results
    names = [result.name.text if result.name is not None else "result" for result in declared_results] or ["result"]
    if isinstance(definition, tree.FunctionDef) and not isinstance(definition.body, tree.Block):
        frame.bind(names[0], ctx.evaluate(definition.body, frame, hint), definition.body.span)
    else:
        assert isinstance(definition.body, tree.Block), "the other case"
        ctx.run(definition.body, frame, {names[0]: hint} if len(names) == 1 and hint else {})
    found: dict[str, Anything] = {}
    slots = []
    for place, name in enumerate(names):
        binding = frame.names.get(name)
        if binding is None or isinstance(binding.value, Poison):
            raise Poisoned  # reported where it should have been assigned
        found[name] = binding.value
        written = declared_results[place].type if declared_results else None
        if written is None:
            continue
        if isinstance(binding.value, Tensor):
            slots.append(Slot(name, written, binding.value, binding.span))
        elif not is_number(binding.value) and written.name.text in ELEMENTS:
            raise ctx.fail(
                "E0205", f"the result `{name}` is a tensor, and this is {describe(binding.value)}", binding.span
            )
    unifier.run(slots, closing=True)
    return found
