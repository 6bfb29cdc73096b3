"""Where parameters, gradients, optimizer slots and states lie in their flat buffers.

Each tensor starts on 128 bytes. Parameters whose gradient is folded from partials come last, in the order and with the
padding of the partials' columns, so that `finish` writes them as one run.
"""

from __future__ import annotations

from collections.abc import Iterable

from nnc.schedule.kernel import FlatLayout
from nnc.tensor.types import TensorType

ALIGNMENT = 32  # elements of float32 in 128 bytes


def padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


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
