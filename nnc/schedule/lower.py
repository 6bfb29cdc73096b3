"""A kernel's tile: what its template's hooks load, or a generated kernel computes, and what is stored.

In: a kernel of the schedule. Out: its `Region`. Hooks of a template and generated kernels are lowered alike. Which ops
a kernel has was decided before; nothing is chosen here.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.schedule import folds, reductions
from nnc.schedule.finite import is_finite
from nnc.schedule.index import Index, Looked, Variable, add, constant, flatten, unflatten, variable
from nnc.schedule.kernel import Extent, Kernel, KernelKind, Size, Space, Write
from nnc.schedule.lowering import Coordinates, Lowering
from nnc.schedule.products import Product, classify
from nnc.schedule.region import Node, Region, Store
from nnc.schedule.tiles import power
from nnc.tensor.ir import Op, Value


def run(kernel: Kernel) -> Region:
    """The region of a product or of a generated kernel."""
    product = classify(kernel.anchor) if kernel.kind is KernelKind.PRODUCT and kernel.anchor is not None else None
    variables, shapes, home = _product_tile(kernel, product) if product else _region_tile(kernel)
    buffers = dict(kernel.reads)
    producers = {op.result: op for op in kernel.ops}
    lowering = Lowering(kernel, product, variables, shapes, home, buffers, producers)
    left = right = None
    if product is not None:
        left, right = _operands(lowering, product)
    _reductions_first(lowering)
    stores = tuple(store for write in kernel.writes for store in _stores(lowering, write))
    return Region(variables, shapes, left, right, stores)


def _reductions_first(lowering: Lowering) -> None:
    """Lowers reductions in the program's order, so that what one of them masks is read masked by all that follow."""
    folded = {write.value for write in lowering.kernel.writes if write.fold is not None}
    for op in lowering.kernel.ops:
        if op in (lowering.kernel.operands or {}) and op.result not in folded:
            lowering.lower(op.result, _home(lowering, op.result))


def _extent(extents: list[Extent]) -> tuple[int | None, int]:
    """The extent of axes taken together, None where it holds the batch, and how many elements it has a sample."""
    each, dynamic = 1, False
    for extent in extents:
        each *= extent.each if isinstance(extent, Size) else extent
        dynamic = dynamic or isinstance(extent, Size)
    return (None if dynamic else each), each


def tile_variable(name: str, extents: list[Extent], tile: int) -> Variable:
    extent, each = _extent(extents)
    return Variable(name, extent, extent is None or extent % tile != 0, each)


def _shape(extents: list[Extent]) -> list[int]:
    return [0 if isinstance(extent, Size) else extent for extent in extents]


def _product_tile(
    kernel: Kernel, product: Product
) -> tuple[dict[str, Variable], dict[Variable, int], tuple[Index, ...]]:
    tiles = kernel.tiles
    sizes = {"rows": tiles.rows, "columns": tiles.columns, "depth": tiles.depth, "shared": 1}
    letters = {
        "shared": product.shared,
        "rows": product.rows,
        "depth": product.contraction,
        "columns": product.columns,
    }
    variables: dict[str, Variable] = {}
    home: dict[str, Index] = {}
    for role, own in letters.items():
        if not own:
            continue
        extents = [product.extents[letter] for letter in own]
        batched = any(isinstance(extent, Size) for extent in extents)
        plain = {"rows": "m", "columns": "n", "depth": "k", "shared": "z"}[role]
        name = "rows" if batched and role in ("rows", "depth") else plain
        v = tile_variable(name, extents, sizes[role])
        if role == "shared":
            v = replace(v, padded=v.extent is None)  # the grid goes over the capacity, the batch may be smaller
        variables[role] = v
        home.update(zip(own, unflatten(variable(v), _shape(extents)), strict=True))
    shapes = {v: sizes[role] for role, v in variables.items()}
    return variables, shapes, tuple(home[axis.name] for axis in kernel.domain)


def _region_tile(kernel: Kernel) -> tuple[dict[str, Variable], dict[Variable, int], tuple[Index, ...]]:
    tiles = kernel.tiles
    home: dict[int, Index] = {}
    variables: dict[str, Variable] = {}
    shapes: dict[Variable, int] = {}
    if tiles.rows_of:
        extents = [kernel.domain[i].extent for i in tiles.rows_of]
        batched = any(isinstance(extent, Size) for extent in extents)
        rows = tile_variable("rows" if batched else "m", extents, tiles.rows)
        variables["rows"] = rows
        shapes[rows] = tiles.rows
        home.update(zip(tiles.rows_of, unflatten(variable(rows), _shape(extents)), strict=True))
    others = [i for i in range(len(kernel.domain)) if i not in tiles.rows_of]
    names = ["n", "p", "q", "r", "s", "t", "u", "w"][: len(others)]
    for name, axis in zip(reversed(names), others, strict=True):
        extent = kernel.domain[axis].extent
        assert isinstance(extent, int)
        tile = tiles.columns if len(others) == 1 else power(extent)
        v = tile_variable(name, [extent], tile)
        shapes[v] = tile
        home[axis] = variable(v)
        variables["columns" if len(others) == 1 else v.name] = v
    return variables, shapes, tuple(home[i] for i in range(len(kernel.domain)))


def _operands(lowering: Lowering, product: Product) -> tuple[Node, Node]:
    home: dict[str, Index] = dict(zip(product.result_letters, lowering.home, strict=True))
    extents = [product.extents[letter] for letter in product.contraction]
    depth = lowering.variables["depth"]
    home.update(zip(product.contraction, unflatten(variable(depth), _shape(extents)), strict=True))
    left = lowering.lower(product.left, tuple(home[letter] for letter in product.left_letters))
    right = lowering.lower(product.right, tuple(home[letter] for letter in product.right_letters))
    left, right = _zero_beyond(lowering, left, depth), _zero_beyond(lowering, right, depth)
    for v, node in ((lowering.variables["rows"], left), (lowering.variables["columns"], right)):
        if node.fills.get(v) == 0.0:
            lowering.beyond_product[v] = 0.0
        elif not is_finite(node, v):
            lowering.product_poles.add(v)
    return left, right


def _zero_beyond(lowering: Lowering, node: Node, depth: Variable) -> Node:
    """An operand of a product is zero beyond the end of the contraction, whatever was made of its zeros: 0 * NaN."""
    if not depth.padded or node.fills.get(depth) == 0.0:
        return node
    return lowering.masked(node, (), (depth,), 0.0)


def _stores(lowering: Lowering, write: Write) -> tuple[Store, ...]:
    if write.fold is not None:
        return _partials(lowering, write, write.fold)
    value, buffer = write.value, write.buffer
    at = _home(lowering, value)
    node = lowering.lower(value, at)
    if buffer.space is Space.OUTPUT and value.type.batched:
        at = (add(variable(Looked(lowering.number("cursor"))), at[0]), *at[1:])
    shape = _shape(list(buffer.shape))
    return (Store(buffer, flatten(at, shape), node),)


def _partials(lowering: Lowering, write: Write, fold: str) -> tuple[Store, ...]:
    """Each part of a fold in the columns of its own."""
    op = lowering.producers[write.value]
    assert write.partials is not None
    found: list[Store] = []
    size = write.value.type.size
    for start, node in zip(folds.starts(fold, size), reductions.parts(lowering, op), strict=True):
        if lowering.variables.get("rows") in node.dims:
            raise AssertionError(f"the fold of {write.value.hint} keeps its rows")
        single = start == folds.width(fold, size) - 1  # a variance's count; what is alike in all places goes to each
        at = constant(0) if single and not node.dims else _result_index(lowering, op)
        found.append(Store(write.partials, add(constant(write.column + start), at), node, partial=True))
    return tuple(found)


def _home(lowering: Lowering, value: Value) -> Coordinates:
    """The coordinates of `value` in the kernel's tile."""
    axes = (lowering.kernel.axes or {}).get(value)
    if axes is None:
        rank = value.type.rank + int(value.type.batched)
        return lowering.home[:rank]
    return tuple(constant(0) if place is None else lowering.home[place] for place in axes)


def _result_index(lowering: Lowering, op: Op) -> Index:
    """Where in the partials' columns an element of a fold's result lies."""
    axes = (lowering.kernel.axes or {})[op.result]
    at = tuple(constant(0) if place is None else lowering.home[place] for place in axes)
    return flatten(at, op.result.type.shape)
