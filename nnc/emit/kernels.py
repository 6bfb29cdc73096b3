"""A kernel of the schedule as the text of a Triton function, and its launch.

In: kernels. Out: for each its text, and the grid, arguments and options of its launch. Products are spliced from the
template; other kernels are written out from their region. See `finish.py` and `update.py` for the step's last two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnc.emit import describe
from nnc.emit.reach import depends, looked, reachable, shared_nodes
from nnc.emit.splice import splice
from nnc.emit.tidy import docstring_lines, live_lines, signature_lines
from nnc.emit.tile import TilePrinter
from nnc.schedule.index import Variable
from nnc.schedule.kernel import Buffer, Extent, Kernel, Size, Space
from nnc.schedule.lower import run as lower
from nnc.schedule.products import classify
from nnc.schedule.region import Load, Node, Region, Store

ROWS = "ROWS"
ORDER = Buffer("order", "i64", (Size(),), Space.CONTROL)
CONTROL = Buffer("control", "i64", (8,), Space.CONTROL)


@dataclass(frozen=True, slots=True)
class KernelText:
    """name, text: of the function. grid: a tuple's text, or a number's. arguments: texts. warps: programs' width."""

    name: str
    text: str
    grid: str
    arguments: tuple[str, ...]
    warps: int = 4


@dataclass(frozen=True, slots=True)
class Style:
    """How products multiply: the module's precision. template: the text of the product's template."""

    template: str
    input_precision: str = "ieee"
    half: str | None = None


def blocks(extents: Sequence[Extent], tile: str, size: int) -> str:
    """How many tiles of `size` (named `tile`) cover these axes together, as text."""
    each, batched = 1, False
    for extent in extents:
        each *= extent.each if isinstance(extent, Size) else extent
        batched = batched or isinstance(extent, Size)
    if not batched:
        return str(-(-each // size))
    capacity = "v.batch" if each == 1 else f"v.batch * {each}"
    return f"cdiv({capacity}, {tile})"


def product_text(kernel: Kernel, style: Style) -> KernelText:
    assert kernel.anchor is not None
    region = lower(kernel)
    product = classify(kernel.anchor)
    rows, depth = region.variables["rows"], region.variables["depth"]
    columns = region.variables["columns"]
    printer = _printer(kernel, region, style)
    over_batch = depth.extent is None
    whole = depth.extent is not None and depth.extent <= region.shapes[depth]
    sections = _sections(printer, region, rows, columns, depth, whole)
    parameters, arguments = printer.signature()
    rows_named = ROWS in printer.sizes.values()
    if rows_named:
        parameters.append(f"{ROWS}: tl.constexpr")
        arguments.append(str(region.shapes[depth] if over_batch else region.shapes[rows]))
    one_row = rows.extent is not None and rows.extent <= region.shapes[rows]
    one_column = columns.extent is not None and columns.extent <= region.shapes[columns]
    constants = {
        "BM": printer.sizes[rows],
        "BN": printer.sizes[columns],
        "BK": printer.sizes[depth],
        "PRECISION": f'"{style.input_precision}"',
    }
    if not whole:
        constants["K"] = _depth_bound(printer, depth)
    text = splice(
        style.template,
        kernel="product",
        name=kernel.name,
        docstring=describe.docstring(kernel),
        parameters=parameters,
        hooks=sections,
        constants=constants,
        flags={
            "WHOLE_K": whole,
            "ONE_ROW_TILE": one_row,
            "ONE_COLUMN_TILE": one_column,
            "SHARED": bool(product.shared),
        },
        names={"m": rows.name, "k": depth.name},
    )
    grid = [
        blocks([product.extents[letter] for letter in product.rows], constants["BM"], region.shapes[rows]),
        blocks([product.extents[letter] for letter in product.columns], "", region.shapes[columns]),
    ]
    if product.shared:
        grid.append(blocks([product.extents[letter] for letter in product.shared], "1", 1))
    elif grid[1] == "1":
        grid.pop()
    return KernelText(kernel.name, text, _grid(grid, region.shapes[rows]), tuple(arguments), kernel.tiles.warps)


def _grid(grid: list[str], rows: int) -> str:
    named = [part.replace(ROWS, str(rows)) for part in grid]
    return named[0] if len(named) == 1 else f"({', '.join(named)})"


def _depth_bound(printer: TilePrinter, depth: Variable) -> str:
    if depth.extent is not None:
        return str(depth.extent)
    count = str(printer.texts["count"])
    return count if depth.each == 1 else f"{count} * {depth.each}"


def _printer(kernel: Kernel, region: Region, style: Style) -> TilePrinter:
    axes = {v: size for v, size in region.shapes.items() if v is not region.variables.get("shared")}
    sizes = {v: ROWS if v.extent is None and v.name == "rows" else str(size) for v, size in axes.items()}
    printer = TilePrinter(sizes=sizes, half=style.half)
    printer.names.reserve(*(v.name for v in region.shapes))
    folded = [write.partials for write in kernel.writes if write.partials is not None]
    results = [write.buffer for write in kernel.writes if write.partials is None]
    reads = [buffer for _, buffer in kernel.reads if buffer.space is not Space.CONTROL]
    printer.expect([*reads, ORDER, CONTROL, *results, *folded])
    roots = [node for node in (region.left, region.right) if node is not None]
    printer.count([*roots, *(store.value for store in region.stores)])
    for store in region.stores:
        printer.count(looked(store.index))
    return printer


def _sections(
    printer: TilePrinter, region: Region, rows: Variable, columns: Variable, depth: Variable, whole: bool
) -> dict[str, Callable[[tuple[str, ...], str | None], Sequence[str]]]:
    """The lines for each hook of the template. All are made here, in the order in which they will stand."""
    assert region.left is not None
    assert region.right is not None
    if depth.extent is None:
        printer.runtime("count")
    for node in shared_nodes([region.left, region.right], depth):
        if not whole or node.dims:
            printer.text(node)
    for v in (rows, columns, *(v for role, v in region.variables.items() if role == "shared")):
        if not whole and v.padded and v.extent is None:
            printer.valid(v)
    prepare = printer.drain()
    left = printer.operand(region.left, (rows, depth))
    left_lines = [*printer.drain(), f"a = {left}"]
    right = printer.operand(region.right, (depth, columns))
    right_lines = [*printer.drain(), f"b = {right}"]
    for key in [key for key in printer.texts if isinstance(key, Node) and not whole and depends(key, depth)]:
        del printer.texts[key]
    printer.texts.pop(("valid", depth), None) if not whole else None
    _stores(printer, region)
    epilogue = printer.drain()
    return {
        "PREPARE": lambda args, target: prepare,
        "LEFT": lambda args, target: left_lines,
        "RIGHT": lambda args, target: right_lines,
        "EPILOGUE": lambda args, target: epilogue,
    }


def _stores(printer: TilePrinter, region: Region) -> None:
    partial = [store for store in region.stores if store.partial]
    _read_before_written(printer, [*(store for store in region.stores if not store.partial), *partial])
    for store in region.stores:
        if not store.partial:
            printer.store(store)
    if not partial:
        return
    by_buffer = {store.buffer.name: store.buffer for store in partial}
    for buffer in by_buffer.values():
        width = buffer.shape[1]
        rows = region.variables.get("rows")
        tile = "tl.program_id(0)" if rows is not None else "0"
        base = f"{printer.pointer(buffer)} + {tile} * {width}"
        own = [store for store in partial if store.buffer is buffer or store.buffer.name == buffer.name]
        if len(own) > 1:
            base = printer.name("row", base)
        for store in sorted(own, key=lambda store: store.index.constant):
            printer.store(store, base)


def _read_before_written(printer: TilePrinter, stores: Sequence[Store]) -> None:
    """Names what a store reads and an earlier one writes over, before any is written."""
    written: set[Buffer] = set()
    for store in stores:
        for node in reachable([store.value]):
            if isinstance(node, Load) and node.buffer in written and not printer.text(node).isidentifier():
                printer.texts[node] = printer.name(node.hint, printer.text(node))
        written.add(store.buffer)


def region_text(kernel: Kernel, style: Style) -> KernelText:
    """A generated kernel: loads, expressions, reductions within the tile, stores."""
    region = lower(kernel)
    printer = _printer(kernel, region, style)
    header: list[str] = []
    grid: list[str] = []
    rows = region.variables.get("rows")
    parameters: list[str] = []
    arguments: list[str] = []
    if rows is not None:
        size = printer.sizes[rows]
        extents = [kernel.domain[i].extent for i in kernel.tiles.rows_of]
        count = blocks(extents, size, region.shapes[rows])
        span = f"tl.arange(0, {size})"
        header.append(f"{rows.name} = {span}" if count == "1" else f"{rows.name} = tl.program_id(0) * {size} + {span}")
        grid.append(count)
        if size == ROWS:
            parameters.append(f"{ROWS}: tl.constexpr")
            arguments.append(str(region.shapes[rows]))
    for v, shape in region.shapes.items():
        if v is rows:
            continue
        span = f"tl.arange(0, {shape})"
        if v.extent is not None and v.extent > shape:
            header.append(f"{v.name} = tl.program_id(1) * {shape} + {span}")
            grid.append(str(-(-v.extent // shape)))
        else:
            header.append(f"{v.name} = {span}")
    _stores(printer, region)
    body = [*header, *printer.drain()]
    names, values = printer.signature()
    signature = signature_lines(kernel.name, [*names, *parameters])
    doc = docstring_lines(describe.docstring(kernel))
    head = ["@triton.jit", *signature, *doc]
    lines = live_lines([*head, *(f"    {line}" for line in body)], len(head))
    text = "\n".join(lines) + "\n"
    shapes = region.shapes[rows] if rows is not None else 1
    passed = (*values, *arguments)
    return KernelText(kernel.name, text, _grid(grid or ["1"], shapes), passed, kernel.tiles.warps)
