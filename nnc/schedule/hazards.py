"""New values of what outlives the step (parameters, slots, states), where the old one is still needed.

In: a step's kernels with their buffers. Out: kernels that write such a new value to its place only where every reader
of the old one can run before, or reads each element where it is written. Any other new value goes to the arena first,
and a kernel of its own copies it to its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnc.schedule import tiles
from nnc.schedule.groups import AxisMap, region_group
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Space, Write, buffer_names
from nnc.tensor.ir import Value
from nnc.tensor.primitives import TABLE, Kind

LASTING = (Space.PARAMETER, Space.SLOT, Space.STATE)


def run(
    kernels: Sequence[Kernel], placement: dict[Value, Buffer], batch: int
) -> tuple[tuple[Kernel, ...], dict[Value, Buffer]]:
    """The kernels in the same order, those that copy last; and where each value lies while the step runs."""
    readers = readers_of(kernels)
    moved: dict[tuple[Value, Buffer], Buffer] = {}
    names = buffer_names(kernels)
    copies: list[Kernel] = []
    for kernel in kernels:
        for write in kernel.writes:
            if not _is_whole(kernel, write) or write.buffer.space not in LASTING:
                continue
            if _is_safe(kernel, write, readers.get(write.buffer, ()), kernels):
                continue
            old = write.buffer
            made = Buffer(names.fresh(f"new_{old.name}"), old.element, old.shape, Space.ARENA)
            moved[write.value, write.buffer] = made
            copies.append(_copy(kernel, write, made, batch))
    if not copies:
        return tuple(kernels), placement
    where = {value: moved.get((value, buffer), buffer) for value, buffer in placement.items()}
    return (*(_with_moved(kernel, moved) for kernel in kernels), *copies), where


def _is_whole(kernel: Kernel, write: Write) -> bool:
    """Whether the kernel leaves the value itself there, rather than partials. An update is the last and reads as it
    writes."""
    return kernel.kind is not KernelKind.UPDATE and (write.fold is None or kernel.kind is KernelKind.FINISH)


def readers_of(kernels: Iterable[Kernel]) -> dict[Buffer, list[tuple[Kernel, Value]]]:
    """Who reads a buffer, and as which value."""
    found: dict[Buffer, list[tuple[Kernel, Value]]] = {}
    for kernel in kernels:
        for value, buffer in kernel.reads:
            found.setdefault(buffer, []).append((kernel, value))
    return found


def _followers(kernel: Kernel, kernels: Sequence[Kernel]) -> set[Kernel]:
    """The kernels that read what a kernel leaves, or what is made of it: all of them come after it."""
    made = {write.value for write in kernel.writes}
    found: set[Kernel] = set()
    for other in kernels[kernels.index(kernel) + 1 :]:
        if any(value in made for value, _ in other.reads):
            found.add(other)
            made.update(write.value for write in other.writes)
    return found


def _is_safe(kernel: Kernel, write: Write, readers: Iterable[tuple[Kernel, Value]], kernels: Sequence[Kernel]) -> bool:
    """Whether all that read the old value can run before, or read each element where it is written."""
    old = [(reader, value) for reader, value in readers if value is not write.value]
    if any(reader is kernel and not read_as_written(kernel, value, write.value) for reader, value in old):
        return False
    after = _followers(kernel, kernels) if any(reader is not kernel for reader, _ in old) else set()
    return after.isdisjoint(reader for reader, _ in old)


def read_as_written(kernel: Kernel, read: Value, written: Value) -> bool:
    """Whether every element of `read` is used only by the program that makes the same element of `written`."""
    home = tuple(range(len(kernel.domain)))
    if (kernel.axes or {}).get(written) != home:
        return False
    alike = {read}
    for op in kernel.ops:
        if not alike.intersection(op.args):
            continue
        kind = TABLE[op.primitive].kind
        if kind is Kind.POINTWISE and all(result.type.shape == read.type.shape for result in op.results):
            alike.update(op.results)
        elif kind is not Kind.REDUCTION or (kernel.operands or {}).get(op) != home:
            return False
    return True


def _copy(kernel: Kernel, write: Write, made: Buffer, batch: int) -> Kernel:
    group = region_group(0, write.value)
    axes: dict[Value, AxisMap] = {write.value: tuple(range(len(group.domain)))[: len(made.shape)]}
    return Kernel(
        f"{write.buffer.name}_copy",
        KernelKind.REGION,
        (),
        ((write.value, made),),
        (Write(write.value, write.buffer),),
        domain=group.domain,
        axes=axes,
        operands={},
        tiles=tiles.choose(group, group.ops, batch),
        spans=kernel.spans,
    )


def _with_moved(kernel: Kernel, moved: dict[tuple[Value, Buffer], Buffer]) -> Kernel:
    def place(value: Value, buffer: Buffer) -> Buffer:
        return moved.get((value, buffer), buffer)

    reads = tuple((value, place(value, buffer)) for value, buffer in kernel.reads)
    writes = tuple(replace(write, buffer=place(write.value, write.buffer)) for write in kernel.writes)
    return replace(kernel, reads=reads, writes=writes)
