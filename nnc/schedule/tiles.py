"""How large the tiles of a kernel are. In: a group and the declared batch. Out: `Tiles`.

The sizes are rules of thumb that hold for the sizes they name: small problems take small tiles, so that there are
programs enough; large ones take tiles whose operands are read seldom. The interpreter's cost a tile counts too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from nnc.schedule.groups import Group
from nnc.schedule.kernel import Extent, KernelKind, Size, Tiles, at
from nnc.tensor.ir import Op
from nnc.tensor.primitives.random import NUMBERS

SMALLEST = 16  # the least size of a matrix unit's operand
ELEMENTS = 2048  # of a generated kernel's tile
BUSY = 14 * 1024  # operations on a product's tile, beyond which it is spread over more threads
_HEAVY = {"sin": 4, "cos": 4, "tan": 4, **dict.fromkeys(NUMBERS, 16)}  # what counts as several of them
FLAT_BLOCK = 1024  # elements of a flat buffer that one program updates


def power(size: int) -> int:
    """The smallest power of two that is at least `size`."""
    return 1 << max(0, size - 1).bit_length()


def count(extents: Iterable[Extent], batch: int) -> int:
    return math.prod(at(extent, batch) for extent in extents)


def choose(group: Group, ops: Iterable[Op], batch: int) -> Tiles:
    """ops: what the kernel computes, its own and what it computes again."""
    match group.kind:
        case KernelKind.PRODUCT:
            return _product(group, ops, batch)
        case KernelKind.REGION:
            return _region(group, batch)
        case KernelKind.FINISH | KernelKind.UPDATE:
            return Tiles(FLAT_BLOCK)


def _product(group: Group, ops: Iterable[Op], batch: int) -> Tiles:
    product = group.product
    assert product is not None
    rows = count((product.extents[letter] for letter in product.rows), batch)
    columns = count((product.extents[letter] for letter in product.columns), batch)
    depth = count((product.extents[letter] for letter in product.contraction), batch)
    runs_batch = any(isinstance(product.extents[letter], Size) for letter in product.rows)
    whole = max(SMALLEST, power(columns))
    large = rows * columns >= 1 << 20
    if group.spanned():
        wide = whole
        tall = 32 if whole <= 64 else SMALLEST
    else:
        wide = min(whole, 128 if large else 64)
        tall = 128 if large else 32 if runs_batch else SMALLEST
        tall = min(tall, max(SMALLEST, power(rows))) if not runs_batch else tall
    single = any(isinstance(product.extents[letter], Size) for letter in product.contraction)
    deepest = 32 if single or large else 64
    deep = min(max(SMALLEST, power(depth)), deepest)
    # what is computed beside a product lives in the same registers
    work = tall * wide * sum(_HEAVY.get(op.primitive, 1) for op in ops)
    return Tiles(tall, wide, deep, group.rows(), warps=8 if large or work > BUSY else 4)


def _region(group: Group, batch: int) -> Tiles:
    rows_of = group.rows()
    others = [axis.extent for i, axis in enumerate(group.domain) if i not in rows_of]
    wide = math.prod(power(at(extent, batch)) for extent in others)
    if not group.spanned() and len(others) == 1 and wide > FLAT_BLOCK:
        wide = FLAT_BLOCK
    rows = count((group.domain[i].extent for i in rows_of), batch)
    tall = max(1, min(ELEMENTS // wide, power(rows))) if rows_of else 1
    warps = next(w for w in (4, 8, 16, 32) if wide * tall <= ELEMENTS * w or w == 32)
    return Tiles(tall, wide, 0, rows_of, warps=warps)
