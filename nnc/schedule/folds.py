"""Reductions over the batch: what each tile leaves of one, in columns of the partials buffer, for `finish` to fold.

In: a reduction's name and how many elements its result has. Out: how many columns a tile's partial takes, and where its
parts start. A variance is left as (count, mean, sum of squared deviations from that mean): sums of squares would lose
the variance's digits where the mean is large. A position is left beside the value that stands there.
"""

from __future__ import annotations

FOLDS = ("sum", "prod", "max", "min", "any", "all", "variance", "argmax", "argmin")
_POSITIONS = ("argmax", "argmin")


def width(primitive: str, size: int) -> int:
    """Columns of one tile's partial of a reduction to `size` elements."""
    match primitive:
        case "variance":
            return 2 * size + 1
        case _ if primitive in _POSITIONS:
            return 2 * size
        case _:
            return size


def starts(primitive: str, size: int) -> tuple[int, ...]:
    """Where the parts of a partial start: a variance's means, squares and count; a position's values and places."""
    match primitive:
        case "variance":
            return 0, size, 2 * size
        case _ if primitive in _POSITIONS:
            return 0, size
        case _:
            return (0,)


def element(primitive: str, operand: str) -> str:
    """What partials of operands of this element type are stored in."""
    if operand == "bool":
        return "i32"
    return operand if operand in ("i32", "i64") else "f32"
