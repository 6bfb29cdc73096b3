"""What one kernel of the torch path computes and a later one needs too is computed once.

In: the graphs of a step's kernels in order, idioms recognised. Out: the values that later kernels find in memory, by
the kernel that makes them; their ops are gone from the later graphs. A tile computes cheap values again rather than
load them. Here each op is a pass over memory of its own, and to compute is never cheaper than to read.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from nnc.emit.torch_graph import Graph
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind

_VIEWS = ("reshape", "transpose", "broadcast", "slice", "stop_gradient")


def run(graphs: Sequence[Graph], reads: Sequence[Set[Value]]) -> dict[Value, int]:
    """The shared values, each with the place of the graph that makes it.

    reads: for each graph, what it finds in memory anyhow.
    """
    makers: dict[Value, int] = {}
    shared: dict[Value, int] = {}
    for place, (graph, known) in enumerate(zip(graphs, reads, strict=True)):
        graph.ops = [op for op in graph.ops if _is_view(op) or not all(value in makers for value in op.results)]
        graph.sweep()
        computed = {value for op in graph.ops for value in op.results}
        wanted = [arg for op in graph.ops for arg in op.args] + list(graph.kept)
        shared.update((value, makers[value]) for value in wanted if value in makers and value not in computed | known)
        for op in graph.ops:
            if not _is_view(op):
                makers.update((value, place) for value in op.results)
    for place, graph in enumerate(graphs):
        graph.keep(value for value, maker in shared.items() if maker == place)
    return shared


def _is_view(op: Op) -> bool:
    """Whether an op is no call, or none worth memory."""
    if op.primitive == "convert":
        return op.result.type.bound is not None
    row = TABLE.get(op.primitive)
    return op.primitive in _VIEWS or (row is not None and row.kind is Kind.SOURCE)
