"""Small rewrites of whole functions that several passes need. Each returns a new function; parameters stay the same
values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.tensor.ir import Function, Op, Value


def renamed(function: Function, hints: Mapping[Value, str]) -> Function:
    """The function with other hints for some values that its ops make."""
    made: dict[Value, Value] = {}
    ops: list[Op] = []
    for op in function.ops:
        results = tuple(replace(value, hint=hints[value]) if value in hints else value for value in op.results)
        made.update(zip(op.results, results, strict=True))
        ops.append(replace(op, args=tuple(made.get(arg, arg) for arg in op.args), results=results))
    return replace(function, ops=tuple(ops), results=tuple(made.get(value, value) for value in function.results))


def without_dead_code(function: Function) -> Function:
    """The function without the ops that no result needs."""
    needed = set(function.results)
    kept: list[Op] = []
    for op in reversed(function.ops):
        if any(value in needed for value in op.results):
            needed.update(op.args)
            kept.append(op)
    return replace(function, ops=tuple(reversed(kept)))
