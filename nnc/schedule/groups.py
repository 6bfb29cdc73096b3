"""Groups of ops that one kernel's tiles can compute together, and whether one more op fits.

A group has a domain, the axes that its tiles go over. A value that is computed in a tile has an axis map: which axis of
the domain each of its own axes is. An op fits where its operands' axes agree. This file decides that; which group an op
is offered to is `fuse.py`'s.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeAlias

from nnc.schedule.kernel import BATCH, DomainAxis, Extent, KernelKind, Size
from nnc.schedule.products import Product, classify, domain_of
from nnc.tensor.ir import Attribute, Op, Value

AxisMap: TypeAlias = tuple[int | None, ...]

COLUMNS = 256  # a product's tile may span this many columns, so that rows of its result can be reduced within the tile
COVERED = 1 << 16  # elements of a row that a generated kernel may hold at once


def held(sizes: Iterable[Extent]) -> int:
    """Elements of a tile that spans these axes whole, a sample: along each a power of two."""
    return math.prod(1 << max(0, (size.each if isinstance(size, Size) else size) - 1).bit_length() for size in sizes)


def extents(value: Value) -> tuple[Extent, ...]:
    """The sizes of all axes of `value`, the batch first where it has one."""
    return ((BATCH, *value.type.shape)) if value.type.batched else value.type.shape


def reduced_axes(op: Op) -> tuple[int, ...]:
    """Which axes of the operand a reduction takes away, the batch counted as axis 0 where the operand has it."""
    (operand, *_) = op.args
    lead = int(operand.type.batched)
    axes = op["axes"]
    assert isinstance(axes, tuple)
    own = tuple(int(axis) + lead for axis in axes if isinstance(axis, int))
    return ((0,) if lead and op["batch"] else ()) + own


def sum_of_ones(op: Op) -> Op | None:
    """The sum over axes of size 1 that a reshape is which takes such axes away; None where it does anything else."""
    if op.primitive != "reshape":
        return None
    left = list(op.result.type.shape)
    shape = op.args[0].type.shape
    dropped: list[int] = []
    for axis, size in enumerate(shape):
        if left and left[0] == size:
            left.pop(0)
        else:
            dropped.append(axis)
    if left or not dropped or any(shape[axis] != 1 for axis in dropped):
        return None
    attributes: tuple[tuple[str, Attribute], ...] = (("axes", tuple(dropped)), ("batch", False), ("keepdims", False))
    return Op("sum", op.args, attributes, op.results, None, op.span)


@dataclass(slots=True, eq=False)
class Group:
    """A kernel in the making."""

    index: int
    kind: KernelKind
    domain: tuple[DomainAxis, ...]
    product: Product | None = None
    ops: list[Op] = field(default_factory=list)
    axes: dict[Value, AxisMap] = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)  # domain axes that are reduced within a tile
    operands: dict[Op, AxisMap] = field(default_factory=dict)  # the axis map of what a reduction reduces
    folds: list[tuple[Op, frozenset[int]]] = field(default_factory=list)  # with the domain axes each reduces

    # ------------------------------------------------------------------------------------------- pointwise

    def align(self, value: Value, result: Value) -> AxisMap | None:
        """The map of an operand `value`, spread over the axes of a pointwise `result`."""
        known = self.axes.get(value)
        if known is None:
            return None
        own, target = extents(value), extents(result)
        lead, target_lead = int(value.type.batched), int(result.type.batched)
        spread: list[int | None] = [None] * len(target)
        if lead:
            spread[0] = known[0]
        for axis in range(lead, len(own)):
            position = len(target) - (len(own) - axis)
            if position < target_lead:
                return None
            if own[axis] == target[position]:
                spread[position] = known[axis]
        return tuple(spread)

    def pointwise_map(self, result: Value, inside: Iterable[Value]) -> AxisMap | None:
        """The axis map of a pointwise `result` whose operands `inside` are this group's; None where they disagree."""
        target = extents(result)
        joined: list[int | None] = [None] * len(target)
        for value in inside:
            spread = self.align(value, result)
            if spread is None:
                return None
            for axis, position in enumerate(spread):
                if position is None:
                    continue
                if joined[axis] not in (None, position):
                    return None
                joined[axis] = position
        if tuple(axis.extent for axis in self.domain) == target:
            whole: AxisMap = tuple(range(len(target)))
            if all(j is None or j == w for j, w in zip(joined, whole, strict=True)):
                return whole
        if any(j is None and target[i] != 1 for i, j in enumerate(joined)):
            return None
        used = [j for j in joined if j is not None]
        return tuple(joined) if len(used) == len(set(used)) else None

    # ------------------------------------------------------------------------------------------- reductions

    def row_axes(self) -> frozenset[int]:
        """For a product: the domain axes that its row variable runs over."""
        assert self.product is not None
        return frozenset(self.product.positions(self.product.rows))

    def can_cover(self, axes: frozenset[int]) -> bool:
        """Whether a tile can span these domain axes whole."""
        if not axes:
            return True
        if self.product is not None:
            columns = frozenset(self.product.positions(self.product.columns))
            size = math.prod(e for e in (self.domain[a].extent for a in columns) if isinstance(e, int))
            return axes == columns and size <= COLUMNS
        if 0 in axes and isinstance(self.domain[0].extent, Size):
            return False
        return self._held(self.covered | axes, [places for _, places in self.folds]) <= COVERED

    def can_fold(self, axes: frozenset[int]) -> bool:
        """Whether a reduction over these domain axes can be a partial a tile: they hold the tile's rows whole, and
        what else they hold the tile spans."""
        if self.product is not None:
            rows = self.row_axes()
            return not self.product.shared and rows <= axes and self.can_cover(axes - rows)
        if 0 not in axes:
            return False
        spanned = axes - {0} - self._leading(axes)
        folds = [*(places for _, places in self.folds), axes]
        return self._held(self.covered | spanned, folds) <= COVERED

    def _leading(self, axes: frozenset[int]) -> frozenset[int]:
        """The run of domain axes from the first on that are all among `axes` and are reduced nowhere in a tile."""
        run: set[int] = set()
        for axis in range(len(self.domain)):
            if axis not in axes or axis in self.covered:
                break
            run.add(axis)
        return frozenset(run)

    def rows(self) -> tuple[int, ...]:
        """The domain axes that the row variable runs over: of a generated kernel, the leading ones that are reduced
        nowhere in a tile and by every fold."""
        if self.product is not None:
            return self.product.positions(self.product.rows)
        return self._run(self.covered, [places for _, places in self.folds])

    def _run(self, covered: Collection[int], folds: Collection[frozenset[int]]) -> tuple[int, ...]:
        last = len(self.domain) if folds and not covered else max(1, len(self.domain) - 1)
        run = range(last)
        return tuple(takewhile(lambda axis: axis not in covered and all(axis in places for places in folds), run))

    def _held(self, covered: Collection[int], folds: Collection[frozenset[int]]) -> int:
        """Elements of a generated kernel's tile for each of its rows, with these reductions. A single axis that is
        reduced nowhere is taken in parts."""
        run = self._run(covered, folds)
        others = [axis for axis in range(len(self.domain)) if axis not in run]
        is_free = not any(axis in covered or any(axis in places for places in folds) for axis in others)
        return 1 if is_free and len(others) <= 1 else held(self.domain[axis].extent for axis in others)

    def spanned(self) -> frozenset[int]:
        """The domain axes that a tile must hold whole."""
        folded = frozenset[int]().union(*(places for _, places in self.folds))
        return frozenset(self.covered) | (folded - frozenset(self.rows()))

    def spans_columns(self) -> bool:
        """Whether one tile holds a row whole, so that what is one number a row is computed once."""
        if self.product is None:
            return True
        return not self.product.shared and self.can_cover(frozenset(self.product.positions(self.product.columns)))


def product_group(index: int, op: Op) -> Group:
    product = classify(op)
    group = Group(index, KernelKind.PRODUCT, domain_of(product), product, [op])
    group.axes[op.result] = tuple(range(len(group.domain)))
    return group


def region_group(index: int, value: Value) -> Group:
    """A generated kernel over the axes of `value`."""
    domain = tuple(
        DomainAxis("B" if i == 0 and value.type.batched else f"d{i}", e) for i, e in enumerate(extents(value))
    )
    return Group(index, KernelKind.REGION, domain or (DomainAxis("d0", 1),))
