"""What an update of all parameters at once makes of the padding between them, which is zero.

In: the body of a `foreach`, of which one pass goes over whole flat buffers. Out: which of its results have to be told
where parameters lie.
"""

from __future__ import annotations

from nnc.schedule import fills
from nnc.schedule.index import Variable
from nnc.schedule.kernel import Buffer, KernelKind, Space, StepSchedule
from nnc.schedule.layout import ALIGNMENT
from nnc.schedule.region import Apply, Constant, Node
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE

OCCUPIED = Buffer("occupied", "bool", (), Space.ARENA)  # flat, made by the runtime: true where a parameter lies


def moved(body: Function, shared: int) -> tuple[bool, ...]:
    """Of each result, whether it may be something else than zero where all tensors are zero. shared: how many of the
    last parameters are numbers that all tensors share."""
    between = Variable("i", None, padded=True)
    own = len(body.parameters) - shared
    known: dict[Value, Node] = {}
    for place, value in enumerate(body.parameters):
        known[value] = Node((), value.hint, value.type.element)
        if place < own:
            known[value] = Node((between,), value.hint, value.type.element, {between: 0.0})
    for op in body.ops:
        args = [known[arg] for arg in op.args]
        literal = fills.constant(op, args) if op.primitive != "constant" else dict(op.attributes)["value"]
        if isinstance(literal, bool | int | float):
            known[op.result] = Constant((), op.result.hint, op.result.type.element, {}, literal)
            continue
        dims = next((arg.dims for arg in args if arg.dims), ())
        form = TABLE[op.primitive].triton
        beyond = fills.pointwise(op, args)
        known[op.result] = Apply(dims, op.result.hint, op.result.type.element, beyond, form, tuple(args))
    return tuple(_fill(known[result], between) != 0 for result in body.results)


def _fill(node: Node, between: Variable) -> float | None:
    return float(node.value) if isinstance(node, Constant) else node.fills.get(between)


def masked(op: Op) -> tuple[bool, ...]:
    """Of each result of a `foreach` over flat buffers, whether it is to be zero where no parameter lies, and would not
    be by itself."""
    count, shared = op["count"], op["shared"]
    assert op.body is not None
    assert isinstance(count, int)
    assert isinstance(shared, int)
    if all(arg.type.size % ALIGNMENT == 0 for arg in op.args[:count]):
        return (False,) * len(op.body.results)
    return moved(op.body, shared)


def reads_occupied(step: StepSchedule) -> bool:
    """Whether a step has to be told where parameters lie."""
    anchors = [kernel.anchor for kernel in step.kernels if kernel.kind is KernelKind.UPDATE]
    return any(any(masked(op)) for op in anchors if op is not None)
