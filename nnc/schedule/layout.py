"""Where parameters, gradients, optimizer slots, states and accumulators lie in their flat buffers.

Each tensor of the first four starts on 128 bytes. What one kernel updates lies together; what none does lies at the
end. Of those that lie together, parameters whose gradient is folded from partials come last, in the order and with the
padding of the partials' columns, so that `finish` writes them as one run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from nnc.schedule.kernel import Accumulator, Buffer, FlatLayout
from nnc.tensor.program import Binding, Program, Role
from nnc.tensor.types import ITEM_SIZE, TensorType

ALIGNMENT = 32  # elements of float32 in 128 bytes


def padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def state_layout(states: Iterable[tuple[str, TensorType]]) -> FlatLayout:
    """A flat buffer for each element type; `size` is that of all of them in bytes."""
    ends: dict[str, int] = {}
    offsets: dict[str, int] = {}
    for path, type in states:
        offsets[path] = ends.get(type.element, 0)
        ends[type.element] = offsets[path] + padded(type.size)
    size = sum(ITEM_SIZE[element] * end for element, end in ends.items())
    return FlatLayout(offsets, size)


def flat_layout(
    tensors: Iterable[tuple[str, TensorType]],
    folded: frozenset[str] = frozenset(),
    together: Sequence[Collection[str]] = (),
) -> FlatLayout:
    """tensors: path and type, in order. folded: paths that belong to a tail. together: paths updated at once."""
    place = {path: number for number, paths in enumerate(together) for path in paths}
    last = len(together)
    rows = sorted(tensors, key=lambda row: (place.get(row[0], last), row[0] in folded))
    offsets: dict[str, int] = {}
    position = 0
    tails: dict[int, int] = {}
    for path, type in rows:
        if path in folded:
            tails.setdefault(place.get(path, last), position)
        offsets[path] = position
        position += padded(type.size)
    return FlatLayout(offsets, position, frozenset(tails.values()))


def accumulators(rows: Iterable[tuple[Binding, TensorType, bool]]) -> tuple[Accumulator, ...]:
    """rows: binding, type, whether it is folded from partials. The first one, the loss, which the runtime looks at,
    stays first. Then come scalars from partials, so that they are neighbours as their columns are, other scalars, and
    tensors; those that are no sums are last, so that all sums are added to in one run."""
    first, *others = rows
    others.sort(key=lambda row: (row[0].fold != "sum", bool(row[1].shape), not row[2]))
    found: list[Accumulator] = []
    offset = 0
    for binding, type, _ in (first, *others):
        found.append(Accumulator(binding.name, offset, type.shape, binding.fold))
        offset += type.size
    return tuple(found)


def updated_together(program: Program) -> list[tuple[str, ...]]:
    """The paths of the parameters that each `foreach` of a step updates."""
    paths = {value: b.name for value, b in zip(program.function.parameters, program.inputs, strict=True)}
    found = []
    for op in program.function.ops:
        count = op["count"] if op.primitive == "foreach" else 0
        if isinstance(count, int) and count:
            found.append(tuple(paths[value] for value in op.args[:count]))
    return found


def slot_layouts(program: Program, parameters: FlatLayout) -> dict[str, FlatLayout]:
    """Where slots lie, by their names, each in a flat buffer: as the parameters do, if one kernel updates several or
    every parameter has the slot; else, and where they have shapes of their own, one after the other."""
    at_once = {path for paths in updated_together(program) for path in paths}
    pairs = list(zip(program.function.parameters, program.inputs, strict=True))
    types = {b.name: value.type for value, b in pairs if b.role is Role.PARAMETER}
    found: dict[str, FlatLayout] = {}
    slots = [(value, b) for value, b in pairs if b.role is Role.SLOT]
    alike = {b.name for _, b in slots if b.path in at_once}
    shaped = Counter(b.name for value, b in slots if value.type == types[b.path])
    alike |= {name for name, count in shaped.items() if count == len(types)}
    for value, binding in slots:
        layout = found.setdefault(binding.name, FlatLayout({}, parameters.size if binding.name in alike else 0))
        if binding.name in alike and value.type == types[binding.path]:
            layout.offsets[binding.path] = parameters.offsets[binding.path]
        else:
            offsets = {**layout.offsets, binding.path: layout.size}
            found[binding.name] = FlatLayout(offsets, layout.size + padded(value.type.size))
    return found


def range_of(buffers: Iterable[Buffer]) -> tuple[int, int]:
    """Start and end, in elements of the flat buffer, of tensors that lie together."""
    ends = {b.offset: b.offset + padded(math.prod(n for n in b.shape if isinstance(n, int))) for b in buffers}
    starts = sorted(ends)
    if any(ends[a] != b for a, b in pairwise(starts)):
        raise ValueError("what is updated at once does not lie together")
    return (starts[0], ends[starts[-1]]) if starts else (0, 0)
