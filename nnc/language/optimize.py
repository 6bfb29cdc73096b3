"""An optimizer's body as the program that updates one parameter tensor.

In: a configured optimizer, or a record of them by part of the model. Out: a function (parameter, gradient, step,
*slots) -> (new parameter, *new slots) on generic shapes, and the slots with their first values. A state that starts at
`none` is absent, and setting it is left out; one that starts at a computed value takes it at the first step. An
optimizer that the body applies brings its own slots along. A schedule in a number's place is applied to `step - 1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnc.base.names import snake_case
from nnc.base.source import Span
from nnc.language.apply import configure
from nnc.language.calls import Given, match, missing, without_quotes
from nnc.language.context import Elaboration, Held
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.statements import assign
from nnc.language.suggest import nearest
from nnc.language.values import (
    Anything,
    Configured,
    Defined,
    Poison,
    Poisoned,
    Record,
    Tensor,
    describe,
    is_applicable,
    is_number,
)
from nnc.syntax import tree
from nnc.tensor.program import Optimizer, Slot
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
PARAMETER, GRADIENT, STEP, REST = "parameter", "gradient", "step", "rest"
_INPUTS = (PARAMETER, GRADIENT)


@dataclass(frozen=True, slots=True)
class Trained:
    """What trains a model: the optimizer, and the paths of the parameters that it leaves alone."""

    optimizer: Optimizer
    frozen: frozenset[str]


def trained_by(ctx: Elaboration, value: Anything, span: Span, frame: Frame, written: str) -> Trained:
    """The setting `optimizer`: one for all parameters, or a record by their paths, in which `none` freezes. Raises
    Poisoned."""
    if not isinstance(value, Record):
        return Trained(_optimizer(ctx, value, span, frame, written), frozenset())
    parts = {path: _part(ctx, value, path, frame) for path in value.entries}
    at_work = [path for path, part in parts.items() if part is not None]
    for path in parts:
        if path != REST and not any(_below(name, path) for name in ctx.parameters):
            known = sorted({".".join(name.split(".")[: path.count(".") + 1]) for name in ctx.parameters})
            near = nearest(path, known)
            raise ctx.fail(
                "E0512",
                f"no parameter lies in `{path}`",
                value.spans[path],
                help=f"did you mean `{near}`?" if near else "the model has " + ", ".join(f"`{each}`" for each in known),
            )
    if not at_work:
        raise ctx.fail("E0512", "every part of the model is frozen", span, help="leave one to an optimizer")
    if len(at_work) > 1:
        raise ctx.unsupported("more than one optimizer in a training is", value.spans[at_work[1]])
    frozen = frozenset(name for name in ctx.parameters if parts[_whose(ctx, name, parts, span)] is None)
    place = value.spans[at_work[0]]
    part = parts[at_work[0]]
    assert part is not None, "it is at work"
    return Trained(_optimizer(ctx, part, place, frame, part.written_whole), frozen)


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


def _optimizer(ctx: Elaboration, value: Anything, span: Span, frame: Frame, written: str) -> Optimizer:
    optimizer = _configured(ctx, value, span, frame)
    name = optimizer.defined.name
    with ctx.apart(f"update_{name}"), ctx.using(name, span, optimizer.defined.home.is_library, ()):
        ctx.pointwise_only = True
        try:
            return _compile(ctx, optimizer, span, written)
        finally:
            ctx.pointwise_only = False
            ctx.slots, ctx.counter = [], None


def _compile(ctx: Elaboration, optimizer: Configured, span: Span, written: str) -> Optimizer:
    place = ctx.user_span(span)
    parameter = ctx.builder.parameter(SCALAR, PARAMETER, place)
    gradient = ctx.builder.parameter(SCALAR, GRADIENT, place)
    ctx.counter = ctx.builder.parameter(TensorType("i64"), STEP, place)
    new = _body(ctx, optimizer, parameter, gradient, span, "")
    results = [new, *(held.new for held in ctx.slots)]
    function = ctx.builder.finish(results)
    return Optimizer(optimizer.defined.name, written, function, tuple(held.slot for held in ctx.slots), place)


def update(ctx: Elaboration, optimizer: Configured, given: Sequence[Given], span: Span, frame: Frame) -> Tensor:
    """What an optimizer makes of `(parameter, gradient)` within another's body. Raises Poisoned."""
    name = optimizer.defined.name
    params = tuple(tree.Param(tree.Name(each, span), None, None, span) for each in _INPUTS)
    found = match(ctx, optimizer.defined, params, given, span, "inputs")
    for param in params:
        if param.name.text not in found:
            raise missing(ctx, optimizer.defined, param, span, "input")
    parameter, gradient = (_tensor(ctx, found[each].value, found[each].span) for each in _INPUTS)
    prefixes = {held.slot.name.rpartition("_")[0] for held in ctx.slots}
    stem = prefix = snake_case(name)
    while prefix in prefixes:
        prefix = f"{stem}_{2 if prefix == stem else int(prefix.rpartition('_')[2]) + 1}"
    with ctx.using(name, span, optimizer.defined.home.is_library, ()):
        return _body(ctx, optimizer, parameter, gradient, span, f"{prefix}_")


def _body(
    ctx: Elaboration, optimizer: Configured, parameter: Tensor, gradient: Tensor, span: Span, prefix: str
) -> Tensor:
    """Runs a body; its slots, their names after `prefix`, join those of the context. Gives the new parameter."""
    definition = optimizer.defined.definition
    assert isinstance(definition, tree.Definition), "an optimizer is one"
    whole = configure(ctx, optimizer)
    frame = Frame(optimizer.defined.home, "optimizer", optimizer.place)
    for param in definition.signature.configuration:
        value = whole[param.name.text]
        if is_applicable(value) and isinstance(param.default, tree.Number):
            value = _scheduled(ctx, value, param.name.text, span, frame)
        frame.bind(param.name.text, value, span)
    frame.bind(PARAMETER, parameter, span)
    frame.bind(GRADIENT, gradient, span)
    if _names(definition.body, STEP):
        frame.bind(STEP, _step(ctx, span), span)
    slots = _states(ctx, definition, frame, prefix)
    _statements(ctx, definition, frame)
    new = frame.names.get(PARAMETER + "'")
    if new is None:
        raise ctx.fail("E0509", f"`{optimizer.defined.name}` never sets `parameter'`", span)
    for name, held in slots.items():
        changed = frame.names.get(name + "'")
        if changed is not None:
            held.new = _tensor(ctx, changed.value, span)
    return _tensor(ctx, new.value, span)


def _step(ctx: Elaboration, span: Span) -> Tensor:
    assert ctx.counter is not None, "an optimizer is under way"
    return ctx.op("convert", [ctx.counter], span, {"element": "f32"}, STEP)


def _scheduled(ctx: Elaboration, schedule: Anything, name: str, span: Span, frame: Frame) -> Anything:
    """What a schedule gives at the step under way; it counts from 0. Raises Poisoned."""
    first = ctx.constant(1.0, "f32", span)
    value = ctx.apply(schedule, [ctx.op("sub", [_step(ctx, span), first], span, hint=STEP)], {}, span, frame, name)
    is_tensor = isinstance(value, Tensor) and value.type == SCALAR
    if not is_tensor and not is_number(value):
        raise ctx.fail(
            "E0513", f"`{name}` is a number at each step, and {describe(schedule)} gives {describe(value)}", span
        )
    return value


def _names(block: tree.Block, name: str) -> bool:
    """Whether the text of a block names `name`."""
    words = "".join(c if c.isalnum() or c in "_'" else " " for c in block.span.text).split()
    return name in words


def _states(ctx: Elaboration, definition: tree.Definition, frame: Frame, prefix: str) -> dict[str, Held]:
    found: dict[str, Held] = {}
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
        if not is_number(start) and not (isinstance(start, Tensor) and start.type == SCALAR):
            raise ctx.fail(
                "E0418",
                f"a state of an optimizer starts at a number or at `parameter`, and this is {describe(start)}",
                statement.value.span,
            )
        place = ctx.user_span(statement.span)
        held = ctx.builder.parameter(SCALAR, prefix + name, place)
        initial = float(start) if isinstance(start, int | float) else 0.0
        value = _from_first_step(ctx, start, held, statement.value.span) if isinstance(start, Tensor) else held
        frame.bind(name, value, statement.span)
        found[name] = Held(Slot(prefix + name, initial, place), value)
        ctx.slots.append(found[name])
    return found


def _from_first_step(ctx: Elaboration, start: Tensor, held: Tensor, span: Span) -> Tensor:
    """A state that starts at what only the first step can know."""
    is_first = ctx.op("eq", [_step(ctx, span), ctx.constant(1.0, "f32", span)], span, hint="is_first")
    return ctx.op("where", [is_first, start, held], span, hint=held.hint)


def _statements(ctx: Elaboration, definition: tree.Definition, frame: Frame) -> None:
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
