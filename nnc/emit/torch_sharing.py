"""What one kernel of the torch path computes and a later one needs too is computed once.

In: the graphs of a step's kernels in order, idioms recognised. Out: the values that later kernels find in memory, by
the kernel that makes them; their ops are gone from the later graphs. A tile computes cheap values again rather than
load them. Here each op is a pass over memory of its own, and to compute is never cheaper than to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import TypeAlias

from nnc.emit.torch_graph import Graph
from nnc.tensor.ir import Attribute, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.types import TensorType

_Key: TypeAlias = tuple[str, tuple[Value | str, ...], tuple[tuple[str, Attribute], ...], TensorType]

_VIEWS = ("reshape", "transpose", "broadcast", "slice", "stop_gradient")


def run(graphs: Sequence[Graph], reads: Sequence[Set[Value]]) -> dict[Value, int]:
    """The shared values, each with the place of the graph that makes it.

    reads: for each graph, what it finds in memory anyhow.
    """
    makers: dict[Value, int] = {}
    shared: dict[Value, int] = {}
    known_as: dict[_Key, tuple[Value, ...]] = {}
    for place, (graph, there) in enumerate(zip(graphs, reads, strict=True)):
        _drop_what_is_made(graph, makers, known_as)
        computed = {value for op in graph.ops for value in op.results}
        wanted = [arg for op in graph.ops for arg in op.args] + list(graph.kept)
        shared.update((value, makers[value]) for value in wanted if value in makers and value not in computed | there)
        makers.update((value, place) for op in graph.ops if not _is_view(op) for value in op.results)
    for place, graph in enumerate(graphs):
        graph.keep(value for value, maker in shared.items() if maker == place)
    return shared


def _drop_what_is_made(graph: Graph, makers: Mapping[Value, int], known_as: dict[_Key, tuple[Value, ...]]) -> None:
    """Takes the ops away whose results an earlier graph makes, be it by other names."""
    renamed: dict[Value, Value] = {}
    ops: list[Op] = []
    for op in graph.ops:
        if any(arg in renamed for arg in op.args):
            op = replace(op, args=tuple(renamed.get(arg, arg) for arg in op.args))
        if _is_view(op):
            ops.append(op)
            continue
        if all(value in makers for value in op.results):
            continue
        earlier = known_as.setdefault(_key(op, graph), op.results)
        if earlier is not op.results and earlier[0] in makers and graph.kept.isdisjoint(op.results):
            renamed.update(zip(op.results, earlier, strict=True))
        else:
            ops.append(op)
    graph.ops = ops
    graph.sweep()


def _key(op: Op, graph: Graph) -> _Key:
    """What tells what an op computes from all else; the order of two factors or terms is none of it."""
    row = TABLE.get(op.primitive)
    args: list[Value | str] = [host.text if (host := graph.hosts.get(arg)) is not None else arg for arg in op.args]
    if row is not None and row.commutative:
        args.sort(key=lambda arg: (arg, 0) if isinstance(arg, str) else ("", id(arg)))
    return op.primitive, tuple(args), op.attributes, op.results[0].type


def _is_view(op: Op) -> bool:
    """Whether an op is no call, or none worth memory."""
    if op.primitive == "convert":
        return op.result.type.bound is not None
    row = TABLE.get(op.primitive)
    return op.primitive in _VIEWS or (row is not None and row.kind is Kind.SOURCE)
