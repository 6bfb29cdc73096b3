"""Primitives that run a body.

`foreach` runs its body for each of `count` tensors. Its operands are groups, one for each parameter of the body, each
of
`count` values laid one group after the other; the last `shared` parameters of the body have one value for all instead.
Results are laid likewise. The body is written for scalars: it is typed anew for each tensor, and a result takes the
shape of
the first group's tensor where it is smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Kind, Primitive
from nnc.tensor.streams import FIRST, Streams
from nnc.tensor.types import TensorType, TypeMismatch, broadcast_shapes


def op_call(op: Op, types: Sequence[TensorType], table: Mapping[str, Primitive], batch: int = 1) -> Call:
    """The call that an op makes of its row on operands of `types`, with the results that come of it."""
    row = table[op.primitive]
    call = row.call(tuple(types), dict(op.attributes), op.body, table, batch=batch)
    return replace(call, results=row.result_types(call))


def infer_function(
    function: Function, types: Sequence[TensorType], table: Mapping[str, Primitive]
) -> tuple[TensorType, ...]:
    """The result types of a function for parameters of `types`."""
    known: dict[Value, TensorType] = dict(zip(function.parameters, types, strict=True))
    for op in function.ops:
        results = op_call(op, [known[arg] for arg in op.args], table).results
        known.update(zip(op.results, results, strict=True))
    return tuple(known[value] for value in function.results)


def run_function(
    function: Function,
    types: Sequence[TensorType],
    arrays: Sequence[Array],
    table: Mapping[str, Primitive],
    batch: int,
    streams: Streams = FIRST,
) -> tuple[Array, ...]:
    """The results of a function in NumPy for parameters of `types`."""
    known = dict(zip(function.parameters, zip(types, arrays, strict=True), strict=True))
    for op in function.ops:
        operands = [known[arg] for arg in op.args]
        call = replace(op_call(op, [type for type, _ in operands], table, batch), streams=streams)
        results = table[op.primitive].run(call, [array for _, array in operands])
        known.update(zip(op.results, zip(call.results, results, strict=True), strict=True))
    return tuple(known[value][1] for value in function.results)


def _body(call: Call) -> Function:
    assert call.body is not None, f"{call.symbol} needs a body"
    return call.body


def split_groups(items: Sequence[object], parameters: int, count: int, shared: int) -> list[list[int]]:
    """For each of the `count` tensors, which operands its run of the body takes."""
    grouped = parameters - shared
    expected = grouped * count + shared
    if len(items) != expected:
        raise TypeMismatch(f"`foreach` of {count} tensors expects {expected} operands, found {len(items)}")
    common = list(range(grouped * count, expected))
    return [[group * count + i for group in range(grouped)] + common for i in range(count)]


def _runs(call: Call) -> list[list[int]]:
    return split_groups(call.types, len(_body(call).parameters), call.integer("count"), call.integer("shared"))


def _infer(call: Call) -> tuple[TensorType, ...]:
    found = []
    for places in _runs(call):
        types = [call.types[place] for place in places]
        results = infer_function(_body(call), types, call.table)
        found.append([type.with_shape(broadcast_shapes(type.shape, types[0].shape)) for type in results])
    return tuple(run[group] for group in range(len(_body(call).results)) for run in found)


def _reference(call: Call, *arrays: Array) -> tuple[Array, ...]:
    found = [
        run_function(
            _body(call),
            [call.types[place] for place in places],
            [arrays[place] for place in places],
            call.table,
            call.batch,
            call.streams,
        )
        for places in _runs(call)
    ]
    return tuple(np.asarray(run[group]) for group in range(len(_body(call).results)) for run in found)


def _flops(call: Call) -> int:
    total = 0
    for places in _runs(call):
        types = [call.types[place] for place in places]
        known = dict(zip(_body(call).parameters, types, strict=True))
        for op in _body(call).ops:
            inner = op_call(op, [known[arg] for arg in op.args], call.table)
            known.update(zip(op.results, inner.results, strict=True))
            total += call.table[op.primitive].flops(inner)
    return total


ROWS = (
    Primitive(
        name="foreach",
        kind=Kind.CONTROL,
        infer=_infer,
        reference=_reference,
        vjp=None,
        flops=_flops,
        attributes={"count": REQUIRED, "shared": 0},
        operands=None,
        out=False,
    ),
)
