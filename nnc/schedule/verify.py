"""Checks that a step's schedule is sound: every read finds what it asks for, where and when it asks for it.

In: a `StepSchedule`. Out: nothing, or an `InvalidSchedule` that names the kernel; that is a fault of the compiler,
never of a user. It follows what lies in each buffer from kernel to kernel; whether the ops are right it does not ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from nnc.schedule import folds
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Size, Space, StepSchedule, Write
from nnc.tensor.ir import Value
from nnc.tensor.program import Role


class InvalidSchedule(Exception):
    """A pass of the schedule made something that would compute nonsense."""


@dataclass(slots=True)
class _Contents:
    """What lies where, as kernels run. partials: folds that have left their partials in a buffer."""

    values: dict[Buffer, Value] = field(default_factory=dict)
    partials: dict[Buffer, set[Value]] = field(default_factory=dict)


def verify(step: StepSchedule) -> None:
    """Reads after writes, operands at hand, columns of partials apart, lifetimes, order, and all results written."""
    contents = _Contents()
    for value in step.program.function.parameters:
        if value in step.placement:
            contents.values[step.placement[value]] = value
    for kernel in step.kernels:
        _check_operands(kernel)
        _check_reads(kernel, contents)
        _check_writes(kernel)
        _run(kernel, contents)
    _check_columns(step.kernels)
    _check_lifetimes(step)
    _check_order(step.kernels)
    _check_results(step)


def _fail(kernel: Kernel, message: str) -> InvalidSchedule:
    return InvalidSchedule(f"{kernel.name}: {message}")


def _is_fold(kernel: Kernel, write: Write) -> bool:
    """Whether the kernel leaves partials there, rather than finishes them."""
    return write.fold is not None and kernel.kind is not KernelKind.FINISH


def _check_operands(kernel: Kernel) -> None:
    """Every operand of an op, and every value written, is read or made by an op before it."""
    known = {value for value, _ in kernel.reads}
    for op in kernel.ops:
        for arg in op.args:
            if arg not in known:
                raise _fail(kernel, f"{op.primitive} takes %{arg.id} ({arg.hint}), which is neither read nor made")
        known.update(op.results)
    for write in kernel.writes:
        if write.value not in known:
            raise _fail(kernel, f"writes %{write.value.id} ({write.value.hint}), which is neither read nor made")


def _check_reads(kernel: Kernel, contents: _Contents) -> None:
    for value, buffer in kernel.reads:
        if contents.values.get(buffer) is not value and value not in contents.partials.get(buffer, ()):
            found = contents.values.get(buffer)
            held = f"{buffer.name} holds {'nothing' if found is None else found.hint}"
            raise _fail(kernel, f"reads %{value.id} ({value.hint}), but {held}")


def _check_writes(kernel: Kernel) -> None:
    """A fold has partials; no place is written twice; and what is written over is read element by element."""
    places: set[Buffer] = set()
    read = {buffer for _, buffer in kernel.reads}
    for write in kernel.writes:
        if (write.fold is None) != (write.partials is None):
            raise _fail(kernel, f"{write.value.hint} is folded without partials, or has partials without a fold")
        if write.fold is not None and kernel.kind is KernelKind.FINISH and write.partials not in read:
            raise _fail(kernel, f"finishes {write.value.hint} from partials that it does not read")
        if _is_fold(kernel, write):
            continue
        if write.buffer in places:
            raise _fail(kernel, f"writes {write.buffer.name} twice")
        places.add(write.buffer)
        over = write.buffer.space is Space.ARENA and write.buffer in read
        if over and (kernel.axes or {}).get(write.value) != tuple(range(len(kernel.domain))):
            raise _fail(kernel, f"writes over {write.buffer.name}, which its tiles do not read as they write it")


def _run(kernel: Kernel, contents: _Contents) -> None:
    for write in kernel.writes:
        if _is_fold(kernel, write) and write.partials is not None:
            contents.partials.setdefault(write.partials, set()).add(write.value)
        elif write.buffer.space is not Space.SUMS:
            contents.values[write.buffer] = write.value


def _check_columns(kernels: Iterable[Kernel]) -> None:
    """Within a buffer of partials each fold has columns of its own."""
    taken: dict[Buffer, dict[int, Value]] = {}
    for kernel in kernels:
        for write in kernel.writes:
            if write.partials is None or not _is_fold(kernel, write):
                continue
            width = write.partials.shape[1]
            end = write.column + folds.width(write.fold or "sum", write.value.type.size)
            if isinstance(width, Size) or end > width:
                raise _fail(kernel, f"the partials of {write.value.hint} end beyond the {width} columns there are")
            columns = taken.setdefault(write.partials, {})
            for column in range(write.column, end):
                if columns.setdefault(column, write.value) is not write.value:
                    raise _fail(kernel, f"{write.value.hint} and {columns[column].hint} share column {column}")


def _check_lifetimes(step: StepSchedule) -> None:
    """Buffers of the arena have names of their own, and live where they are touched."""
    lives = {buffer: (first, last) for buffer, first, last in step.arena}
    if len({buffer.name for buffer in lives}) != len(step.arena):
        raise InvalidSchedule(f"{step.name}: two buffers of the arena have one name")
    for position, kernel in enumerate(step.kernels):
        touched = [buffer for _, buffer in kernel.reads]
        for write in kernel.writes:
            touched += [] if _is_fold(kernel, write) else [write.buffer]
            touched += [] if write.partials is None else [write.partials]
        for buffer in touched:
            first, last = lives.get(buffer, (position, position - 1))
            if buffer.space is Space.ARENA and not first <= position <= last:
                raise _fail(kernel, f"touches {buffer.name}, which does not live then")


def _check_order(kernels: tuple[Kernel, ...]) -> None:
    """Updates over flat buffers come last: they may write over what any other kernel reads."""
    for kernel, following in pairwise(kernels):
        if kernel.kind is KernelKind.UPDATE and following.kind is not KernelKind.UPDATE:
            raise _fail(kernel, "kernels follow the update")


_WRITTEN = {
    Role.PARAMETER: Space.PARAMETER,
    Role.SLOT: Space.SLOT,
    Role.STATE: Space.STATE,
    Role.GRADIENT: Space.GRADIENT,
    Role.OUTPUT: Space.OUTPUT,
    Role.ACCUMULATOR: Space.SUMS,
}


def _check_results(step: StepSchedule) -> None:
    done = {
        (write.value, write.buffer.space, write.buffer.path)
        for kernel in step.kernels
        for write in kernel.writes
        if not _is_fold(kernel, write)
    }
    for value, binding in zip(step.program.function.results, step.program.outputs, strict=True):
        path = binding.path or binding.name
        if (value, _WRITTEN[binding.role], path) not in done:
            raise InvalidSchedule(f"{step.name}: the result {binding.role.value} {path} is written nowhere")
