"""Runs a torch step on its own: kernels made by hand, a namespace of tensors, scratch that starts as NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch

from nnc.emit.torch_path import TorchStep, lower
from nnc.runtime import moment_step_
from nnc.schedule.kernel import BATCH, Buffer, Kernel, KernelKind, Space, StepSchedule, Write, at
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.program import Binding, Program, Role

DTYPES = {
    "f32": torch.float32,
    "f64": torch.float64,
    "bf16": torch.bfloat16,
    "f16": torch.float16,
    "i32": torch.int32,
    "i64": torch.int64,
    "u8": torch.uint8,
    "bool": torch.bool,
}
SPACES = {
    Role.INPUT: Space.DATA,
    Role.TARGET: Space.DATA,
    Role.WEIGHT: Space.DATA,
    Role.PARAMETER: Space.PARAMETER,
    Role.SLOT: Space.SLOT,
    Role.STATE: Space.STATE,
    Role.GRADIENT: Space.GRADIENT,
    Role.ACCUMULATOR: Space.SUMS,
    Role.OUTPUT: Space.OUTPUT,
}


def place_of(path: str, order: Sequence[str], sizes: dict[str, int]) -> int:
    """The offset of a parameter in the flat buffer."""
    return sum(-(-sizes[each] // 32) * 32 for each in order[: list(order).index(path)])


def placements(program: Program) -> dict[Value, Buffer]:
    """A buffer for each parameter and result that is bound."""
    function = program.function
    pairs = [*zip(function.parameters, program.inputs, strict=True)]
    order = [binding.name for _, binding in pairs if binding.role is Role.PARAMETER]
    sizes = {binding.name: value.type.size for value, binding in pairs if binding.role is Role.PARAMETER}
    found: dict[Value, Buffer] = {}
    accumulators = 0
    made: dict[tuple[Space, str, str], Buffer] = {}
    for value, binding in [*pairs, *zip(function.results, program.outputs, strict=True)]:
        space = SPACES.get(binding.role)
        if space is None:
            continue
        shape = (BATCH, *value.type.shape) if value.type.batched else value.type.shape
        path = binding.path or (binding.name if space in (Space.PARAMETER, Space.GRADIENT, Space.STATE) else "")
        offset = place_of(path, order, sizes) if path in order else 0
        if space is Space.SUMS:
            offset, accumulators = accumulators, accumulators + 1
        name = binding.name or "weight"
        if space is Space.SUMS:
            buffer = Buffer("sums", "f64", (), space, "", offset)
        else:
            slot = binding.name if space is Space.SLOT else ""
            name = f"{slot}_{path.replace('.', '_')}" if slot else name
            new = Buffer(name, value.type.element, shape, space, path, offset, slot)
            buffer = made.setdefault((space, name, path), new)
        found.setdefault(value, buffer)
    return found


def output(name: str, value: Value) -> Buffer:
    shape = (BATCH, *value.type.shape) if value.type.batched else value.type.shape
    return Buffer(name, value.type.element, shape, Space.OUTPUT)


def one_kernel(program: Program, name: str = "all") -> StepSchedule:
    """The whole program as one kernel."""
    return by_hand(program, [(name, program.function.ops, program.function.results)], {})


def by_hand(
    program: Program, parts: Sequence[tuple[str, Sequence[Op], Sequence[Value]]], arena: dict[Value, Buffer]
) -> StepSchedule:
    """A schedule whose kernels are the parts: a name, the ops, and what of them is written."""
    placed = {**arena, **placements(program)}
    results: dict[Value, list[Buffer]] = {}
    pairs = zip(program.function.results, program.outputs, strict=True)
    accumulators = 0
    for value, binding in pairs:
        if binding.role is Role.ACCUMULATOR:
            results.setdefault(value, []).append(Buffer("sums", "f64", (), Space.SUMS, "", accumulators))
            accumulators += 1
        elif binding.role is Role.OUTPUT:
            results.setdefault(value, []).append(output(binding.name, value))
        else:
            results.setdefault(value, []).append(placed[value])
    kernels = []
    for name, ops, written in parts:
        made = {value for op in ops for value in op.results}
        reads = dict.fromkeys(arg for op in ops for arg in op.args if arg not in made and arg in placed)
        writes = [
            Write(value, buffer)
            for value in dict.fromkeys(written)
            for buffer in results.get(value, [arena[value]] if value in arena else [])
        ]
        kernels.append(
            Kernel(name, KernelKind.REGION, tuple(ops), tuple((value, placed[value]) for value in reads), tuple(writes))
        )
    return StepSchedule("train", program, tuple(kernels), placed, ())


class Run:
    """A step with its tensors; parameters in a flat buffer as the runtime has them."""

    def __init__(
        self, schedule: StepSchedule, arguments: Sequence[np.ndarray], batch: int, precision: str = "f32"
    ) -> None:
        self.schedule, self.batch = schedule, batch
        self.step: TorchStep = lower(schedule, precision=precision)
        self.v = SimpleNamespace(count=float(batch), step=1.0)
        program = schedule.program
        count = sum(binding.role is Role.ACCUMULATOR for binding in program.outputs)
        self.v.sums = torch.zeros(count, dtype=torch.float64)
        self._flat()
        for value, binding, array in zip(program.function.parameters, program.inputs, arguments, strict=True):
            if binding.role is Role.STEP:
                self.v.step = float(array)
            else:
                tensor = torch.tensor(np.asarray(array)).to(DTYPES[schedule.placement[value].element])
                self._bind(schedule.placement[value], tensor)
        written = [write.buffer for kernel in schedule.kernels for write in kernel.writes]
        for buffer in written:
            if buffer.space in (Space.OUTPUT, Space.STATE) and not hasattr(self.v, self._name(buffer)):
                self._bind(buffer, self._unwritten(buffer))
        for buffer, _, _ in self.step.buffers:
            setattr(self.v, buffer.name, self._unwritten(buffer))
        for view in self.step.views:
            base = getattr(self.v, view.of)
            shape = [at(size, batch) for size in view.shape]
            strides = [at(size, batch) for size in view.strides]
            offset = base.storage_offset() + at(view.offset, batch)
            setattr(self.v, view.name, torch.as_strided(base, shape, strides, offset))
        self.names = {"torch": torch, "moment_step_": moment_step_}
        for function in self.step.functions:
            exec(function.text, self.names)

    def _unwritten(self, buffer: Buffer) -> torch.Tensor:
        shape = [at(size, self.batch) for size in buffer.shape]
        dtype = DTYPES[buffer.element]
        if dtype.is_floating_point:
            return torch.full(shape, float("nan"), dtype=dtype)
        return torch.full(shape, 1 if dtype is torch.bool else 77, dtype=dtype)

    def _flat(self) -> None:
        program, placed = self.schedule.program, self.schedule.placement
        ends = [
            buffer.offset + math.prod(at(n, 1) for n in buffer.shape)
            for buffer in placed.values()
            if buffer.space in (Space.PARAMETER, Space.GRADIENT)
        ]
        size = -(-max(ends, default=0) // 32) * 32
        slots = {binding.name for binding in program.inputs if binding.role is Role.SLOT}
        for name in ("parameter", "gradient", *sorted(slots)):
            setattr(self.v, name, torch.zeros(size))
        for buffer in placed.values():
            if buffer.space in (Space.PARAMETER, Space.GRADIENT, Space.SLOT):
                flat = {Space.PARAMETER: "parameter", Space.GRADIENT: "gradient"}.get(buffer.space, buffer.slot)
                shape = [at(n, 1) for n in buffer.shape]
                part = getattr(self.v, flat)[buffer.offset : buffer.offset + math.prod(shape)].view(shape)
                setattr(self.v, self._name(buffer), part)

    def _name(self, buffer: Buffer) -> str:
        path = buffer.path.replace(".", "_")
        match buffer.space:
            case Space.PARAMETER | Space.STATE:
                return path
            case Space.GRADIENT:
                return f"d_{path}"
            case _:
                return buffer.name

    def _bind(self, buffer: Buffer, tensor: torch.Tensor) -> None:
        name = self._name(buffer)
        if hasattr(self.v, name):
            getattr(self.v, name).copy_(tensor)
        else:
            setattr(self.v, name, tensor.clone())

    def __call__(self) -> None:
        for call in self.step.calls:
            eval(call, {**self.names, "v": self.v})

    def result(self, place: int) -> np.ndarray:
        """The result of the program at `place`."""
        program = self.schedule.program
        binding = program.outputs[place]
        if binding.role is Role.ACCUMULATOR:
            value = program.function.results[place]
            writes = [write for kernel in self.schedule.kernels for write in kernel.writes if write.value is value]
            (number,) = {w.buffer.offset for w in writes if w.buffer.path in ("", binding.name)}
            return self.v.sums[number].numpy()
        value = program.function.results[place]
        buffer = self.schedule.placement[value]
        if binding.role is Role.OUTPUT:
            return getattr(self.v, binding.name).float().numpy()
        return getattr(self.v, self._name(buffer)).numpy()

    @property
    def text(self) -> str:
        return "\n\n".join(function.text for function in self.step.functions)


def program_of(function: Function) -> Program:
    """A program whose parameters are inputs and whose results are outputs."""
    inputs = tuple(Binding(Role.INPUT, f"x{number}") for number in range(len(function.parameters)))
    outputs = tuple(Binding(Role.OUTPUT, f"y{number}") for number in range(len(function.results)))
    return Program(function, inputs, outputs)


def check(
    function: Function, arguments: Sequence[np.ndarray], batch: int, tolerance: float = 2e-5, precision: str = "f32"
) -> Run:
    """Runs the function as one kernel and compares each result with the float64 reference."""
    run = Run(one_kernel(program_of(function)), arguments, batch, precision)
    run()
    for number, expected in enumerate(evaluate(function, arguments, batch)):
        found = run.result(number)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=run.text)
    return run
