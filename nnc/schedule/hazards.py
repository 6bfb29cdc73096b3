"""New values of what outlives the step (parameters, slots, states), where the old one is still needed.

In: a step's kernels with their buffers. Out: kernels that write such a new value to its place only where every reader
of the old one can run before, or reads each element where it is written. Any other new value goes to the arena first,
and a kernel of its own copies it to its place.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    after = _followers(kernels)
    moved: dict[tuple[Value, Buffer], Buffer] = {}
    names = buffer_names(kernels)
    copies: list[Kernel] = []
    for kernel in kernels:
        for write in kernel.writes:
            if not _is_whole(kernel, write) or write.buffer.space not in LASTING:
                continue
            if _is_safe(kernel, write, kernels, after[kernel]):
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


def _followers(kernels: Sequence[Kernel]) -> dict[Kernel, set[Kernel]]:
    """The kernels that read what a kernel leaves, or what is made of it."""
    readers: dict[Value, list[Kernel]] = {}
    for kernel in kernels:
        for value, _ in kernel.reads:
            readers.setdefault(value, []).append(kernel)
    found: dict[Kernel, set[Kernel]] = {}
    for kernel in reversed(kernels):  # a kernel comes after those that it reads from
        own: set[Kernel] = set()
        for write in kernel.writes:
            for reader in readers.get(write.value, ()):
                if reader is not kernel:
                    own |= {reader, *found.get(reader, ())}
        found[kernel] = own
    return found


def _is_safe(kernel: Kernel, write: Write, kernels: Sequence[Kernel], after: set[Kernel]) -> bool:
    for reader in kernels:
        for value, buffer in reader.reads:
            if buffer != write.buffer or value is write.value:
                continue
            if reader in after or (reader is kernel and not read_as_written(kernel, value, write.value)):
                return False
    return True


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
