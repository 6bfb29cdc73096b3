"""The text of `Model.summary`: parameters and states, with shapes, sizes and totals."""

import math
from typing import TYPE_CHECKING

from nnc.runtime.declarations import ELEMENT_BYTES

if TYPE_CHECKING:
    from nnc.runtime.model import Model


def text(model: "Model | type[Model]") -> str:
    """A table, one line a tensor."""
    name = model.__name__ if isinstance(model, type) else type(model).__name__
    ports = [f"{port.name}: {port.declared}" for port in model.inputs]
    results = [f"{port.name}: {port.declared}" for port in model.results]
    rows = [(entry.path, _shape(entry.shape), math.prod(entry.shape), "") for entry in model.parameters_table]
    rows += [(entry.path, _shape(entry.shape), math.prod(entry.shape), "state") for entry in model.states_table]
    wide = max((len(row[0]) for row in rows), default=0)
    shape = max((len(row[1]) for row in rows), default=0)
    lines = [f"{name}({', '.join(ports)}) -> {', '.join(results)}", f"from {model.source[0]}", ""]
    lines += [f"  {path:{wide}}  {text:{shape}}  {size:>12,}  {kind}".rstrip() for path, text, size, kind in rows]
    trained = sum(row[2] for row in rows if not row[3])
    states = sum(row[2] for row in rows if row[3])
    slots = sum(math.prod(place.shape) for slot in model.slots for place in slot.places)
    lines += ["", f"Parameters: {trained:,} ({_bytes(4 * trained)})"]
    if states:
        held = sum(math.prod(entry.shape) * ELEMENT_BYTES[entry.element] for entry in model.states_table)
        lines.append(f"States: {states:,} ({_bytes(held)})")
    if slots:
        lines.append(f"Optimizer: {slots:,} ({_bytes(4 * slots)})")
    return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(str(size) for size in shape)}]"


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
