"""Small rewrites of whole functions that several passes need. Each returns a new function; parameters stay the same
values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from nnc.tensor.ir import Function, Op, Value


def renamed(function: Function, hints: Mapping[Value, str]) -> tuple[Function, Mapping[Value, Value]]:
    """The function with other hints for some of its values, and what became of each value whose hint is another now."""
    held = [value for value in function.values() if hints.get(value, value.hint) != value.hint]
    new = {value: replace(value, hint=hints[value]) for value in held}
    return replaced(function, new), new


def replaced(function: Function, new: Mapping[Value, Value]) -> Function:
    """The function with other values in the place of some, wherever they stand."""
    if not new:
        return function

    def instead(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return values if new.keys().isdisjoint(values) else tuple([new.get(value, value) for value in values])

    ops = [
        op
        if new.keys().isdisjoint(op.args) and new.keys().isdisjoint(op.results)
        else Op(op.primitive, instead(op.args), op.attributes, instead(op.results), op.body, op.span)
        for op in function.ops
    ]
    return Function(function.name, instead(function.parameters), tuple(ops), instead(function.results))


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
