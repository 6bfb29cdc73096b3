"""Runs a step's schedule in float64 NumPy, kernel by kernel and tile by tile, from the regions that kernels are lowered
to. It reads what a Triton kernel would read and writes what it would write: arena buffers start as NaN, lanes beyond an
end hold what a masked load leaves there, and every fill that a node claims is checked against these lanes.

Used beside `nnc.tensor.evaluate`: what the two give must agree.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from nnc.schedule import folds
from nnc.schedule.index import Index, Looked, Quotient, Remainder, Variable
from nnc.schedule.kernel import Buffer, Extent, Kernel, KernelKind, Size, Space, StepSchedule, at
from nnc.schedule.lower import run as lower
from nnc.schedule.region import (
    Accumulator,
    Apply,
    Condition,
    Constant,
    Coordinate,
    Inside,
    Load,
    Node,
    Reduce,
    Region,
    Runtime,
    Store,
)
from nnc.tensor.ir import Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.control import op_call
from nnc.tensor.primitives.primitive import dtype_of
from nnc.tensor.program import Role

CURSOR = 2  # samples of the epoch that came before this batch
SPARE = 3  # samples of the data set beside the batch
UNWRITTEN = 77  # of integers

_CONVERTED = re.compile(r"\.to\(tl\.(\w+)\)")
_DTYPES = {"float": np.float64, "int": np.int64, "uint": np.int64}


def _triton() -> dict[str, Any]:
    """What forms call, in NumPy."""

    def plain(function: Any) -> Any:
        return lambda *args, propagate_nan=None: function(*args)

    def along(function: Any) -> Any:
        return lambda x, axis: function(x, axis=axis)

    tl = SimpleNamespace(
        where=np.where,
        exp=np.exp,
        log=np.log,
        sqrt=np.sqrt,
        rsqrt=lambda x: 1 / np.sqrt(x),
        sin=np.sin,
        cos=np.cos,
        abs=np.abs,
        floor=np.floor,
        ceil=np.ceil,
        sigmoid=lambda x: 1 / (1 + np.exp(-x)),
        maximum=plain(np.maximum),
        minimum=plain(np.minimum),
        clamp=plain(np.clip),
        sum=along(np.sum),
        max=along(np.max),
        min=along(np.min),
        argmax=along(np.argmax),
        argmin=along(np.argmin),
        reduce=lambda x, axis, combine: combine.reduce(x, axis=axis),
        PropagateNan=SimpleNamespace(ALL=None),
    )
    return {
        "tl": tl,
        "sign": np.sign,
        "mod": np.mod,
        "floordiv": np.floor_divide,
        "power": np.power,
        "tanh": np.tanh,
        "expm1": np.expm1,
        "log1p": np.log1p,
        "softplus": lambda x: np.logaddexp(0.0, x),
        "largest": lambda x, axis: np.max(x, axis=axis),
        "smallest": lambda x, axis: np.min(x, axis=axis),
        "multiply": np.multiply,
        "float": float,
    }


TRITON = _triton()


def dtype_named(name: str) -> Any:
    return np.bool_ if name == "int1" else _DTYPES[name.rstrip("0123456789")]


def _joined(means: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The variance of all, from each tile's mean, sum of squared deviations and count."""
    counts = counts[:, :1]
    mean = (means * counts).sum(axis=0) / counts.sum()
    return (squares + counts * (means - mean) ** 2).sum(axis=0) / counts.sum()


def _place_of(best: Any) -> Any:
    """Where the first of the largest or smallest stands."""
    return lambda values, places: np.take_along_axis(places, best(values, axis=0)[None], axis=0)[0]


FOLDED: dict[str, Any] = {
    "sum": lambda x: x.sum(axis=0),
    "prod": lambda x: x.prod(axis=0),
    "max": lambda x: x.max(axis=0),
    "min": lambda x: x.min(axis=0),
    "any": lambda x: x.max(axis=0) != 0,
    "all": lambda x: x.min(axis=0) != 0,
    "variance": _joined,
    "argmax": _place_of(np.argmax),
    "argmin": _place_of(np.argmin),
}


@dataclass
class Machine:
    """The memory of one step, and the numbers that only the run time knows."""

    step: StepSchedule
    count: int  # samples of this batch
    capacity: int  # samples that buffers have room for
    number: int = 1  # of the step under way
    backwards: bool = False  # whether tiles run last to first
    memory: dict[Buffer, np.ndarray] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        return CURSOR + self.capacity + SPARE

    # ------------------------------------------------------------------------------------------------- memory

    def load_arguments(self, arguments: Sequence[np.ndarray]) -> None:
        """Data goes to the rows of the data set that a shuffled epoch's order names."""
        program = self.step.program
        self.epoch = np.random.default_rng(0).permutation(self.samples)
        rows = self.epoch[CURSOR : CURSOR + self.count]
        for value, binding, argument in zip(program.function.parameters, program.inputs, arguments, strict=True):
            array = np.asarray(argument, dtype_of(value.type.element))
            if binding.role is Role.STEP:
                self.number = int(array)
                continue
            if binding.role in (Role.INPUT, Role.TARGET, Role.WEIGHT) and value.type.batched:
                whole = array[np.random.default_rng(1).integers(0, self.count, self.samples)]
                whole[rows] = array
                array = whole
            self.memory[self.step.placement[value]] = array.reshape(-1).copy()

    def buffer(self, buffer: Buffer) -> np.ndarray:
        if buffer.name == "order":
            return self.epoch
        if buffer not in self.memory:
            if buffer.space is Space.SUMS:
                self.memory[buffer] = np.zeros(1)
            else:
                shape = [at(size, self.capacity) for size in buffer.shape]
                if buffer.space is Space.OUTPUT and buffer.batched:
                    shape[0] = self.samples
                dtype = dtype_of("f64" if buffer.element in ("bf16", "f16") else buffer.element)
                unwritten = np.nan if dtype == np.float64 else UNWRITTEN
                self.memory[buffer] = np.full(math.prod(shape), unwritten, dtype)
        return self.memory[buffer]

    def runtime(self, what: str) -> int:
        return {"count": self.count, "cursor": CURSOR, "step": self.number}[what]

    # ------------------------------------------------------------------------------------------------ kernels

    def run(self) -> None:
        for position, kernel in enumerate(self.step.kernels):
            for buffer, first, _ in self.step.arena:
                if first == position:  # another buffer may have lain there
                    self.memory.pop(buffer, None)
            with np.errstate(all="ignore"):
                match kernel.kind:
                    case KernelKind.PRODUCT | KernelKind.REGION:
                        self._tiles(kernel)
                    case KernelKind.FINISH:
                        self._finish(kernel)
                    case KernelKind.UPDATE:
                        self._reference(kernel, {})
            for buffer, _, last in self.step.arena:
                if last == position:
                    self.memory.pop(buffer, None)

    def _blocks(self, extents: Sequence[Extent], size: int) -> int:
        each = math.prod(e.each if isinstance(e, Size) else e for e in extents)
        samples = self.capacity if any(isinstance(e, Size) for e in extents) else 1
        return -(-samples * each // size)

    def _tiles(self, kernel: Kernel) -> None:
        region = lower(kernel)
        loops: list[tuple[Variable, range]] = []
        for role, v in region.variables.items():
            if role != "depth":
                each = [Size(v.each)] if v.extent is None else [v.extent]
                loops.append((v, range(self._blocks(each, region.shapes[v]))))
        programs = list(itertools.product(*(span for _, span in loops)))
        for place in reversed(programs) if self.backwards else programs:
            Tile(self, kernel, region, dict(zip((v for v, _ in loops), place, strict=True))).run()

    def _finish(self, kernel: Kernel) -> None:
        folded: dict[Value, np.ndarray] = {}
        for write in kernel.writes:
            if write.fold is None:
                continue
            assert write.partials is not None
            width = at(write.partials.shape[1], self.capacity)
            table = self.buffer(write.partials).reshape(-1, width)
            size = write.value.type.size
            parts = [table[:, write.column + start :][:, :size] for start in folds.starts(write.fold, size)]
            folded[write.value] = FOLDED[write.fold](*parts)
            assert not np.isnan(folded[write.value]).any(), f"partials of {write.value.hint} were not written"
            self.put(write.buffer, folded[write.value])
        self._reference(kernel, folded)

    def _reference(self, kernel: Kernel, folded: dict[Value, np.ndarray]) -> None:
        """Ops on common values, as the reference has them, and what they make written."""
        known: dict[Value, np.ndarray] = {}
        for value, buffer in kernel.reads:
            array = np.full((), self.number) if buffer.space is Space.CONTROL else self.buffer(buffer)
            known[value] = folded[value] if value in folded else array.reshape(value.type.shape)
        for op in kernel.ops:
            if op.results[0] not in folded:
                call = op_call(op, [arg.type for arg in op.args], TABLE, self.count)
                made = TABLE[op.primitive].run(call, [known[arg] for arg in op.args])
                known.update(zip(op.results, made, strict=True))
        for write in kernel.writes:
            if write.value not in folded:
                self.put(write.buffer, known[write.value])

    def put(self, buffer: Buffer, array: np.ndarray) -> None:
        target = self.buffer(buffer)
        target[:] = np.reshape(array, -1) + (target if buffer.space is Space.SUMS else 0)

    def results(self) -> Iterator[np.ndarray]:
        """The results of the program, in order."""
        program = self.step.program
        for value, binding in zip(program.function.results, program.outputs, strict=True):
            (buffer,) = {
                write.buffer
                for kernel in self.step.kernels
                for write in kernel.writes
                if write.value is value and _is_for(write.buffer, binding.role, binding.path or binding.name)
            }
            array = self.buffer(buffer)
            if buffer.space is Space.OUTPUT and value.type.batched:
                array = array.reshape(-1, *value.type.shape)
                outside = np.delete(array, range(CURSOR, CURSOR + self.count), axis=0)
                assert (
                    np.isnan(outside) if array.dtype == np.float64 else outside == array.dtype.type(UNWRITTEN)
                ).all()
                yield array[CURSOR : CURSOR + self.count]
            else:
                yield array.reshape(value.type.shape)


def _is_for(buffer: Buffer, role: Role, path: str) -> bool:
    return buffer.space.value == {"accumulator": "sums"}.get(role.value, role.value) and buffer.path == path


@dataclass
class Tile:
    """One program of a kernel's grid. A node's array has an axis for each of its dims, in their order."""

    machine: Machine
    kernel: Kernel
    region: Region
    place: dict[Variable, int]
    known: dict[Node, np.ndarray] = field(default_factory=dict)

    def run(self) -> None:
        region = self.region
        if region.left is not None and region.right is not None:
            self._multiply(region.left, region.right, region.variables["depth"])
        for store in region.stores:
            self.store(store)

    def _multiply(self, left: Node, right: Node, depth: Variable) -> None:
        rows, columns = self.region.variables["rows"], self.region.variables["columns"]
        blocks = self.machine._blocks(
            [Size(depth.each) if depth.extent is None else depth.extent], self.region.shapes[depth]
        )
        self.acc = np.zeros((self.region.shapes[rows], self.region.shapes[columns]))
        for block in range(blocks):
            self.known.clear()
            self.place[depth] = block
            self.acc += self.spread(left, (rows, depth)) @ self.spread(right, (depth, columns))
        self.known.clear()
        del self.place[depth]

    # ----------------------------------------------------------------------------------------------- coordinates

    def coordinates(self, v: Variable) -> np.ndarray:
        size = self.region.shapes[v]
        if v is self.region.variables.get("shared"):
            return np.asarray(self.place[v])
        return self.place[v] * size + np.arange(size)

    def inside(self, v: Variable) -> np.ndarray:
        return self.coordinates(v) < (self.machine.count * v.each if v.extent is None else v.extent)

    def along(self, array: np.ndarray, own: tuple[Variable, ...], dims: tuple[Variable, ...]) -> np.ndarray:
        assert array.ndim == len(own), f"{array.shape} for {[v.name for v in own]}"
        assert set(own) <= set(dims), f"{[v.name for v in own]} among {[v.name for v in dims]}"
        return array[tuple(slice(None) if v in own else None for v in dims)]

    def index(self, index: Index, dims: tuple[Variable, ...]) -> np.ndarray:
        total = np.full((1,) * len(dims), index.constant)
        for atom, coefficient in index.terms:
            match atom:
                case Variable():
                    own = () if atom is self.region.variables.get("shared") else (atom,)
                    array = self.along(self.coordinates(atom), own, dims)
                case Quotient(of, by):
                    array = self.index(of, dims) // by
                case Remainder(of, by):
                    array = self.index(of, dims) % by
                case Looked(key):
                    assert isinstance(key, Node)
                    array = self.along(self.value(key), key.dims, dims)
            total = total + coefficient * array
        return total

    def mask(
        self, padding: Sequence[Variable], conditions: Sequence[Condition], dims: tuple[Variable, ...]
    ) -> np.ndarray:
        shape = tuple(self.region.shapes[v] for v in dims)
        mask = np.ones(shape, bool)
        for v in padding:
            if v.padded:
                mask = mask & self.along(self.inside(v), (v,) if v in dims else (), dims)
        for condition in conditions:
            place = self.index(condition.index, dims)
            mask = mask & (place >= 0) & (place < condition.size) & (place % condition.every == 0)
        return mask

    # ----------------------------------------------------------------------------------------------------- nodes

    def value(self, node: Node) -> np.ndarray:
        if node not in self.known:
            array = np.asarray(self._value(node))
            assert array.shape == tuple(self.region.shapes[v] for v in node.dims), f"{node} has shape {array.shape}"
            self.known[node] = array
            self._check_fills(node, array)
        return self.known[node]

    def _check_fills(self, node: Node, array: np.ndarray) -> None:
        """What a node says of lanes beyond one end, where all other variables are inside."""
        for v, fill in node.fills.items():
            lanes = ~self.along(self.inside(v), (v,), node.dims)
            for other in node.dims:
                if other is not v:
                    lanes = lanes & self.along(self.inside(other), (other,), node.dims)
            found = array[np.broadcast_to(lanes, array.shape)]
            assert (found == fill).all(), f"{node.hint} holds {found}, not {fill}, beyond {v.name}"

    def spread(self, node: Node, dims: tuple[Variable, ...]) -> np.ndarray:
        return np.broadcast_to(self.along(self.value(node), node.dims, dims), [self.region.shapes[v] for v in dims])

    def _value(self, node: Node) -> Any:
        match node:
            case Constant(value=value):
                return value
            case Accumulator():
                return self.acc
            case Runtime(what=what):
                return self.machine.runtime(what)
            case Coordinate(index=index):
                return np.broadcast_to(self.index(index, node.dims), [self.region.shapes[v] for v in node.dims])
            case Load(buffer=buffer) if buffer is not None:
                return self._load(node, buffer)
            case Inside(conditions=conditions, padding=padding):
                return self.mask(padding, conditions, node.dims)
            case Apply(form=form, args=args):
                operands = [
                    self.along(self.value(arg), arg.dims, node.dims) if arg.dims else self.value(arg) for arg in args
                ]
                return np.broadcast_to(_call(form, operands), [self.region.shapes[v] for v in node.dims])
            case Reduce(form=form, arg=arg) if arg is not None:
                return _call(form, [self.value(arg)])
            case _:
                raise AssertionError(node)

    def _load(self, node: Load, buffer: Buffer) -> np.ndarray:
        mask = self.mask(tuple(dict.fromkeys((*node.dims, *node.index.variables()))), node.conditions, node.dims)
        array = self.machine.buffer(buffer)
        index = np.broadcast_to(self.index(node.index, node.dims), mask.shape)
        read = index[mask]
        assert ((read >= 0) & (read < array.size)).all(), f"{self.kernel.name} reads beyond {buffer.name}"
        found = np.zeros(mask.shape, array.dtype)
        found[mask] = array[read]
        if found.dtype == np.float64:
            assert not np.isnan(found).any(), f"{self.kernel.name} reads of {buffer.name} what nobody wrote"
        return found

    # ---------------------------------------------------------------------------------------------------- stores

    def store(self, store: Store) -> None:
        dims = tuple(v for role, v in self.region.variables.items() if role not in ("depth", "shared"))
        used = {*store.index.variables(), *store.value.dims}
        dims = tuple(v for v in dims if v in used)
        padding = store.index.variables()
        mask = self.mask(padding, (), dims)
        index = np.broadcast_to(self.index(store.index, dims), mask.shape)[mask]
        if store.partial:
            rows = self.region.variables.get("rows")
            width = at(store.buffer.shape[1], self.machine.capacity)
            assert (index < width).all()
            index = index + width * (self.place[rows] if rows is not None else 0)
        value = self.spread(store.value, dims)[mask]
        target = self.machine.buffer(store.buffer)
        assert ((index >= 0) & (index < target.size)).all(), f"{self.kernel.name} writes beyond {store.buffer.name}"
        assert len(np.unique(index)) == index.size, f"{self.kernel.name} writes {store.buffer.name} from several lanes"
        target[index] = value


def _call(form: str, operands: Sequence[np.ndarray]) -> Any:
    text = re.sub(r"\{(\w+)\}", r"_\1", form)
    text = _CONVERTED.sub(lambda found: f".astype({_dtype_name(found[1])})", text)
    names = {f"_{number}": np.asarray(array) for number, array in enumerate(operands)}
    return eval(text, TRITON, names)


def _dtype_name(name: str) -> str:
    return repr(np.dtype(dtype_named(name)).name)


def interpret(
    step: StepSchedule, arguments: Sequence[np.ndarray], count: int, capacity: int, backwards: bool = False
) -> list[np.ndarray]:
    """The results of a step's program for a batch of `count` samples, by its kernels; arguments as `evaluate` takes
    them."""
    machine = Machine(step, count, capacity, backwards=backwards)
    machine.load_arguments(arguments)
    machine.run()
    return list(machine.results())
