"""An optimizer's body as the program that updates one parameter tensor.

In: a configured optimizer, what holds the parameter to a set, and the parameter's type. Out: a `Rule` of no paths yet.
A body that is the same for any shape is elaborated once, on the generic shape (); one that asks for the parameter's own
(a norm, a product, `shape(parameter)`) raises NeedsShape there, and is elaborated for each.

With gradients applied every `steps` steps, `gradient` is their mean, `step` counts what was applied, and schedules
count all.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.base.names import snake_case
from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import number
from nnc.language.optimizer_body import GRADIENT, PARAMETER, RESULT, SCALAR, STEP, body, shaped, updating_of
from nnc.language.updating import Constraint, Held, Updating
from nnc.language.values import (
    Configured,
    Tensor,
    describe,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Rule, Slot
from nnc.tensor.rewrite import without_dead_code
from nnc.tensor.types import TensorType

ACCUMULATED = "accumulated_gradient"


def compile_rule(
    ctx: Elaboration,
    optimizer: Configured,
    constraint: Constraint | None,
    type: TensorType | None,
    steps: int,
    span: Span,
) -> Rule:
    """The rule for parameters of `type`, or, without one, of any. Raises Poisoned, and NeedsShape without a type."""
    name = optimizer.defined.name
    with ctx.apart(f"update_{snake_case(name)}"), ctx.using(name, span, optimizer.defined.home.is_library, ()):
        try:
            return _compile(ctx, optimizer, constraint, type, steps, span)
        finally:
            ctx.updating = None


def _compile(
    ctx: Elaboration,
    optimizer: Configured,
    constraint: Constraint | None,
    type: TensorType | None,
    steps: int,
    span: Span,
) -> Rule:
    parameter, gradient, updating = _begin(ctx, type, steps, span)
    mean, accumulated = gradient, None
    if steps > 1:
        accumulated = _accumulated(ctx, gradient, span)
        mean = ctx.op("div", [accumulated.new, ctx.constant(steps, "f32", span)], span, hint="mean_gradient")
    new = shaped(ctx, body(ctx, optimizer, parameter, mean, span, ""), parameter.type, PARAMETER, span)
    if accumulated is not None:
        new = _applied(ctx, parameter, new, accumulated, span)
    if constraint is not None:
        new = _constrained(ctx, constraint, new)
    update = without_dead_code(ctx.builder.finish([new, *(held.new for held in updating.slots)]))
    summand = None
    if _is_read(update, updating.total):
        summand = _summand(ctx, updating, steps, span)
    else:
        update = replace(update, parameters=tuple(p for p in update.parameters if p is not updating.total))
    slots = tuple(held.slot for held in updating.slots)
    result = _result(ctx, optimizer, type, updating, span)
    return Rule((), update, slots, type is None, summand, result)


def _begin(ctx: Elaboration, type: TensorType | None, steps: int, span: Span) -> tuple[Tensor, Tensor, Updating]:
    """The parameters that all functions of a rule begin with: parameter, gradient, step, total."""
    place = ctx.user_span(span)
    parameter = ctx.builder.parameter(type or SCALAR, PARAMETER, place)
    gradient = ctx.builder.parameter(type or SCALAR, GRADIENT, place)
    counter = ctx.builder.parameter(TensorType("i64"), STEP, place)
    total = ctx.builder.parameter(SCALAR, "total", place)
    ctx.updating = Updating(parameter.type, parameter, counter, total, steps, type is None)
    return parameter, gradient, ctx.updating


def _is_read(function: Function, value: Value) -> bool:
    return value in function.results or any(value in op.args for op in function.ops)


# Gradients of several steps -----------------------------------------------------------------------------------------


def _accumulated(ctx: Elaboration, gradient: Tensor, span: Span) -> Held:
    """The slot that holds the gradients since the last update, and their sum with this step's."""
    updating = updating_of(ctx)
    old = ctx.builder.parameter(gradient.type, ACCUMULATED, ctx.user_span(span))
    total = ctx.op("add", [old, gradient], span, hint=ACCUMULATED)
    held = Held(Slot(ACCUMULATED, 0.0, ctx.user_span(span)), old, total)
    updating.slots.append(held)
    return held


def _applied(ctx: Elaboration, old: Tensor, new: Tensor, accumulated: Held, span: Span) -> Tensor:
    """Every `steps` steps what the update gives; in between all stays, but for the sum of gradients."""
    updating = updating_of(ctx)
    many = ctx.constant(updating.steps, "i64", span)
    left = ctx.op("mod", [updating.counter, many], span)
    is_time = ctx.op("eq", [left, ctx.constant(0, "i64", span)], span, hint="is_time")
    for held in updating.slots:
        if held is not accumulated:
            held.new = ctx.op("where", [is_time, held.new, held.old], span, hint=held.slot.name)
    nothing = ctx.constant(0.0, "f32", span)
    accumulated.new = ctx.op("where", [is_time, nothing, accumulated.new], span, hint=ACCUMULATED)
    return ctx.op("where", [is_time, new, old], span, hint=PARAMETER)


def _summand(ctx: Elaboration, updating: Updating, steps: int, span: Span) -> Function:
    """The square of the gradient that is applied."""
    with ctx.apart("gradient_square"):
        _, gradient, _ = _begin(ctx, None, steps, span)
        ctx.updating = updating
        total = ctx.builder.finish(()).parameters[-1]
        for held in updating.slots:
            old = ctx.builder.parameter(SCALAR, held.slot.name, held.slot.span)
            if held.slot.name == ACCUMULATED and steps > 1:
                gradient = ctx.op("add", [old, gradient], span, hint=ACCUMULATED)
                gradient = ctx.op("div", [gradient, ctx.constant(steps, "f32", span)], span, hint="mean_gradient")
        square = ctx.op("mul", [gradient, gradient], span, hint="square")
        function = ctx.builder.finish([square])
        return replace(function, parameters=tuple(p for p in function.parameters if p is not total))


def _constrained(ctx: Elaboration, constraint: Constraint, new: Tensor) -> Tensor:
    value = ctx.apply(constraint.function, [new], {}, constraint.span, constraint.frame, PARAMETER)
    if is_number(value):
        return shaped(ctx, number(ctx, value, "f32", constraint.span), new.type, PARAMETER, constraint.span)
    if not isinstance(value, Tensor) or value.type.element != new.type.element:
        raise ctx.fail("E0404", f"a constraint gives a tensor, and this one gives {describe(value)}", constraint.span)
    if value.type.rank < new.type.rank:
        raise ctx.fail(
            "E0404",
            f"{describe(constraint.function)} as a constraint gives {spell(value.type)}, "
            f"and the parameter is {spell(new.type)}",
            constraint.span,
            help="what is added to the loss is a regularizer",
        )
    return shaped(ctx, value, new.type, PARAMETER, constraint.span)


# The weight used outside of training --------------------------------------------------------------------------------


def _result(
    ctx: Elaboration, optimizer: Configured, type: TensorType | None, trained: Updating, span: Span
) -> Function | None:
    """`result` of a body as a function (parameter, step, *slots); None where there is none, or where it is the
    parameter. trained: what the update carries along."""
    definition = optimizer.defined.definition
    assert isinstance(definition, tree.Definition), "an optimizer is one"
    if not trained.made and not any(RESULT in _assigned(each) for each in definition.body.statements):
        return None
    steps = trained.steps
    with ctx.apart("weight"):
        parameter, gradient, updating = _begin(ctx, type, steps, span)
        updating.is_stored = True
        if steps > 1:
            _accumulated(ctx, gradient, span)
        value = body(ctx, optimizer, parameter, gradient, span, "")
        if value is parameter:
            return None
        value = shaped(ctx, value, parameter.type, RESULT, span)
        last = ctx.constant(steps, "i64", span)
        none = ctx.op("le", [updating.counter, last], span, hint="is_first")
        value = ctx.op("where", [none, parameter, value], span, hint="weight")
        function = without_dead_code(ctx.builder.finish([value]))
    is_applied = [held.slot.name for held in updating.slots] != [held.slot.name for held in trained.slots]
    if is_applied or _is_read(function, gradient) or _is_read(function, updating.total):
        problem = "applies an optimizer" if is_applied else "reads the gradient"
        raise ctx.fail(
            "E0520",
            f"the `result` of `{optimizer.defined.name}` {problem}",
            span,
            "outside of training there is none",
            help="make it of `parameter`, of states and of `step`",
        )
    kept = tuple(p for p in function.parameters if p not in (gradient, updating.total))
    return replace(function, parameters=kept)


def _assigned(statement: tree.Statement) -> tuple[str, ...]:
    return tuple(name.text for name in statement.names) if isinstance(statement, tree.Assign) else ()
