"""Which values are stored, and what each kernel computes. In: the groups. Out: for each group the ops that it runs,
what it reads and what it must write.

What a product, a reduction or a result reads from another group is stored. Any other value that is read outside its
home is computed again, if that takes a few pointwise ops of values that are stored anyway, and stored otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nnc.schedule.fusion import Fusion
from nnc.schedule.groups import Group
from nnc.schedule.kernel import KernelKind
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.program import Role

_KEPT = (Role.GRADIENT, Role.OUTPUT, Role.STATE, Role.PARAMETER, Role.SLOT)
RECOMPUTED = 8  # pointwise ops that are computed again rather than stored


@dataclass(slots=True)
class Work:
    """What one group does. `direct`: values that a product's operands are read from, or that reach one by views."""

    ops: set[Op] = field(default_factory=set)
    reads: dict[Value, None] = field(default_factory=dict)
    foreign: dict[Value, bool] = field(default_factory=dict)  # read from another home: whether directly


@dataclass(frozen=True, slots=True)
class Plan:
    """stored: values of a home that are written to memory, by group. works: what each group does."""

    fusion: Fusion
    stored: dict[Value, Group]
    works: dict[Group, Work]


def run(fusion: Fusion) -> Plan:
    stored: dict[Value, Group] = {}
    for value, binding in zip(fusion.program.function.results, fusion.program.outputs, strict=True):
        home = fusion.home.get(value)
        if home is not None and home.kind is not KernelKind.UPDATE and binding.role in _KEPT:
            stored[value] = home
    again: set[Value] = set()
    works = {group: _collect(fusion, group, stored, again) for group in fusion.groups}
    while True:
        undecided = _undecided(fusion, works, stored, again)
        if not undecided:
            return Plan(fusion, stored, works)
        decided = [value for value, is_direct in undecided.items() if is_direct]
        if decided or _cost(fusion, next(iter(undecided)), stored) > RECOMPUTED:
            decided = decided or [next(iter(undecided))]
            stored.update((value, fusion.home[value]) for value in decided)
        else:
            decided = [next(iter(undecided))]
            again.update(decided)
        for group, work in works.items():
            if any(value in work.foreign or fusion.home[value] is group for value in decided):
                works[group] = _collect(fusion, group, stored, again)


def _undecided(
    fusion: Fusion, works: dict[Group, Work], stored: dict[Value, Group], again: set[Value]
) -> dict[Value, bool]:
    found: dict[Value, bool] = {}
    for work in works.values():
        for value, direct in work.foreign.items():
            if value not in stored and value not in again:
                found[value] = found.get(value, False) or direct
    return found


def _roots(fusion: Fusion, group: Group, stored: dict[Value, Group]) -> Iterator[tuple[Value, bool]]:
    """What a group computes for its own sake, and whether operands of it are read as they lie."""
    if group.product is not None:
        yield from ((arg, True) for arg in group.ops[0].args)
    if group.kind is KernelKind.UPDATE:
        yield from ((arg, True) for arg in group.ops[0].args)
    yield from ((op.result, False) for op, _ in group.folds)
    yield from ((value, False) for value, home in stored.items() if home is group)
    yield from ((value, True) for value in fusion.roots.get(group, ()))
    yield from ((value, False) for value, finish in fusion.finished.items() if finish is group)


def _collect(fusion: Fusion, group: Group, stored: dict[Value, Group], again: set[Value]) -> Work:
    work = Work()
    seen: set[Value] = set()
    own = {op.result: op for op in group.ops if group.kind is not KernelKind.UPDATE}
    given: set[Value] = set()  # gradients that nothing else reads have no home, and lie where they are written
    if group.kind is KernelKind.UPDATE:
        given.update(value for values in fusion.roots.values() for value in values)

    waiting = [*_roots(fusion, group, stored)][::-1]  # a chain may be longer than Python's recursion goes deep
    while waiting:
        value, direct = waiting.pop()
        if value in seen and not (direct and value in work.foreign and not work.foreign[value]):
            continue
        seen.add(value)
        op = fusion.producers.get(value)
        if op is None or value in given or (value in fusion.finished and value not in own):
            work.reads[value] = None
        elif value in own:
            op = own[value]
            work.ops.add(op)
            # a reduction reads what a tile of its own group holds, so only a foreign operand is read as it lies
            reads_whole = TABLE[op.primitive].kind in (Kind.REDUCTION, Kind.ORDERED, Kind.PRODUCT)
            waiting += [(arg, reads_whole) for arg in reversed(op.args)]
        elif value in fusion.home and value not in again:
            work.foreign[value] = work.foreign.get(value, False) or direct
            if value in stored:
                work.reads[value] = None
        else:
            work.ops.add(op)
            waiting += [(arg, direct) for arg in reversed(op.args)]
    if group.kind is KernelKind.UPDATE:
        work.ops.add(group.ops[0])
    return work


def _cost(fusion: Fusion, value: Value, stored: dict[Value, Group]) -> int:
    """How many ops it takes to compute `value` from what is stored; more than RECOMPUTED if that cannot be done."""
    total, waiting = 0, [value]
    while waiting and total <= RECOMPUTED:
        value = waiting.pop()
        op = fusion.producers.get(value)
        if op is None or value in stored or value in fusion.finished:
            continue
        kind = TABLE[op.primitive].kind
        if value in fusion.home and kind is not Kind.POINTWISE:
            return RECOMPUTED + 1
        total += kind is Kind.POINTWISE
        waiting += op.args
    return total
