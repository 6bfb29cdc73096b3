"""Types of tensors: element type, the shape of one sample, and whether the value exists once a sample or once in all.

The batch is never an axis of `shape`. A *batched* value has one tensor of `shape` for each sample; a *common* value
(parameters, states, what was reduced over the batch) has one tensor in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FLOATS = ("f64", "f32", "f16", "bf16")
INTEGERS = ("i64", "i32", "u8")
ELEMENTS = (*FLOATS, *INTEGERS, "bool")
ITEM_SIZE = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "u8": 1, "bool": 1}

Shape = tuple[int, ...]


class BatchLength(int):
    """The size of an axis along which the samples of the batch lie: how many there can be. A batch may hold fewer, and
    then the entries at the axis's end belong to no sample. The number survives where the axis does."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of a tensor.

    element: one of ELEMENTS. Programs of the language compute in f32 (its `float`); f64 is for accumulators.
    shape:   sizes of the sample's axes; the batch axis is not among them.
    batched: True for a value per sample, False for a common one.
    bound:   n for an `index(n)`: integers in 0 .. n-1, stored as i32 or i64; None for all else.
    """

    element: str
    shape: Shape = ()
    batched: bool = False
    bound: int | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    def holds(self, value: object) -> bool:
        """Whether a Python number or truth can be an entry."""
        if self.element == "bool" or isinstance(value, bool):
            return self.element == "bool" and isinstance(value, bool)
        if self.is_float:
            return isinstance(value, int | float) and math.isfinite(value)
        return isinstance(value, int) and (self.bound is None or 0 <= value < self.bound)

    @property
    def size(self) -> int:
        """Elements of one sample (of the whole value, for a common one)."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        return self.element in FLOATS

    @property
    def is_integer(self) -> bool:
        return self.element in INTEGERS

    def with_shape(self, shape: Shape) -> TensorType:
        return replace(self, shape=shape)

    def with_element(self, element: str) -> TensorType:
        return replace(self, element=element, bound=None)

    def __str__(self) -> str:
        name = "float" if self.element == "f32" else self.element
        if self.bound is not None:
            name = f"index({self.bound})"
        dims = ", ".join(str(size) for size in self.shape)
        return f"{name}[{dims}]" if self.shape else name


class TypeMismatch(Exception):
    """A primitive was given operands that it does not take. `str()` says what was expected and what was found."""


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that NumPy's broadcasting gives, aligned at the last axis. Raises TypeMismatch where sizes differ."""
    first, *others = [shape for shape in shapes if shape] or [()]
    if all(shape is first for shape in others):
        return first  # what most operations find: results hand their operands' shape on
    rank = max(map(len, shapes))
    result = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if -axis <= len(shape)} - {1}
        if len(sizes) > 1:
            given = " and ".join(str(list(shape)) for shape in shapes)
            raise TypeMismatch(
                f"shapes {given} do not fit: axis {axis} is {' here and '.join(map(str, sorted(sizes)))}"
            )
        result.append(_joined([shape[axis] for shape in shapes if -axis <= len(shape)], axis))
    return tuple(result)


def _joined(sizes: list[int], axis: int) -> int:
    """One of equal sizes, 1 apart. Raises TypeMismatch where only some of them run over the batch."""
    long = [size for size in sizes if size != 1]
    if any(isinstance(size, BatchLength) for size in long) and not all(isinstance(size, BatchLength) for size in long):
        raise TypeMismatch(f"axis {axis} runs over the batch here, and not there")
    return next((size for size in sizes if isinstance(size, BatchLength)), long[0] if long else 1)


def carried(shape: Shape, wanted: Shape) -> Shape:
    """`wanted`, a shape of as many elements as `shape`, in which axes of the batch stay what they are. Raises
    TypeMismatch where one of them would be cut or joined."""
    found = list(wanted)
    for axis, size in enumerate(shape):
        if isinstance(size, BatchLength):
            before = math.prod(shape[:axis])
            places = [i for i, own in enumerate(wanted) if own == size and math.prod(wanted[:i]) == before]
            if not places:
                raise TypeMismatch("the axis that runs over the batch can neither be cut nor joined with another")
            found[places[0]] = size
    return tuple(found)


def refuse_batch_axes(symbol: str, type: TensorType) -> None:
    """Raises TypeMismatch where an axis of the operand runs over the batch: its absent entries could not be told."""
    if any(isinstance(size, BatchLength) for size in type.shape):
        raise TypeMismatch(f"`{symbol}` does not take {type}, of which an axis runs over the batch")


def normalise_axis(axis: int, rank: int) -> int:
    """`axis` counted from the front. Raises TypeMismatch where there is no such axis."""
    if not -rank <= axis < rank:
        count = f"{rank} {'axis' if rank == 1 else 'axes'}"
        raise TypeMismatch(f"axis {axis} does not exist: the sample has {count}, and the batch is none of them")
    return axis % rank
