"""Products on the torch path, grouped so that few passes go over large tensors.

In: a kernel's graph. Out: the same values up to the rounding of each product. Sums of products that differ only by
factors which are alike along the summed axes become one sum and those factors: sum(g), sum(g * scale) and so on. Within
a product, numbers become one number, and small tensors are multiplied with each other before the large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnc.emit.torch_calls import quotient_of_hosts
from nnc.emit.torch_graph import Graph, fresh, made
from nnc.emit.torch_tensor import Host
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.reductions import axes_of
from nnc.tensor.types import Shape, TensorType, broadcast_shapes

_FLOATS = ("f32", "f64")


def run(graph: Graph) -> None:
    _share_sums(graph)
    for op in list(graph.ops):
        if op.primitive in ("mul", "div") and graph.maker(op.results[0]) is op:
            new = _regrouped(graph, op)
            if new is not None:
                graph.replace(op, *new)


# ---------------------------------------------------------------------------------------------------------- sums


@dataclass(frozen=True, slots=True)
class _Sum:
    """sum(core * factors): `core` varies along the summed axes, `factors` do not."""

    op: Op
    core: tuple[Value, ...]
    factors: tuple[Value, ...]


def _share_sums(graph: Graph) -> None:
    groups: dict[object, list[_Sum]] = {}
    for op in graph.ops:
        found = _taken_apart(graph, op) if op.primitive == "sum" else None
        if found is not None:
            key = (op.attributes, frozenset(found.core), len(found.core), op.result.type)
            groups.setdefault(key, []).append(found)
    for sums in groups.values():
        if len(sums) > 1:
            _put_sums(graph, sums)
    graph.sweep()


def _taken_apart(graph: Graph, op: Op) -> _Sum | None:
    (x,) = op.args
    if x.type.element not in _FLOATS or x in graph.hosts:
        return None
    core: list[Value] = []
    factors: list[Value] = []
    for leaf in _leaves(graph, x):
        is_alike = leaf in graph.hosts or _is_alike(leaf.type, op)
        (factors if is_alike else core).append(leaf)
    whole = any((leaf.type.shape, leaf.type.batched) == (x.type.shape, x.type.batched) for leaf in core)
    return _Sum(op, tuple(core), tuple(factors)) if whole else None


def _leaves(graph: Graph, value: Value) -> list[Value]:
    op = graph.maker(value, "mul")
    return [value] if op is None else [leaf for arg in op.args for leaf in _leaves(graph, arg)]


def _is_alike(type: TensorType, op: Op) -> bool:
    """Whether a factor of what `op` sums has one value along all that it sums over."""
    return not (type.batched and op["batch"]) and all(_aligned(type, op)[axis] == 1 for axis in axes_of(op))


def _aligned(type: TensorType, op: Op) -> Shape:
    return (1,) * (op.args[0].type.rank - type.rank) + type.shape


def _put_sums(graph: Graph, sums: Sequence[_Sum]) -> None:
    """One sum where the first one is, and products in the places of the others."""
    plain = next((each.op for each in sums if not each.factors), None)
    total = plain.result if plain is not None else fresh(sums[0].op.result.type, sums[0].op.result, "total")
    ops: list[Op] = []
    if plain is None:
        summed, ops = _multiplied(sums[0].core, sums[0].op.args[0])
    else:
        # what it sums is there already, unless that comes later than the first of the sums
        summed, ops = _multiplied(sums[0].core, plain.args[0]) if plain is not sums[0].op else (plain.args[0], [])
    ops.append(replace(sums[0].op, args=(summed,), results=(total,)))
    for each in sums:
        new = ops if each is sums[0] else []
        if each.op is not plain:
            new = [*new, *_scaled(total, each)]
        graph.put(each.op, *new)


def _multiplied(core: Sequence[Value], like: Value) -> tuple[Value, list[Op]]:
    value, ops = core[0], list[Op]()
    for factor in core[1:]:
        result = fresh(_product_type(value.type, factor.type), like, "product")
        ops.append(made("mul", (value, factor), result))
        value = result
    return value, ops


def _scaled(total: Value, each: _Sum) -> list[Op]:
    """`total` times the factors, as the result of the sum."""
    ops: list[Op] = []
    value = total
    for number, factor in enumerate(each.factors):
        shape = tuple(size for axis, size in enumerate(_aligned(factor.type, each.op)) if axis not in axes_of(each.op))
        if not each.op["keepdims"] and factor.type.rank and shape != factor.type.shape:
            view = fresh(replace(factor.type, shape=shape), factor, factor.hint)
            ops.append(made("reshape", (factor,), view, shape=shape))
            factor = view
        last = number == len(each.factors) - 1
        result = each.op.result if last else fresh(total.type, total, "product")
        ops.append(made("mul", (value, factor), result))
        value = result
    return ops or [made("stop_gradient", (total,), each.op.result)]


# ------------------------------------------------------------------------------------------------------- products


@dataclass(slots=True)
class _Product:
    """The factors of a product: numbers, numbers that it is divided by, tensors; and its ops."""

    numbers: list[Host]
    divisors: list[Host]
    tensors: list[Value]
    ops: list[Op]


def _regrouped(graph: Graph, op: Op) -> list[Op] | None:
    """The product's numbers as one, and its tensors in groups of one type, the smallest first."""
    result = op.result
    if result.type.element not in _FLOATS or _is_within_product(graph, result):
        return None
    found = _Product([], [], [], [])
    _flatten(graph, op, found)
    groups: dict[tuple[Shape, bool], list[Value]] = {}
    for tensor in found.tensors:
        groups.setdefault((tensor.type.shape, tensor.type.batched), []).append(tensor)
    if (result.type.shape, result.type.batched) not in groups:
        return None
    if any(host.number == 0 for host in found.divisors):
        return None
    new = _rebuilt(graph, op, found, sorted(groups.values(), key=lambda group: _size(group[0].type)))
    return new if _cost(new, result.type) < _cost(found.ops, result.type) else None


def _cost(ops: Sequence[Op], type: TensorType) -> tuple[int, int]:
    """How many calls make tensors as large as `type`, and how many there are."""
    return sum(_size(op.result.type) == _size(type) for op in ops), len(ops)


def _size(type: TensorType) -> tuple[bool, int]:
    return type.batched, type.size


def _is_within_product(graph: Graph, value: Value) -> bool:
    """Whether a product that is regrouped itself takes `value` in."""
    if graph.uses(value) != 1 or value in graph.kept:
        return False
    (user,) = graph.users(value)
    return user.primitive == "mul" or (user.primitive == "div" and user.args[1] in graph.hosts)


def _flatten(graph: Graph, op: Op, found: _Product) -> None:
    left, right = op.args
    if op.primitive == "div":
        if right not in graph.hosts:
            found.tensors.append(op.result)
            return
        found.divisors.append(graph.hosts[right])
    found.ops.append(op)
    for arg in op.args if op.primitive == "mul" else (left,):
        if arg in graph.hosts:
            found.numbers.append(graph.hosts[arg])
            continue
        inner = graph.inner(arg, "mul", "div")
        if inner is None:
            found.tensors.append(arg)
        else:
            _flatten(graph, inner, found)


def _rebuilt(graph: Graph, op: Op, found: _Product, groups: list[list[Value]]) -> list[Op]:
    like, ops = op.result, list[Op]()

    def times(a: Value, b: Value, primitive: str = "mul") -> Value:
        type = a.type if b in graph.hosts else _product_type(a.type, b.type)
        result = fresh(type, like, "product")
        ops.append(made(primitive, (a, b), result))
        return result

    value: Value | None = None
    for number, group in enumerate(groups):
        part = group[0]
        for factor in group[1:]:
            part = times(part, factor)
        if number == 0 and (found.numbers or found.divisors):
            host, primitive = quotient_of_hosts(found.numbers, found.divisors)
            if host.number != 1:
                part = times(part, graph.host(host, part), primitive)
        value = part if value is None else times(part, value)
    if not ops:
        return [made("stop_gradient", groups[0], op.result)]
    return [*ops[:-1], replace(ops[-1], results=op.results)]


def _product_type(a: TensorType, b: TensorType) -> TensorType:
    return replace(a, shape=broadcast_shapes(a.shape, b.shape), batched=a.batched or b.batched)
