"""An optimizer's kernel: one pass over the flat buffers for all parameters that it updates.

In: an update kernel, whose anchor is a `foreach` over parameters that lie together. Out: its text. The body is
pointwise, so tensors need not be told apart; the padding between them stays zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.emit.kernels import KernelText
from nnc.emit.tidy import docstring_lines, live_lines, signature_lines
from nnc.emit.tile import TilePrinter
from nnc.schedule import padding
from nnc.schedule.index import Variable, variable
from nnc.schedule.kernel import Buffer, Kernel, Space
from nnc.schedule.layout import range_of
from nnc.schedule.lowering import Lowering
from nnc.schedule.region import Apply, Constant, Load, Node, Store
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE

BLOCK = 1024
_FLAT = {Space.PARAMETER: "parameter", Space.GRADIENT: "gradient"}


def flat_buffer(buffer: Buffer) -> Buffer:
    """The flat buffer that a parameter's, gradient's or slot's tensor lies in."""
    return Buffer(_FLAT.get(buffer.space, buffer.slot), "f32", (), Space.ARENA)


def update_text(kernel: Kernel, after_finish: bool) -> KernelText:
    op = kernel.anchor
    assert op is not None
    assert op.body is not None
    count, shared = op["count"], op["shared"]
    assert isinstance(count, int)
    assert isinstance(shared, int)
    buffers = dict(kernel.reads)
    first, end = range_of(buffers[arg] for arg in op.args[:count])
    size = end - first
    i = Variable("i", end, size % BLOCK != 0)
    printer = TilePrinter(sizes={i: str(BLOCK)}, step_ahead=after_finish)
    printer.names.reserve("i", "inside")
    printer.texts["inside", i] = "inside"
    groups = len(op.body.parameters) - shared
    known: dict[Value, Node] = {}
    for group, value in enumerate(op.body.parameters[:groups]):
        buffer = flat_buffer(buffers[op.args[group * count]])
        known[value] = Load((i,), value.hint, "f32", {}, buffer, variable(i))
    producers = {o.result: o for o in kernel.ops if len(o.results) == 1}
    scalars = Lowering(kernel, None, {}, {}, (), buffers, producers, is_exact=True)
    for value, arg in zip(op.body.parameters[groups:], op.args[groups * count :], strict=True):
        known[value] = scalars.lower(arg, ())
    results = [_body(op.body, known, value) for value in op.body.results]
    masks = padding.masked(op)
    if any(masks):
        occupied = Load((i,), "occupied", "bool", {}, padding.OCCUPIED, variable(i))
        results = [_where(occupied, node) if mask else node for node, mask in zip(results, masks, strict=True)]
    targets = [flat_buffer(kernel.writes[group * count].buffer) for group in range(len(results))]
    printer.count(results)
    for value in op.body.parameters[:groups]:
        printer.uses[known[value]] += 1
        printer.text(known[value])
    for target, node in zip(targets, results, strict=True):
        printer.store(Store(target, variable(i), node))
    start = (f"{first} + " if first else "") + (f"tl.program_id(0) * {BLOCK} + " if size > BLOCK else "")
    names, arguments = printer.signature()
    head = ["@triton.jit", *signature_lines(kernel.name, names), *docstring_lines(_docstring(op, shared, len(results)))]
    inside = [f"inside = i < {end}"] if i.padded else []
    lines = [f"i = {start}tl.arange(0, {BLOCK})", *inside, *printer.drain()]
    whole = live_lines([*head, *(f"    {line}" for line in lines)], len(head))
    return KernelText(kernel.name, "\n".join(whole) + "\n", str(-(-size // BLOCK)), tuple(arguments))


def _where(occupied: Node, node: Node) -> Node:
    zero = Constant((), "", "f32", {}, 0.0)
    return Apply(occupied.dims, node.hint, "f32", {}, TABLE["where"].triton, (occupied, node, zero))


def _docstring(op: Op, shared: int, results: int) -> str:
    assert op.body is not None
    reads = 4 * (len(op.body.parameters) - shared)
    return f"one pass over the flat buffers: {reads} bytes read and {4 * results} written a parameter"


def _body(body: Function, known: Mapping[Value, Node], result: Value) -> Node:
    """The node of a result of the body, in the form that rounds correctly where there is one."""
    made = known if isinstance(known, dict) else dict(known)
    for op in body.ops:
        if op.result in made:
            continue
        if op.primitive == "constant":
            literal = op["value"]
            assert isinstance(literal, bool | int | float)
            made[op.result] = Constant((), op.result.hint, "f32", {}, literal)
            continue
        row = TABLE[op.primitive]
        args = tuple(made[arg] for arg in op.args)
        dims = next((arg.dims for arg in args if arg.dims), ())
        form = row.exact or row.triton
        for name, attribute in op.attributes:
            form = form.replace("{" + name + "}", "tl.float32" if name == "element" else repr(attribute))
        made[op.result] = Apply(dims, op.result.hint, op.result.type.element, {}, form, args)
    return made[result]
