"""Values at coordinates: from the tensor program's ops to nodes over tile variables.

In: a kernel's ops and buffers, and the coordinates at which a value is wanted. Out: nodes. Views become arithmetic on
coordinates; a reduction is of what the tile holds. `lower.py` says which values a kernel wants, and where.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.schedule import draws, fills, ordered, reductions, views
from nnc.schedule.index import Index, Looked, Variable, add, flatten, variable
from nnc.schedule.kernel import Buffer, Kernel, Size, Space
from nnc.schedule.naming import readable
from nnc.schedule.products import Product
from nnc.schedule.region import (
    TYPES,
    Accumulator,
    Apply,
    Condition,
    Constant,
    Coordinate,
    Fills,
    Inside,
    Load,
    Node,
    Reduce,
    Runtime,
)
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind

Coordinates = tuple[Index, ...]


class Unsupported(Exception):
    """A primitive that kernels cannot compute. `op` says which and where."""

    def __init__(self, op: Op) -> None:
        super().__init__(f"`{op.primitive}` cannot be compiled into a kernel")
        self.op = op


@dataclass(slots=True)
class Lowering:
    """The state of one kernel's lowering."""

    kernel: Kernel
    product: Product | None
    variables: dict[str, Variable]
    shapes: dict[Variable, int]
    home: tuple[Index, ...]  # the coordinate along each domain axis
    buffers: dict[Value, Buffer]
    producers: dict[Value, Op]
    known: dict[tuple[Value, Coordinates, tuple[Condition, ...]], Node] = field(default_factory=dict)
    reduced: dict[tuple[str, Node, tuple[Variable, ...]], Node] = field(default_factory=dict)
    runtime: dict[str, Node] = field(default_factory=dict)
    beyond_product: Fills = field(default_factory=dict)  # what the product is beyond its rows and columns
    is_exact: bool = False  # divisions and roots are rounded as IEEE says
    product_poles: set[Variable] = field(default_factory=set)  # beyond whose end it may be no number

    # --------------------------------------------------------------------------------------- what the run time knows

    def number(self, what: str) -> Node:
        """A scalar of the step: "count", "cursor" or "step"."""
        if what not in self.runtime:
            self.runtime[what] = Runtime((), what, "i64", {}, what)
        return self.runtime[what]

    def order(self, indices: Index) -> tuple[Variable, ...]:
        return self.sorted(indices.variables())

    def sorted(self, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
        # the shared index of a batched product is a scalar of the program, no axis of the tile
        rank = {v: i for i, v in enumerate(self.variables.values()) if v is not self.variables.get("shared")}
        return tuple(sorted((v for v in dict.fromkeys(variables) if v in rank), key=rank.__getitem__))

    def union(self, *nodes: Node) -> tuple[Variable, ...]:
        return self.sorted(tuple(v for node in nodes for v in node.dims))

    # ----------------------------------------------------------------------------------------------------- values

    def lower(self, value: Value, at: Coordinates, conditions: tuple[Condition, ...] = ()) -> Node:
        """`value`'s element at coordinates `at` (the batch's first), read only where `conditions` hold."""
        key = (value, at, conditions)
        if key not in self.known:
            self.known[key] = self._lower(value, at, conditions)
        return self.known[key]

    def _lower(self, value: Value, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
        given = self.buffers.get(value)
        if given is not None and (value not in self.producers or given.space is Space.NUMBER):
            return self.load(value, at, conditions)
        op = self.producers[value]
        if op is self.kernel.anchor:
            return self._accumulator(value)
        row = TABLE[op.primitive]
        match row.kind:
            case Kind.POINTWISE:
                args = tuple(self.lower(arg, views.aligned(arg, value, at), conditions) for arg in op.args)
                return self.apply(op, args, readable(value))
            case Kind.REDUCTION:
                return reductions.reduce(self, op)
            case Kind.ORDERED:
                return ordered.lower(self, op, at)
            case Kind.SOURCE if isinstance(number := dict(op.attributes).get("value"), bool | int | float):
                return Constant((), readable(value), value.type.element, {}, number)
            case Kind.SOURCE:
                return Apply((), "samples", "f32", {}, "{0}.to(tl.float32)", (self.number("count"),))
            case Kind.VIEW:
                return views.lower(self, op, at, conditions)
            case Kind.INDEX:
                return self._index(op, at, conditions)
            case Kind.RANDOM if value.type.batched:
                return draws.lower(self, op, at, conditions)
            case _:
                raise Unsupported(op)

    def apply(self, op: Op, args: tuple[Node, ...], hint: str) -> Node:
        row = TABLE[op.primitive]
        form = row.exact if self.is_exact and row.exact else row.triton
        if not form:
            raise Unsupported(op)
        known = fills.constant(op, args)
        if known is not None:
            return Constant((), hint, op.results[0].type.element, {}, known)
        attributes = dict(op.attributes)
        for name, attribute in attributes.items():
            form = form.replace("{" + name + "}", _attribute(name, attribute))
        return Apply(self.union(*args), hint, op.results[0].type.element, fills.pointwise(op, args), form, args)

    def _accumulator(self, value: Value) -> Node:
        rows, columns = self.variables["rows"], self.variables["columns"]
        return Accumulator((rows, columns), readable(value), "f32", self.beyond_product, frozenset(self.product_poles))

    # ------------------------------------------------------------------------------------------------------ loads

    def load(self, value: Value, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
        buffer = self.buffers[value]
        if buffer.space is Space.CONTROL:
            return Apply((), "step", "i64", {}, "{0}", (self.number("step"),))
        if buffer.space is Space.DATA:
            at = (self.sample(at[0], conditions), *at[1:])
        elif buffer.space is Space.OUTPUT and buffer.batched:
            at = (add(variable(Looked(self.number("cursor"))), at[0]), *at[1:])
        shape = tuple(0 if isinstance(size, Size) else size for size in buffer.shape)
        index = flatten(at, shape)
        # a condition on what the index does not depend on cannot take it out of the buffer
        own = set(index.variables())
        conditions = tuple(c for c in conditions if not c.is_certain and not own.isdisjoint(c.index.variables()))
        dims = self.sorted((*own, *(v for c in conditions for v in c.index.variables())))
        beyond = {v: 0.0 for v in dims if v.padded}
        element = "f32" if buffer.element in ("bf16", "f16") else buffer.element
        return Load(dims, readable(value), element, beyond, buffer, index, conditions)

    def sample(self, row: Index, conditions: tuple[Condition, ...] = ()) -> Index:
        """Which row of the data set the batch's `row` is: through the epoch's order, read where conditions on the row
        hold."""
        order = Buffer("order", "i64", (Size(),), Space.CONTROL)
        own = set(row.variables())
        conditions = tuple(c for c in conditions if not c.is_certain and not own.isdisjoint(c.index.variables()))
        key = repr(("sample", row, conditions))
        if key not in self.runtime:
            index = add(variable(Looked(self.number("cursor"))), row)
            dims = self.sorted((*own, *(v for c in conditions for v in c.index.variables())))
            beyond = {v: 0.0 for v in dims if v.padded}
            self.runtime[key] = Load(dims, "sample", "i64", beyond, order, index, conditions)
        node = self.runtime[key]
        return variable(Looked(node, node.dims))

    # ------------------------------------------------------------------------------------------------------ masks

    def masked(
        self, node: Node, conditions: tuple[Condition, ...], padding: tuple[Variable, ...], other: bool | int | float
    ) -> Node:
        """where(conditions hold and `padding` variables are inside, node, other). What follows reads the masked value
        in place of the plain one, so that masks are not repeated."""
        conditions = tuple(condition for condition in conditions if not condition.is_certain)
        if isinstance(node, Load) and other == 0:  # a load is zero where its own conditions fail
            conditions = tuple(condition for condition in conditions if condition not in node.conditions)
        if not conditions and not padding:
            return node
        variables = [v for c in conditions for v in c.index.variables()] + list(padding)
        inside = Inside(self.sorted(tuple(variables)), "inside", "bool", {}, conditions, padding)
        filled = Constant((), "", node.element, {}, other)
        kept = {v: fill for v, fill in node.fills.items() if not conditions or fill == other}
        beyond = kept | {v: float(other) for v in padding}
        made = Apply(
            self.union(inside, node), node.hint, node.element, beyond, "tl.where({0}, {1}, {2})", (inside, node, filled)
        )
        for key, known in self.known.items():
            if known is node:
                self.known[key] = made
        return made

    def either(self, conditions: tuple[Condition, ...], then: Node, otherwise: Node) -> Node:
        """where(conditions hold, then, otherwise)"""
        conditions = tuple(condition for condition in conditions if not condition.is_certain)
        if not conditions:
            return then
        variables = tuple(v for c in conditions for v in c.index.variables())
        inside = Inside(self.sorted(variables), "inside", "bool", {}, conditions, ())
        form = "tl.where({0}, {1}, {2})"
        return Apply(self.union(inside, then, otherwise), then.hint, then.element, {}, form, (inside, then, otherwise))

    # ---------------------------------------------------------------------------------------------------- indexing

    def _index(self, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
        value = op.result
        match op.primitive:
            case "arange":
                return self.coordinate(at[-1])
            case "row":
                return self.coordinate(at[0])
            case "one_hot":
                index = self.lower(op.args[0], views.lead(op.args[0], value, at, 1), conditions)
                return self._equal(index, at[-1], Constant((), "", "f32", {}, 1.0), value)
            case "place":
                g = self.lower(op.args[0], views.lead(op.args[0], value, at, 1), conditions)
                index = self.lower(op.args[1], views.lead(op.args[1], value, at, 1), conditions)
                return self._equal(index, at[-1], g, value)
            case "gather":
                table, ids = op.args
                split = ids.type.rank + int(ids.type.batched)
                found = self.lower(ids, at[:split], conditions)
                return self.lower(table, (variable(Looked(found, found.dims)), *at[split:]), conditions)
            case "pick":
                return self._pick(op, at, conditions)
            case _:
                raise Unsupported(op)

    def coordinate(self, index: Index) -> Node:
        if not index.terms:
            return Constant((), "place", "i32", {}, index.constant)
        return Coordinate(self.order(index), "place", "i32", {}, index)

    def _equal(self, index: Node, place: Index, then: Node, value: Value) -> Node:
        """where(place == index, then, 0): no place beyond the end equals an index that is inside. That is known where
        the place is itself a variable of the tile."""
        here = self.coordinate(place)
        ends = {v: 0.0 for v in here.dims if v.padded and place == variable(v)}
        hint = f"is_{index.hint}"
        same: Node = Apply(self.union(here, index), hint, "bool", ends, "{0} == {1}", (here, index))
        same = self.shared(("is", index, place), same)
        zero = Constant((), "", value.type.element, {}, 0.0)
        beyond = ends | {v: 0.0 for v, fill in then.fills.items() if fill == 0.0}
        return Apply(
            self.union(same, then),
            readable(value),
            value.type.element,
            beyond,
            "tl.where({0}, {1}, {2})",
            (same, then, zero),
        )

    def shared(self, key: object, node: Node) -> Node:
        return self.runtime.setdefault(repr(key), node)

    def _pick(self, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
        x, index = op.args
        value = op.result
        assert self.kernel.operands is not None
        found = self.lower(index, views.lead(index, value, at, 0), conditions)
        if op not in self.kernel.operands:
            return self.lower(x, (*views.lead(x, value, at, -1), variable(Looked(found, found.dims))), conditions)
        place = self.kernel.operands[op][-1]
        assert place is not None
        (over,) = self.home[place].variables()
        node = self._equal(found, self.home[place], self.lower(x, (*at, self.home[place]), conditions), value)
        left = tuple(d for d in node.dims if d is not over)
        form = f"tl.sum({{0}}, axis={node.dims.index(over)})"
        return Reduce(
            left,
            readable(value),
            value.type.element,
            {v: node.fills[v] for v in left if v in node.fills},
            form,
            node,
            over,
        )


def _attribute(name: str, attribute: object) -> str:
    if name == "element":
        return TYPES[str(attribute)]
    return (
        f'float("{attribute}")'
        if isinstance(attribute, float) and attribute in (float("inf"), -float("inf"))
        else repr(attribute)
    )
