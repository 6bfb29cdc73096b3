"""The statements of an optimizer's body, on one parameter and its gradient.

In: a configured optimizer and the two tensors. Out: the new parameter, with the slots in the context. An optimizer
that the body applies runs here too, and brings its own slots along. A state that starts at `none` is absent, and
setting it is left out; one that starts at a computed value takes it at the first step. A schedule in a number's place
is applied to the count of steps before.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.base.names import snake_case
from nnc.base.source import Span
from nnc.language.calls import Given, match, missing
from nnc.language.configuration import configure
from nnc.language.context import Elaboration
from nnc.language.initialize import fans
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.signature import declared
from nnc.language.statements import assign, assigned, run
from nnc.language.updating import Held, Updating
from nnc.language.values import (
    Anything,
    Configured,
    Poison,
    Poisoned,
    Tensor,
    describe,
    is_applicable,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.program import Slot
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
PARAMETER, GRADIENT, STEP, GLOBAL_NORM, RESULT = "parameter", "gradient", "step", "global_norm", "result"
_INPUTS = (PARAMETER, GRADIENT)


def update(ctx: Elaboration, optimizer: Configured, given: Sequence[Given], span: Span, frame: Frame) -> Tensor:
    """What an optimizer makes of `(parameter, gradient)` within another's body. Raises Poisoned."""
    name = optimizer.defined.name
    params = tuple(tree.Param(tree.Name(each, span), None, None, span) for each in _INPUTS)
    found = match(ctx, optimizer.defined, params, given, span, "inputs")
    for param in params:
        if param.name.text not in found:
            raise missing(ctx, optimizer.defined, param, span, "input")
    parameter, gradient = (tensor(ctx, found[each].value, found[each].span) for each in _INPUTS)
    updating = updating_of(ctx)
    if updating.is_stored:
        parameter = updating.parameter
    prefixes = {held.slot.name.rpartition("_")[0] for held in updating.slots}
    stem = prefix = snake_case(name)
    while prefix in prefixes:
        prefix = f"{stem}_{2 if prefix == stem else int(prefix.rpartition('_')[2]) + 1}"
    with ctx.using(name, span, optimizer.defined.home.is_library, ()):
        made = body(ctx, optimizer, parameter, gradient, span, f"{prefix}_")
    updating.made.add(made)
    return made


def updating_of(ctx: Elaboration) -> Updating:
    assert ctx.updating is not None, "an optimizer is under way"
    return ctx.updating


def body(
    ctx: Elaboration, optimizer: Configured, parameter: Tensor, gradient: Tensor, span: Span, prefix: str
) -> Tensor:
    """Runs a body; its slots, their names after `prefix`, join those of the context. Gives the new parameter, or, of
    what is stored, the weight used outside of training."""
    definition = optimizer.defined.definition
    assert isinstance(definition, tree.Definition), "an optimizer is one"
    updating = updating_of(ctx)
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
    if _names(definition.body, GLOBAL_NORM):
        frame.bind(GLOBAL_NORM, ctx.op("sqrt", [updating.total], span, hint=GLOBAL_NORM), span)
    if updating.is_stored:
        frame.bind(PARAMETER + "'", parameter, span)
    slots: dict[str, Held] = {}
    last: Anything = None
    for statement in definition.body.statements:
        if isinstance(statement, tree.StateStmt):
            held = _state(ctx, statement, frame, prefix)
            if held is not None:
                slots[statement.name.text] = held
        elif isinstance(statement, tree.Assign):
            value = _assign(ctx, statement, frame)
            last = value if statement.names[0].text == PARAMETER + "'" else last
        elif isinstance(statement, tree.Penalty):
            raise ctx.fail("E0408", "a penalty belongs to a layer or model", statement.span, help="add it to the loss")
        else:
            run(ctx, tree.Block((statement,), statement.span), frame, {})
    if updating.is_stored:
        return _stored(ctx, frame, last, span)
    new = frame.names.get(PARAMETER + "'")
    if new is None and PARAMETER in (name.text for each in definition.body.statements for name in assigned(each)):
        raise Poisoned  # `names` has reported it, and that it is to be `parameter'`
    if new is None:
        raise ctx.fail("E0509", f"`{optimizer.defined.name}` never sets `parameter'`", span)
    for name, held in slots.items():
        changed = frame.names.get(name + "'")
        if changed is not None:
            held.new = shaped(ctx, tensor(ctx, changed.value, span), held.old.type, name, changed.span)
    return tensor(ctx, new.value, span)


def _stored(ctx: Elaboration, frame: Frame, last: Anything, span: Span) -> Tensor:
    """The weight used outside of training: `result`; where there is none, and `parameter'` is what another optimizer
    makes, that one's; else the parameter. last: what `parameter'` is set to."""
    found = frame.names.get(RESULT)
    if found is not None:
        return tensor(ctx, found.value, span)
    updating = updating_of(ctx)
    return last if isinstance(last, Tensor) and last in updating.made else updating.parameter


def _count(ctx: Elaboration, span: Span) -> Tensor:
    return ctx.op("convert", [updating_of(ctx).counter], span, {"element": "f32"}, STEP)


def _step(ctx: Elaboration, span: Span) -> Tensor:
    """The number of the update under way; of what is stored, of those that were made."""
    updating = updating_of(ctx)
    number = updating.counter
    behind = int(updating.is_stored)
    if updating.steps > 1:
        shift = ctx.constant(updating.steps - 1 - behind * updating.steps, "i64", span)
        many = ctx.constant(updating.steps, "i64", span)
        number = ctx.op("floordiv", [ctx.op("add", [number, shift], span, hint=STEP), many], span, hint=STEP)
    elif behind:
        number = ctx.op("sub", [number, ctx.constant(1, "i64", span)], span, hint=STEP)
    return ctx.op("convert", [number], span, {"element": "f32"}, STEP)


def _scheduled(ctx: Elaboration, schedule: Anything, name: str, span: Span, frame: Frame) -> Anything:
    """What a schedule gives at the step under way; it counts from 0. Raises Poisoned."""
    first = ctx.constant(1.0, "f32", span)
    value = ctx.apply(schedule, [ctx.op("sub", [_count(ctx, span), first], span, hint=STEP)], {}, span, frame, name)
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


def _state(ctx: Elaboration, node: tree.StateStmt, frame: Frame, prefix: str) -> Held | None:
    """`state name: type = value`, of the parameter's shape without a type; None where it is absent."""
    updating = updating_of(ctx)
    name = node.name.text
    start = ctx.evaluate(node.value, frame)
    if start is None:
        frame.bind(name, None, node.span)
        frame.bind(name + "'", None, node.span)
        frame.dropped.add(name + "'")
        return None
    type = updating.type
    if node.type is not None:
        ctx.needs_shape()
        type = declared(ctx, frame, node.type, batched=False)
        if type.element != "f32":
            raise ctx.fail("E0418", f"a state of an optimizer is float, and this is {spell(type)}", node.type.span)
    if is_applicable(start):
        start = ctx.apply(start, [type.shape, *fans(type.shape)], {}, node.value.span, frame, name)
    if not is_number(start) and not (isinstance(start, Tensor) and start.type.element == "f32"):
        raise ctx.fail(
            "E0418",
            f"a state of an optimizer starts at a number or at `parameter`, and this is {describe(start)}",
            node.value.span,
        )
    place = ctx.user_span(node.span)
    held = ctx.builder.parameter(type, prefix + name, place)
    initial = float(start) if isinstance(start, int | float) else 0.0
    value = held
    if isinstance(start, Tensor) and not updating.is_stored:
        value = shaped(ctx, _from_first_step(ctx, start, held, node.value.span), type, name, node.value.span)
    frame.bind(name, value, node.span)
    if updating.is_stored:
        frame.bind(name + "'", value, node.span)
    found = Held(Slot(prefix + name, initial, place, None if type == updating.type else type), value, value)
    updating.slots.append(found)
    return found


def _from_first_step(ctx: Elaboration, start: Tensor, held: Tensor, span: Span) -> Tensor:
    """A state that starts at what only the first step can know."""
    is_first = ctx.op("eq", [_step(ctx, span), ctx.constant(1.0, "f32", span)], span, hint="is_first")
    return ctx.op("where", [is_first, start, held], span, hint=held.hint)


def shaped(ctx: Elaboration, value: Tensor, type: TensorType, name: str, span: Span) -> Tensor:
    """`value` spread to `type`, which it must fit. Of a generic rule it fits."""
    if value.type == type or (updating_of(ctx).is_generic and value.type.element == type.element):
        return value
    shape = value.type.shape
    missing = type.rank - len(shape)
    fits = missing >= 0 and all(a in (1, b) for a, b in zip(shape, type.shape[missing:], strict=True))
    if value.type.element != type.element or not fits:
        raise ctx.fail("E0418", f"`{name}` is {spell(type)}, and its new value is {spell(value.type)}", span)
    return ctx.op("broadcast", [value], span, {"shape": type.shape, "batched": False}, name)


def _assign(ctx: Elaboration, statement: tree.Assign, frame: Frame) -> Anything:
    """What a name is set to, where it is bound. Of what is stored, new values are evaluated for the slots that they
    bring along, and their names stand for the old ones."""
    name = statement.names[0]
    is_stored = updating_of(ctx).is_stored
    if name.text in frame.dropped or (not is_stored and name.text == RESULT):
        return None
    try:
        if not name.primed:
            return assign(ctx, statement, frame, {})
        value = ctx.evaluate(statement.value, frame, name.base)
        if not is_stored:
            frame.bind(name.text, value, statement.span)
        return value
    except Poisoned:
        frame.bind(name.text, Poison(), statement.span)
        if name.text == PARAMETER + "'":
            raise
        return None


def tensor(ctx: Elaboration, value: Anything, span: Span) -> Tensor:
    if isinstance(value, Poison):
        raise Poisoned
    if isinstance(value, Tensor):
        return value
    return number(ctx, value, "f32", span)
