"""The setting `optimizer`: which optimizer updates which parameters, and by which rule.

In: a configured optimizer, or a record of them by part of the model, in which the longest path that holds a parameter
wins. Out: an `Optimizer` for each that is at work; a parameter of none is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nnc.base.source import Span
from nnc.language.calls import without_quotes
from nnc.language.context import Elaboration
from nnc.language.rules import compile_rule
from nnc.language.scope import Frame
from nnc.language.suggest import nearest
from nnc.language.updating import Constraint, NeedsShape
from nnc.language.values import Anything, Configured, Defined, Poison, Poisoned, Record, describe
from nnc.tensor.program import Optimizer, Rule
from nnc.tensor.show import show
from nnc.tensor.types import TensorType

REST = "rest"


def trained_by(
    ctx: Elaboration, value: Anything, span: Span, frame: Frame, written: str, steps: int
) -> tuple[Optimizer, ...]:
    """The optimizers that the setting puts to work, in its order. steps: how many a gradient is the mean of. Raises
    Poisoned."""
    if not isinstance(value, Record):
        configured = _configured(ctx, value, span, frame)
        return (_optimizer(ctx, configured, tuple(ctx.parameters), steps, span, written),)
    parts = {path: _part(ctx, value, path, frame) for path in value.entries}
    _check_parts(ctx, value, parts, span)
    whose = {name: _whose(ctx, name, parts, span) for name in ctx.parameters}
    found = []
    for path, part in parts.items():
        own = [name for name in ctx.parameters if whose[name] == path]
        if part is not None and own:
            found.append(_optimizer(ctx, part, own, steps, value.spans[path], part.written_whole))
    return tuple(found)


def _check_parts(ctx: Elaboration, record: Record, parts: Mapping[str, Configured | None], span: Span) -> None:
    for path in parts:
        if path != REST and not any(_below(name, path) for name in ctx.parameters):
            known = sorted({".".join(name.split(".")[: path.count(".") + 1]) for name in ctx.parameters})
            near = nearest(path, known)
            raise ctx.fail(
                "E0512",
                f"no parameter lies in `{path}`",
                record.spans[path],
                help=f"did you mean `{near}`?" if near else "the model has " + ", ".join(f"`{each}`" for each in known),
            )
    if all(part is None for part in parts.values()):
        raise ctx.fail("E0512", "every part of the model is frozen", span, help="leave one to an optimizer")


def _below(name: str, path: str) -> bool:
    return name == path or name.startswith(path + ".")


def _whose(ctx: Elaboration, name: str, parts: Mapping[str, Configured | None], span: Span) -> str:
    """The part of a parameter: the longest path that it lies below, else `rest`."""
    found = max((path for path in parts if _below(name, path)), key=len, default=REST)
    if found not in parts:
        raise ctx.fail(
            "E0512", f"`{name}` belongs to no part", span, help="name an optimizer for the others: rest: Adam(1e-3)"
        )
    return found


def _part(ctx: Elaboration, record: Record, path: str, frame: Frame) -> Configured | None:
    value = record.entries[path]
    if isinstance(value, Poison):
        raise Poisoned
    return None if value is None else _configured(ctx, value, record.spans[path], frame)


def _configured(ctx: Elaboration, value: Anything, span: Span, frame: Frame) -> Configured:
    if isinstance(value, Defined):
        value = ctx.configured(value, span, frame)
    if not isinstance(value, Configured) or value.defined.kind != "optimizer":
        raise ctx.fail(
            "E0508",
            f"`optimizer` is an optimizer, and this is {describe(value)}",
            span,
            help=without_quotes(value) if isinstance(value, str) else None,
        )
    return value


def _optimizer(
    ctx: Elaboration, configured: Configured, paths: Sequence[str], steps: int, span: Span, written: str
) -> Optimizer:
    """An optimizer for the parameters at `paths`; those that are updated alike share a rule."""
    found: dict[str, Rule] = {}
    shaped: set[Constraint | None] = set()  # of which no rule is the same for any shape
    known: dict[tuple[Constraint | None, TensorType | None], Rule] = {}
    for path in paths:
        constraint, type = ctx.registry.constraints.get(path), ctx.parameters[path].type
        if constraint not in shaped and (constraint, None) not in known:
            before = ctx.reporter.has_errors
            try:
                known[constraint, None] = compile_rule(ctx, configured, constraint, None, steps, span)
            except NeedsShape:
                shaped.add(constraint)
                if ctx.reporter.has_errors and not before:
                    raise Poisoned from None
        key = (constraint, type if constraint in shaped else None)
        if key not in known:
            known[key] = compile_rule(ctx, configured, constraint, type, steps, span)
        text = _text(known[key])
        rule = found.get(text, known[key])
        found[text] = replace(rule, paths=(*rule.paths, path))
    return Optimizer(configured.defined.name, written, tuple(found.values()), ctx.user_span(span))


def _text(rule: Rule) -> str:
    """The same for rules that do the same."""
    functions = [function for function in (rule.update, rule.result, rule.summand) if function is not None]
    slots = [(slot.name, slot.initial, slot.type) for slot in rule.slots]
    return "\n".join([*map(show, functions), repr(slots), repr(rule.is_pointwise)])
