"""Reading and writing at places that an operand names. Indices count from 0 and are taken to be inside their bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Kind, Primitive, no_gradient, size_of_results
from nnc.tensor.types import BatchLength, TensorType, TypeMismatch, refuse_batch_axes


def _check_index(call: Call, index: TensorType, n: int) -> None:
    if not index.is_integer:
        raise TypeMismatch(f"`{call.symbol}` expects an index, found {index}")
    if index.bound is not None and index.bound > n:
        raise TypeMismatch(f"`{call.symbol}` among {n} expects index({n}), found {index}")


def _positive(call: Call) -> int:
    n = call.integer("n")
    if n < 1:
        raise TypeMismatch(f"`{call.symbol}` expects a size of at least 1, found {n}")
    return n


def _one_hot(call: Call) -> TensorType:
    (index,), n = call.types, _positive(call)
    _check_index(call, index, n)
    refuse_batch_axes(call.symbol, index)
    return TensorType("f32", (*index.shape, n), index.batched)


def _pick(call: Call) -> TensorType:
    x, index = call.types
    if x.rank == 0:
        raise TypeMismatch(f"`pick` expects a last axis to pick from, found {x}")
    _check_index(call, index, x.shape[-1])
    if index.shape != x.shape[:-1]:
        raise TypeMismatch(f"`pick` from {x} expects an index of shape {list(x.shape[:-1])}, found {index}")
    return TensorType(x.element, x.shape[:-1], call.batched, x.bound)


def _place(call: Call) -> TensorType:
    (g, index), n = call.types, _positive(call)
    _check_index(call, index, n)
    if g.shape != index.shape:
        raise TypeMismatch(f"`place` expects an index of shape {list(g.shape)}, found {index}")
    return TensorType(g.element, (*g.shape, n), call.batched)


def _gather(call: Call) -> TensorType:
    table, ids = call.types
    if table.batched or table.rank == 0:
        raise TypeMismatch(f"`gather` expects a common table with a first axis to read from, found {table}")
    _check_index(call, ids, table.shape[0])
    return TensorType(table.element, (*ids.shape, *table.shape[1:]), ids.batched, table.bound)


def _scatter_add(call: Call) -> TensorType:
    (g, ids), n = call.types, _positive(call)
    _check_index(call, ids, n)
    if g.shape[: ids.rank] != ids.shape:
        raise TypeMismatch(f"`scatter_add` expects values whose shape starts with {list(ids.shape)}, found {g}")
    return TensorType(g.element, (n, *g.shape[ids.rank :]))


def _whole(call: Call, array: Array, type: TensorType, batched: bool) -> Array:
    return np.broadcast_to(array, (call.batch, *type.shape)) if batched and not type.batched else array


def _one_hot_reference(call: Call, index: Array) -> Array:
    return np.equal(index[..., None], np.arange(call.integer("n")))


def _pick_reference(call: Call, x: Array, index: Array) -> Array:
    x, index = (_whole(call, a, t, call.batched) for a, t in zip((x, index), call.types, strict=True))
    return np.take_along_axis(x, index[..., None], axis=-1)[..., 0]


def _place_reference(call: Call, g: Array, index: Array) -> Array:
    g, index = (_whole(call, a, t, call.batched) for a, t in zip((g, index), call.types, strict=True))
    return np.where(index[..., None] == np.arange(call.integer("n")), g[..., None], 0)


def _gather_reference(call: Call, table: Array, ids: Array) -> Array:
    return np.asarray(table[ids])


def _scatter_add_reference(call: Call, g: Array, ids: Array) -> Array:
    g, ids = (_whole(call, a, t, call.batched) for a, t in zip((g, ids), call.types, strict=True))
    (type,) = call.results
    result = np.zeros(type.shape)
    np.add.at(result, ids.reshape(-1), g.reshape(-1, *type.shape[1:]))
    return result


def _pick_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    x, index = op.args
    return b.op("place", g, index, n=x.type.shape[-1]), None


def _place_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return b.op("pick", g, op.args[1]), None


def _gather_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    table, ids = op.args
    return b.op("scatter_add", g, ids, n=table.type.shape[0]), None


def _scatter_add_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return b.op("gather", g, op.args[1]), None


def _row_reference(call: Call) -> Array:
    return np.arange(call.batch)


def _batch_rows(call: Call) -> TensorType:
    (x,) = call.types
    _positive(call)
    if not x.batched:
        raise TypeMismatch(f"`{call.symbol}` expects a value per sample, found a common {x}")
    if any(isinstance(size, BatchLength) for size in x.shape):
        raise TypeMismatch(f"`{call.symbol}` of what runs over the batch already")
    return TensorType(x.element, (call.integer("n"), *x.shape), False, x.bound)


def _batch_rows_reference(call: Call, x: Array) -> Array:
    result = np.zeros(call.results[0].shape, dtype=x.dtype)
    result[: call.batch] = x
    return result


def _batch_rows_vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    return (b.op("gather", g, b.op("row")),)


ROWS = (
    # x of all samples along a new first axis, which has n places: zeros follow the last sample
    Primitive(
        "batch_rows",
        Kind.VIEW,
        _batch_rows,
        _batch_rows_reference,
        _batch_rows_vjp,
        attributes={"n": REQUIRED},
        symbol="batch",
    ),
    Primitive(
        "one_hot",
        Kind.INDEX,
        _one_hot,
        _one_hot_reference,
        no_gradient,
        size_of_results,
        torch="torch.nn.functional.one_hot({0}, {n})",
        attributes={"n": REQUIRED},
        out=False,
    ),
    Primitive(
        "pick",
        Kind.INDEX,
        _pick,
        _pick_reference,
        _pick_vjp,
        torch="torch.gather({0}, -1, {1}.unsqueeze(-1)).squeeze(-1)",
        operands=2,
        out=False,
    ),
    Primitive(
        "place",
        Kind.INDEX,
        _place,
        _place_reference,
        _place_vjp,
        torch="torch.zeros({shape}).scatter_(-1, {1}.unsqueeze(-1), {0}.unsqueeze(-1))",
        attributes={"n": REQUIRED},
        operands=2,
        out=False,
    ),
    Primitive(
        "gather",
        Kind.INDEX,
        _gather,
        _gather_reference,
        _gather_vjp,
        torch="{0}[{1}]",
        operands=2,
        out=False,
    ),
    Primitive(
        "scatter_add",
        Kind.INDEX,
        _scatter_add,
        _scatter_add_reference,
        _scatter_add_vjp,
        lambda call: call.types[0].size,
        torch="torch.zeros({shape}).index_add_(0, {1}.reshape(-1), {0}.reshape(-1, *{shape}[1:]))",
        attributes={"n": REQUIRED},
        operands=2,
        out=False,
    ),
    Primitive(
        "arange",
        Kind.INDEX,
        lambda call: TensorType("i32", (_positive(call),), False, call.integer("n")),
        lambda call: np.arange(call.integer("n")),
        no_gradient,
        torch="torch.arange({n})",
        attributes={"n": REQUIRED},
        operands=0,
    ),
    Primitive(
        "row",
        Kind.INDEX,
        lambda call: TensorType("i32", (), True),
        _row_reference,
        no_gradient,
        torch="torch.arange({batch})",
        operands=0,
    ),
)
