"""Ops along a whole axis: sums and products so far, and places in order.

In: an op and what its tile holds. Out: a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnc.schedule.index import Index, constant
from nnc.schedule.naming import readable
from nnc.schedule.region import Apply, Constant, Node
from nnc.tensor.ir import Op
from nnc.tensor.primitives import TABLE

if TYPE_CHECKING:
    from nnc.schedule.lowering import Lowering

_STARTS = {"cumsum": 0, "cumprod": 1}  # what changes nothing


def lower(lowering: Lowering, op: Op, at: tuple[Index, ...]) -> Node:
    """Of the last axis, which the tile holds whole, as the last of its own; of a single element it is that, or its
    place 0, wherever it is wanted."""
    (operand,), value = op.args, op.result
    start = _STARTS.get(op.primitive)
    if value.type.shape[-1] == 1:
        return lowering.lower(operand, at) if start is not None else Constant((), value.hint, "i32", {}, 0)
    assert lowering.kernel.operands is not None
    home = tuple(constant(0) if place is None else lowering.home[place] for place in lowering.kernel.operands[op])
    node = lowering.lower(operand, home)
    (over,) = home[-1].variables()
    if over not in node.dims:
        node = Apply(lowering.sorted((*node.dims, over)), node.hint, node.element, {}, "{0}", (node,))
    if start is not None and over.padded and node.fills.get(over) != start:
        node = lowering.masked(node, (), (over,), float(start) if operand.type.is_float else start)
    form = TABLE[op.primitive].triton
    texts = {**dict(op.attributes), "axis": node.dims.index(over), "size": value.type.shape[-1]}
    for name, text in texts.items():
        form = form.replace("{" + name + "}", repr(text))
    beyond = {v: 0.0 for v, fill in node.fills.items() if start is not None and v is not over and fill == 0.0}
    return Apply(node.dims, readable(value), value.type.element, beyond, form, (node,))
