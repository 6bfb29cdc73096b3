"""Metrics with states.

In: a metric's body. Out: what each of its states is after a batch alone, as a common value of the program, with how the
batches are put together; and the result as a function of these values. Those of all batches stand in their place when
the result is wanted.
"""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.signature import declared
from nnc.language.values import (
    Anything,
    Fold,
    Folded,
    Poison,
    Poisoned,
    Tensor,
    Unfolded,
    describe,
    is_applicable,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.rewrite import behind
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
EXTREMES = {"maximum": "max", "minimum": "min"}
# What a state holds before the first sample: folding with it changes nothing.
NEUTRAL = {"sum": 0.0, "max": float("-inf"), "min": float("inf")}
_PUT_TOGETHER = {"sum": "add", "max": "maximum", "min": "minimum"}
_ELEMENTS = ("f32", "i64")


def start(ctx: Elaboration, node: tree.StateStmt, frame: Frame) -> None:
    """`state name: type = number`. Its fold is found by its name. Raises Poisoned."""
    type = declared(ctx, frame, node.type, batched=False) if node.type is not None else SCALAR
    if type.element not in _ELEMENTS or type.bound is not None:
        raise ctx.fail(
            "E0530",
            f"a metric's state is float or i64, and this is {spell(type)}",
            node.type.span if node.type is not None else node.span,
            help="i64 counts exactly, up to 2^53; float holds everything else",
        )
    value = ctx.evaluate(node.value, frame)
    if is_applicable(value):
        value = ctx.apply(value, [type.shape, 1, 1], {}, node.value.span, frame)
    if not is_number(value):
        raise ctx.fail("E0418", f"a metric's state starts at a number, and this is {describe(value)}", node.value.span)
    frame.bind(node.name.text, Unfolded(node.name.text, value, type), node.name.span)
    frame.states[node.name.text] = node.name.text


def folded(ctx: Elaboration, node: tree.Assign, frame: Frame) -> Tensor:
    """`state' = state + value`, or `maximum` or `minimum` of the two: binds what the state is after this batch alone.
    Raises Poisoned."""
    (name, *others) = node.names
    binding = frame.names.get(name.base)
    if binding is not None and isinstance(binding.value, Poison):
        raise Poisoned
    if binding is None or not isinstance(binding.value, Unfolded):
        raise ctx.fail(
            "E0416",
            f"`{name.text}` is the new value of a state, and there is no state `{name.base}`",
            name.span,
            help=f"declare it above: state {name.base} = 0",
        )
    state = binding.value
    by, joined = _fold_of(node.value, name.base)
    if others or joined is None or _reads(joined, name.base):
        raise _no_fold(ctx, node, name.base)
    value = _of_sample(ctx, ctx.evaluate(joined, frame, name.base), joined.span, state, frame)
    total = _over_batch(ctx, value, by, joined.span, name.base)
    frame.folds[name.base] = Fold(total, by)
    if state.start != NEUTRAL[by]:
        first = number(ctx, state.start, "f32", name.span)
        total = ctx.op(_PUT_TOGETHER[by], [first, total], node.span, hint=name.base)
    if state.type.element != "f32":
        total = ctx.op("convert", [total], node.span, {"element": state.type.element}, name.base)
    frame.bind(name.text, total, name.span)
    return total


# How a state is folded ----------------------------------------------------------------------------------------------


def _fold_of(value: tree.Expression, state: str) -> tuple[str, tree.Expression | None]:
    """How `value` is put together with the state, "sum", "max" or "min", and what is; None where it is no fold."""
    if not isinstance(value, tree.Call):
        return "sum", _added(value, state)
    called = value.function.text if isinstance(value.function, tree.Name) else ""
    given = [argument.value for argument in value.arguments if argument.name is None]
    if called in EXTREMES and len(given) == len(value.arguments) == 2:
        for own, other in (given, given[::-1]):
            if isinstance(own, tree.Name) and own.text == state:
                return EXTREMES[called], other
    return "sum", None


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
    text = node.value.span.text
    mixed = "+" in text and any(name in text for name in EXTREMES) and _reads(node.value, state)
    ways = f"{state} + ..., maximum({state}, ...) or minimum({state}, ...)"
    return ctx.fail(
        "E0514",
        f"the state `{state}` of a metric is not folded over the samples",
        node.value.span,
        help="a state is either summed or an extreme: keep a state for each, and put them together in `result`"
        if mixed
        else f"write {state}' = {ways} with a value of each sample",
    )


def read_early(ctx: Elaboration, name: tree.Name) -> Poisoned:
    """Reports a state that is read where it has no value yet."""
    return ctx.fail(
        "E0514",
        f"the state `{name.text}` of a metric is read before it is folded",
        name.span,
        help=f"{name.text}' is what it is when all samples were seen",
    )


# What a sample adds -------------------------------------------------------------------------------------------------


def _of_sample(ctx: Elaboration, value: Anything, span: Span, state: Unfolded, frame: Frame) -> Tensor:
    """What a sample adds, as floats of the state's shape. Raises Poisoned."""
    if is_number(value):
        value = number(ctx, value, "f32", span)
    if not isinstance(value, Tensor):
        raise ctx.fail("E0514", f"a metric's state grows by a number, and this is {describe(value)}", span)
    if _made_of(ctx, value, [fold.value for fold in frame.folds.values()]):
        raise ctx.fail(
            "E0514",
            f"what the state `{state.name}` grows by is made of another state, so that it would depend on the batches",
            span,
            help="put states together in `result`",
        )
    if state.type.element == "i64" and value.type.is_float and not _is_whole(value, ctx):
        raise ctx.fail(
            "E0530",
            f"the state `{state.name}` is i64, and grows by {describe(value)}",
            span,
            help="declare it float, or count with i64(...)",
        )
    if value.type.shape not in ((), state.type.shape):
        raise _other_shape(ctx, value, span, state)
    if value.type.element != "f32":
        value = ctx.op("convert", [value], span, {"element": "f32"}, value.hint)
    if value.type.shape != state.type.shape:
        shape, batched = state.type.shape, value.type.batched
        value = ctx.op("broadcast", [value], span, {"shape": shape, "batched": batched}, value.hint)
    return value


def _is_whole(value: Tensor, ctx: Elaboration) -> bool:
    """Whether a float is a constant without a fraction."""
    op = ctx.builder.producer(value)
    found = op["value"] if op is not None and op.primitive == "constant" else 0.5
    return isinstance(found, int | float) and float(found).is_integer()


def _other_shape(ctx: Elaboration, value: Tensor, span: Span, state: Unfolded) -> Poisoned:
    if not state.type.shape:
        return ctx.fail(
            "E0514",
            f"a metric's state grows by one number for each sample, and this is {describe(value)}",
            span,
            help=f"add its entries up, sum(...), or give the state axes: state {state.name}: "
            f"float{list(value.type.shape)} = ...",
        )
    return ctx.fail(
        "E0530",
        f"the state `{state.name}` is {spell(state.type)}, and grows by {describe(value)}",
        span,
        help="a state grows by a number, or by a tensor of its own shape",
    )


def _made_of(ctx: Elaboration, value: Tensor, sources: list[Tensor]) -> bool:
    """Whether `value` is computed from one of `sources`."""
    first = min((source.id for source in sources), default=0)
    seen: set[Value] = set()
    waiting = [value] if sources else []
    while waiting:
        each = waiting.pop()
        op = ctx.builder.producer(each)
        if each in sources:
            return True
        if each not in seen and op is not None and each.id > first:  # what was made before is made of none of them
            waiting += op.args
        seen.add(each)
    return False


def _over_batch(ctx: Elaboration, value: Tensor, by: str, span: Span, hint: str) -> Tensor:
    """The sum over the batch under the sample weights; or the extreme of all samples that have a weight."""
    assert ctx.weight is not None, "metrics belong to trainings"
    if by == "sum":
        each = ctx.op("mul", [ctx.weight, value], span, hint=hint)
    else:
        zero, nothing = (number(ctx, x, "f32", span) for x in (0.0, NEUTRAL[by]))
        counts = ctx.op("ne", [ctx.weight, zero], span, hint="counts")
        if value.type.shape:
            counts = ctx.op("reshape", [counts], span, {"shape": (1,) * value.type.rank}, "counts")
        each = ctx.op("where", [counts, value, nothing], span, hint=hint)
    return ctx.op(by, [each], span, {"axes": (), "batch": True}, f"{hint}_{by}")


# Results ------------------------------------------------------------------------------------------------------------


def applied(ctx: Elaboration, name: str, result: Anything, frame: Frame, span: Span) -> Anything:
    """A metric's value: of one without states its result. Raises Poisoned."""
    if not frame.states:
        return result
    missing = next((state for state in frame.states if state not in frame.folds), None)
    if missing is not None:
        raise ctx.fail(
            "E0514",
            f"the state `{missing}` of `{name}` is never folded",
            span,
            help=f"write {missing}' = {missing} + ... in the metric, or take the state out",
        )
    if is_number(result):
        result = number(ctx, result, "f32", span)
    if not isinstance(result, Tensor):
        raise ctx.fail("E0515", f"the result of `{name}` is a number, and this is {describe(result)}", span)
    assigned = frame.names.get("result")
    return Folded(name, dict(frame.folds), result, ctx.user_span(assigned.span if assigned is not None else span))


def _draws(op: Op) -> bool:
    return TABLE[op.primitive].kind is Kind.RANDOM


def result_function(ctx: Elaboration, metric: Folded) -> Function:
    """The result as a function of the states' folds. Raises Poisoned where it reads anything else."""
    folds = tuple(fold.value for fold in metric.states.values())

    def producer(value: Value) -> Op | None:
        return None if value in folds or value.type.batched else ctx.builder.producer(value)

    ops = behind([metric.result], producer)
    made = {value for op in ops for value in op.results}.union(folds)
    strange = [op for op in ops if op.primitive == "batch_size" or _draws(op)]
    if metric.result.type.rank > 1:
        raise ctx.fail(
            "E0515",
            f"the result of `{metric.name}` is a number or a row of them, and this is {describe(metric.result)}",
            metric.place,
            help="reduce it: mean(...), sum(...)",
        )
    if strange or not made.issuperset([metric.result, *(arg for op in ops for arg in op.args)]):
        raise ctx.fail(
            "E0515",
            f"the result of `{metric.name}` is not made of its states alone",
            metric.place,
            help="keep what it needs in a state",
        )
    return Function(f"result_{metric.name}", folds, ops, (metric.result,))
