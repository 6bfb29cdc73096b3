"""Evaluation of expressions.

In: a node and the frame it stands in. Out: its value, with the operations it needs added to the program. What is
wrong is reported once, then `Poisoned` is raised; the arguments of a call and the items of a list are all tried
before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import get_args

from nnc.base.source import Span
from nnc.language import attributes, comprehensions, library, lists, operators
from nnc.language.apply import call, pipe
from nnc.language.builtins import BUILTINS, CONSTANTS, PENDING
from nnc.language.builtins.shapes import product
from nnc.language.constants import LONGEST
from nnc.language.context import Elaboration
from nnc.language.files import FileScope
from nnc.language.fold import read_early
from nnc.language.registry import MOST_STEPS
from nnc.language.scope import Frame
from nnc.language.values import (
    Anything,
    Defined,
    ModuleValue,
    Poison,
    Poisoned,
    Record,
    Stages,
    Tensor,
    Unfolded,
    describe,
    holds_tensor,
    is_applicable,
)
from nnc.syntax import tree

_UNDER_WAY = object()  # what a constant is while it is evaluated


def evaluate(ctx: Elaboration, node: tree.Expression, frame: Frame, hint: str = "") -> Anything:
    """The value of an expression. Raises Poisoned."""
    ctx.steps += 1
    if ctx.steps > MOST_STEPS:
        raise _too_many_steps(ctx, node.span)
    return _RULES[type(node)](ctx, node, frame, hint)


def _too_many_steps(ctx: Elaboration, span: Span) -> Poisoned:
    return ctx.over(
        "E0217",
        f"more than {MOST_STEPS:,} expressions are evaluated at compile time",
        span,
        "evaluation stops here",
        help="lower the number of repetitions",
    )


def evaluate_all(ctx: Elaboration, nodes: Sequence[tree.Expression], frame: Frame) -> list[Anything]:
    """The values of several expressions. All are tried before Poisoned is raised."""
    values: list[Anything] = []
    poisoned = False
    for node in nodes:
        try:
            values.append(ctx.evaluate(node, frame))
        except Poisoned:
            poisoned = True
    if poisoned:
        raise Poisoned
    return values


def _literal(ctx: Elaboration, node: tree.Number | tree.String | tree.Boolean, frame: Frame, hint: str) -> Anything:
    return node.value


def _none(ctx: Elaboration, node: tree.NoneLiteral, frame: Frame, hint: str) -> Anything:
    return None


def _list(ctx: Elaboration, node: tree.ListExpr, frame: Frame, hint: str) -> Anything:
    return tuple(evaluate_all(ctx, node.items, frame))


def _conditional(ctx: Elaboration, node: tree.Conditional, frame: Frame, hint: str) -> Anything:
    taken = node.value if condition(ctx, node.condition, frame) else node.otherwise
    return ctx.evaluate(taken, frame, hint)


# Names --------------------------------------------------------------------------------------------------------------


def lookup(ctx: Elaboration, name: tree.Name, frame: Frame, hint: str) -> Anything:
    """What a name stands for: in the block and around it, in the file, in the library, among the builtins."""
    bound = frame.find(name.text)
    if bound is not None:
        if isinstance(bound.value, Poison):
            raise Poisoned
        if isinstance(bound.value, Unfolded):
            raise read_early(ctx, name)
        return bound.value
    found = in_file(ctx, frame.home, name.text)
    if found is not None:
        if isinstance(found, Poison):
            raise Poisoned
        return found
    if name.text in CONSTANTS:
        return CONSTANTS[name.text](ctx, name.span)
    if name.text in PENDING:
        raise ctx.unsupported(f"`{name.text}` is", name.span)
    raise Poisoned  # `names` has reported it


def in_file(ctx: Elaboration, home: FileScope, name: str) -> Anything:
    """What a file knows a name as; None where it knows none."""
    if name in home.lost:
        return Poison()
    item = home.items.get(name)
    if isinstance(item, tree.Const):
        return _constant(ctx, home, item)
    if item is not None:
        return Defined(item, home)
    if name in home.imports:
        return ModuleValue(home.imports[name])
    if name in home.imported:
        origin, original = home.imported[name]
        return in_file(ctx, origin, original)
    entry = library.find(name)
    if entry is not None:
        return Defined(entry.items[name], entry)  # type: ignore[arg-type]  # the library holds definitions only
    return BUILTINS.get(name)


def _constant(ctx: Elaboration, home: FileScope, item: tree.Const) -> Anything:
    """The value of a file's constant, evaluated when it is first named; one with tensors in it wherever it is named,
    since a tensor belongs to the function that is being written there."""
    name, place = item.name.text, (home, item.name.text)
    if ctx.constants.get(place) is _UNDER_WAY:
        raise ctx.fail("E0302", f"the constant `{name}` needs itself", item.name.span)
    if place in ctx.constants:
        known: Anything = ctx.constants[place]  # type: ignore[assignment]  # filled here only
        return known
    ctx.constants[place] = _UNDER_WAY
    value: Anything = Poison()
    try:
        with suppress(Poisoned):
            value = ctx.evaluate(item.value, Frame(home, "file", ctx.file_place(name)), name)
    finally:
        del ctx.constants[place]
    entries = tuple(value.entries.values()) if isinstance(value, Record) else (value,)
    if not holds_tensor(entries):
        ctx.constants[place] = value
    return value


# Operators ----------------------------------------------------------------------------------------------------------


def condition(ctx: Elaboration, node: tree.Expression, frame: Frame) -> bool:
    """The value of a condition, which must be known at compile time."""
    value = ctx.evaluate(node, frame)
    if isinstance(value, bool):
        return value
    on_tensor = isinstance(value, Tensor)
    raise ctx.fail(
        "E0210",
        "a condition is true or false at compile time",
        node.span,
        f"this is {describe(value)}" + (", known only when the program runs" if on_tensor else ""),
        help="on tensors use where(condition, a, b)" if on_tensor else "compare it with something",
    )


def _logical(ctx: Elaboration, node: tree.Logical, frame: Frame, hint: str) -> Anything:
    left = ctx.evaluate(node.left, frame)
    if isinstance(left, bool) and left == (node.operator == "or"):
        return left
    right = ctx.evaluate(node.right, frame)
    if isinstance(left, bool) and isinstance(right, bool | Tensor):
        return right
    for value, part in ((left, node.left), (right, node.right)):
        if (
            not isinstance(value, bool)
            and not operators.is_literal(value)
            and not (isinstance(value, Tensor) and value.type.element == "bool")
        ):
            raise ctx.fail(
                "E0210",
                f"`{node.operator}` joins truth values, and this is {describe(value)}",
                part.span,
                help="compare it with something",
            )
    if isinstance(right, bool):
        return left if right == (node.operator == "and") else right
    x, y = operators.operands(ctx, "combine", (left, node.left.span), (right, node.right.span), node.span)
    args = [(x, node.left.span), (y, node.right.span)]
    return operators.pointwise(ctx, operators.LOGICAL[node.operator], "combine", args, node.span, hint)


def _binary(ctx: Elaboration, node: tree.Compare | tree.Binary, frame: Frame, hint: str) -> Anything:
    left, right = evaluate_all(ctx, (node.left, node.right), frame)
    if node.operator == "*" and is_applicable(right) and isinstance(left, int) and not isinstance(left, bool):
        return _repeat(ctx, left, right, tree.Times(node.left, node.right, node.span), frame)
    operand_left, operand_right = (left, node.left.span), (right, node.right.span)
    if node.operator == "@":
        return product(ctx, operand_left, operand_right, node.span, hint)
    return operators.binary(ctx, node.operator, operand_left, operand_right, node.span, hint)


def _unary(ctx: Elaboration, node: tree.Unary, frame: Frame, hint: str) -> Anything:
    value = ctx.evaluate(node.operand, frame)
    if node.operator == "not":
        if isinstance(value, bool):
            return not value
        if isinstance(value, Tensor) and value.type.element == "bool":
            return ctx.op("not", [value], node.span, hint=hint)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return -value
    elif isinstance(value, Tensor) and value.type.element != "bool":
        return ctx.op("neg", [operators.counted(ctx, value, node.span)], node.span, hint=hint)
    raise ctx.fail("E0210", f"`{node.operator}` does not take {describe(value)}", node.span)


def _times(ctx: Elaboration, node: tree.Times, frame: Frame, hint: str) -> Anything:
    return _repeat(ctx, ctx.evaluate(node.count, frame), None, node, frame)


def _attribute(ctx: Elaboration, node: tree.Attribute, frame: Frame, hint: str) -> Anything:
    return attributes.attribute(ctx, node, frame, in_file)


def _repeat(ctx: Elaboration, times: Anything, first: Anything, node: tree.Times, frame: Frame) -> Stages:
    """`n * layer`: the layer's expression evaluated anew n times; `first` is what it gave already, if anything."""
    if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times <= LONGEST:
        is_turned = is_applicable(times) and isinstance(node.layer, tree.Number)
        raise ctx.fail(
            "E0211",
            f"a layer is repeated 0 to {LONGEST:,} times, and this is {describe(times)}",
            node.count.span,
            help=f"the number comes first: {node.layer.span.text} * {node.count.span.text}" if is_turned else None,
        )
    stages: list[Anything] = []
    for _ in range(times):
        stage = ctx.evaluate(node.layer, frame) if stages or first is None else first
        if not is_applicable(stage):
            raise ctx.fail("E0407", f"a layer or function is wanted, and this is {describe(stage)}", node.layer.span)
        stages.append(stage)
    return Stages(tuple(stages), is_repeated=True)


def _chain(ctx: Elaboration, node: tree.Chain, frame: Frame, hint: str) -> Anything:
    done = 0
    try:
        value = ctx.evaluate(node.value, frame)
        if is_applicable(value):
            return Stages((value, *evaluate_all(ctx, node.stages, frame)))
        for stage in node.stages:
            done += 1
            value = pipe(ctx, value, stage, frame, hint if stage is node.stages[-1] else "")
    except Poisoned:
        for stage in node.stages[done:]:
            _configure_only(ctx, stage, frame)
        raise
    return value


def _configure_only(ctx: Elaboration, stage: tree.Expression, frame: Frame) -> None:
    """Looks for mistakes in the configuration of a layer that has nothing to be applied to."""
    with suppress(Poisoned):
        target = ctx.evaluate(stage.function, frame) if isinstance(stage, tree.Call) else None
        if isinstance(target, Defined) and target.makes_layer and target.definition.signature.has_configuration:
            ctx.evaluate(stage, frame)


# Records ------------------------------------------------------------------------------------------------------------


def _record(ctx: Elaboration, node: tree.Record, frame: Frame, hint: str) -> Record:
    """Each entry apart: a failed one is poison."""
    entries: dict[str, Anything] = {}
    spans = {}
    for entry in node.entries:
        if entry.path in entries:
            raise ctx.fail("E0303", f"`{entry.path}` stands twice in one record", entry.span)
        try:
            entries[entry.path] = ctx.evaluate(entry.value, frame, entry.path)
        except Poisoned:
            entries[entry.path] = Poison()
        spans[entry.path] = entry.span
    return Record(entries, spans)


# What each construct comes to, of (elaboration, node, frame, hint).
_RULES: dict[type, Callable[..., Anything]] = {
    tree.Name: lookup,
    tree.Number: _literal,
    tree.String: _literal,
    tree.Boolean: _literal,
    tree.NoneLiteral: _none,
    tree.ListExpr: _list,
    tree.Record: _record,
    tree.Comprehension: comprehensions.comprehension,
    tree.Conditional: _conditional,
    tree.Times: _times,
    tree.Chain: _chain,
    tree.Logical: _logical,
    tree.Compare: _binary,
    tree.Binary: _binary,
    tree.Unary: _unary,
    tree.Call: call,
    tree.Subscript: lists.subscript,
    tree.Attribute: _attribute,
}
assert set(_RULES) == set(get_args(tree.Expression)), "a construct has no rule"
