"""Axes along which the samples of a batch lie: their entries that belong to no sample are kept out of every result.

In: a program in which sizes may be a `BatchLength`. Out: the same with plain sizes, in which what a reduction or a
contraction takes along such an axis is first replaced, beyond the batch's end, by what changes nothing. It runs before
the gradient is taken, so that gradients of such entries are zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.tensor.build import Builder
from nnc.tensor.ir import Attribute, Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.products import BATCH, terms
from nnc.tensor.primitives.reductions import axes_of, neutral
from nnc.tensor.types import BatchLength, TensorType


def run(function: Function) -> Function:
    """A program without axes of the batch comes back as it is."""
    if not any(_long(value.type) for value in function.values()):
        return function
    function = _without_variance(function)
    builder = Builder(function.name)
    known: dict[Value, Value] = {
        value: builder.parameter(_plain(value.type), value.hint, value.span) for value in function.parameters
    }
    for op in function.ops:
        with builder.at(op.span, op.results[0].scope):
            args = [known[arg] for arg in op.args]
            args = _without_absent(builder, op, args)
            attributes = {name: _plain_attribute(value) for name, value in op.attributes}
            made = builder.ops(op.primitive, *args, hint=op.results[0].hint, body=op.body, **attributes)
        known.update(zip(op.results, made, strict=True))
    return builder.finish([known[value] for value in function.results])


def _without_variance(function: Function) -> Function:
    """A variance along such an axis as the means that it is made of, whose counts are the batch's."""
    builder = Builder(function.name)
    known: dict[Value, Value] = {
        value: builder.parameter(value.type, value.hint, value.span) for value in function.parameters
    }
    for op in function.ops:
        with builder.at(op.span, op.results[0].scope):
            args = [known[arg] for arg in op.args]
            if op.primitive == "variance" and set(_long(op.args[0].type)) & set(axes_of(op)):
                keepdims, batch = bool(op["keepdims"]), bool(op["batch"])
                made: tuple[Value, ...] = (builder.mean_square_deviation(args[0], axes_of(op), keepdims, batch),)
            else:
                made = builder.again(op, *args, body=op.body)
        known.update(zip(op.results, made, strict=True))
    return builder.finish([known[value] for value in function.results])


def _long(type: TensorType) -> tuple[int, ...]:
    """The axes of the sample that run over the batch."""
    return tuple(axis for axis, size in enumerate(type.shape) if isinstance(size, BatchLength))


def _plain(type: TensorType) -> TensorType:
    return type.with_shape(tuple(int(size) for size in type.shape))


def _plain_attribute(value: Attribute) -> Attribute:
    if isinstance(value, tuple):
        return tuple(_plain_attribute(item) for item in value)
    return int(value) if isinstance(value, BatchLength) else value


def _without_absent(builder: Builder, op: Op, args: list[Value]) -> list[Value]:
    """The operands of `op`, with a neutral element where no sample is along an axis that `op` takes away."""
    if TABLE[op.primitive].kind is Kind.REDUCTION:
        (x,) = op.args
        axes = [axis for axis in _long(x.type) if axis in axes_of(op)]
        if not axes:
            return args
        return [_filled(builder, args[0], axes, neutral(op.primitive, x.type.element))]
    if TABLE[op.primitive].kind is Kind.PRODUCT:
        spec = op["spec"]
        assert isinstance(spec, str)
        first, second, result = terms(spec)
        found = []
        for letters, value, arg in zip((first, second), op.args, args, strict=True):
            own = letters.removeprefix(BATCH)
            axes = [axis for axis in _long(value.type) if own[axis] not in result]
            found.append(_filled(builder, arg, axes, 0.0))
        return found
    return args


def _filled(builder: Builder, x: Value, axes: Sequence[int], fill: bool | int | float) -> Value:
    """where(an entry of `x` belongs to a sample along all of `axes`, x, fill)"""
    for axis in axes:
        size = x.type.shape[axis]
        places = builder.op("convert", builder.op("arange", n=size), element="f32")
        inside = builder.lt(places, builder.op("batch_size"))
        inside = builder.reshape(inside, (size, *(1,) * (x.type.rank - 1 - axis)))
        other = builder.constant(fill, x.type.element)
        x = builder.op("where", inside, x, other, hint=x.hint)
    return x
