"""What a schedule costs: floating-point operations, bytes moved, compulsory bytes and memory, for a batch size.

In: a schedule. Out: numbers. FLOPs are what the primitives' rows say of the ops that a kernel computes, those that it
computes again included; bytes are what kernels read from memory and write to it, each buffer once a kernel.

Compulsory bytes come from the program, whatever the fusion: operands and result of each product once, what a step reads
of the data set, and parameters, gradients and slots as the optimizer needs them. They are the floor that no fusion of
the same ops goes below, except that a product whose operand or result never leaves a tile may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Schedule, Space, StepSchedule, at
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.program import Role
from nnc.tensor.types import ITEM_SIZE, TensorType

_ALIGNMENT = 128  # of buffers in the arena, in bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one kernel, or of a step."""

    flops: int
    bytes: int
    compulsory: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes, self.compulsory + other.compulsory)


def flops_of(op: Op, batch: int) -> int:
    """Floating-point operations of an op for a whole batch."""
    row = TABLE[op.primitive]
    types = tuple(arg.type for arg in op.args)
    results = tuple(result.type for result in op.results)
    call = row.call(types, dict(op.attributes), op.body, TABLE, results, batch)
    repeats = batch if any(type.batched for type in (*types, *results)) else 1
    return row.flops(call) * repeats


def _size(type: TensorType, batch: int) -> int:
    return type.size * (batch if type.batched else 1)


def _bytes(value: Value, buffer: Buffer, batch: int) -> int:
    """What a kernel touches of a value in its buffer, at most the buffer; of a common value in a buffer that follows
    the batch, which holds its partials, one a tile."""
    if buffer.batched and not value.type.batched:
        return at(buffer.shape[0], batch) * value.type.size * ITEM_SIZE[buffer.element]
    return min(_size(value.type, batch) * ITEM_SIZE[buffer.element], buffer.bytes_at(batch))


def _moved(kernel: Kernel, batch: int) -> int:
    read = {(value, buffer.name): _bytes(value, buffer, batch) for value, buffer in kernel.reads}
    written = 0
    for write in kernel.writes:
        if write.fold is not None and write.partials is not None and kernel.kind is not KernelKind.FINISH:
            written += _bytes(write.value, write.partials, batch)
        else:
            written += _bytes(write.value, write.buffer, batch)
    return sum(read.values()) + written


def _products(ops: Iterable[Op]) -> list[Op]:
    return [op for op in ops if TABLE[op.primitive].kind is Kind.PRODUCT]


def _of_product(op: Op, batch: int) -> int:
    return sum(_size(value.type, batch) * ITEM_SIZE[value.type.element] for value in (*op.args, *op.results))


def _of_update(kernel: Kernel) -> int:
    """Parameters, gradients and slots, read and written once; their sizes do not depend on the batch. Each counts with
    the kernel that writes the parameter's new value, or the slot's."""
    written = [write.buffer for write in kernel.writes if write.buffer.space in (Space.PARAMETER, Space.SLOT)]
    total = 0
    for buffer in written:
        total += (3 if buffer.space is Space.PARAMETER else 2) * buffer.bytes_at(1)
    return total


def kernel_costs(step: StepSchedule, batch: int) -> list[Cost]:
    """The cost of each kernel of a step, in order. A product's or an input's compulsory bytes are counted with the
    first kernel that computes or reads it."""
    counted: set[Op] = set()
    multiplied = {value for op in _products(step.program.function.ops) for value in op.args}
    data = {
        value
        for value, binding in zip(step.program.function.parameters, step.program.inputs, strict=True)
        if binding.role in (Role.INPUT, Role.TARGET, Role.WEIGHT) and value not in multiplied
    }
    costs = []
    for kernel in step.kernels:
        products = [op for op in _products(kernel.ops) if op not in counted]
        counted.update(products)
        compulsory = sum(_of_product(op, batch) for op in products)
        for value, buffer in kernel.reads:
            if value in data:
                data.discard(value)
                compulsory += _bytes(value, buffer, batch)
        compulsory += _of_update(kernel)
        flops = sum(flops_of(op, batch) for op in kernel.ops)
        costs.append(Cost(flops, _moved(kernel, batch), compulsory))
    return costs


def step_cost(step: StepSchedule, batch: int) -> Cost:
    return sum(kernel_costs(step, batch), Cost(0, 0, 0))


def arena_bytes(arena: Sequence[tuple[Buffer, int, int]], batch: int) -> int:
    """The peak of a step's arena: largest first, each buffer at the first gap where none that lives at the same time
    lies, as the runtime plans it."""
    placed: list[tuple[int, int, int, int]] = []  # start, end, first, last
    for buffer, first, last in sorted(arena, key=lambda entry: -_aligned(entry[0], batch)):
        size = _aligned(buffer, batch)
        start = 0
        for other_start, other_end, other_first, other_last in sorted(placed):
            together = first <= other_last and other_first <= last
            if together and other_start < start + size and start < other_end:
                start = other_end
        placed.append((start, start + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _aligned(buffer: Buffer, batch: int) -> int:
    return -(-buffer.bytes_at(batch) // _ALIGNMENT) * _ALIGNMENT


def flat_bytes(schedule: Schedule) -> int:
    """The flat buffers of a model in training: parameters, their gradients, the optimizer's slots, and states."""
    copies = 2 if schedule.train is not None else 1
    slots = sum(layout.size for layout in schedule.slots.values())
    return ITEM_SIZE["f32"] * (schedule.layout.size * copies + slots) + schedule.states.size


def peak_bytes(schedule: Schedule, batch: int) -> int:
    """Memory of training at a batch size, the data set left out."""
    steps = [step for step in (schedule.train, schedule.evaluate, schedule.predict) if step is not None]
    return flat_bytes(schedule) + max(arena_bytes(step.arena, batch) for step in steps)
