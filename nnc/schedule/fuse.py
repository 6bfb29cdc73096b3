"""Which ops share a kernel. In: a step's program. Out: groups in the order in which they can run, and, for each value,
how it comes to be (its `Home`).

One walk in the program's order. A product opens a group. A pointwise op or a reduction joins the latest group that its
operands come from, if its axes fit that group's tile; a reduction that fits none opens a group of its own. What joins
nowhere floats: it is computed again wherever it is read, from values that lie in memory. After a chain of `DEEPEST` ops
a pointwise one opens a group. A reduction over the batch is a fold: a partial a tile, finished by a later group, which
computes numbers of several such too where nothing else reads them. Which values are stored is `materialise.py`'s
question.
"""

from __future__ import annotations

from nnc.schedule import folds
from nnc.schedule.folds import FOLDS
from nnc.schedule.fusion import FREE, Fusion, results, settle, unfinished, update
from nnc.schedule.groups import AxisMap, Group, extents, product_group, reduced_axes, region_group, sum_of_ones
from nnc.schedule.kernel import KernelKind
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.program import Program

DEEPEST = 64  # ops that follow each other in a kernel: expressions are nested as deep as that


def run(program: Program) -> Fusion:
    fusion = Fusion(program, producers=program.function.producers())
    for value in program.function.parameters:
        fusion.level[value] = FREE
    for op in program.function.ops:
        _place(fusion, op)
    results(fusion, before_update=False)
    return fusion


def _place(fusion: Fusion, op: Op) -> None:
    kind = TABLE[op.primitive].kind
    depth = _depth(fusion, op)
    if depth <= DEEPEST and _is_late(fusion, op):
        fusion.late[op.result] = unfinished(fusion, *op.args)
        fusion.depth[op.result] = depth
        _float(fusion, op)
        return
    if kind is not Kind.CONTROL:
        settle(fusion, *op.args)
    if kind is Kind.POINTWISE and depth > DEEPEST:
        _go_on(fusion, op)
        return
    fusion.depth.update((result, depth if kind is not Kind.PRODUCT else 0) for result in op.results)
    if kind is Kind.PRODUCT:
        _open(fusion, product_group(len(fusion.groups), op), op.result)
    elif kind is Kind.CONTROL:
        update(fusion, op)
    elif kind is Kind.POINTWISE and _join_pointwise(fusion, op):
        pass
    elif kind is Kind.REDUCTION:
        _reduce(fusion, op)
    elif kind is Kind.ORDERED and op.result.type.shape[-1] > 1:
        _order(fusion, op)
    elif (op.primitive == "pick" and _join_pick(fusion, op)) or (
        op.primitive == "reshape" and _join_reshape(fusion, op)
    ):
        pass
    else:
        _float(fusion, op)


def _depth(fusion: Fusion, op: Op) -> int:
    """How many ops follow each other up to this one in the kernel that computes it."""
    latest = max((fusion.level[arg] for arg in op.args), default=FREE)
    near = [arg for arg in op.args if arg not in fusion.home or fusion.level[arg] == latest]
    return 1 + max((fusion.depth.get(arg, 0) for arg in near), default=0)


def _is_late(fusion: Fusion, op: Op) -> bool:
    """Whether an op makes a number of folds that are not finished yet, each of which is one column of partials: what
    finishes them can compute it too."""
    loose = unfinished(fusion, *op.args)
    return (
        bool(loose)
        and TABLE[op.primitive].kind is Kind.POINTWISE
        and not any(value.type.rank or value.type.batched for value in (*op.args, *op.results, *loose))
        and all(folds.width(fusion.producers[fold].primitive, 1) == 1 for fold in loose)
    )


def _float(fusion: Fusion, op: Op) -> None:
    for result in op.results:
        fusion.level[result] = max((fusion.level[arg] for arg in op.args), default=FREE)


def _open(fusion: Fusion, group: Group, value: Value) -> None:
    fusion.groups.append(group)
    fusion.home[value] = group
    fusion.level[value] = group.index


def _latest(fusion: Fusion, op: Op) -> Group | None:
    level = max((fusion.level[arg] for arg in op.args), default=FREE)
    return None if level == FREE else fusion.groups[level]


# ---------------------------------------------------------------------------------------------------- pointwise


def _project(result_map: AxisMap, result: Value, operand: Value) -> AxisMap:
    """The map that an operand of a pointwise op must have for its result to have `result_map`."""
    own, target = extents(operand), extents(result)
    found: list[int | None] = []
    for axis, size in enumerate(own):
        position = 0 if axis == 0 and operand.type.batched else len(target) - (len(own) - axis)
        found.append(None if size == 1 else result_map[position])
    return tuple(found)


def _fits(fusion: Fusion, group: Group, value: Value, wanted: AxisMap) -> bool:
    """Whether `value` can be had in a tile of `group` with these axes."""
    if fusion.level[value] < group.index:
        return True
    known = group.axes.get(value)
    if known is not None:
        sizes = extents(value)
        return all(k == w or sizes[i] == 1 for i, (k, w) in enumerate(zip(known, wanted, strict=True)))
    op = fusion.producers[value]
    match op.primitive:
        case "place":
            lead = int(value.type.batched)
            return all(_fits(fusion, group, a, wanted[lead - int(a.type.batched) : -1]) for a in op.args)
        case "broadcast":
            (arg,) = op.args
            return _fits(fusion, group, arg, _project(wanted, value, arg))
        case _:
            return False


def _join_pointwise(fusion: Fusion, op: Op) -> bool:
    group = _latest(fusion, op)
    if group is None or group.kind not in (KernelKind.PRODUCT, KernelKind.REGION):
        return False
    inside = [arg for arg in op.args if arg in group.axes]
    joined = group.pointwise_map(op.result, inside)
    if joined is None:
        return False
    if not all(_fits(fusion, group, arg, _project(joined, op.result, arg)) for arg in op.args):
        return False
    _join(fusion, group, op, joined)
    return True


def _own_axes(value: Value) -> AxisMap:
    """The axes of `value` in a group over its own."""
    return tuple(axis if size != 1 else None for axis, size in enumerate(extents(value)))


def _go_on(fusion: Fusion, op: Op) -> None:
    """A pointwise op after a long chain opens a group."""
    group = region_group(len(fusion.groups), op.result)
    fusion.groups.append(group)
    _join(fusion, group, op, _own_axes(op.result))


def _join(fusion: Fusion, group: Group, op: Op, axes: AxisMap) -> None:
    group.ops.append(op)
    group.axes[op.result] = axes
    fusion.home[op.result] = group
    fusion.level[op.result] = group.index


# --------------------------------------------------------------------------------------------------- reductions


def _join_pick(fusion: Fusion, op: Op) -> bool:
    """Picking from what a tile holds is a sum over the tile's columns, all but one of them masked."""
    operand = op.args[0]
    group = fusion.home.get(operand)
    if group is None or fusion.level[op.args[1]] > group.index:
        return False
    axes = group.axes[operand]
    last = axes[-1]
    if last is None or not group.can_cover(frozenset({last})):
        return False
    if op.result.type.batched and not operand.type.batched:
        return False
    wanted = axes[:-1] if op.args[1].type.batched or not operand.type.batched else axes[1:-1]
    if not _fits(fusion, group, op.args[1], wanted):
        return False
    group.covered.add(last)
    group.operands[op] = axes
    _join(fusion, group, op, axes[:-1])
    return True


def _join_reshape(fusion: Fusion, op: Op) -> bool:
    """Taking axes of size 1 away from what a tile holds is a sum over them."""
    group = fusion.home.get(op.args[0])
    total = sum_of_ones(op)
    if group is None or total is None:
        return False
    axes, reduced = group.axes[op.args[0]], reduced_axes(total)
    if not group.can_cover(frozenset(place for place in (axes[i] for i in reduced) if place is not None)):
        return False
    return _join_reduction(fusion, group, total, axes, reduced, False)


def _reduce(fusion: Fusion, op: Op) -> None:
    operand = op.args[0]
    reduced = reduced_axes(op)
    over_batch = operand.type.batched and bool(op["batch"])
    found = _in_a_tile(fusion, operand)
    if found is not None and _join_reduction(fusion, found[0], op, found[1], reduced, over_batch):
        return
    if operand not in fusion.home:
        for candidate in reversed(fusion.groups[fusion.level[operand] + 1 :]):
            axes = _row_map(candidate, operand)
            is_alike = candidate.kind is KernelKind.REGION and len(candidate.domain) == len(extents(operand))
            if (
                axes is not None
                and (over_batch or is_alike)
                and _join_reduction(fusion, candidate, op, axes, reduced, over_batch)
            ):
                return
    fresh = region_group(len(fusion.groups), operand)
    fusion.groups.append(fresh)
    if not _join_reduction(fusion, fresh, op, _own_axes(operand), reduced, over_batch):
        raise AssertionError(f"no tile holds a `{op.primitive}` of {operand.type}, which `stages` should have cut")


def _in_a_tile(fusion: Fusion, value: Value) -> tuple[Group, AxisMap] | None:
    """The group whose tiles hold a value, and its axes there: of what only has more or fewer axes of size 1 than what
    they hold, too."""
    group = fusion.home.get(value)
    if group is not None:
        return group, group.axes[value]
    op = fusion.producers.get(value)
    held = op.args[0] if op is not None and op.primitive == "reshape" else None
    group = fusion.home.get(held) if held is not None else None
    if held is None or group is None:
        return None
    axes = list(zip(group.axes[held], extents(held), strict=True))
    if any(place is not None for place, size in axes if size == 1):
        return None  # an axis of the tile, which is to be taken away before its values are numbers
    if [size for _, size in axes if size != 1] != [size for size in extents(value) if size != 1]:
        return None
    places = [place for place, size in axes if size != 1]
    return group, tuple(None if size == 1 else places.pop(0) for size in extents(value))


def _order(fusion: Fusion, op: Op) -> None:
    """An op along the whole last axis: its tile holds that axis, as the last of its own."""
    operand = op.args[0]
    group = fusion.home.get(operand)
    if group is None or not _covers_last(group, group.axes[operand]):
        group = region_group(len(fusion.groups), operand)
        fusion.groups.append(group)
        axes = _own_axes(operand)
    else:
        axes = group.axes[operand]
    last = axes[-1]
    assert last is not None, "an axis of size 1 is no axis to order"
    group.covered.add(last)
    group.operands[op] = axes
    _join(fusion, group, op, axes)


def _covers_last(group: Group, axes: AxisMap) -> bool:
    """Whether a tile can hold the last of these axes whole, and has it last."""
    last = axes[-1]
    return last is not None and last == len(group.domain) - 1 and group.can_cover(frozenset({last}))


def _row_map(group: Group, value: Value) -> AxisMap | None:
    """The axes of a floating `value` in a tile of `group`, where they are the first of its domain."""
    if group.kind not in (KernelKind.PRODUCT, KernelKind.REGION) or not group.spans_columns():
        return None
    own = extents(value)
    if tuple(axis.extent for axis in group.domain[: len(own)]) != own:
        return None
    return tuple(range(len(own)))


def _join_reduction(
    fusion: Fusion, group: Group, op: Op, axes: AxisMap, reduced: tuple[int, ...], over_batch: bool
) -> bool:
    places = frozenset(place for place in (axes[i] for i in reduced) if place is not None)
    fold = over_batch or not group.can_cover(places)
    if fold and (op.primitive not in FOLDS or not _may_fold(group, axes, places)):
        return False
    group.operands[op] = axes
    if fold:
        group.folds.append((op, places))
        group.covered |= _spanned(group, places)
        group.ops.append(op)
        group.axes[op.result] = _left(op, axes, reduced)
        fusion.fold[op.result] = group
        fusion.level[op.result] = group.index
        return True
    group.covered |= places
    _join(fusion, group, op, _left(op, axes, reduced))
    return True


def _may_fold(group: Group, axes: AxisMap, places: frozenset[int]) -> bool:
    """A fold may take the rows away only if no row is left in what stays."""
    if not group.can_fold(places):
        return False
    if group.product is not None:
        return True
    leading = {i for i, _ in enumerate(group.domain) if i in places}
    return 0 in leading


def _spanned(group: Group, places: frozenset[int]) -> frozenset[int]:
    """What of a fold's axes the tile must span, its rows being taken by the partials."""
    if group.product is not None:
        return places - group.row_axes()
    run = [axis for axis in range(len(group.domain)) if all(a in places for a in range(axis + 1))]
    return places - frozenset(run)


def _left(op: Op, axes: AxisMap, reduced: tuple[int, ...]) -> AxisMap:
    """The axes of a reduction's result."""
    keep = bool(op["keepdims"])
    lead = op.args[0].type.batched
    left: list[int | None] = []
    for axis, place in enumerate(axes):
        if axis not in reduced:
            left.append(place)
        elif keep and not (lead and axis == 0):
            left.append(None)
    return tuple(left)
