"""What a kernel's values are bound to in the step's namespace, and its ops with `foreach` written out.

In: a kernel of a step. Out: ops without bodies, the storage of what it reads and writes. An optimizer that treats every
parameter alike runs once over the flat buffers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nnc.emit.torch_tensor import Host, Storage, extents
from nnc.schedule import padding
from nnc.schedule.kernel import Buffer, Kernel, Space, StepSchedule, Write
from nnc.schedule.layout import range_of
from nnc.tensor.build import Builder
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.control import split_groups
from nnc.tensor.program import Role
from nnc.tensor.types import TensorType

ALIGNMENT = 32  # elements: each tensor of a flat buffer starts on 128 bytes


def attribute(path: str) -> str:
    return path.replace(".", "_")


@dataclass(frozen=True, slots=True)
class World:
    """What a step's values are bound to."""

    step: StepSchedule
    size: int  # elements of each flat buffer of parameters
    steps: frozenset[Value]  # the number of the step under way
    weights: frozenset[Value]
    summed: int  # elements of the running sums
    carried: Mapping[Value, Storage]  # folds that a later kernel computes with, beside what they are folded into
    drawn: Mapping[Value, Storage] = field(default_factory=dict)  # random numbers, which the runtime makes
    ranges: dict[str, tuple[str, int, int]] = field(default_factory=dict)  # parts of flat buffers: start and size
    partials: frozenset[Buffer] = frozenset()
    views: Mapping[Value, Op] = field(default_factory=dict)  # the reshapes of the program

    @classmethod
    def of(cls, step: StepSchedule, size: int | None, drawn: Mapping[Value, Storage]) -> World:
        program = step.program
        given = list(zip(program.function.parameters, program.inputs, strict=True))
        steps, weights = (frozenset(v for v, b in given if b.role is role) for role in (Role.STEP, Role.WEIGHT))
        pairs = zip(program.function.results, program.outputs, strict=True)
        summed = sum(value.type.size for value, binding in pairs if binding.role is Role.ACCUMULATOR)
        writes = [write for kernel in step.kernels for write in kernel.writes]
        partials = frozenset(write.partials for write in writes if write.partials is not None)
        views = {op.result: op for op in step.program.function.ops if op.primitive == "reshape"}
        size = size or _flat_size(step)
        return cls(step, size, steps, weights, summed, _carried(step), drawn, partials=partials, views=views)

    def storage(self, buffer: Buffer) -> Storage:
        """The storage of a buffer that is no accumulator."""
        short = attribute(buffer.path.rsplit(".", 1)[-1])
        match buffer.space:
            case Space.PARAMETER | Space.STATE:
                place, local = attribute(buffer.path), short
            case Space.GRADIENT:
                place, local = f"d_{attribute(buffer.path)}", f"d_{short}"
            case Space.SLOT:
                place, local = f"{buffer.slot}_{attribute(buffer.path)}", f"{buffer.slot}_{short}"
            case _:
                place = local = buffer.name or "weight"
        arena = buffer if buffer.space is Space.ARENA else None
        return Storage(buffer.element, buffer.shape, local, place, arena)

    def flat(self, buffers: Sequence[Buffer]) -> Storage | None:
        """The flat buffer that these lie in, or their part of it; None where they do not lie together in one, each in a
        place of its own: parameters may have one gradient."""
        if len(set(buffers)) < len(buffers):
            return None
        names = {_FLAT.get(buffer.space, buffer.slot) for buffer in buffers}
        name = names.pop() if len(names) == 1 else ""
        if not name:
            return None
        return self.part(name, *range_of(buffers))

    def part(self, name: str, start: int, end: int, element: str = "f32") -> Storage:
        """Elements `start` to `end` of a flat buffer."""
        if (start, end) == (0, self.size):
            return Storage(element, (self.size,), name, name)
        place = f"{name}_at_{start}"
        self.ranges[place] = (name, start, end - start)
        return Storage(element, (end - start,), name, place)


_FLAT = {Space.PARAMETER: "parameter", Space.GRADIENT: "gradient"}


def _carried(step: StepSchedule) -> dict[Value, Storage]:
    """Partials are of the Triton path alone: here a fold is whole where it is computed. One that goes to an accumulator
    and is an operand of another kernel's too gets memory of its own."""
    writes = [write for kernel in step.kernels for write in kernel.writes]
    partials = {write.partials for write in writes if write.partials is not None}
    found: dict[Value, Storage] = {}
    for kernel in step.kernels:
        operands = {arg for op in kernel.ops for arg in op.args}
        for value, buffer in kernel.reads:
            placed = step.placement.get(value)
            if buffer in partials and value in operands and (placed is None or placed.space is Space.SUMS):
                name = f"{value.hint}_{value.id}"
                made = Buffer(name, value.type.element, extents(value.type), Space.ARENA)
                found[value] = Storage(made.element, made.shape, value.hint, name, made)
    return found


def _flat_size(step: StepSchedule) -> int:
    ends = [
        buffer.offset + TensorType("f32", tuple(n for n in buffer.shape if isinstance(n, int))).size
        for buffer in step.placement.values()
        if buffer.space in (Space.PARAMETER, Space.GRADIENT)
    ]
    return -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT


@dataclass(slots=True)
class Expanded:
    """A kernel's ops without bodies, and what its values are."""

    ops: list[Op] = field(default_factory=list)
    reads: dict[Value, Storage] = field(default_factory=dict)
    writes: list[tuple[Value, Storage]] = field(default_factory=list)
    sums: list[tuple[Value, int, str]] = field(default_factory=list)  # values, their accumulators' places and folds


def expand(kernel: Kernel, world: World) -> Expanded:
    found = Expanded()
    made = {value for op in kernel.ops for value in op.results}
    for value, buffer in kernel.reads:
        if buffer.space is Space.NUMBER:
            continue  # the ops that make it are the kernel's own, too
        final = world.step.placement.get(value, buffer)
        if value in world.carried:
            found.reads[value] = world.carried[value]
        elif final.space is not Space.SUMS:
            # A fold is read where it is finished; anything else where this kernel says.
            found.reads[value] = world.storage(final if buffer in world.partials else buffer)
    renamed: dict[Value, Value] = {}
    flat: set[Value] = set()
    for op in kernel.ops:
        if world.drawn.keys() & set(op.results):
            continue
        if op.body is None:
            args = tuple(renamed.get(arg, arg) for arg in op.args)
            found.ops.append(
                op if args == op.args else Op(op.primitive, args, op.attributes, op.results, None, op.span)
            )
        else:
            flat |= _foreach(op, kernel, world, found, renamed)
    for write in kernel.writes:
        if write.fold is not None and write.value not in made:
            continue  # done where the value is computed
        if write.buffer.space is Space.NUMBER:
            continue
        if write.value in world.carried:
            found.writes.append((write.value, world.carried[write.value]))
        if write.fold is not None or write.buffer.space is Space.SUMS:
            value, fold = renamed.get(write.value, write.value), write.fold or "sum"
            found.sums += [(value, place, fold) for place in _accumulators(write, world)]
        if write.buffer.space is Space.SUMS:
            continue
        if write.value not in flat:
            value = renamed.get(write.value, write.value)
            found.writes += [(value, world.storage(buffer)) for buffer in _places(write, world)]
    computed = {value for op in found.ops for value in op.results}
    for value in _wanted(found):
        placed = world.step.placement.get(value)
        if value in world.drawn:
            found.reads[value] = world.drawn[value]
        elif value not in computed and value not in found.reads and placed is not None:
            found.reads[value] = world.storage(placed)
    return found


def _places(write: Write, world: World) -> list[Buffer]:
    """The buffers that hold a value: of a fold all that its finish stores it to."""
    if write.fold is None:
        return [write.buffer]
    writes = [each for kernel in world.step.kernels for each in kernel.writes if each.value is write.value]
    return list(dict.fromkeys(each.buffer for each in writes if each.buffer.space is not Space.SUMS))


def _accumulators(write: Write, world: World) -> list[int]:
    """The places of the accumulators that a write changes: of a fold all that its value goes to, which its finish
    knows."""
    if write.fold is None:
        return [write.buffer.offset]
    writes = [each for kernel in world.step.kernels for each in kernel.writes if each.value is write.value]
    return list(dict.fromkeys(each.buffer.offset for each in writes if each.buffer.space is Space.SUMS))


def _wanted(found: Expanded) -> Iterator[Value]:
    for op in found.ops:
        yield from op.args
    yield from (value for value, _ in found.writes)
    yield from (value for value, _, _ in found.sums)


def _foreach(op: Op, kernel: Kernel, world: World, found: Expanded, renamed: dict[Value, Value]) -> set[Value]:
    """Writes the body out: once over flat buffers, or for each tensor. Gives the results that flat buffers hold."""
    body, count, shared = op.body, op["count"], op["shared"]
    assert body is not None
    assert isinstance(count, int)
    assert isinstance(shared, int)
    groups = [op.args[start : start + count] for start in range(0, len(op.args) - shared, count)]
    results = [op.results[start : start + count] for start in range(0, len(op.results), count)]
    common = [renamed.get(arg, arg) for arg in op.args[len(op.args) - shared :]]
    buffers = dict(kernel.reads) | {w.value: w.buffer for w in kernel.writes}
    buffers = {**world.step.placement, **buffers}

    def flat(group: Sequence[Value]) -> Storage | None:
        return world.flat([buffers[value] for value in group]) if all(value in buffers for value in group) else None

    sources, targets = [flat(group) for group in groups], [flat(group) for group in results]
    builder = Builder("update")
    pointwise = all(TABLE[inner.primitive].kind in (Kind.POINTWISE, Kind.SOURCE) for inner in body.ops)
    if pointwise and count and all(sources) and all(targets):
        args = []
        for storage in sources:
            assert storage is not None
            (size,) = storage.shape
            assert isinstance(size, int)
            value = builder.parameter(TensorType("f32", (size,)), storage.local)
            found.reads[value] = storage
            args.append(value)
        made = builder.inline(body, [*args, *common])
        masks = padding.masked(op)
        if any(masks):
            occupied = builder.parameter(TensorType("bool", args[0].type.shape), padding.OCCUPIED.name)
            start, end = range_of(buffers[value] for value in groups[0])
            found.reads[occupied] = world.part(padding.OCCUPIED.name, start, end, "bool")
            zero = builder.op("constant", value=0.0, element="f32")
            made = tuple(
                builder.op("where", occupied, value, zero, hint=value.hint) if mask else value
                for value, mask in zip(made, masks, strict=True)
            )
        found.writes += [(value, target) for value, target in zip(made, targets, strict=True) if target is not None]
        found.ops += builder.finish(made).ops
        return set(op.results)
    for number, places in enumerate(split_groups(op.args, len(body.parameters), count, shared)):
        made = builder.inline(body, [renamed.get(op.args[place], op.args[place]) for place in places])
        renamed.update({group[number]: value for group, value in zip(results, made, strict=True)})
    found.ops += builder.finish(()).ops
    return set()


# --------------------------------------------------------------------------------------- numbers of the step

_PYTHON = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "{0} ** {1}",
    "neg": "-{0}",
    "sqrt": "{0} ** 0.5",
    "rsqrt": "{0} ** -0.5",
    "floordiv": "{0} // {1}",
    "mod": "{0} % {1}",
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
    "abs": "abs({0})",
}


def host_text(op: Op) -> str | None:
    """How Python writes an op on numbers; None for what it leaves to torch."""
    return _PYTHON.get(op.primitive)


_SIMPLE = re.compile(r"(?<![\w.)])([\w.]+) \*\* (-?[\w.]+)(?![\w.(\[])")


def hugged(text: str) -> str:
    """Powers of simple operands without spaces, as the formatter writes them."""
    return _SIMPLE.sub(r"\1**\2", text)


STEP, COUNT = Host("step"), Host("count")
