"""Kernels with their buffers, from groups. In: the plan of what is stored and computed where. Out: kernels in the order
of their groups, and the buffer of every value that lies in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.base.source import Span
from nnc.schedule import folds, tiles
from nnc.schedule.fusion import Fusion
from nnc.schedule.groups import AxisMap, Group, extents
from nnc.schedule.hazards import LASTING
from nnc.schedule.kernel import (
    Accumulator,
    Buffer,
    Extent,
    FlatLayout,
    Kernel,
    KernelKind,
    Size,
    Space,
    Tiles,
    Write,
)
from nnc.schedule.layout import padded
from nnc.schedule.materialise import Plan, Work
from nnc.schedule.naming import RUNTIME_NAMES, Attributes, readable
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.program import Binding, Role

_SPACES = {
    Role.INPUT: Space.DATA,
    Role.TARGET: Space.DATA,
    Role.WEIGHT: Space.DATA,
    Role.PARAMETER: Space.PARAMETER,
    Role.SLOT: Space.SLOT,
    Role.STATE: Space.STATE,
    Role.STEP: Space.CONTROL,
    Role.GRADIENT: Space.GRADIENT,
    Role.OUTPUT: Space.OUTPUT,
    Role.ACCUMULATOR: Space.SUMS,
}


@dataclass(frozen=True, slots=True)
class World:
    """What the steps of a model share."""

    parameters: FlatLayout
    slots: dict[str, FlatLayout]
    states: FlatLayout
    accumulators: tuple[Accumulator, ...]
    batch: int
    precision: str
    attributes: Attributes


@dataclass(slots=True)
class Assignment:
    """The buffers of one step, as they are found."""

    plan: Plan
    world: World
    placement: dict[Value, Buffer] = field(default_factory=dict)
    bound: dict[Value, list[Buffer]] = field(default_factory=dict)  # where results of the program go
    names: Names = field(default_factory=lambda: Names(RUNTIME_NAMES))
    partials: dict[tuple[Group, Extent, str], list[tuple[Value, int]]] = field(default_factory=dict)
    columns: dict[Value, tuple[Buffer, int]] = field(default_factory=dict)
    scored: frozenset[Value] = frozenset()  # what the running sums are made of
    lost: frozenset[Value] = frozenset()  # what the loss among them is made of
    order: dict[Value, int] = field(default_factory=dict)  # the program's


def run(plan: Plan, world: World) -> tuple[tuple[Kernel, ...], dict[Value, Buffer]]:
    ops = plan.fusion.program.function.ops
    state = Assignment(plan, world, order={op.results[0]: place for place, op in enumerate(ops)})
    _bind(state)
    sums = [value for value in state.bound if _is_sum(state, value)]
    state.scored = _sources(plan.fusion.program.function, sums)
    state.lost = _sources(plan.fusion.program.function, [value for value in sums if _is_loss(state, value)])
    chosen = {group: tiles.choose(group, plan.works[group].ops, world.batch) for group in plan.fusion.groups}
    for value, home in plan.stored.items():
        if value not in state.placement:
            state.placement[value] = _place(state, value, home)
        assert home in plan.works
    for value in (value for values in plan.fusion.roots.values() for value in values if value in state.bound):
        state.placement.setdefault(value, state.bound[value][0])
    _place_folds(state, chosen)
    kernels = [_kernel(state, group, work, chosen[group]) for group, work in plan.works.items()]
    return tuple(kernel for kernel in kernels if kernel.writes), state.placement


def _bind(state: Assignment) -> None:
    """Buffers of the program's own parameters and results."""
    program = state.plan.fusion.program
    sums = {each.name: each.offset for each in state.world.accumulators}
    for value, binding in zip(program.function.parameters, program.inputs, strict=True):
        buffer = _outside(state, value, binding, 0)
        state.names.reserve(buffer.name)
        state.placement[value] = buffer
    for value, binding in zip(program.function.results, program.outputs, strict=True):
        buffer = _outside(state, value, binding, sums.get(binding.name, 0) if binding.role is Role.ACCUMULATOR else 0)
        state.names.reserve(buffer.name)
        state.bound.setdefault(value, []).append(buffer)


def _outside(state: Assignment, value: Value, binding: Binding, offset: int) -> Buffer:
    path = binding.path or binding.name or binding.role.value
    space = _SPACES[binding.role]
    slot = binding.name if space is Space.SLOT else ""
    if space in (Space.PARAMETER, Space.GRADIENT):
        offset = state.world.parameters.offsets[path]
    elif slot:
        state.names.reserve(slot)
        offset = state.world.slots[slot].offsets[path]
    elif space is Space.STATE:
        offset = state.world.states.offsets[path]
    name = {Space.SUMS: "sums", Space.CONTROL: "control"}.get(space, path.replace(".", "_"))
    if space is Space.GRADIENT or slot:
        name = f"{slot or 'd'}_{name}"
    elif space in (Space.DATA, Space.OUTPUT):
        name = state.world.attributes.get((binding.role, binding.name), name)
    return Buffer(name, _element(value, space), extents(value), space, path, offset, slot)


def _element(value: Value, space: Space) -> str:
    """What a value of the program's own is stored in: an index that predict gives is in i64, as torch wants one."""
    if space is Space.SUMS:
        return "f64"
    return "i64" if space is Space.OUTPUT and value.type.bound is not None else value.type.element


def _place(state: Assignment, value: Value, home: Group) -> Buffer:
    """Where others than its home read a value: where it goes as a result, or a buffer of the arena. A running sum holds
    what came before, too."""
    own = [buffer for buffer in state.bound.get(value, ()) if buffer.space is not Space.SUMS]
    read = any(value in work.reads for group, work in state.plan.works.items() if group is not home)
    if own or (value in state.bound and not read):
        return (own or state.bound[value])[0]
    return _arena(state, value)


def _homes(state: Assignment, value: Value) -> list[Buffer]:
    """All places that a value is written to; a parameter of the program that is a result lies in its own already."""
    bound, placed = state.bound.get(value, []), state.placement.get(value)
    if placed is None or (bound and placed.space is not Space.ARENA):
        return bound
    return list(dict.fromkeys([placed, *bound]))


def _arena(state: Assignment, value: Value) -> Buffer:
    """A new buffer. In bf16 and f16 what is stored of the sample's floats is half as long."""
    element = value.type.element
    if element == "f32" and value.type.batched and state.world.precision in ("bf16", "f16"):
        element = state.world.precision
    return Buffer(state.names.fresh(readable(value)), element, extents(value), Space.ARENA)


# ------------------------------------------------------------------------------------------------------- folds


def _tile_count(group: Group, chosen: Tiles) -> Extent:
    """How many tiles of rows a kernel has: the rows of its partials."""
    each, batched = 1, False
    for axis in chosen.rows_of:
        extent = group.domain[axis].extent
        each *= extent.each if isinstance(extent, Size) else extent
        batched = batched or isinstance(extent, Size)
    return Size(each, chosen.rows) if batched else -(-each // chosen.rows)


def _place_folds(state: Assignment, chosen: dict[Group, Tiles]) -> None:
    """A column of partials for every fold: those of the flat buffer's tail first, in its order and padding."""
    fusion = state.plan.fusion
    for value, finish in fusion.finished.items():
        group, producer = fusion.fold[value], fusion.producers[value]
        element = folds.element(producer.primitive, producer.args[0].type.element)
        state.partials.setdefault((finish, _tile_count(group, chosen[group]), element), []).append((value, 0))
        state.placement[value] = _place(state, value, finish)
    for (_, count, element), rows in state.partials.items():
        rows.sort(key=lambda row: _column_order(state.placement[row[0]]))
        position = 0
        for place, (value, _) in enumerate(rows):
            rows[place] = (value, position)
            in_tail = state.placement[value].space is Space.GRADIENT
            width = folds.width(fusion.producers[value].primitive, value.type.size)
            position += padded(width) if in_tail else width
        buffer = Buffer(state.names.fresh("partials"), element, (count, padded(position)), Space.ARENA)
        state.columns.update((value, (buffer, column)) for value, column in rows)


def _column_order(buffer: Buffer) -> tuple[int, int]:
    ranks = {Space.GRADIENT: 0, Space.STATE: 1, Space.ARENA: 2, Space.SUMS: 3}
    return ranks.get(buffer.space, 2), buffer.offset


# ----------------------------------------------------------------------------------------------------- kernels


def _kernel(state: Assignment, group: Group, work: Work, chosen: Tiles) -> Kernel:
    fusion = state.plan.fusion
    ops = tuple(sorted(work.ops, key=lambda op: state.order[op.results[0]]))
    writes = tuple(_writes(state, group))
    finishes = group.kind is KernelKind.FINISH
    reads = []
    for value in work.reads:
        partial = finishes and fusion.finished.get(value) is group
        reads.append((value, state.columns[value][0] if partial else state.placement[value]))
    return Kernel(
        _name(state, group, writes),
        group.kind,
        ops,
        tuple(reads),
        writes,
        group.ops[0] if group.kind in (KernelKind.PRODUCT, KernelKind.UPDATE) else None,
        group.domain,
        {**_root_axes(fusion, group), **group.axes},
        dict(group.operands),
        chosen,
        _spans(ops),
    )


def _root_axes(fusion: Fusion, group: Group) -> dict[Value, AxisMap]:
    """The axes of results that a group of its own computes: they are its domain's."""
    roots = fusion.roots.get(group, ()) if group.kind is KernelKind.REGION else ()
    return {value: tuple(range(len(group.domain))) for value in roots if extents(value)}


def _writes(state: Assignment, group: Group) -> list[Write]:
    fusion = state.plan.fusion
    found: list[Write] = []
    stored = [value for value, home in state.plan.stored.items() if home is group]
    rooted = [value for value in fusion.roots.get(group, ()) if value not in stored]
    sums = group.kind is KernelKind.FINISH  # which alone adds to the running sums, and gives nothing else a home
    for value in [*stored, *rooted]:
        found += [Write(value, buffer) for buffer in _homes(state, value) if (buffer.space is Space.SUMS) == sums]
    for op, _ in group.folds:
        partials, column = state.columns[op.result]
        found.append(Write(op.result, state.placement[op.result], op.primitive, partials, column))
    if group.kind is KernelKind.FINISH:
        for value, finish in fusion.finished.items():
            if finish is group:
                fold = fusion.producers[value].primitive
                partials, column = state.columns[value]
                found += [Write(value, buffer, fold, partials, column) for buffer in _homes(state, value)]
    if group.kind is KernelKind.UPDATE:
        found += [Write(value, buffer) for value in group.ops[0].results for buffer in state.bound.get(value, ())]
    return found


def _name(state: Assignment, group: Group, writes: tuple[Write, ...]) -> str:
    """Named for the layer whose value it makes, and for the part of the step that it belongs to."""
    if group.kind in (KernelKind.FINISH, KernelKind.UPDATE):
        return state.names.fresh(group.kind.value)
    gradients = [write for write in writes if write.fold is None and write.buffer.space is Space.GRADIENT]
    if gradients:
        return state.names.fresh(f"{gradients[0].buffer.path.replace('.', '_')}_gradient")
    if not writes:
        return "nothing"
    if all(
        write.fold is not None and _is_sum(state, write.value) and write.value not in state.lost for write in writes
    ):
        return state.names.fresh("metrics")
    if len(writes) > 1 and all(write.buffer.space is Space.STATE for write in writes):
        return state.names.fresh("states_update")
    updated = [write.buffer for write in writes if write.fold is None and write.buffer.space in LASTING]
    if updated:
        return state.names.fresh(f"{updated[0].path.replace('.', '_')}_update")
    folded = any(_is_sum(state, write.value) for write in writes if write.fold is not None)
    stored = [write.value for write in writes if write.fold is None] or [writes[-1].value]
    scope = stored[-1].scope[:-1] or stored[-1].scope or _first_scope(group) or (stored[-1].hint,)
    is_backward = state.scored and not any(value in state.scored for value in stored)
    part = "loss" if folded else "backward" if is_backward else "forward"
    return state.names.fresh(f"{'_'.join(scope)}_{part}")


def _is_sum(state: Assignment, value: Value) -> bool:
    return any(buffer.space is Space.SUMS for buffer in state.bound.get(value, ()))


def _is_loss(state: Assignment, value: Value) -> bool:
    """The loss is the first of the running sums."""
    return any(buffer.space is Space.SUMS and not buffer.offset for buffer in state.bound.get(value, ()))


def _sources(function: Function, results: Iterable[Value]) -> frozenset[Value]:
    """All values that some are made of, themselves included."""
    found = set(results)
    for op in reversed(function.ops):
        if any(value in found for value in op.results):
            found.update(op.args)
    return frozenset(found)


def _first_scope(group: Group) -> tuple[str, ...]:
    return group.ops[0].results[0].scope[:1] if group.ops else ()


def _spans(ops: tuple[Op, ...]) -> tuple[Span, ...]:
    """The places of the source that the ops come from, one a line, in the source's order."""
    lines: dict[tuple[str, int], Span] = {}
    for op in ops:
        if op.span is not None:
            lines.setdefault((op.span.source.path, op.span.line), op.span)
    return tuple(lines[key] for key in sorted(lines))
