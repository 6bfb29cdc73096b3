"""Primitives along a whole last axis: each element of the result depends on all elements of its row.

Equal elements keep their order; NaN counts as larger than every number, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.primitive import Array, Call, Kind, Primitive, no_gradient
from nnc.tensor.types import TensorType, TypeMismatch, refuse_batch_axes

SUMMED, SORTED = 1 << 16, 1 << 12  # elements of an axis that one program of a GPU can hold for either


def _row(call: Call, longest: int) -> TensorType:
    """The operand, which has a last axis."""
    (type,) = call.types
    if type.rank == 0:
        raise TypeMismatch(f"`{call.symbol}` expects an axis to go along, found {type}")
    if type.shape[-1] > longest:
        raise TypeMismatch(f"`{call.symbol}` goes along an axis of up to {longest:,}, found {type}")
    refuse_batch_axes(call.symbol, type)
    return type


def _running(call: Call) -> TensorType:
    type = _row(call, SUMMED)
    if not type.is_float and not type.is_integer:
        raise TypeMismatch(f"`{call.symbol}` expects numbers, found {type}")
    return TensorType(type.element, type.shape, type.batched)


def _cumprod_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    """The products that an element is in, without it. Before the first zero of a row that is a division; at the first
    zero these are the products of the row with a one in its place; behind it all products stay zero."""
    (x,) = op.args
    zero = b.eq(x, 0)
    zeros = b.op("cumsum", b.where(zero, b.like(1, x), b.like(0, x)))
    before, first = b.eq(zeros, 0), b.op("and", zero, b.eq(zeros, 1))
    ahead = b.op("cumsum", b.mul(g, op.result), reverse=True)
    at = b.op("cumsum", b.mul(g, b.op("cumprod", b.where(first, 1, x))), reverse=True)
    return (b.where(before, b.div(ahead, b.where(zero, 1, x)), b.where(first, at, 0)),)


def _argsort(call: Call) -> TensorType:
    type = _row(call, SORTED)
    if type.element not in ("f32", "f16", "bf16", "i32", "u8") and type.bound is None:
        raise TypeMismatch(f"`{call.symbol}` expects float, i32 or u8, found {type}")
    return TensorType("i32", type.shape, type.batched, type.shape[-1])


def _cumsum_reference(call: Call, x: Array) -> Array:
    if call.flag("reverse"):
        return np.asarray(np.flip(np.cumsum(np.flip(x, -1), -1), -1))
    return np.asarray(np.cumsum(x, -1))


def _argsort_reference(call: Call, x: Array) -> Array:
    if call.flag("descending"):  # backwards, so that equal elements keep their order
        return np.asarray(x.shape[-1] - 1 - np.flip(np.argsort(np.flip(x, -1), -1, kind="stable"), -1))
    return np.asarray(np.argsort(x, -1, kind="stable"))


def _cumsum_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.op("cumsum", g, reverse=not op["reverse"]),)


ROWS = (
    Primitive(
        "cumsum",
        Kind.ORDERED,
        _running,
        _cumsum_reference,
        _cumsum_vjp,
        lambda call: call.types[0].size,
        triton="tl.cumsum({0}, {axis}, reverse={reverse})",
        torch="torch.cumsum({0}, {axis})",
        attributes={"reverse": False},
    ),
    Primitive(
        "cumprod",
        Kind.ORDERED,
        _running,
        lambda call, x: np.asarray(np.cumprod(x, -1)),
        _cumprod_vjp,
        lambda call: call.types[0].size,
        triton="tl.cumprod({0}, {axis})",
        torch="torch.cumprod({0}, {axis})",
    ),
    Primitive(
        "argsort",
        Kind.ORDERED,
        _argsort,
        _argsort_reference,
        no_gradient,
        lambda call: call.types[0].size * call.types[0].shape[-1].bit_length(),
        triton="argsort({0}, {size}, {descending})",
        torch="torch.argsort({0}, dim={axis}, descending={descending}, stable=True)",
        attributes={"descending": False},
        out=False,
    ),
)
