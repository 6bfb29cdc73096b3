"""Comprehensions: over a list their body is evaluated anew for each item, over a tensor once for all of its slices.

In: a comprehension and the frame it stands in. Out: a list; or the tensor whose first axis holds the body's value for
each slice along the first axis of the one gone over. There the body is elaborated once, as a function of one
slice, and its operations are then lifted over the further axis (`nnc.tensor.lift`).
"""

from __future__ import annotations

from dataclasses import replace

from nnc.base.source import Span
from nnc.language.constants import LONGEST
from nnc.language.context import Elaboration
from nnc.language.lists import unpack
from nnc.language.operators import number, origin
from nnc.language.scope import Frame
from nnc.language.values import Anything, Poisoned, Results, Tensor, describe, is_number
from nnc.syntax import tree
from nnc.tensor.ir import Value
from nnc.tensor.lift import lift
from nnc.tensor.types import TypeMismatch


def comprehension(ctx: Elaboration, node: tree.Comprehension, frame: Frame, hint: str) -> Anything:
    """`[body for names in list if condition]`, `[body for slice in tensor]`. Raises Poisoned."""
    items = ctx.evaluate(node.clauses[0].iterable, frame)
    if isinstance(items, Tensor):
        return _mapped(ctx, node, items, frame, hint)
    found: list[Anything] = []
    _clause(ctx, node, 0, items, frame.inner(), found)
    return tuple(found)


def _clause(
    ctx: Elaboration, node: tree.Comprehension, depth: int, items: Anything, frame: Frame, found: list[Anything]
) -> None:
    """All values of the clauses from `depth` on, where that one goes over `items`."""
    clause = node.clauses[depth]
    if isinstance(items, Tensor):
        raise _apart(ctx, clause.iterable.span)
    if isinstance(items, Results):
        items = items.values
    if not isinstance(items, tuple):
        raise ctx.fail("E0210", f"a list is wanted, and this is {describe(items)}", clause.iterable.span)
    for item in items:
        inner = frame.inner()
        unpack(ctx, clause.names, item, inner, clause.span)
        if clause.condition is not None:
            kept = ctx.evaluate(clause.condition, inner)
            if not isinstance(kept, bool):
                raise ctx.fail("E0210", "a condition is true or false at compile time", clause.condition.span)
            if not kept:
                continue
        if depth + 1 < len(node.clauses):
            _clause(ctx, node, depth + 1, ctx.evaluate(node.clauses[depth + 1].iterable, inner), inner, found)
            continue
        if len(found) >= LONGEST:
            raise ctx.fail("E0217", f"a list may hold {LONGEST:,} items", node.span)
        found.append(ctx.evaluate(node.body, inner))


# Over a tensor ------------------------------------------------------------------------------------------------------


def _mapped(ctx: Elaboration, node: tree.Comprehension, over: Tensor, frame: Frame, hint: str) -> Tensor:
    """The body for each slice of `over` along its first axis. Raises Poisoned."""
    clause = node.clauses[0]
    if len(node.clauses) > 1:
        raise _apart(ctx, node.clauses[1].span)
    if over.type.rank == 0:
        raise ctx.fail("E0210", f"{describe(over)} has no axis to go over", clause.iterable.span)
    if clause.condition is not None:
        raise ctx.fail(
            "E0431",
            "a comprehension over a tensor goes over all of its slices",
            clause.condition.span,
            "no condition can leave some out",
            help="choose the values with where(condition, a, b)",
        )
    slice = _slice(ctx, over, clause, frame)
    inner = frame.inner()
    unpack(ctx, clause.names, slice, inner, clause.span)
    mark, penalties = ctx.builder.mark, len(ctx.penalties)
    ctx.slices.append(slice)
    try:
        value = _tensor(ctx, ctx.evaluate(node.body, inner, hint), node.body.span)
    finally:
        ctx.slices.pop()
    known = _lifted(ctx, mark, slice, over, node)
    for place, (penalty, span) in enumerate(ctx.penalties[penalties:], penalties):
        if penalty in known:
            total = ctx.op("sum", [known[penalty]], span, {"axes": (0,)}, penalty.hint)
            ctx.penalties[place] = (total, span)
    if value in known:
        return known[value]
    shape = (over.type.shape[0], *value.type.shape)
    return ctx.op("broadcast", [value], node.span, {"shape": shape, "batched": value.type.batched}, hint)


def _slice(ctx: Elaboration, over: Tensor, clause: tree.ForClause, frame: Frame) -> Tensor:
    """What the body takes for one slice, until its operations are lifted."""
    hint, span = clause.names[0].text, ctx.user_span(clause.span)
    slice = replace(over, type=over.type.with_shape(over.type.shape[1:]), hint=hint, span=span)
    if not frame.home.is_library:
        ctx.named[slice] = hint
    if over in ctx.origins:
        ctx.origins[slice] = ctx.origins[over]
    return slice


def _tensor(ctx: Elaboration, value: Anything, span: Span) -> Tensor:
    if is_number(value) or isinstance(value, bool):
        return number(ctx, value, "bool" if isinstance(value, bool) else "f32", span)
    if not isinstance(value, Tensor):
        raise ctx.fail(
            "E0210",
            f"a comprehension over a tensor makes a tensor of each slice, and this is {describe(value)}",
            span,
            help="stack the tensors of a list: stack([a, b], axis = 0)" if isinstance(value, tuple) else None,
        )
    return value


def _lifted(ctx: Elaboration, mark: int, slice: Tensor, over: Tensor, node: tree.Comprehension) -> dict[Value, Value]:
    """Lifts what the body made, and notes of each value what is known of that for one slice."""
    ops = ctx.builder.taken(mark)
    try:
        known = lift(ctx.builder, ops, slice, over)
    except TypeMismatch as mismatch:
        raise ctx.fail("E0431", str(mismatch), node.span, others=origin(ctx, over)) from None
    ctx.count(ctx.builder.mark - mark, node.span)
    for old, new in known.items():
        if new is over:
            continue
        if old in ctx.origins:
            ctx.origins[new] = ctx.origins[old]
        if old in ctx.named:
            ctx.named.setdefault(new, ctx.named[old])
    return known


def _apart(ctx: Elaboration, span: Span) -> Poisoned:
    return ctx.fail(
        "E0431",
        "a comprehension over a tensor has one `for`",
        span,
        help="put one comprehension into the other: [[a * b for b in y] for a in x]",
    )
