"""What a schedule is: buffers, kernels in order, and the ops that each implements. Data only.

A kernel says *what* it computes by the tensor program's own ops (`ops`, in order; ops of other kernels that it computes
again are among them), what it reads from buffers and what it writes to them. From that the plain-torch path is written
as it stands. *How* it goes over its tiles (`domain`, `tiles`) is for the Triton path; see `lower.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from nnc.base.names import Names
from nnc.base.source import Span
from nnc.schedule.naming import RUNTIME_NAMES, Attributes
from nnc.tensor.ir import Op, Value
from nnc.tensor.program import Model, Program
from nnc.tensor.types import ITEM_SIZE


@dataclass(frozen=True, slots=True)
class Size:
    """A size that follows the batch's capacity: ceil(batch * each / per). `Size()` is the batch itself."""

    each: int = 1
    per: int = 1

    def at(self, batch: int) -> int:
        return -(-batch * self.each // self.per)


BATCH = Size()
Extent: TypeAlias = int | Size


def at(extent: Extent, batch: int) -> int:
    return extent if isinstance(extent, int) else extent.at(batch)


class Space(Enum):
    """Where a buffer lies."""

    ARENA = "arena"  # made anew each step; offsets are planned from lifetimes
    DATA = "data"  # inputs, targets, weights: the whole data set, read through the epoch's order
    PARAMETER = "parameter"  # in the flat buffer, at `offset`
    GRADIENT = "gradient"
    SLOT = "slot"
    STATE = "state"
    CONTROL = "control"  # the number of the step under way
    NUMBER = "number"  # one number of the step, in the arena; the torch path has Python compute it instead
    SUMS = "sums"  # float64, the epoch's accumulators; `offset` is the place of the first element
    OUTPUT = "output"  # results of predict: one row a sample of the data set


@dataclass(frozen=True, slots=True)
class Buffer:
    """Row-major storage. `path` is the parameter's or state's path; `offset` counts elements within its flat buffer,
    which of an optimizer's `slot` is called like it."""

    name: str
    element: str
    shape: tuple[Extent, ...]
    space: Space
    path: str = ""
    offset: int = 0
    slot: str = ""

    def bytes_at(self, batch: int) -> int:
        return math.prod(at(size, batch) for size in self.shape) * ITEM_SIZE[self.element]

    @property
    def batched(self) -> bool:
        return bool(self.shape) and isinstance(self.shape[0], Size)


@dataclass(frozen=True, slots=True)
class Write:
    """`value` goes to `buffer`. With `fold` (one of `folds.FOLDS`) the kernel leaves one partial a tile in the columns
    from `column` of the partials buffer, and `finish` folds them, in tile order, into `buffer`."""

    value: Value
    buffer: Buffer
    fold: str | None = None
    partials: Buffer | None = None
    column: int = 0


@dataclass(frozen=True, slots=True)
class DomainAxis:
    """One axis of the space that a kernel's tiles go over."""

    name: str
    extent: Extent


class KernelKind(Enum):
    PRODUCT = "product"  # template; the anchor is an einsum
    REGION = "region"  # generated: pointwise ops and reductions within a tile
    FINISH = "finish"  # folds of partials, numbers of the step, the next batch
    UPDATE = "update"  # the optimizer over the flat buffers


@dataclass(frozen=True, slots=True)
class Tiles:
    """How many of its domain's rows, columns and (of a product) terms of the contraction one program takes at a time.
    Powers of two. `rows_of`: the domain axes that the row variable runs over; the others are columns."""

    rows: int
    columns: int = 1
    depth: int = 0
    rows_of: tuple[int, ...] = ()
    warps: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """One launch. See the module's docstring.

    reads:  a fold's result is read by `finish` from the partials buffer, and by all others from where it is finished.

    domain: axes of the tile space in order. For a product: its result's axes.
    axes:   for each value that has its home in the tile, which domain axis each of its own axes is (None for a
            broadcast axis of size 1); the batch axis comes first for a batched value.
    operands: likewise the axes of what each reduction reduces.
    """

    name: str
    kind: KernelKind
    ops: tuple[Op, ...]
    reads: tuple[tuple[Value, Buffer], ...]
    writes: tuple[Write, ...]
    anchor: Op | None = None
    domain: tuple[DomainAxis, ...] = ()
    axes: dict[Value, tuple[int | None, ...]] | None = None
    operands: dict[Op, tuple[int | None, ...]] | None = None
    tiles: Tiles = Tiles(1)
    spans: tuple[Span, ...] = ()


def buffer_names(kernels: Iterable[Kernel]) -> Names:
    """Names for further buffers of a step: those of its own are taken."""
    names = Names(RUNTIME_NAMES)
    for kernel in kernels:
        touched = [buffer for _, buffer in kernel.reads]
        touched += [buffer for write in kernel.writes for buffer in (write.buffer, write.partials) if buffer]
        names.reserve(*(name for buffer in touched for name in (buffer.name, buffer.slot)))
    return names


@dataclass(frozen=True, slots=True)
class StepSchedule:
    """One step: its kernels in order, the arena's buffers with the first and last kernel that touches each."""

    name: str  # "train", "evaluate", "predict"
    program: Program
    kernels: tuple[Kernel, ...]
    placement: dict[Value, Buffer]
    arena: tuple[tuple[Buffer, int, int], ...]

    @property
    def closing(self) -> Kernel | None:
        """The finish that only the update follows, if there is one: it can move on to the next batch."""
        for kernel in reversed(self.kernels):
            if kernel.kind is not KernelKind.UPDATE:
                return kernel if kernel.kind is KernelKind.FINISH else None
        return None


@dataclass(frozen=True, slots=True)
class FlatLayout:
    """Where each tensor lies in a flat buffer. At `tails` begin runs whose gradients arrive as folded partials."""

    offsets: dict[str, int]
    size: int
    tails: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A tensor that is folded over an epoch's batches: its place in the flat buffer, and "sum", "max" or "min"."""

    name: str
    offset: int
    shape: tuple[int, ...] = ()
    fold: str = "sum"


@dataclass(frozen=True, slots=True)
class Schedule:
    model: Model
    layout: FlatLayout
    slots: dict[str, FlatLayout]
    states: FlatLayout
    accumulators: tuple[Accumulator, ...]  # in the order in which they lie
    attributes: Attributes  # of inputs, targets, weights and results in the namespace of the steps
    train: StepSchedule | None
    evaluate: StepSchedule | None
    predict: StepSchedule
