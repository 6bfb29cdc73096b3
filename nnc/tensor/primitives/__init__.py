"""The table of primitives: all that the compiler knows of tensors. A family of rows is a file; here they become one
table."""

from __future__ import annotations

from nnc.tensor.primitives import (
    arithmetic,
    control,
    functions,
    indexing,
    ordering,
    products,
    random,
    reductions,
    sources,
    views,
)
from nnc.tensor.primitives.primitive import Call, Kind, Primitive

__all__ = ["TABLE", "Call", "Kind", "Primitive"]

_FAMILIES = (
    arithmetic.ROWS,
    functions.ROWS,
    reductions.ROWS,
    views.ROWS,
    products.ROWS,
    ordering.ROWS,
    indexing.ROWS,
    sources.ROWS,
    random.ROWS,
    control.ROWS,
)

TABLE: dict[str, Primitive] = {row.name: row for rows in _FAMILIES for row in rows}

assert len(TABLE) == sum(len(rows) for rows in _FAMILIES), "a primitive has two rows"
