"""What is decided of a program's kernels while its ops are put into groups, and how its results come to be computed.

In: folds and results that have no group yet. Out: the groups that finish and compute them. Which group any other op is
put into is `fuse.py`'s question.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.schedule.groups import Group, region_group
from nnc.schedule.kernel import KernelKind
from nnc.tensor.ir import Op, Value
from nnc.tensor.program import Binding, Program, Role

FREE = -1  # the level of what needs no kernel before it


@dataclass(slots=True)
class Fusion:
    """The groups of a program.

    home:  the group whose tiles compute a value; what is not in it floats, or is a parameter of the program.
    level: the latest group that must have run, or must be running, where a value is read.
    fold:  for a reduction over the batch, the group that leaves its partials; it is finished by `finished[value]`.
    late:  for a number made of folds that are not finished yet, those folds: only what finishes them can compute it.
    """

    program: Program
    groups: list[Group] = field(default_factory=list)
    home: dict[Value, Group] = field(default_factory=dict)
    level: dict[Value, int] = field(default_factory=dict)
    fold: dict[Value, Group] = field(default_factory=dict)
    finished: dict[Value, Group] = field(default_factory=dict)
    late: dict[Value, tuple[Value, ...]] = field(default_factory=dict)
    roots: dict[Group, list[Value]] = field(default_factory=dict)  # results that a group computes for their own sake
    producers: dict[Value, Op] = field(default_factory=dict)
    depth: dict[Value, int] = field(default_factory=dict)  # ops that follow each other up to a value, in its kernel


def finish(fusion: Fusion, *values: Value, after: int = FREE) -> Group:
    """The group that folds the partials of `values`: the last finish, if it comes after them and after the group
    `after`, or a new one."""
    latest = max((fusion.fold[value].index for value in values), default=after)
    group = next((g for g in reversed(fusion.groups) if g.kind is KernelKind.FINISH), None)
    if group is None or group.index <= max(latest, after):
        group = Group(len(fusion.groups), KernelKind.FINISH, ())
        fusion.groups.append(group)
    for value in values:
        fusion.finished[value] = group
        fusion.level[value] = group.index
    for value, folds in list(fusion.late.items()):
        if all(fold in fusion.finished for fold in folds):
            fusion.level[value] = max(fusion.level[value], *(fusion.level[fold] for fold in folds))
            del fusion.late[value]
    return group


def unfinished(fusion: Fusion, *values: Value) -> tuple[Value, ...]:
    """The folds that are to be finished before others read `values`."""
    found = [fold for value in values for fold in fusion.late.get(value, (value,))]
    return tuple(fold for fold in dict.fromkeys(found) if fold in fusion.fold and fold not in fusion.finished)


def settle(fusion: Fusion, *values: Value) -> None:
    """Has `values` be there for all that follows."""
    loose = unfinished(fusion, *values)
    if loose:
        finish(fusion, *loose)


def update(fusion: Fusion, op: Op) -> None:
    results(fusion, before_update=True)
    settle(fusion, *op.args)
    group = Group(len(fusion.groups), KernelKind.UPDATE, (), None, [op])
    for result in op.results:
        fusion.home[result] = group
        fusion.level[result] = group.index
    fusion.groups.append(group)


def _bound(fusion: Fusion, *roles: Role) -> list[tuple[Value, Binding]]:
    pairs = zip(fusion.program.function.results, fusion.program.outputs, strict=True)
    return [(value, binding) for value, binding in pairs if binding.role in roles]


def _root_group(fusion: Fusion, value: Value) -> Group:
    """The group that computes a floating result: one that computes others of the same axes after all that it needs."""
    fresh = region_group(len(fusion.groups), value)
    for group in reversed(fusion.groups[fusion.level[value] + 1 :]):
        if group in fusion.roots and group.kind is KernelKind.REGION and group.domain == fresh.domain:
            return group
    fusion.groups.append(fresh)
    return fresh


def results(fusion: Fusion, before_update: bool) -> None:
    """Gives every result of the program a group that computes it. Gradients and the running sums come before the
    update, whose kernel is the step's last."""
    done = {value for values in fusion.roots.values() for value in values} | set(fusion.finished)
    own = [value for value, _ in _bound(fusion, Role.GRADIENT, Role.OUTPUT, Role.STATE, Role.PARAMETER, Role.SLOT)]
    for value in dict.fromkeys(own):
        if value in fusion.late:
            settle(fusion, value)
        ready = value in fusion.level
        if ready and value not in done and value not in fusion.fold and value not in fusion.home:
            fusion.roots.setdefault(_root_group(fusion, value), []).append(value)
    numbers = [value for value, _ in _bound(fusion, Role.ACCUMULATOR) if value in fusion.level]
    folds = [value for value in dict.fromkeys([*own, *numbers]) if value in fusion.fold and value not in done]
    added = {value for group, values in fusion.roots.items() for value in values if group.kind is KernelKind.FINISH}
    scalars = [value for value in dict.fromkeys(numbers) if value not in fusion.fold and value not in added]
    folds = list(dict.fromkeys([*folds, *unfinished(fusion, *scalars)]))
    if folds or scalars:
        group = finish(fusion, *folds, after=max((fusion.level[value] for value in scalars), default=FREE))
        fusion.roots.setdefault(group, []).extend(scalars)
