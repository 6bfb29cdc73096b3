"""States that start at the training data: `state mean: float[D] = mean(x, batch = true)`.

In: the expression that a state starts at, evaluated apart, and the program that it may look into. Out: a function of
the model's inputs, which the runtime calls with all samples before the first step. What trains, changes or is drawn
cannot be part of it: that is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import origin
from nnc.language.values import Poisoned, Tensor, spell
from nnc.tensor.build import Builder
from nnc.tensor.ir import Function, Op
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.program import Binding, Role
from nnc.tensor.rewrite import behind

_KINDS = (Kind.POINTWISE, Kind.REDUCTION, Kind.VIEW, Kind.SOURCE)
_MORE = ("arange", "one_hot")
_ELEMENTS = ("f32", "i32", "i64")  # those that can hold "not computed yet"
_WHAT = {
    Role.PARAMETER: "the parameter `{}`, which is trained",
    Role.STATE: "the state `{}`, which changes",
    Role.TARGET: "the target `{}`, which there is none of when the model predicts",
    Role.WEIGHT: "the samples' weights",
}


@dataclass(frozen=True, slots=True)
class FirstValue:
    """What a state starts at: a function of `inputs`, all samples of each, or of nothing."""

    function: Function
    inputs: tuple[str, ...] = ()


def refuse_batched(ctx: Elaboration, name: str, start: Tensor, span: Span) -> None:
    """Raises Poisoned where the value differs from sample to sample."""
    if start.type.batched:
        raise ctx.fail(
            "E0421",
            f"the state `{name}` starts at a value that differs from sample to sample",
            span,
            f"{spell(start.type)} of each sample",
            others=origin(ctx, start),
            help="reduce it over the training data: mean(..., batch = true)",
        )


def first_value(ctx: Elaboration, name: str, outer: Builder, start: Tensor, span: Span) -> FirstValue:
    """What makes `start`, which the builder of `ctx` holds: of its own, or by way of `outer`. Raises Poisoned."""
    own = ctx.builder.finish([start])
    ops = behind([start], ctx.builder.producer)
    ops = (*behind([start, *_read(ops)], outer.producer), *ops)
    made = {value for op in ops for value in op.results}
    inputs = sorted({start, *_read(ops)} - made, key=lambda value: value.id)
    if not inputs:
        return FirstValue(own)
    for value in inputs:
        if value in ctx.slices:
            raise _refused(ctx, name, "a slice, of which there are several", span, origin(ctx, value))
        binding = ctx.bindings.get(value, Binding(Role.STATE, value.hint))
        if binding.role is not Role.INPUT:
            raise _refused(ctx, name, _WHAT[binding.role].format(binding.name), span, origin(ctx, value))
    for op in ops:
        if TABLE[op.primitive].kind not in _KINDS and op.primitive not in _MORE:
            raise _refused(ctx, name, _described(op), span, origin(ctx, op.results[0]))
    if start.type.element not in _ELEMENTS:
        raise ctx.fail(
            "E0421",
            f"the state `{name}` is {spell(start.type)}: one that starts at the data is float, i32 or i64",
            span,
            help="convert it: float(...)",
        )
    builder = Builder(own.name)
    parameters = [builder.parameter(value.type, value.hint) for value in inputs]
    function = builder.finish(builder.inline(Function(own.name, tuple(inputs), ops, (start,)), parameters))
    return FirstValue(function, tuple(ctx.bindings[value].name for value in inputs))


def _read(ops: Iterable[Op]) -> Iterator[Tensor]:
    return (arg for op in ops for arg in op.args)


def _described(op: Op) -> str:
    if TABLE[op.primitive].kind is Kind.RANDOM:
        return "a random draw"
    return f"`{TABLE[op.primitive].symbol or op.primitive}`, which is neither arithmetic nor a reduction"


def _refused(ctx: Elaboration, name: str, what: str, span: Span, others: tuple[Label, ...]) -> Poisoned:
    return ctx.fail(
        "E0421",
        f"the state `{name}` starts at the training data by way of {what}",
        span,
        "it is computed before the first step",
        others=others,
        help="take reductions of the model's inputs: mean(x, batch = true)",
    )
