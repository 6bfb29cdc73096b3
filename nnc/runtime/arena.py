"""Memory of a step: one allocation for all buffers, or, under guard, one for each between patterns that must survive.

Makes tensors from a plan and looks after the guards; it runs nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from nnc.runtime.declarations import ELEMENT_BYTES, Buffer, View, size_at
from nnc.runtime.plan import ALIGNMENT, bytes_of, plan, shape_at

ELEMENTS = {
    "f32": torch.float32,
    "f64": torch.float64,
    "bf16": torch.bfloat16,
    "f16": torch.float16,
    "i32": torch.int32,
    "i64": torch.int64,
    "u8": torch.uint8,
    "bool": torch.bool,
}
GUARD = 128  # bytes on each side of a guarded buffer
PATTERN = 0xA5
UNWRITTEN = 0xFF  # in every byte: a NaN of any float type


class Guards:
    """Allocates tensors between guards and finds what was written outside them, or not written at all."""

    def __init__(self) -> None:
        self.blocks: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def empty(self, name: str, shape: Sequence[int], element: str, device: torch.device) -> Tensor:
        """A tensor of unwritten elements between two guards."""
        size = math.prod(shape) * ELEMENT_BYTES[element]
        block = torch.full((GUARD + size + GUARD,), PATTERN, dtype=torch.uint8, device=device)
        inside = block[GUARD : GUARD + size]
        inside.fill_(UNWRITTEN)
        alike = sum(other.partition(" #")[0] == name for other in self.blocks)
        self.blocks[f"{name} #{alike + 1}" if alike else name] = (block[:GUARD], block[GUARD + size :], inside)
        return inside.view(ELEMENTS[element]).view(tuple(shape))

    def overwritten(self) -> list[str]:
        """Names of the tensors beside which something was written."""
        return [
            name
            for name, (before, after, _) in self.blocks.items()
            if not (bool((before == PATTERN).all()) and bool((after == PATTERN).all()))
        ]

    def unwritten(self) -> dict[str, int]:
        """How many bytes of each tensor still hold what `empty` put there; such values may also be written."""
        counts = {name: int((inside == UNWRITTEN).sum()) for name, (_, _, inside) in self.blocks.items()}
        return {name: count for name, count in counts.items() if count}


def unwritten(tensor: Tensor) -> int:
    """How many elements still hold what `Guards.empty` put there."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8).reshape(-1, tensor.element_size())
    return int((raw == UNWRITTEN).all(1).sum())


class Arena:
    """The buffers of one step at a capacity; `at(count)` gives them as a batch of `count` samples sees them."""

    def __init__(self, buffers: Sequence[Buffer], batch: int, device: torch.device, guards: Guards | None = None):
        self.buffers = tuple(buffers)
        self.batch = batch
        self.guards = guards
        offsets, self.bytes = plan(self.buffers, batch)
        if guards is None:
            # torch aligns an allocation to 64 bytes on a CPU: the plan's 128 are kept by starting inside it.
            memory = torch.zeros(self.bytes + ALIGNMENT, dtype=torch.uint8, device=device)
            start = -memory.data_ptr() % ALIGNMENT
            self._raw = {
                buffer.name: memory[start + offsets[buffer.name] :][: bytes_of(buffer, batch)]
                for buffer in self.buffers
            }
        else:
            self._raw = {
                buffer.name: guards.empty(buffer.name, shape_at(buffer, batch), buffer.element, device)
                .reshape(-1)
                .view(torch.uint8)
                for buffer in self.buffers
            }

    def at(self, count: int) -> dict[str, Tensor]:
        """Every buffer by name, contiguous from its start, its sizes taken at `count` samples."""
        return {buffer.name: self._cut(buffer, count) for buffer in self.buffers}

    def _cut(self, buffer: Buffer, count: int) -> Tensor:
        shape = shape_at(buffer, count)
        size = math.prod(shape) * ELEMENT_BYTES[buffer.element]
        return self._raw[buffer.name][:size].view(ELEMENTS[buffer.element]).view(shape)


def strided(views: Iterable[View], named: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """The extra views of a step, of what `named` holds."""
    result: dict[str, Tensor] = {}
    for view in views:
        base = result[view.of] if view.of in result else named[view.of]
        shape = tuple(size_at(size, count) for size in view.shape)
        strides = tuple(size_at(size, count) for size in view.strides)
        offset = base.storage_offset() + size_at(view.offset, count)
        result[view.name] = torch.as_strided(base, shape, strides, offset)
    return result
