"""Where the buffers of an arena lie: lifetimes in, byte offsets out. Free of torch; allocates nothing."""

import math
from collections.abc import Sequence

from nnc.runtime.declarations import ELEMENT_BYTES, Buffer, cdiv, size_at

ALIGNMENT = 128


def shape_at(buffer: Buffer, batch: int) -> tuple[int, ...]:
    return tuple(size_at(size, batch) for size in buffer.shape)


def bytes_of(buffer: Buffer, batch: int) -> int:
    """The buffer's bytes at that batch, rounded up to the alignment."""
    return cdiv(math.prod(shape_at(buffer, batch)) * ELEMENT_BYTES[buffer.element], ALIGNMENT) * ALIGNMENT


def plan(buffers: Sequence[Buffer], batch: int) -> tuple[dict[str, int], int]:
    """Offsets by name, and the arena's size, both in bytes. Largest first, each at the first gap where no buffer that
    lives at the same time lies; equal sizes in the order given, so that the same table gives the same plan."""
    placed: list[tuple[int, int, Buffer]] = []
    for buffer in sorted(buffers, key=lambda buffer: -bytes_of(buffer, batch)):
        size = bytes_of(buffer, batch)
        start = 0
        for other_start, other_end, other in sorted(placed, key=lambda entry: entry[0]):
            together = buffer.first <= other.last and other.first <= buffer.last
            if together and other_start < start + size and start < other_end:
                start = other_end
        placed.append((start, start + size, buffer))
    offsets = {buffer.name: start for start, _, buffer in placed}
    return {buffer.name: offsets[buffer.name] for buffer in buffers}, max((end for _, end, _ in placed), default=0)
