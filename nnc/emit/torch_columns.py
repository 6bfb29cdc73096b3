"""Which values of the torch path lie in column-major order, the batch last.

In: a step's graphs in order, idioms recognised, and what is kept between kernels. Out: those values, and their memory.
A row shorter than a processor's vector is worked on number by number: a product with ten columns runs at a seventh of
its speed, and a softmax along ten at a tenth. Column by column the same calls run along the batch. Such are products of
few columns, and what is computed from them in the same shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnc.emit.torch_graph import Graph
from nnc.emit.torch_tensor import Storage
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.types import TensorType

LANES = 16  # numbers of f32 in a vector of 64 bytes
_PRODUCTS = ("einsum", "torch.addmm")


def run(graphs: Sequence[Graph], kept: Sequence[tuple[Value, Storage]]) -> frozenset[Value]:
    """The values in column-major order. Of those that share a place in memory, all are or none."""
    tenants: dict[str, set[Value]] = {}
    for value, storage in kept:
        if storage.buffer is not None:
            tenants.setdefault(storage.place, set()).add(value)
    others: set[Value] = set()
    while True:
        found = _found(graphs, others)
        mixed = [values & found for values in tenants.values() if not values <= found]
        if not any(mixed):
            return frozenset(found)
        others.update(*mixed)


def _found(graphs: Sequence[Graph], others: set[Value]) -> set[Value]:
    """What can be in that order where `others` are not."""
    found: set[Value] = set()
    for graph in graphs:
        for op in graph.ops:
            is_one = len(op.results) == 1 and op.result not in others
            if is_one and _is_narrow(op.result.type) and _is_made_in_columns(op, found):
                found.add(op.result)
    return found


def _is_narrow(type: TensorType) -> bool:
    return type.batched and type.rank == 1 and type.element == "f32" and 1 < type.shape[0] < LANES


def _is_made_in_columns(op: Op, found: set[Value]) -> bool:
    if op.primitive in _PRODUCTS:
        first, second = op.args[-2:]
        return first.type.batched != second.type.batched  # rows are the batch, columns an operand that samples share
    row = TABLE.get(op.primitive)  # torch's own calls go element by element, or along rows
    return (row is None or row.kind is Kind.POINTWISE) and any(
        arg in found and arg.type == op.result.type for arg in op.args
    )


def placed(kept: Iterable[tuple[Value, Storage]], columns: frozenset[Value]) -> list[tuple[Value, Storage]]:
    """The same with memory in column-major order for `columns`, where it is the arena's."""
    return [(value, _transposed(each) if value in columns else each) for value, each in kept]


def _transposed(storage: Storage) -> Storage:
    if storage.buffer is None:
        return storage
    shape = storage.shape[::-1]
    return replace(storage, shape=shape, buffer=replace(storage.buffer, shape=shape))
