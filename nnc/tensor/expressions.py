"""The words in which rules write tensor programs: one method for applying a primitive, and short names for the common
ones.

Whoever can apply a primitive (the builder, the simplifier) inherits these words, so that a vjp or a rewrite reads the
same in both. Nothing here knows the table: types come from the values.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from nnc.tensor.ir import Attribute, Function, Op, Value
from nnc.tensor.types import BatchLength, Shape, TensorType

Number = bool | int | float


class Expressions(ABC):
    """Applies primitives to values."""

    @abstractmethod
    def ops(
        self, primitive: str, *args: Value, hint: str = "", body: Function | None = None, **attributes: Attribute
    ) -> tuple[Value, ...]:
        """Applies `primitive` and gives all its results. Raises TypeMismatch where the operands do not fit."""

    def op(
        self, primitive: str, *args: Value, hint: str = "", body: Function | None = None, **attributes: Attribute
    ) -> Value:
        """Applies a primitive of one result."""
        (value,) = self.ops(primitive, *args, hint=hint, body=body, **attributes)
        return value

    def again(self, op: Op, *args: Value, body: Function | None = None) -> tuple[Value, ...]:
        """What `op` does, done to other operands; `body` stands in for the op's own where one is given."""
        attributes: dict[str, Any] = dict(op.attributes)
        return self.ops(op.primitive, *args, hint=op.results[0].hint, body=body or op.body, **attributes)

    def constant(self, number: Number, element: str = "f32") -> Value:
        """A common scalar."""
        return self.op("constant", value=number, element=element)

    def like(self, number: Number, value: Value) -> Value:
        """A common scalar of the element type of `value`."""
        return self.constant(number, value.type.element)

    def _pair(self, primitive: str, x: Value | Number, y: Value | Number) -> Value:
        if not isinstance(x, Value):
            assert isinstance(y, Value), "one of the operands must be a value"
            x = self.like(x, y)
        if not isinstance(y, Value):
            y = self.like(y, x)
        return self.op(primitive, x, y)

    def add(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("add", x, y)

    def sub(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("sub", x, y)

    def mul(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("mul", x, y)

    def div(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("div", x, y)

    def neg(self, x: Value) -> Value:
        return self.op("neg", x)

    def eq(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("eq", x, y)

    def gt(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("gt", x, y)

    def lt(self, x: Value | Number, y: Value | Number) -> Value:
        return self._pair("lt", x, y)

    def where(self, condition: Value, x: Value | Number, y: Value | Number) -> Value:
        if not isinstance(x, Value):
            assert isinstance(y, Value), "one of the branches must be a value"
            x = self.like(x, y)
        if not isinstance(y, Value):
            y = self.like(y, x)
        return self.op("where", condition, x, y)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """`x` in row-major order as `shape`; `x` itself where it has that shape."""
        return x if x.type.shape == shape else self.op("reshape", x, shape=shape)

    def broadcast(self, x: Value, type: TensorType) -> Value:
        """`x` repeated to the shape of `type`, once a sample where `type` is batched; `x` itself where nothing is to
        do."""
        if (x.type.shape, x.type.batched) == (type.shape, type.batched):
            return x
        return self.op("broadcast", x, shape=type.shape, batched=type.batched)

    def sum(self, x: Value, axes: Sequence[int] | None = None, keepdims: bool = False, batch: bool = False) -> Value:
        """The sum over `axes` (default: all of the sample), and with `batch` over the samples."""
        return self.op("sum", x, axes=_axes(x, axes), keepdims=keepdims, batch=batch)

    def mean(self, x: Value, axes: Sequence[int] | None = None, keepdims: bool = False, batch: bool = False) -> Value:
        """The arithmetic mean over `axes` (default: all of the sample), and with `batch` over the samples."""
        axes = _axes(x, axes)
        return self.div(self.sum(x, axes, keepdims, batch), self.count(x, axes, batch))

    def count(self, x: Value, axes: Sequence[int], batch: bool) -> Value | Number:
        """How many elements of `x` lie along `axes`, and with `batch` the samples."""
        sizes = [x.type.shape[axis] for axis in axes]
        size = math.prod(each for each in sizes if not isinstance(each, BatchLength))
        runs = int(batch) + sum(isinstance(each, BatchLength) for each in sizes)
        total: Value | Number = size
        for _ in range(runs):
            samples = self.op("batch_size")
            total = samples if total == 1 else self.mul(samples, total)
        return total

    def variance(
        self, x: Value, axes: Sequence[int] | None = None, keepdims: bool = False, batch: bool = False
    ) -> Value:
        """The mean of the squared deviations from the mean (not Bessel's), over `axes` and with `batch` the samples."""
        return self.op("variance", x, axes=_axes(x, axes), keepdims=keepdims, batch=batch)

    def mean_square_deviation(
        self, x: Value, axes: Sequence[int], keepdims: bool = False, batch: bool = False
    ) -> Value:
        """The variance, written out."""
        deviation = self.sub(x, self.mean(x, axes, True, batch))
        return self.mean(self.mul(deviation, deviation), axes, keepdims, batch)

    def logsumexp(
        self, x: Value, axes: Sequence[int] | None = None, keepdims: bool = False, batch: bool = False
    ) -> Value:
        """log(sum(exp(x))) over `axes`, and with `batch` over the samples, shifted by the largest entry, so that it is
        finite for every finite x."""
        axes = _axes(x, axes)
        top = self.op("stop_gradient", self.op("max", x, axes=axes, keepdims=True, batch=batch))
        total = self.sum(self.op("exp", self.sub(x, top)), axes, True, batch)
        result = self.add(self.op("log", total), top)
        return result if keepdims else self.reshape(result, without(result.type.shape, axes))

    def unbroadcast(self, x: Value, type: TensorType) -> Value:
        """The adjoint of broadcasting `type` to the type of `x`: sums over the batch and axes until it has `type`."""
        extra = x.type.rank - type.rank
        stretched = [
            axis
            for axis, size in enumerate(x.type.shape)
            if axis < extra or (type.shape[axis - extra] == 1 and size != 1)
        ]
        batch = x.type.batched and not type.batched
        if stretched or batch:
            x = self.sum(x, stretched, keepdims=False, batch=batch)
        x = self.reshape(x, type.shape)
        return self.broadcast(x, type)


def _axes(x: Value, axes: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(range(x.type.rank)) if axes is None else tuple(sorted(axis % x.type.rank for axis in axes))


def without(shape: Shape, axes: Sequence[int]) -> Shape:
    """`shape` with `axes` (counted from the front) taken out."""
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)
