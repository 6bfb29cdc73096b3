"""Where a value lies on the torch path: storage, and strided views of it.

In: shapes whose first axis may be the batch. Out: views (permuted, expanded, reshaped), or None where a view cannot say
it and a copy is needed. Nothing here writes text or plans memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from nnc.schedule.kernel import BATCH, Buffer, Extent, Size
from nnc.tensor.ir import Value
from nnc.tensor.types import TensorType

Extents: TypeAlias = tuple[Extent, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Row-major memory of one value. Two storages of one `place` lie in the same memory at different times.

    place: the attribute of the step's namespace that holds it; empty for scratch that has no place yet.
    local: the name that a function gives to it.
    """

    element: str
    shape: Extents
    local: str
    place: str = ""
    buffer: Buffer | None = None


@dataclass(frozen=True, slots=True)
class Strided:
    """A view of a storage; strides and offset count elements."""

    storage: Storage
    shape: Extents
    strides: Extents
    offset: Extent = 0

    @property
    def is_whole(self) -> bool:
        return self.shape == self.storage.shape and self.offset == 0 and self.is_contiguous

    @property
    def is_contiguous(self) -> bool:
        packed = contiguous_strides(self.shape)
        return all(n == 1 or a == b for n, a, b in zip(self.shape, self.strides, packed, strict=True))


@dataclass(frozen=True, slots=True)
class Host:
    """A number that Python computes: a constant, or an expression of the step and the count."""

    text: str
    number: bool | int | float | None = None


Operand: TypeAlias = Strided | Host


def times(a: Extent, b: Extent) -> Extent:
    """The product of sizes of which at most one follows the batch."""
    match a, b:
        case int(), int():
            return a * b
        case Size(each, 1), int():
            return Size(each * b) if b else 0
        case int(), Size(each, 1):
            return Size(each * a) if a else 0
        case _:
            raise ValueError(f"no size is the product of {a} and {b}")


def product(sizes: Sequence[Extent]) -> Extent:
    total: Extent = 1
    for size in sizes:
        total = times(total, size)
    return total


def plus(a: Extent, b: Extent) -> Extent:
    match a, b:
        case int(), int():
            return a + b
        case (x, 0) | (0, x):
            return x
        case Size(first, 1), Size(second, 1):
            return Size(first + second)
        case _:
            raise ValueError(f"no size is the sum of {a} and {b}")


def contiguous_strides(shape: Extents) -> Extents:
    strides: list[Extent] = []
    step: Extent = 1
    for size in reversed(shape):
        strides.append(step)
        step = times(step, size)
    return tuple(reversed(strides))


def extents(type: TensorType) -> Extents:
    """The shape of a value in memory: the batch first."""
    return (BATCH, *type.shape) if type.batched else type.shape


def whole(storage: Storage) -> Strided:
    """All of a storage."""
    packed = Strided(storage, storage.shape, contiguous_strides(storage.shape))
    return viewed(packed, packed.shape, packed.strides)


def lying(value: Value, storage: Storage) -> Strided:
    """`value` in its own shape, where `storage` holds it in row-major or in column-major order."""
    x = whole(storage)
    return transposed(x) if len(x.shape) == 2 and x.shape != extents(value.type) == x.shape[::-1] else x


def transposed(x: Strided) -> Strided:
    """A matrix with its two axes exchanged."""
    return permuted(x, (1, 0))


def is_column_major(x: Strided) -> bool:
    """Whether a matrix of several rows and columns lies column by column."""
    return len(x.shape) == 2 and not x.is_contiguous and transposed(x).is_contiguous


def viewed(x: Strided, shape: Extents, strides: Extents, offset: Extent | None = None) -> Strided:
    """A view of the storage of `x`. Axes of size 1 may have any stride: they get the one that says least, so that views
    of the same elements in the same shape are equal."""
    normal: list[Extent] = []
    for axis in reversed(range(len(shape))):
        if shape[axis] != 1:
            normal.append(strides[axis])
        elif not normal:
            normal.append(1)
        else:
            normal.append(times(shape[axis + 1], normal[-1]))
    return Strided(x.storage, shape, tuple(reversed(normal)), x.offset if offset is None else offset)


def permuted(x: Strided, axes: Sequence[int]) -> Strided:
    return viewed(x, tuple(x.shape[a] for a in axes), tuple(x.strides[a] for a in axes))


def spaced(x: Strided, at: int, count: int = 1) -> Strided:
    """`x` with `count` axes of size 1 before axis `at`."""
    ones: Extents = (1,) * count
    return viewed(x, (*x.shape[:at], *ones, *x.shape[at:]), (*x.strides[:at], *ones, *x.strides[at:]))


def aligned(x: Strided, batched: bool, rank: int) -> Strided:
    """A per-sample view with as many axes as a result of `rank` sample axes has; a common one needs no axes."""
    missing = rank + 1 - len(x.shape)
    return spaced(x, 1, missing) if batched and missing > 0 else x


def expanded(x: Strided, shape: Extents) -> Strided:
    """`x` repeated to `shape`, without copying."""
    missing = len(shape) - len(x.shape)
    strides: list[Extent] = [0] * missing
    for size, stride, wanted in zip(x.shape, x.strides, shape[missing:], strict=True):
        strides.append(stride if size == wanted else 0)
    return viewed(x, shape, tuple(strides))


def selected(x: Strided, axis: int, start: int, size: Extent, step: int = 1) -> Strided:
    """`size` places of one axis from `start` on, `step` apart."""
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    strides = (*x.strides[:axis], times(x.strides[axis], step), *x.strides[axis + 1 :])
    return viewed(x, shape, strides, plus(x.offset, times(x.strides[axis], start)))


def indexed(x: Strided, axis: int, place: int) -> Strided:
    """One place of an axis, which goes."""
    taken = selected(x, axis, place, 1)
    keep = [a for a in range(len(x.shape)) if a != axis]
    return permuted(taken, keep)


def merged(x: Strided, groups: Sequence[Sequence[int]]) -> Strided | None:
    """`x` with each group of axes (in that order) made one axis, or None where strides do not allow it."""
    shape: list[Extent] = []
    strides: list[Extent] = []
    for group in groups:
        axes = [a for a in group if x.shape[a] != 1]
        for outer, inner in pairwise(axes):
            if x.strides[outer] != times(x.shape[inner], x.strides[inner]):
                return None
        shape.append(product([x.shape[a] for a in axes]))
        strides.append(x.strides[axes[-1]] if axes else 1)
    return viewed(x, tuple(shape), tuple(strides))


def reshaped(x: Strided, shape: Extents) -> Strided | None:
    """`x` in row-major order as `shape`, or None where that needs a copy."""
    if x.shape == shape:
        return x
    if x.is_contiguous:
        return viewed(x, shape, contiguous_strides(shape))
    kept = [a for a, size in enumerate(x.shape) if size != 1]
    if [x.shape[a] for a in kept] != [size for size in shape if size != 1]:
        return None
    remaining = iter(kept)
    strides = tuple(1 if size == 1 else x.strides[next(remaining)] for size in shape)
    return viewed(x, shape, strides)


def squeezed(x: Strided) -> tuple[Storage, Extents, Extents, Extent]:
    """What tells views apart that differ in axes of size 1 alone."""
    axes = [a for a, size in enumerate(x.shape) if size != 1]
    return x.storage, tuple(x.shape[a] for a in axes), tuple(x.strides[a] for a in axes), x.offset
