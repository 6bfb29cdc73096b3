"""Views as arithmetic on coordinates. In: a view op and where its result is read. Out: its operand's element, lowered
where that lies. Nothing is copied; only padding and concatenation choose between values."""

from __future__ import annotations

from typing import Protocol

from nnc.schedule.index import Index, add, constant, flatten, quotient, scale, unflatten
from nnc.schedule.kernel import BATCH
from nnc.schedule.region import Condition, Node
from nnc.tensor.ir import Op, Value

Coordinates = tuple[Index, ...]


class Lowers(Protocol):
    """What lowers an operand (`lower.Lowering`)."""

    def lower(self, value: Value, at: Coordinates, conditions: tuple[Condition, ...] = ()) -> Node: ...

    def masked(
        self, node: Node, conditions: tuple[Condition, ...], padding: tuple[()], other: bool | int | float
    ) -> Node: ...

    def either(self, conditions: tuple[Condition, ...], then: Node, otherwise: Node) -> Node: ...


def integers(op: Op, name: str) -> tuple[int, ...]:
    value = op[name]
    assert isinstance(value, tuple)
    return tuple(int(item) for item in value if isinstance(item, int))


def lower(lowering: Lowers, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
    if op.primitive == "pad":
        return _pad(lowering, op, at, conditions)
    if op.primitive == "concat":
        return _concat(lowering, op, at, conditions)
    if op.primitive == "batch_rows":
        return _batch_rows(lowering, op, at, conditions)
    return lowering.lower(op.args[0], moved(op, at), conditions)


def moved(op: Op, at: Coordinates) -> Coordinates:
    """Where the operand of a view lies that only moves elements. The batch's coordinate, if any, stays the first."""
    (operand,) = op.args
    shift = int(op.results[0].type.batched)
    batch, own = at[:shift], at[shift:]
    shape, result_shape = operand.type.shape, op.results[0].type.shape
    match op.primitive:
        case "reshape":
            return (*batch, *unflatten(flatten(own, result_shape), shape))
        case "transpose":
            permutation = integers(op, "permutation")
            return (*batch, *(own[permutation.index(axis)] for axis in range(len(shape))))
        case "broadcast":
            tail = own[len(own) - len(shape) :] if shape else ()
            spread = (constant(0) if size == 1 else c for size, c in zip(shape, tail, strict=True))
            return (*(batch if operand.type.batched else ()), *spread)
        case "slice":
            starts, steps = integers(op, "starts"), integers(op, "steps")
            return (*batch, *(add(scale(c, s), constant(b)) for c, b, s in zip(own, starts, steps, strict=True)))
        case "reverse":
            axes = integers(op, "axes")
            turned = (add(constant(size - 1), scale(c, -1)) for c, size in zip(own, shape, strict=True))
            return (*batch, *(t if i in axes else c for i, (t, c) in enumerate(zip(turned, own, strict=True))))
        case _:
            raise AssertionError(f"{op.primitive} is no view")


def _pad(lowering: Lowers, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
    (operand,) = op.args
    shift = int(op.results[0].type.batched)
    low = integers(op, "low")
    gaps = integers(op, "interior") or (0,) * operand.type.rank
    own: list[Index] = []
    within: list[Condition] = []
    for axis, c in enumerate(at[shift:]):
        inner = add(c, constant(-low[axis]))
        reach = (operand.type.shape[axis] - 1) * (gaps[axis] + 1) + 1
        own.append(quotient(inner, gaps[axis] + 1))
        if reach != op.results[0].type.shape[axis] or gaps[axis]:
            within.append(Condition(inner, reach, gaps[axis] + 1))
    node = lowering.lower(operand, (*at[:shift], *own), (*conditions, *within))
    value = op["value"]
    assert isinstance(value, int | float)
    return lowering.masked(node, tuple(within), (), value) if within else node


def _batch_rows(lowering: Lowers, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
    """The operand of the sample that the first axis names, zero where there is none."""
    within = (Condition(at[0], BATCH),)
    node = lowering.lower(op.args[0], at, (*conditions, *within))
    return lowering.masked(node, within, (), False if op.result.type.element == "bool" else 0)


def _concat(lowering: Lowers, op: Op, at: Coordinates, conditions: tuple[Condition, ...]) -> Node:
    axis = op["axis"]
    assert isinstance(axis, int)
    place = axis + int(op.results[0].type.batched)
    start = op.results[0].type.shape[axis]
    node: Node | None = None
    for operand in reversed(op.args):
        size = operand.type.shape[axis]
        start -= size
        inner = add(at[place], constant(-start))
        within = (Condition(inner, size),)
        own = (*at[:place], inner, *at[place + 1 :])
        if op.results[0].type.batched and not operand.type.batched:
            own = own[1:]
        part = lowering.lower(operand, own, (*conditions, *within))
        node = part if node is None else lowering.either(within, part, node)
    assert node is not None
    return node


def aligned(operand: Value, result: Value, at: Coordinates) -> Coordinates:
    """Where a pointwise op reads its operand for the element of its result at `at`: NumPy's broadcasting."""
    shift = int(result.type.batched)
    sample = at[shift:]
    own = sample[len(sample) - operand.type.rank :] if operand.type.rank else ()
    spread = tuple(constant(0) if size == 1 else c for size, c in zip(operand.type.shape, own, strict=True))
    return (at[0], *spread) if operand.type.batched else spread


def lead(operand: Value, result: Value, at: Coordinates, dropped: int) -> Coordinates:
    """The leading coordinates of `at` for an operand of `_index`, without the `dropped` last axes."""
    kept = at[: len(at) - dropped] if dropped > 0 else at
    return kept[1:] if result.type.batched and not operand.type.batched else kept
