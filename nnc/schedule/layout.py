"""Where parameters, gradients, optimizer slots, states and accumulators lie in their flat buffers.

Each tensor of the first four starts on 128 bytes. Parameters whose gradient is folded from partials come last, in the
order and with the padding of the partials' columns, so that `finish` writes them as one run.
"""

from __future__ import annotations

from collections.abc import Iterable

from nnc.schedule.kernel import Accumulator, FlatLayout
from nnc.tensor.program import Binding
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
    return FlatLayout(offsets, size, size)


def flat_layout(tensors: Iterable[tuple[str, TensorType]], folded: frozenset[str] = frozenset()) -> FlatLayout:
    """tensors: path and type, in order. folded: paths that belong to the tail."""
    rows = list(tensors)
    ordered = [row for row in rows if row[0] not in folded] + [row for row in rows if row[0] in folded]
    offsets: dict[str, int] = {}
    position = 0
    tail = None
    for path, type in ordered:
        if path in folded and tail is None:
            tail = position
        offsets[path] = position
        position += padded(type.size)
    return FlatLayout(offsets, position, position if tail is None else tail)


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
