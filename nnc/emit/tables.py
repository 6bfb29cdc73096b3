"""The tables of a module: parameters, buffers, views, ports. In: the schedule. Out: their text."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.emit.describe import file_name
from nnc.emit.initial import initializer
from nnc.emit.torch_text import TorchView
from nnc.schedule.kernel import Buffer, Extent, FlatLayout, Schedule
from nnc.tensor.program import Parameter, Port, State

WIDTH = 120


def sequence(name: str, rows: Sequence[str]) -> list[str]:
    """A tuple of rows, one a line, or on one line where it fits."""
    if not rows:
        return [f"{name} = ()"]
    joined = f"{name} = ({', '.join(rows)}{',' if len(rows) == 1 else ''})"
    if len(joined) <= WIDTH and len(rows) == 1:
        return [joined]
    return [f"{name} = (", *(f"    {row}," for row in rows), ")"]


def extent(size: Extent) -> str:
    """"BATCH", "BATCH * 4", "tiles(32)", "tiles(32, 4)"."""
    if isinstance(size, int):
        return str(size)
    if size.per == 1:
        return "BATCH" if size.each == 1 else f"BATCH * {size.each}"
    return f"tiles({size.per})" if size.each == 1 else f"tiles({size.per}, {size.each})"


def extents(sizes: Sequence[Extent]) -> str:
    texts = [extent(size) for size in sizes]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def shape(sizes: Sequence[int]) -> str:
    return repr(tuple(sizes))


def tensors(name: str, kind: str, rows: Sequence[Parameter | State], layout: FlatLayout) -> list[str]:
    """The table of parameters or states, in the order in which they lie."""
    ordered = sorted(rows, key=lambda row: layout.offsets[row.path])
    return sequence(
        name,
        [
            f'{kind}("{row.path}", {layout.offsets[row.path]}, {shape(row.type.shape)}, {initializer(row.initializer)})'
            for row in ordered
        ],
    )


def buffers(name: str, rows: Sequence[tuple[Buffer, int, int]]) -> list[str]:
    return sequence(
        name, [f'Buffer("{b.name}", {extents(b.shape)}, "{b.element}", {first}, {last})' for b, first, last in rows]
    )


def views(name: str, rows: Sequence[TorchView]) -> list[str]:
    return sequence(
        name,
        [f'View("{v.name}", "{v.of}", {extents(v.shape)}, {extents(v.strides)}, {extent(v.offset)})' for v in rows],
    )


def ports(rows: Sequence[Port]) -> str:
    texts = []
    for row in rows:
        element = "i64" if row.type.bound is not None else row.type.element
        place = f"{file_name(row.span.source.path)}:{row.span.line}"
        texts.append(
            f'Port("{row.name}", "{element}", {shape(row.type.shape)}, {row.type.bound}, "{row.declared}", "{place}")'
        )
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def slot_rows(schedule: Schedule) -> str:
    optimizer = schedule.model.optimizer
    rows = [(slot.name, slot.initial) for slot in optimizer.slots] if optimizer is not None else []
    return repr(tuple(rows))


