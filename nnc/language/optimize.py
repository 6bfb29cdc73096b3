"""The setting `optimizer`: which optimizer updates which parameters, and by which rule.

In: a configured optimizer, or a record of them by part of the model, with records in it for parts of parts; the longest
path that holds a parameter wins. Out: an `Optimizer` for each that is at work; a parameter of none is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nnc.base.diagnostic import Label
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
    parts: dict[str, Part] = {}
    _add_parts(ctx, value, "", frame, parts)
    own = _owned(ctx, parts, span)
    if all(part.configured is None for part in parts.values()):
        raise ctx.fail("E0512", "every part of the model is frozen", span, help="leave one to an optimizer")
    return tuple(
        _optimizer(ctx, part.configured, own[path], steps, part.span, part.configured.written_whole)
        for path, part in parts.items()
        if part.configured is not None and own[path]
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the model by its path: its optimizer, or none where it is frozen, and the entry that says so."""

    configured: Configured | None
    span: Span


def _add_parts(ctx: Elaboration, record: Record, above: str, frame: Frame, parts: dict[str, Part]) -> None:
    """The entries of a record, those of records in it below their paths. `rest` is what lies above them."""
    for name, value in record.entries.items():
        span = record.spans[name]
        path = (above or REST) if name == REST else f"{above}.{name}".lstrip(".")
        if isinstance(value, Poison):
            raise Poisoned
        if path != REST and not any(_below(each, path) for each in ctx.parameters):
            raise _unknown(ctx, path, span)
        if isinstance(value, Record) and name != REST:
            _add_parts(ctx, value, path, frame, parts)
            continue
        if path in parts:
            other = Label(parts[path].span, "here too")
            raise ctx.fail("E0512", f"`{path}` is given twice", span, others=(other,), help="keep one of them")
        parts[path] = Part(None if value is None else _configured(ctx, value, span, frame), span)


def _unknown(ctx: Elaboration, path: str, span: Span) -> Poisoned:
    """That no parameter lies at a path: what it was meant to be, or what there is below its first names."""
    names = path.split(".")
    near = nearest(path, sorted({".".join(each.split(".")[: len(names)]) for each in ctx.parameters}))
    if near:
        return ctx.fail("E0512", f"no parameter lies in `{path}`", span, help=f"did you mean `{near}`?")
    while names and not any(_below(each, ".".join(names)) for each in ctx.parameters):
        names.pop()
    above = ".".join(names)
    known = {".".join(each.split(".")[: len(names) + 1]) for each in ctx.parameters if not names or _below(each, above)}
    has = ", ".join(f"`{each}`" for each in sorted(known))
    return ctx.fail(
        "E0512", f"no parameter lies in `{path}`", span, help=f"{f'`{above}`' if above else 'the model'} has {has}"
    )


def _below(name: str, path: str) -> bool:
    return name == path or name.startswith(path + ".")


def _owned(ctx: Elaboration, parts: Mapping[str, Part], span: Span) -> dict[str, list[str]]:
    """The parameters of each part: of the longest path that they lie below, else of `rest`."""
    own: dict[str, list[str]] = {path: [] for path in parts}
    left: list[str] = []
    for name in ctx.parameters:
        path = max((path for path in parts if _below(name, path)), key=len, default=REST)
        own.setdefault(path, left).append(name)
    if left:
        some = ", ".join(f"`{name}`" for name in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise ctx.fail(
            "E0512",
            f"{some} {'belongs' if len(left) == 1 else 'belong'} to no part",
            span,
            help="say what becomes of the others: `rest: Adam(1e-3)`, or `rest: none` to freeze them",
        )
    for path, part in parts.items():
        if not own[path] and path != REST:
            inner = tuple(Label(other.span) for each, other in parts.items() if each != path and _below(each, path))
            raise ctx.fail(
                "E0512",
                f"no parameter is left for `{path}`: others name all that lie in it",
                part.span,
                others=inner,
                help="leave this entry out, or one of those",
            )
    return own


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
