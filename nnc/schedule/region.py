"""What a program computes over its tile: a graph of nodes. Data only; `lower.py` makes it, `emit` prints it.

A node's `dims` are the tile variables that it has an axis for, in the kernel's order; none for a scalar. `fills` says
what stands in lanes beyond the end of a padded variable, where that is known: a sum over them then needs no mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from nnc.schedule.index import Index, Variable
from nnc.schedule.kernel import Buffer, Extent, Size

TYPES = {
    "f64": "tl.float64",
    "f32": "tl.float32",
    "i64": "tl.int64",
    "i32": "tl.int32",
    "u8": "tl.uint8",
    "bool": "tl.int1",
    "f16": "tl.float16",
    "bf16": "tl.bfloat16",
}
Fills: TypeAlias = dict[Variable, float]
_START = Index()


@dataclass(frozen=True, slots=True)
class Condition:
    """0 <= index < size, or, with `every`, index % every == 0 too. The size `BATCH` is the number of samples."""

    index: Index
    size: Extent
    every: int = 1

    @property
    def may_be_negative(self) -> bool:
        return self.index.constant < 0 or any(coefficient < 0 for _, coefficient in self.index.terms)

    @property
    def may_be_beyond(self) -> bool:
        return isinstance(self.size, Size) or self.index.last is None or self.index.last >= self.size

    @property
    def is_certain(self) -> bool:
        """Whether it holds wherever the index's variables are within their ends."""
        return not self.may_be_negative and not self.may_be_beyond and self.every == 1


def narrowed(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """The same as fewer conditions: those on one index but for a constant become one, the narrowest range."""
    found: dict[object, Condition] = {}
    for each in conditions:
        key = each.index.terms if each.every == 1 and isinstance(each.size, int) else each
        known = found.get(key)
        if known is None or not isinstance(each.size, int) or not isinstance(known.size, int):
            found[key] = each
            continue
        start = max(-each.index.constant, -known.index.constant)
        end = min(each.size - each.index.constant, known.size - known.index.constant)
        found[key] = Condition(Index(each.index.terms, -start), end - start)
    return tuple(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """The common part: `hint` is the name it would have, `element` its element type."""

    dims: tuple[Variable, ...]
    hint: str
    element: str
    fills: Fills = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Node):
    value: bool | int | float = 0


@dataclass(frozen=True, slots=True, eq=False)
class Accumulator(Node):
    """What the product template leaves for its epilogue. poles: the variables beyond whose end it may be no number."""

    poles: frozenset[Variable] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Load(Node):
    """buffer[index], zero where a padded variable is beyond its end or a condition fails."""

    buffer: Buffer | None = None
    index: Index = _START
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate(Node):
    """An index as a value."""

    index: Index = _START


@dataclass(frozen=True, slots=True, eq=False)
class Runtime(Node):
    """A number that only the run time knows: "count", "cursor" or "step"."""

    what: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Apply(Node):
    """A primitive's text, with places {0}, {1} ... for its operands, spread to `dims`."""

    form: str = ""
    args: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Draw(Node):
    """An element of a draw: of the stream `key`, for the sample at row `sample` of the data set, its element `place` of
    `size`. numbers: what the distribution takes."""

    distribution: str = ""
    numbers: tuple[float, ...] = ()
    key: int = 0
    size: int = 1
    sample: Index = _START
    place: Index = _START


@dataclass(frozen=True, slots=True, eq=False)
class Inside(Node):
    """The truth of conditions; `padding`: and of being within the ends of these variables."""

    conditions: tuple[Condition, ...] = ()
    padding: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reduce(Node):
    """A reduction of `arg` over one of its variables; the form has the place {axis}."""

    form: str = ""
    arg: Node | None = None
    over: Variable | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """value -> buffer[index], where all padded variables of the index are inside. `partial`: the row of the tile."""

    buffer: Buffer
    index: Index
    value: Node
    partial: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """left, right: the operands of a product's tile step. stores: what the kernel leaves."""

    variables: dict[str, Variable]  # "rows", "columns", "depth", "shared", and of a generated kernel one a column axis
    shapes: dict[Variable, int]
    left: Node | None
    right: Node | None
    stores: tuple[Store, ...]
