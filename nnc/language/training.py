"""The `train` block: its settings, the loss to minimise, the metrics to report (section 6).

In: the frame of the block, with the model's inputs, results and targets bound. Out: the loss as a common scalar of the
program, and the accumulators that `fit` reads once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from nnc.base.source import Span
from nnc.language import records, weighing
from nnc.language.context import Elaboration
from nnc.language.fold import result_function
from nnc.language.naming import Place, numbered
from nnc.language.operators import number
from nnc.language.optimize import trained_by
from nnc.language.scope import Frame
from nnc.language.settings import ACCUMULATION, BATCH_SIZE, EARLY_STOPPING, LOSS, NAMES, OPTIMIZER, PLAIN
from nnc.language.statements import run
from nnc.language.values import (
    Anything,
    Folded,
    Poison,
    Poisoned,
    Record,
    Tensor,
    describe,
    is_applicable,
    is_number,
    spell,
)
from nnc.syntax import tree
from nnc.tensor.program import PLAIN_WEIGHT, Optimizer, Plain, Report, Settings

# metrics add no penalty; an optimizer may name all parameters, early stopping all that is reported
_ORDER = {LOSS: 0, OPTIMIZER: 2, EARLY_STOPPING: 3}
COUNT = "count"
VALIDATION = "val_"  # before what is reported of the validation data
TAKEN = (LOSS, COUNT, PLAIN_WEIGHT)


@dataclass(slots=True)
class Training:
    """What the block came to: plain settings with their places, the loss, the accumulators in order, the reports."""

    values: dict[str, Anything] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    loss: Tensor | None = None
    accumulators: dict[str, Tensor] = field(default_factory=dict)
    folds: dict[str, str] = field(default_factory=dict)  # of accumulators that are no sums: "max" or "min"
    reports: list[Report] = field(default_factory=list)
    places: dict[str, Span] = field(default_factory=dict)  # of the terms and metrics that are reported
    optimizers: tuple[Optimizer, ...] = ()
    targets: dict[str, Anything] = field(default_factory=dict)
    early_stopping: Mapping[str, Plain] | None = None
    class_weight: Mapping[str, tuple[float, ...]] | None = None


def train_block(ctx: Elaboration, node: tree.Train, frame: Frame) -> Training:
    """Elaborates the block; what fails is reported, and the rest is tried all the same."""
    found = Training()
    settings: dict[str, tree.Assign] = {}
    for statement in node.body.statements:
        name = statement.names[0].text if isinstance(statement, tree.Assign) and len(statement.names) == 1 else None
        if isinstance(statement, tree.Assign) and name in NAMES:
            settings.setdefault(str(name), statement)
        elif isinstance(statement, tree.TargetStmt):
            bound = frame.find(statement.name.text)
            found.targets[statement.name.text] = None if bound is None else bound.value
        else:
            _guarded(ctx, partial(run, ctx, tree.Block((statement,), statement.span), frame, {}))
    for name, statement in sorted(settings.items(), key=lambda item: _ORDER.get(item[0], 1)):
        found.spans[name] = statement.value.span
        _guarded(ctx, partial(_setting, ctx, name, statement, frame, found))
    for name in found.places:
        _guarded(ctx, partial(_told_apart, ctx, name, found))
    return found


def _told_apart(ctx: Elaboration, name: str, found: Training) -> None:
    """Raises Poisoned where `name` is what another number is called when it is of the validation data."""
    other = name.removeprefix(VALIDATION)
    if other != name and any(report.name == other for report in found.reports):
        raise ctx.fail(
            "E0511",
            f"`{name}` is what the `{other}` of the validation data is called",
            found.places[name],
            help="choose another name",
        )


def batch_length(ctx: Elaboration, node: tree.Train, frame: Frame) -> int | None:
    """How many samples a batch holds at most, for what needs to know before the block runs; None where that cannot be
    told yet."""
    for statement in node.body.statements:
        if isinstance(statement, tree.Assign) and [name.text for name in statement.names] == [BATCH_SIZE]:
            try:
                value = ctx.evaluate(statement.value, frame)
            except Poisoned:
                return None
            return value if isinstance(value, int) and PLAIN[BATCH_SIZE].accepts(value) else None
    return Settings().batch_size


def _guarded(ctx: Elaboration, action: Callable[[], None]) -> None:
    try:
        action()
    except Poisoned:
        ctx.failed = True


def _setting(ctx: Elaboration, name: str, node: tree.Assign, frame: Frame, found: Training) -> None:
    span = node.value.span
    if name == OPTIMIZER and ctx.mode != "train":
        return
    frame.place = Place((next(each for each in numbered(name) if each not in frame.taken),))
    states, renewed = dict(ctx.states), set(ctx.renewed)
    value = ctx.evaluate(node.value, frame, name)
    match name:
        case "optimizer":
            written = " ".join(span.text.split())
            steps = found.values.get(ACCUMULATION)
            found.optimizers = trained_by(ctx, value, span, frame, written, steps if isinstance(steps, int) else 1)
        case "loss":
            _loss(ctx, value, span, found)
        case "metrics":
            ctx.states, ctx.renewed = states, renewed  # a metric changes none
            _metrics(ctx, value, span, found)
        case "early_stopping":
            found.early_stopping = records.early_stopping(ctx, value, span, found.reports)
        case "class_weight":
            found.class_weight = records.class_weights(ctx, value, span, found.targets)
        case _:
            setting = PLAIN[name]
            if not setting.accepts(value):
                title = f"`{name}` is {setting.wanted}, and this is {describe(value)}"
                raise ctx.fail("E0505", title, span, help=setting.help(value))
            found.values[name] = value


# Loss ---------------------------------------------------------------------------------------------------------------


def _loss(ctx: Elaboration, value: Anything, span: Span, found: Training) -> None:
    terms = value.entries if isinstance(value, Record) else {"": value}
    places = value.spans if isinstance(value, Record) else {"": span}
    if not terms:
        raise ctx.fail("E0507", "a loss has at least one term", span)
    totals, means = [], []
    count = _count(ctx, found, span)
    poisoned = False
    for name, term in terms.items():
        try:
            total, mean = _term(ctx, name, term, places[name], count)
        except Poisoned:
            poisoned = True
            continue
        totals.append(total)
        means.append(mean)
        if name:
            key = f"{name}_{LOSS}"
            found.accumulators[key] = total
            found.places[key] = places[name]
            found.reports.append(Report(key, key, COUNT))
    if poisoned:
        raise Poisoned
    for each, place in ctx.penalties:
        total, mean = _penalty(ctx, each, place, count)
        totals.append(total)
        means.append(mean)
    found.loss = _added(ctx, means, span, LOSS)
    found.accumulators = {LOSS: _added(ctx, totals, span, "loss_sum"), **found.accumulators}
    found.reports.insert(0, Report(LOSS, LOSS, COUNT))


def _count(ctx: Elaboration, found: Training, span: Span) -> Tensor:
    if COUNT not in found.accumulators:
        found.accumulators[COUNT] = ctx.op("batch_size", (), span, hint=COUNT)
    return found.accumulators[COUNT]


def _added(ctx: Elaboration, values: Sequence[Tensor], span: Span, hint: str) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = ctx.op("add", [total, value], span, hint=hint)
    return total


def _term(ctx: Elaboration, name: str, value: Anything, span: Span, count: Tensor) -> tuple[Tensor, Tensor]:
    """A term's weighted sum over the batch, and its mean. A common value counts as it stands."""
    value = _numbers(ctx, value, span, LOSS, "E0507")
    if not value.type.batched:
        mean = _entries(ctx, value, span)
        return ctx.op("mul", [mean, count], span, hint="loss_sum"), mean
    total = _weighted(ctx, value, weighing.for_term(ctx, name, value, span), span, "loss_sum")
    return total, ctx.op("div", [total, count], span, hint=LOSS)


def _penalty(ctx: Elaboration, value: Tensor, span: Span, count: Tensor) -> tuple[Tensor, Tensor]:
    """A penalty times the number of samples, and its mean over them; sample weights do not touch it."""
    if not value.type.batched:
        return ctx.op("mul", [value, count], span, hint="penalty_sum"), value
    total = ctx.op("sum", [value], span, {"axes": (), "batch": True}, "penalty_sum")
    return total, ctx.op("div", [total, count], span, hint="penalty")


def _numbers(ctx: Elaboration, value: Anything, span: Span, what: str, code: str) -> Tensor:
    if isinstance(value, Poison):
        raise Poisoned
    if is_number(value):
        return number(ctx, value, "f32", span)
    if isinstance(value, Tensor) and (value.type.is_float or (value.type.element == "bool" and what != LOSS)):
        return value if value.type.is_float else ctx.op("convert", [value], span, {"element": "f32"}, value.hint)
    found = spell(value.type) if isinstance(value, Tensor) else describe(value)
    article = "a" if what != LOSS else "the"
    raise ctx.fail(
        code,
        f"{article} {what} is made of real numbers, and this is {found}",
        span,
        help=_how_to_compute(value),
    )


def _how_to_compute(value: Anything) -> str | None:
    if isinstance(value, tuple) and value:
        return "name them: { first: ..., second: ... }"
    if isinstance(value, str):
        return "write a function without quotes, applied to prediction and target"
    return "apply it to prediction and target" if is_applicable(value) else None


def _entries(ctx: Elaboration, value: Tensor, span: Span) -> Tensor:
    """The mean over a sample's entries."""
    if not value.type.rank:
        return value
    with ctx.builder.at(ctx.user_span(span), ctx.scope):
        mean = ctx.builder.mean(value)
    ctx.origins[mean] = ctx.origins.get(value, frozenset())
    return mean


def _weighted(ctx: Elaboration, value: Tensor, weight: Tensor, span: Span, hint: str) -> Tensor:
    """sum(weight * value) over the batch; entries of a sample are averaged first."""
    each = _entries(ctx, value, span)
    weighted = ctx.op("mul", [weight, each], span, hint=hint.replace("_sum", "_weighted"))
    return ctx.op("sum", [weighted], span, {"axes": (), "batch": True}, hint)


# Metrics ------------------------------------------------------------------------------------------------------------


def _metrics(ctx: Elaboration, value: Anything, span: Span, found: Training) -> None:
    if not isinstance(value, Record):
        raise ctx.fail(
            "E0510",
            f"`metrics` is a record, and this is {describe(value)}",
            span,
            help="name each of them: metrics = { accuracy: accuracy(prediction, target) }",
        )
    _count(ctx, found, span)
    taken = (*TAKEN, *(each.port.name for each in ctx.weighings))
    poisoned = False
    for name, metric in value.entries.items():
        place = found.places[name] = value.spans[name]
        try:
            if name in taken or name.endswith(f"_{LOSS}") or name in found.accumulators:
                raise ctx.fail("E0511", f"a metric cannot be called `{name}`", place, help="choose another name")
            if isinstance(metric, Folded):
                _folded(ctx, name, metric, place, found)
            else:
                _averaged(ctx, name, _numbers(ctx, metric, place, "metric", "E0510"), place, found)
        except Poisoned:
            poisoned = True
    if poisoned:
        raise Poisoned


def _averaged(ctx: Elaboration, name: str, value: Tensor, span: Span, found: Training) -> None:
    """A metric that is averaged as a loss is."""
    over, weight = weighing.for_metric(ctx, [value])
    if over not in found.accumulators:
        found.accumulators[over] = ctx.op("sum", [weight], span, {"axes": (), "batch": True}, f"{over}_sum")
    if value.type.batched:
        found.accumulators[name] = _weighted(ctx, value, weight, span, f"{name}_sum")
    else:
        mean = _entries(ctx, value, span)
        total = found.accumulators[over]
        found.accumulators[name] = ctx.op("mul", [mean, total], span, hint=f"{name}_sum")
    found.reports.append(Report(name, name, over))


def _folded(ctx: Elaboration, name: str, metric: Folded, span: Span, found: Training) -> None:
    """A metric with states: each is an accumulator, and what is made of them is reported."""
    keys = {state: f"{name}_{state}" for state in metric.states}
    for state, key in keys.items():
        if key in found.accumulators:
            raise ctx.fail("E0511", f"a metric cannot be called `{key}`", span, help="choose another name")
        found.accumulators[key] = metric.states[state].value
        if metric.states[state].by != "sum":
            found.folds[key] = metric.states[state].by
    found.reports.append(Report(name, states=tuple(keys.values()), result=result_function(ctx, metric)))
