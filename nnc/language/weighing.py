"""Which of the samples' weights a term of the loss or a metric has.

In: values of the program. Out: weights, parameters of the program. A loss that is a record has weights of its own for
each term; a metric has those of the one term that reads all the targets that it reads, and else the plain ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nnc.base.source import Span
from nnc.language.context import Elaboration, Weighing
from nnc.language.values import Anything, Tensor
from nnc.tensor.program import PLAIN_WEIGHT, Binding, Role, WeightPort
from nnc.tensor.types import TensorType

TARGET = f"{Role.TARGET.value} "  # before a target's name, in the origins of a value


def targets_of(ctx: Elaboration, values: Sequence[Anything]) -> frozenset[str]:
    """The names of the targets that the values are made of."""
    found = (ctx.origins.get(value, frozenset()) for value in values if isinstance(value, Tensor))
    return frozenset(each.removeprefix(TARGET) for origins in found for each in origins if each.startswith(TARGET))


def for_term(ctx: Elaboration, name: str, value: Tensor, span: Span) -> Tensor:
    """The weights of a loss's term, made here: the plain ones where the loss is no record, or the term common."""
    assert ctx.weight is not None, "losses belong to trainings"
    if not name or not value.type.batched:
        return ctx.weight
    port = WeightPort(name, tuple(sorted(targets_of(ctx, [value]))))
    made = ctx.parameter(Binding(Role.WEIGHT, port.name), TensorType("f32", (), True), port.name, span)
    ctx.weighings.append(Weighing(port, made))
    return made


def for_metric(ctx: Elaboration, values: Sequence[Anything]) -> tuple[str, Tensor]:
    """The weights of a metric of these values, with their name."""
    assert ctx.weight is not None, "metrics belong to trainings"
    read = targets_of(ctx, values)
    fitting = [each for each in ctx.weighings if read and read <= set(each.port.targets)]
    if len(fitting) == 1:
        return fitting[0].port.name, fitting[0].value
    return PLAIN_WEIGHT, ctx.weight


@contextmanager
def weighing(ctx: Elaboration, values: Sequence[Anything]) -> Iterator[None]:
    """Inside, sums over the samples are under the weights of a metric of these values."""
    before = ctx.weight
    ctx.weight = None if before is None else for_metric(ctx, values)[1]
    try:
        yield
    finally:
        ctx.weight = before
