"""The order of kernels, what they write over, and how long each buffer of the arena lives.

Order and memory are one question: a kernel that only finishes a gradient runs as soon as it can, so that the value it
was the last to read may be written over. A kernel writes over an operand only where each program reads exactly the
elements that it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush

from nnc.schedule.hazards import LASTING, read_as_written, readers_of
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Space, Write
from nnc.schedule.naming import is_called
from nnc.tensor.ir import Value


def order(kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """Kernels in an order that respects who reads what, those first that need no new memory."""
    makes: dict[Value, Kernel] = {}
    folds: dict[Value, Kernel] = {}  # what leaves a value's partials
    for kernel in kernels:
        given = {value for value, _ in kernel.reads}
        for write in kernel.writes:
            if write.fold is not None and kernel.kind is not KernelKind.FINISH:
                folds[write.value] = kernel
            elif write.fold is not None or write.value not in given:  # else a copy of what is there already
                makes[write.value] = kernel
    waits: dict[Kernel, set[Kernel]] = {}
    for kernel in kernels:
        found = {(folds if makes.get(value) is kernel else makes).get(value) for value, _ in kernel.reads}
        waits[kernel] = {maker for maker in found if maker is not None and maker is not kernel}
    readers = readers_of(kernels)
    for kernel in kernels:  # what outlives the step is written only when all have read the old
        for write in kernel.writes:
            if write.buffer.space in LASTING and kernel.kind is not KernelKind.UPDATE:
                old = {k for k, value in readers.get(write.buffer, ()) if value is not write.value}
                waits[kernel] |= {reader for reader in old if reader is not kernel and kernel not in waits[reader]}
    closing = _closing(kernels)
    for kernel in kernels:
        if kernel.kind is KernelKind.UPDATE or kernel is closing:
            waits[kernel] |= {k for k in kernels if k.kind is not KernelKind.UPDATE and k is not kernel}
    return _placed(kernels, waits)


def _placed(kernels: tuple[Kernel, ...], waits: Mapping[Kernel, set[Kernel]]) -> tuple[Kernel, ...]:
    """Kernels each after those that it waits for; of several that can run, one that makes no memory, then the first."""
    missing = [len(waits[kernel]) for kernel in kernels]
    followers: dict[Kernel, list[int]] = {}
    for place, kernel in enumerate(kernels):
        for other in waits[kernel]:
            followers.setdefault(other, []).append(place)
    ready = [(_makes_memory(kernel), place) for place, kernel in enumerate(kernels) if not missing[place]]
    heapify(ready)
    placed: list[Kernel] = []
    while ready:
        _, place = heappop(ready)
        placed.append(kernels[place])
        for after in followers.get(kernels[place], ()):
            missing[after] -= 1
            if not missing[after]:
                heappush(ready, (_makes_memory(kernels[after]), after))
    assert len(placed) == len(kernels), "kernels wait for each other"
    return tuple(placed)


def _closing(kernels: tuple[Kernel, ...]) -> Kernel | None:
    """The last finish whose numbers the update alone may read, and which reads nothing that is written after it: all
    others can run before it."""
    others = [kernel for kernel in kernels if kernel.kind is not KernelKind.UPDATE]
    read = {value for kernel in others for value, _ in _whole(kernel)}
    renewed = {w.buffer: k for k in others for w in k.writes if w.buffer.space in LASTING}
    for kernel in reversed(others):
        is_last = not read & {write.value for write in kernel.writes}
        is_free = all(renewed.get(buffer, kernel) is kernel for _, buffer in kernel.reads)
        if kernel.kind is KernelKind.FINISH and is_last and is_free:
            return kernel
    return None


def _whole(kernel: Kernel) -> list[tuple[Value, Buffer]]:
    """What a kernel reads that is whole, partials left out."""
    folded = {write.value for write in kernel.writes if write.fold is not None}
    return [(value, buffer) for value, buffer in kernel.reads if value not in folded]


def _makes_memory(kernel: Kernel) -> bool:
    return any(write.buffer.space is Space.ARENA and write.fold is None for write in kernel.writes)


def write_over(kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """Lets a kernel's result take the place of an operand that no later kernel reads."""
    renamed: dict[Buffer, Buffer] = {}
    done: list[Kernel] = []
    last = {value: position for position, kernel in enumerate(kernels) for value, _ in kernel.reads}
    holds: dict[Buffer, list[Value]] = {}
    for kernel in kernels:
        for write in kernel.writes:
            holds.setdefault(write.buffer, []).append(write.value)
    for position, kernel in enumerate(kernels):
        current = replace(kernel, reads=tuple((value, renamed.get(b, b)) for value, b in kernel.reads))
        read = {buffer for value, buffer in current.reads if last[value] > position}
        read |= {buffer for _, buffer in current.reads if any(last.get(v, 0) > position for v in holds.get(buffer, ()))}
        taken: set[Buffer] = set()
        writes: list[Write] = []
        for write in current.writes:
            place = _place_for(current, write, read | taken)
            if place is not None:
                taken.add(place)
                renamed[write.buffer] = place
                write = replace(write, buffer=place)
            writes.append(write)
        done.append(replace(current, writes=tuple(writes)))
    return _called_best(tuple(done), kernels)


def _called_best(done: tuple[Kernel, ...], kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """A buffer of several values has the name of the first that a variable of the program holds."""
    first: dict[Buffer, Buffer] = {}
    better: dict[Buffer, Buffer] = {}
    for kernel, before in zip(done, kernels, strict=True):
        for write, own in zip(kernel.writes, before.writes, strict=True):
            if first.setdefault(write.buffer, own.buffer) is own.buffer and is_called(write.value):
                better[write.buffer] = write.buffer
            elif is_called(write.value):
                better.setdefault(write.buffer, replace(write.buffer, name=own.buffer.name))
    return tuple(
        replace(
            kernel,
            reads=tuple((value, better.get(buffer, buffer)) for value, buffer in kernel.reads),
            writes=tuple(replace(write, buffer=better.get(write.buffer, write.buffer)) for write in kernel.writes),
        )
        for kernel in done
    )


def _place_for(kernel: Kernel, write: Write, kept: set[Buffer]) -> Buffer | None:
    """The buffer of an operand that the written value may take the place of; `kept` are those that it may not."""
    if write.buffer.space is not Space.ARENA or write.fold is not None:
        return None
    for value, buffer in kernel.reads:
        same = (buffer.space, buffer.element, buffer.shape) == (Space.ARENA, write.buffer.element, write.buffer.shape)
        if same and buffer not in kept and read_as_written(kernel, value, write.value):
            return buffer
    return None


def lifetimes(kernels: tuple[Kernel, ...]) -> tuple[tuple[Buffer, int, int], ...]:
    """Each buffer of the arena with the first and the last kernel that touches it, in order of their first."""
    spans: dict[Buffer, tuple[int, int]] = {}
    for position, kernel in enumerate(kernels):
        touched = [buffer for _, buffer in kernel.reads]
        for write in kernel.writes:
            touched += [write.buffer] if write.partials is None else [write.partials]
            if write.partials is not None and kernel.kind is KernelKind.FINISH:
                touched.append(write.buffer)
        for buffer in touched:
            if buffer.space in (Space.ARENA, Space.NUMBER):
                first, _ = spans.get(buffer, (position, position))
                spans[buffer] = (first, position)
    return tuple((buffer, first, last) for buffer, (first, last) in spans.items())
