"""An optimizer's body as the program that updates one parameter tensor.

In: a configured optimizer. Out: a function (parameter, gradient, step, *slots) -> (new parameter, *new slots) on
generic shapes, and the slots with their first values. A state that starts at `none` is absent, and setting it is left
out.
"""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.apply import configure
from nnc.language.calls import without_quotes
from nnc.language.context import Elaboration
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.statements import assign
from nnc.language.values import (
    Anything,
    Configured,
    Defined,
    Poison,
    Poisoned,
    Tensor,
    describe,
    is_applicable,
    is_number,
)
from nnc.syntax import tree
from nnc.tensor.program import Optimizer, Slot
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
PARAMETER, GRADIENT, STEP = "parameter", "gradient", "step"


def compile_optimizer(ctx: Elaboration, value: Anything, span: Span, frame: Frame, written: str) -> Optimizer:
    """The optimizer that a `train` block names. Raises Poisoned."""
    if isinstance(value, Defined):
        value = ctx.configured(value, span, frame)
    if not isinstance(value, Configured) or value.defined.kind != "optimizer":
        raise ctx.fail(
            "E0508",
            f"`optimizer` is an optimizer, and this is {describe(value)}",
            span,
            help=without_quotes(value) if isinstance(value, str) else None,
        )
    name = value.defined.name
    with ctx.apart(f"update_{name}"), ctx.using(name, span, value.defined.home.is_library, ()):
        ctx.pointwise_only = True
        try:
            return _compile(ctx, value, span, written)
        finally:
            ctx.pointwise_only = False


def _compile(ctx: Elaboration, optimizer: Configured, span: Span, written: str) -> Optimizer:
    definition = optimizer.defined.definition
    assert isinstance(definition, tree.Definition), "an optimizer is one"
    whole = configure(ctx, optimizer)
    frame = Frame(optimizer.defined.home, "optimizer", optimizer.place)
    for name, value in whole.items():
        frame.bind(name, value, span)
    place = ctx.user_span(span)
    parameter = ctx.builder.parameter(SCALAR, PARAMETER, place)
    gradient = ctx.builder.parameter(SCALAR, GRADIENT, place)
    counter = ctx.builder.parameter(TensorType("i64"), STEP, place)
    frame.bind(PARAMETER, parameter, span)
    frame.bind(GRADIENT, gradient, span)
    if _names(definition.body, STEP):
        frame.bind(STEP, ctx.op("convert", [counter], span, {"element": "f32"}, STEP), span)
    slots, values = _states(ctx, definition, frame)
    _body(ctx, definition, frame)
    new = frame.names.get(PARAMETER + "'")
    if new is None:
        raise ctx.fail("E0509", f"`{optimizer.defined.name}` never sets `parameter'`", span)
    results = [_tensor(ctx, new.value, span)]
    for slot, old in zip(slots, values, strict=True):
        changed = frame.names.get(slot.name + "'")
        results.append(old if changed is None else _tensor(ctx, changed.value, span))
    function = ctx.builder.finish(results)
    return Optimizer(optimizer.defined.name, written, function, tuple(slots), place)


def _names(block: tree.Block, name: str) -> bool:
    """Whether the text of a block names `name`."""
    words = "".join(c if c.isalnum() or c in "_'" else " " for c in block.span.text).split()
    return name in words


def _states(ctx: Elaboration, definition: tree.Definition, frame: Frame) -> tuple[list[Slot], list[Tensor]]:
    slots: list[Slot] = []
    values: list[Tensor] = []
    for statement in definition.body.statements:
        if not isinstance(statement, tree.StateStmt):
            continue
        name = statement.name.text
        start = ctx.evaluate(statement.value, frame)
        if is_applicable(start):
            start = ctx.apply(start, [(), 1, 1], {}, statement.value.span, frame, name)
        if start is None:
            frame.bind(name, None, statement.span)
            frame.bind(name + "'", None, statement.span)
            frame.dropped.add(name + "'")
            continue
        if not is_number(start):
            raise ctx.unsupported(f"a state of an optimizer that starts at {describe(start)} is", statement.span)
        assert isinstance(start, int | float), "just checked"
        value = ctx.builder.parameter(SCALAR, name, ctx.user_span(statement.span))
        frame.bind(name, value, statement.span)
        slots.append(Slot(name, float(start), ctx.user_span(statement.span)))
        values.append(value)
    return slots, values


def _body(ctx: Elaboration, definition: tree.Definition, frame: Frame) -> None:
    for statement in definition.body.statements:
        if isinstance(statement, tree.StateStmt):
            continue
        if not isinstance(statement, tree.Assign):
            raise ctx.unsupported("such a statement in an optimizer is", statement.span)
        name = statement.names[0].text
        if name in frame.dropped:
            continue
        if name == "result":
            raise ctx.unsupported("a weight of an optimizer used outside of training is", statement.span)
        try:
            if statement.names[0].primed:
                frame.bind(name, ctx.evaluate(statement.value, frame, statement.names[0].base), statement.span)
            else:
                assign(ctx, statement, frame, {})
        except Poisoned:
            frame.bind(name, Poison(), statement.span)
            if name == PARAMETER + "'":
                raise


def _tensor(ctx: Elaboration, value: Anything, span: Span) -> Tensor:
    if isinstance(value, Poison):
        raise Poisoned
    if isinstance(value, Tensor):
        return value
    return number(ctx, value, "f32", span)
