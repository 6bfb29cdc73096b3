"""The text of a random draw: a call of a helper of kernels/random.py.

In: a draw's node. Out: an expression. Where the tile's last axis runs along whole blocks of a sample's stream, each
block is computed once and spread over its lanes; anywhere else each element computes the block that it lies in.
"""

from __future__ import annotations

from typing import Protocol

from nnc.emit.expression import number
from nnc.schedule.index import Index, Variable, add, quotient, remainder, scale
from nnc.schedule.region import Draw
from nnc.tensor.streams import GAMMA_BLOCKS, LANES, blocks_of, threshold


class Prints(Protocol):
    """What prints indices (`tile.TilePrinter`)."""

    @property
    def sizes(self) -> dict[Variable, str]: ...

    def index(self, index: Index, dims: tuple[Variable, ...]) -> str: ...

    def control(self) -> str: ...


def text(printer: Prints, node: Draw) -> str:
    control, key = printer.control(), f"0x{node.key:016X}"
    numbers = [str(threshold(node.numbers[0]))]
    if node.distribution != "bernoulli":
        numbers = [number(each, "f32") for each in node.numbers]
    first = scale(node.sample, blocks_of(node.distribution, node.size))
    if node.distribution == "gamma":
        block = printer.index(add(first, scale(node.place, GAMMA_BLOCKS)), node.dims)
        return f"draw_gamma({', '.join([control, key, block, *numbers])})"
    lanes = LANES[node.distribution]
    columns = _columns(printer, node, lanes)
    if columns is not None:
        rows = tuple(v for v in node.dims if v is not columns)
        base = Index(tuple(term for term in node.place.terms if term[0] != columns), node.place.constant)
        start = printer.index(add(first, quotient(base, lanes)), rows)
        found = f"draw_{node.distribution}_rows({', '.join([control, key, start, columns.name, *numbers])})"
        return found if node.dims[-1] is columns else f"tl.trans({found})"
    block = printer.index(add(first, quotient(node.place, lanes)), node.dims)
    lane = printer.index(remainder(node.place, lanes), node.dims)
    return f"draw_{node.distribution}({', '.join([control, key, block, lane, *numbers])})"


def _columns(printer: Prints, node: Draw, lanes: int) -> Variable | None:
    """The axis of a tile of two along which whole blocks lie, where there is one."""
    if len(node.dims) != 2:
        return None
    for v in node.dims:
        rest = [term for term in node.place.terms if term[0] != v]
        along = (v, 1) in node.place.terms and v not in node.sample.variables()
        apart = all(v not in Index((term,), 0).variables() and term[1] % lanes == 0 for term in rest)
        if along and apart and node.place.constant % lanes == 0 and int(printer.sizes[v]) % lanes == 0:
            return v
    return None
