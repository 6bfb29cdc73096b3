"""Metrics with states.

In: a metric's body. Out: what each of its states is after a batch alone, as a common number of the program, and the
result as a function of these numbers. The sums of all batches are put in their place when the result is wanted.
"""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.values import Anything, Folded, Poisoned, Tensor, describe, is_applicable, is_number
from nnc.syntax import tree
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
_EXTREMES = ("maximum", "minimum")


def start(ctx: Elaboration, node: tree.StateStmt, frame: Frame) -> None:
    """`state name = number`. Reading it is an error; its fold is found by its name. Raises Poisoned."""
    value = ctx.evaluate(node.value, frame)
    if is_applicable(value):
        value = ctx.apply(value, [(), 1, 1], {}, node.value.span, frame)
    if node.type is not None and node.type.dims:
        raise ctx.unsupported("a metric's state with axes is", node.type.span)
    if not is_number(value):
        raise ctx.fail("E0418", f"a metric's state starts at a number, and this is {describe(value)}", node.value.span)
    frame.bind(node.name.text, value, node.name.span)
    frame.states[node.name.text] = node.name.text


def folded(ctx: Elaboration, node: tree.Assign, frame: Frame) -> Tensor:
    """`state' = state + value`: binds what the state is after this batch alone. Raises Poisoned."""
    (name, *others) = node.names
    start_binding = frame.names.get(name.base)
    if name.base not in frame.states or start_binding is None:
        raise ctx.fail(
            "E0416",
            f"`{name.text}` is the new value of a state, and there is no state `{name.base}`",
            name.span,
            help=f"declare it above: state {name.base} = 0",
        )
    added = _added(node.value, name.base)
    if others or added is None or _reads(added, name.base):
        raise _no_fold(ctx, node, name.base)
    value = _of_sample(ctx, ctx.evaluate(added, frame, name.base), added.span)
    total = _summed(ctx, value, added.span, name.base)
    frame.folds[name.base] = total
    first = start_binding.value
    if first:
        total = ctx.op("add", [number(ctx, first, "f32", name.span), total], node.span, hint=name.base)
    frame.bind(name.text, total, name.span)
    return total


def _added(value: tree.Expression, state: str) -> tree.Expression | None:
    """What `state + value` or `value + state` adds; None for what is no sum with the state."""
    if not isinstance(value, tree.Binary) or value.operator != "+":
        return None
    for own, other in ((value.left, value.right), (value.right, value.left)):
        if isinstance(own, tree.Name) and own.text == state:
            return other
    if isinstance(value.left, tree.Binary) and not _reads(value.right, state):
        inner = _added(value.left, state)
        return None if inner is None else tree.Binary("+", inner, value.right, value.span)
    return None


def _reads(node: tree.Expression, state: str) -> bool:
    if isinstance(node, tree.Binary):
        return _reads(node.left, state) or _reads(node.right, state)
    words = "".join(c if c.isalnum() or c in "_'" else " " for c in node.span.text).split()
    return state in words


def _no_fold(ctx: Elaboration, node: tree.Assign, state: str) -> Poisoned:
    value = node.value
    called = value.function if isinstance(value, tree.Call) else None
    if isinstance(called, tree.Name) and called.text in _EXTREMES:
        return ctx.unsupported(f"a metric's state that is folded by `{called.text}` is", value.span)
    return ctx.fail(
        "E0514",
        f"the state `{state}` of a metric is not folded over the samples",
        value.span,
        help=f"write {state}' = {state} + ... with a value of each sample",
    )


def _of_sample(ctx: Elaboration, value: Anything, span: Span) -> Tensor:
    """What a sample adds, as a float number. Raises Poisoned."""
    if is_number(value):
        value = number(ctx, value, "f32", span)
    if not isinstance(value, Tensor):
        raise ctx.fail("E0514", f"a metric's state grows by a number, and this is {describe(value)}", span)
    if value.type.rank:
        raise ctx.fail(
            "E0514",
            f"a metric's state grows by one number for each sample, and this is {describe(value)}",
            span,
            help="add its entries up: sum(...)",
        )
    return (
        value
        if value.type == TensorType("f32", (), value.type.batched)
        else ctx.op("convert", [value], span, {"element": "f32"}, value.hint)
    )


def _summed(ctx: Elaboration, value: Tensor, span: Span, hint: str) -> Tensor:
    """The sum over the batch under the sample weights."""
    assert ctx.weight is not None, "metrics belong to trainings"
    weighted = ctx.op("mul", [ctx.weight, value], span, hint=hint)
    return ctx.op("sum", [weighted], span, {"axes": (), "batch": True}, f"{hint}_sum")


def applied(ctx: Elaboration, name: str, result: Anything, frame: Frame, span: Span) -> Anything:
    """A metric's value: of one without states its result. Raises Poisoned."""
    if not frame.states:
        return result
    missing = next((state for state in frame.states if state not in frame.folds), None)
    if missing is not None:
        raise ctx.fail("E0514", f"the state `{missing}` of `{name}` is never folded", span)
    if is_number(result):
        result = number(ctx, result, "f32", span)
    if not isinstance(result, Tensor):
        raise ctx.fail("E0515", f"the result of `{name}` is a number, and this is {describe(result)}", span)
    return Folded(name, dict(frame.folds), result)


def result_function(ctx: Elaboration, metric: Folded, span: Span) -> Function:
    """The result as a function of the states' sums. Raises Poisoned where it reads anything else."""
    whole = ctx.builder.finish(())
    producers = whole.producers()
    kept: dict[Op, None] = {}

    def visit(value: Value) -> bool:
        if value in metric.states.values():
            return True
        op = producers.get(value)
        if op is None or value.type.batched or op.primitive == "batch_size":
            return False
        kept[op] = None
        return all(visit(arg) for arg in op.args)

    if not visit(metric.result) or metric.result.type.rank:
        raise ctx.fail(
            "E0515",
            f"the result of `{metric.name}` is not made of its states alone",
            span,
            help="keep what it needs in a state",
        )
    ops = tuple(op for op in whole.ops if op in kept)
    return Function(f"result_{metric.name}", tuple(metric.states.values()), ops, (metric.result,))
