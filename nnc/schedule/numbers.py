"""Numbers that an update needs of the step, such as Adam's rate with its corrections: one kernel computes them once,
where every thread of every program of the update would else.

In: a step's kernels in order. Out: the same, where the last `finish` leaves such numbers for the updates that follow
it. These keep the ops, since the torch path has Python compute them where they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Space, Write, buffer_names
from nnc.schedule.naming import is_called, readable
from nnc.tensor.ir import Op, Value

_CHEAP = ("constant", "convert")


def run(kernels: Sequence[Kernel]) -> tuple[Kernel, ...]:
    """Raises nothing of its own."""
    last = next((kernel for kernel in reversed(kernels) if kernel.kind is KernelKind.FINISH), None)
    if last is None:
        return tuple(kernels)
    found: dict[Value, Buffer] = {}
    changed: dict[Kernel, Kernel] = {}
    finish, names = last, buffer_names(kernels)
    for kernel in kernels:
        if kernel.kind is not KernelKind.UPDATE:
            continue
        own = _numbers(kernel)
        for value, ops in own.items():
            if value not in found:
                found[value] = Buffer(names.fresh(_name(ops)), "f32", (), Space.NUMBER)
                finish = _leaving(finish, kernel, value, ops, found[value])
        changed[kernel] = replace(kernel, reads=(*kernel.reads, *((value, found[value]) for value in own)))
    changed[last] = finish
    return tuple(changed.get(kernel, kernel) for kernel in kernels)


def _name(ops: Sequence[Op]) -> str:
    """That of the last variable of the optimizer's that is on the way to the number."""
    called = [op.result for op in ops if op.primitive not in _CHEAP and is_called(op.result)]
    return readable(called[-1]) if called else "number"


def _numbers(kernel: Kernel) -> dict[Value, tuple[Op, ...]]:
    """What all tensors of an update share, where it is a number that takes more than a conversion of the step; with
    the ops that make it."""
    anchor = kernel.anchor
    assert anchor is not None
    shared = anchor["shared"]
    assert isinstance(shared, int)
    found = {}
    for value in anchor.args[len(anchor.args) - shared :]:
        ops = _ops_of_the_step(kernel, value)
        if value.type.element == "f32" and any(op.primitive not in _CHEAP for op in ops):
            found[value] = ops
    return found


def _ops_of_the_step(kernel: Kernel, value: Value) -> tuple[Op, ...]:
    """The ops that make a value of the number of the step and of nothing else; none where that is not how it is
    made."""
    buffers = dict(kernel.reads)
    needed, found = {value}, []
    for op in reversed(kernel.ops):
        if needed.intersection(op.results):
            found.append(op)
            needed.update(op.args)
    made = {result for op in found for result in op.results}
    outside = [each for each in needed - made if buffers[each].space is not Space.CONTROL]
    return () if outside else tuple(reversed(found))


def _leaving(finish: Kernel, update: Kernel, value: Value, ops: tuple[Op, ...], buffer: Buffer) -> Kernel:
    """The finish with a number more."""
    read = {arg for op in ops for arg in op.args}
    known = {each for each, _ in finish.reads}
    made = {result for op in finish.ops for result in op.results}
    return replace(
        finish,
        ops=(*finish.ops, *(op for op in ops if made.isdisjoint(op.results))),
        reads=(*finish.reads, *(row for row in update.reads if row[0] in read - known)),
        writes=(*finish.writes, Write(value, buffer)),
    )
