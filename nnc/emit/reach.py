"""What a node reads, and what of it can be had before a loop. In and out: nodes of a region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nnc.schedule.index import Index, Looked, Variable
from nnc.schedule.region import Apply, Constant, Coordinate, Draw, Inside, Load, Node, Reduce


def operands(node: Node) -> Iterator[Node]:
    """The nodes that `node` reads, those of its indices too."""
    match node:
        case Apply(args=args):
            yield from args
        case Reduce(arg=arg) if arg is not None:
            yield arg
        case Load(index=index, conditions=conditions):
            yield from looked(index, *(c.index for c in conditions))
        case Coordinate(index=index):
            yield from looked(index)
        case Draw(sample=sample, place=place):
            yield from looked(sample, place)
        case Inside(conditions=conditions):
            yield from looked(*(c.index for c in conditions))


def looked(*indices: Index) -> Iterator[Node]:
    for index in indices:
        for atom in index.atoms():
            if isinstance(atom, Looked) and isinstance(atom.key, Node):
                yield atom.key


def reachable(roots: Iterable[Node]) -> list[Node]:
    """All nodes that `roots` read, themselves included."""
    found: dict[Node, None] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found[node] = None
            stack += operands(node)
    return list(found)


def depends(node: Node, v: Variable) -> bool:
    """Whether `node`'s text would name the tile variable `v`."""
    return v in node.dims or any(depends(inner, v) for inner in operands(node))


def shared_nodes(roots: Iterable[Node], v: Variable) -> list[Node]:
    """The outermost nodes below `roots` that do not depend on `v`: what can be computed before a loop over it."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if isinstance(node, Constant):
            return
        if not depends(node, v):
            found[node] = None
            return
        for inner in operands(node):
            visit(inner)

    for root in roots:
        visit(root)
    return list(found)
