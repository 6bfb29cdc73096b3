"""Small rewrites of whole functions that several passes need. Each returns a new function; parameters stay the same
values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def behind(values: Iterable[Value], producer: Callable[[Value], Op | None]) -> tuple[Op, ...]:
    """The ops that `values` are computed by, in the order in which they were made."""
    found: set[Op] = set()
    waiting = list(values)
    while waiting:
        op = producer(waiting.pop())
        if op is not None and op not in found:
            found.add(op)
            waiting += op.args
    return tuple(sorted(found, key=lambda op: op.results[0].id))


def without_dead_code(function: Function) -> Function:
    """The function without the ops that no result needs."""
    needed = set(function.results)
    kept: list[Op] = []
    for op in reversed(function.ops):
        if not needed.isdisjoint(op.results):
            needed.update(op.args)
            kept.append(op)
    return replace(function, ops=tuple(reversed(kept)))
