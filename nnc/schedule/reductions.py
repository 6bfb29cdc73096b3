"""Reductions of what a tile holds, and, of a fold over the batch, the parts of a tile's partial.

In: a reduction of a kernel, and its operand as a node of the tile. Out: nodes. Lanes beyond an end hold what changes
nothing. How partials are folded is `finish`'s.
"""

from __future__ import annotations

import math
from typing import Protocol

from nnc.schedule.index import Index, Variable, constant, variable
from nnc.schedule.kernel import Kernel
from nnc.schedule.naming import readable
from nnc.schedule.region import Apply, Condition, Constant, Coordinate, Inside, Node, Reduce
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.reductions import neutral

EXTREMES = {"argmax": "max", "argmin": "min"}  # a position's result is a place along the axis, not an element


class Lowers(Protocol):
    """What lowers an operand (`lowering.Lowering`)."""

    @property
    def kernel(self) -> Kernel: ...

    @property
    def home(self) -> tuple[Index, ...]: ...

    @property
    def reduced(self) -> dict[tuple[str, Node, tuple[Variable, ...]], Node]: ...

    def lower(self, value: Value, at: tuple[Index, ...], conditions: tuple[Condition, ...] = ()) -> Node: ...

    def masked(
        self, node: Node, conditions: tuple[Condition, ...], padding: tuple[Variable, ...], other: bool | int | float
    ) -> Node: ...

    def sorted(self, variables: tuple[Variable, ...]) -> tuple[Variable, ...]: ...

    def union(self, *nodes: Node) -> tuple[Variable, ...]: ...


def reduce(lowering: Lowers, op: Op) -> Node:
    """The reduction of what the tile holds."""
    node, over = _operand(lowering, op)
    if not over and op.primitive in EXTREMES:
        return Constant((), op.result.hint, op.result.type.element, {}, 0)
    return _combined(lowering, op.primitive, node, over, _hint(op), op.result.type.element)


def parts(lowering: Lowers, op: Op) -> tuple[Node, ...]:
    """What a tile leaves of a fold, in the order of `folds.starts`."""
    node, over = _operand(lowering, op)
    match op.primitive:
        case "variance":
            return _moments(lowering, node, over, op)
        case "any" | "all":
            found = _combined(lowering, op.primitive, node, over, _hint(op), "bool")
            return (Apply(found.dims, found.hint, "i32", {}, "{0}.to(tl.int32)", (found,)),)
        case "argmax" | "argmin":
            return _first(lowering, EXTREMES[op.primitive], node, over, op)
        case _:
            return (_combined(lowering, op.primitive, node, over, _hint(op), op.result.type.element),)


def _operand(lowering: Lowers, op: Op) -> tuple[Node, tuple[Variable, ...]]:
    """What is reduced, and the tile's variables along the reduced axes."""
    operand = op.args[0]
    assert lowering.kernel.operands is not None
    axes = lowering.kernel.operands[op]
    lead = int(operand.type.batched)
    own = op["axes"]
    assert isinstance(own, tuple)
    reduced = {int(axis) + lead for axis in own if isinstance(axis, int)} | ({0} if lead and op["batch"] else set())
    at = tuple(constant(0) if place is None else lowering.home[place] for place in axes)
    over = lowering.sorted(tuple(v for axis in reduced for v in at[axis].variables()))
    return lowering.lower(operand, at), over


def _hint(op: Op) -> str:
    return op.result.hint if op.result.hint != op.primitive else f"{readable(op.args[0])}_{op.primitive}"


def _combined(
    lowering: Lowers, primitive: str, node: Node, over: tuple[Variable, ...], hint: str, element: str
) -> Node:
    """`node` reduced over these variables, one after another."""
    if over:  # masks what is read of it from now on
        node = _neutral(lowering, primitive, node, over[-1])
    key = (primitive, node, over)
    if key not in lowering.reduced:
        lowering.reduced[key] = _steps(lowering, primitive, node, over, hint, element)
    return lowering.reduced[key]


def _steps(lowering: Lowers, primitive: str, node: Node, over: tuple[Variable, ...], hint: str, element: str) -> Node:
    for v in reversed(over):
        node = _neutral(lowering, primitive, node, v)
        position = node.dims.index(v)
        left = tuple(d for d in node.dims if d is not v)
        beyond = {d: node.fills[d] for d in left if node.fills.get(d) == 0.0 and primitive == "sum"}
        form = TABLE[primitive].triton.replace("{axis}", str(position))
        node = Reduce(left, hint, element, beyond, form, node, v)
    return node


def _neutral(lowering: Lowers, primitive: str, node: Node, v: Variable) -> Node:
    """`node` with what changes nothing beyond the end of `v`; spread over `v` first where it lacks it."""
    if v not in node.dims:
        node = Apply(lowering.sorted((*node.dims, v)), node.hint, node.element, {}, "{0}", (node,))
    fill = neutral(primitive, node.element)
    if not v.padded or node.fills.get(v) == float(fill):
        return node
    return lowering.masked(node, (), (v,), fill)


def _moments(lowering: Lowers, node: Node, over: tuple[Variable, ...], op: Op) -> tuple[Node, ...]:
    """Mean, sum of squared deviations from it, and count. A tile without samples has the mean 0."""
    name = readable(op.args[0])
    total = _combined(lowering, "sum", node, over, f"{name}_sum", "f32")
    count = _count(lowering, over)
    one = Constant((), "one", "f32", {}, 1.0)
    some = Apply((), "some", "f32", {}, TABLE["maximum"].triton, (count, one))
    mean = Apply(total.dims, f"{name}_mean", "f32", dict(total.fills), "{0} / {1}", (total, some))
    deviation = Apply(lowering.union(node, mean), f"{name}_centred", "f32", {}, "{0} - {1}", (node, mean))
    square = Apply(deviation.dims, f"{name}_square", "f32", {}, "{0} * {1}", (deviation, deviation))
    squares = _combined(lowering, "sum", square, over, f"{name}_squares", "f32")
    return mean, squares, count


def _count(lowering: Lowers, over: tuple[Variable, ...]) -> Node:
    """How many elements a tile holds along these variables; it spans those whole whose end is known."""
    size = math.prod(v.extent for v in over if v.extent is not None)
    count: Node = Constant((), "size", "f32", {}, float(size))
    for v in over:
        if v.extent is None:
            inside = Inside((v,), "inside", "bool", {v: 0.0}, (), (v,))
            ones = Apply((v,), "present", "f32", {v: 0.0}, "{0}.to(tl.float32)", (inside,))
            present = Reduce((), "present", "f32", {}, "tl.sum({0}, axis=0)", ones, v)
            count = present if size == 1 else Apply((), "present", "f32", {}, "{0} * {1}", (present, count))
    return count


def _first(lowering: Lowers, extreme: str, node: Node, over: tuple[Variable, ...], op: Op) -> tuple[Node, ...]:
    """The extreme along the rows of a tile, and the first row where it stands."""
    (rows,) = over
    best = _combined(lowering, extreme, node, over, f"{readable(op.args[0])}_{extreme}", node.element)
    place = Coordinate((rows,), "place", "i32", {}, variable(rows))
    stands = Apply(lowering.union(node, best), "stands", "bool", {}, "{0} == {1}", (node, best))
    last = Constant((), "", "i32", {}, int(neutral("min", "i32")))
    places = Apply(stands.dims, "places", "i32", {}, "tl.where({0}, {1}, {2})", (stands, place, last))
    return best, _combined(lowering, "min", places, over, op.result.hint, "i32")
