"""The plain-torch path of a step: one short function for each kernel, and one call of each.

In: a step's schedule. Out: the functions' text, the calls in terms of the step's namespace `v`, the arena's buffers
with their lifetimes, and the strided views that calls need. Every statement writes into memory given to it. What makes
the module of these is elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnc.base.names import Names
from nnc.emit import (
    torch_columns,
    torch_draws,
    torch_pointwise,
    torch_products,
    torch_sharing,
    torch_structure,
    torch_update,
    torch_variance,
)
from nnc.emit.expression import fill, number
from nnc.emit.torch_calls import Calls, Handler
from nnc.emit.torch_draws import TorchDraw
from nnc.emit.torch_graph import Graph
from nnc.emit.torch_idioms import recognise
from nnc.emit.torch_places import COUNT, STEP, Expanded, World, attribute, expand, host_text, hugged
from nnc.emit.torch_scratch import Lives, Statement, apart
from nnc.emit.torch_sums import Sums
from nnc.emit.torch_tensor import Host, Operand, Storage, Strided, extents, lying, whole
from nnc.emit.torch_text import Namespace, TorchFunction, TorchView, write_function
from nnc.schedule.kernel import Buffer, Kernel, Space, StepSchedule
from nnc.schedule.naming import RUNTIME_NAMES, readable
from nnc.tensor.ir import Op, Value

__all__ = ["TorchFunction", "TorchStep", "TorchView", "lower"]

HANDLERS: dict[str, Handler] = {
    **torch_pointwise.HANDLERS,
    **torch_structure.HANDLERS,
    **torch_products.HANDLERS,
    **torch_update.HANDLERS,
}


@dataclass(frozen=True, slots=True)
class TorchStep:
    """A step on the torch path.

    functions: in the order of calls; a kernel without work here has none, `TorchFunction.kernel` says which one it is.
    calls:     "hidden_forward_torch(v.pixels, v.hidden_dense_kernel, v.hidden_dense_bias, v.hidden)".
    buffers:   of the arena, scratch included, with the first and last kernel that touches each.
    views:     strided views of buffers, flat buffers and data; in an order in which each is of something before it.
    draws:     random numbers that the runtime makes.
    """

    functions: tuple[TorchFunction, ...]
    calls: tuple[str, ...]
    buffers: tuple[tuple[Buffer, int, int], ...]
    views: tuple[TorchView, ...]
    draws: tuple[TorchDraw, ...] = ()


def lower(step: StepSchedule, *, size: int | None = None, precision: str = "f32") -> TorchStep:
    """The torch path of `step`.

    size:      elements of each flat buffer of parameters; by default where the last one ends, rounded up to 128 bytes.
    precision: "f32" and "tf32" multiply in f32; "bf16" and "f16" round the operands of products first.
    Raises NotImplementedError for a primitive that has no lowering.
    """
    draws = torch_draws.run(step.program.function, Names(_taken(step)))
    world = World.of(step, size, {value: draw.storage for value, draw in draws.items()})
    expanded = [expand(kernel, world) for kernel in step.kernels]
    for found in expanded:
        found.ops = torch_variance.run(found.ops, step.program.function)
    _gather_numbers(expanded, step.kernels, world)
    namespace = Namespace(Names([*_taken(step), *(draw.name for draw in draws.values())]))
    namespace.cut(world.ranges)
    functions: list[TorchFunction] = []
    calls: list[str] = []
    works = [_work(found, world) for found in expanded]
    _share(works, namespace)
    _release(works)
    columns = _columns(works)
    for index, (kernel, work) in enumerate(zip(step.kernels, works, strict=True)):
        statements = _statements(work, precision, columns)
        if statements:
            function, call = write_function(kernel.name, index, statements, namespace)
            functions.append(function)
            calls.append(call)
    views = namespace.bound(calls)
    used = torch_draws.used(draws.values(), calls, views)
    return TorchStep(tuple(functions), tuple(calls), namespace.arena(), views, used)


def _taken(step: StepSchedule) -> list[str]:
    """Attributes of the namespace that scratch and views must leave alone."""
    bound = [attribute(binding.name) for binding in (*step.program.inputs, *step.program.outputs)]
    return [*RUNTIME_NAMES, *bound, *(buffer.name for buffer in step.placement.values())]


def _gather_numbers(expanded: Sequence[Expanded], kernels: Sequence[Kernel], world: World) -> None:
    """Accumulators that are numbers of the step join the kernel that adds to most others: one call adds them all."""
    main = max(expanded, key=lambda found: len(found.sums), default=None)
    if main is None:
        return
    for found in expanded:
        hosts = _hosts(found, world)
        for row in list(found.sums):
            value, _, _ = row
            if found is not main and value in hosts:
                found.sums.remove(row)
                main.sums.append(row)
                main.ops += [op for op in _slice_of(found.ops, value) if op not in main.ops]


def _slice_of(ops: Sequence[Op], value: Value) -> list[Op]:
    needed, found = {value}, []
    for op in reversed(ops):
        if needed.intersection(op.results):
            needed.update(op.args)
            found.append(op)
    return found[::-1]


def _hosts(found: Expanded, world: World) -> dict[Value, Host]:
    """The values that Python computes."""
    hosts = dict.fromkeys(world.steps, STEP)
    for op in found.ops:
        host = _host(op, hosts)
        if host is not None:
            hosts[op.result] = host
    return hosts


def _host(op: Op, hosts: dict[Value, Host]) -> Host | None:
    match op.primitive:
        case "constant":
            value = op["value"]
            assert isinstance(value, bool | int | float)
            return Host(number(value), value)
        case "batch_size":
            return COUNT
    if op.args and all(arg in hosts for arg in op.args):
        if op.primitive in ("stop_gradient", "convert") and op.result.type.element in ("f32", "f64"):
            return hosts[op.args[0]]
        form = host_text(op)
        if form is not None:
            return Host(hugged(fill(form, *(hosts[arg].text for arg in op.args))))
    return None


@dataclass(slots=True)
class _Work:
    """What one kernel computes, idioms recognised, and where it finds and leaves values."""

    graph: Graph
    sums: Sums
    reads: dict[Value, Storage]
    writes: list[tuple[Value, Storage]]


def _work(found: Expanded, world: World) -> _Work:
    hosts = _hosts(found, world)
    # A tile takes an axis of size 1 away by a sum; here it is the view that the program says.
    given = [world.views.get(op.result, op) if op.primitive == "sum" else op for op in found.ops]
    ops = [op for op in given if not all(value in hosts for value in op.results)]
    kept = [*(value for value, _ in found.writes), *(value for value, _, _ in found.sums)]
    graph = Graph(ops, kept, hosts)
    sums = Sums.of(found.sums, graph, world.weights, world.summed)
    graph = Graph(graph.ops, [*(v for v, _ in found.writes), *sums.needed], hosts)
    recognise(graph)
    reads = {value: storage for value, storage in found.reads.items() if value not in hosts}
    return _Work(graph, sums, reads, found.writes)


def _share(works: Sequence[_Work], namespace: Namespace) -> None:
    """Memory for what one kernel computes and later ones need."""
    shared = torch_sharing.run([work.graph for work in works], [work.reads.keys() for work in works])
    for value, maker in shared.items():
        name = namespace.names.fresh(readable(value))
        buffer = Buffer(name, value.type.element, extents(value.type), Space.ARENA)
        storage = Storage(buffer.element, buffer.shape, value.hint, name, buffer)
        works[maker].writes.append((value, storage))
        for work in works[maker + 1 :]:
            work.reads.setdefault(value, storage)


def _release(works: Sequence[_Work]) -> None:
    """What tiles leave for later kernels, and none of these reads here, is not kept."""
    needed = [{*work.graph.kept, *(arg for op in work.graph.ops for arg in op.args)} for work in works]
    counts = Counter(value for own in needed for value in own)
    for own, work in zip(needed, works, strict=True):
        arena = {value for value, storage in work.writes if storage.buffer is not None}
        elsewhere = {value for value, storage in work.writes if storage.buffer is None}
        read = {value for value in arena if counts[value] > (value in own)}
        idle = arena - read - elsewhere - {*work.sums.needed}
        work.writes = [(value, storage) for value, storage in work.writes if value not in idle]
        work.graph.release(idle)
        recognise(work.graph)


def _columns(works: Sequence[_Work]) -> frozenset[Value]:
    """The values in column-major order; those that are kept between kernels get such memory."""
    kept = [pair for work in works for pair in (*work.reads.items(), *work.writes)]
    columns = torch_columns.run([work.graph for work in works], kept)
    for work in works:
        work.reads = dict(torch_columns.placed(work.reads.items(), columns))
        work.writes = torch_columns.placed(work.writes, columns)
    return columns


def _statements(work: _Work, precision: str, columns: frozenset[Value]) -> list[Statement]:
    graph, sums = work.graph, work.sums
    reads = {value: lying(value, storage) for value, storage in work.reads.items()}
    calls = Calls({**reads, **graph.hosts}, precision=precision, column_major=columns)
    extra: list[tuple[Value, Strided]] = []
    computed = {value for op in graph.ops for value in op.results}
    for value, storage in work.writes:
        if value in computed and value not in calls.homes:
            calls.homes[value] = lying(value, storage)
        else:
            extra.append((value, lying(value, storage)))
    extra += sums.claim(calls, computed)
    calls.lower(graph.ops, HANDLERS, torch_structure.default)
    for value, home in extra:
        calls.homes[value] = home
        calls.bring_home(value)
    sums.add(calls)
    return _without_hazards(calls.statements)


def _without_hazards(statements: list[Statement]) -> list[Statement]:
    """Where a result lies in the place of an operand that is still read, it is made elsewhere and copied at the end."""
    lives = Lives.of(statements)
    placed = [storage for storage in lives.first if storage.place]
    moved: dict[Storage, Storage] = {}
    for new in placed:
        if lives.first[new] < 0:
            continue
        rivals = [old for old in placed if old is not new and old.place == new.place and lives.first[old] < 0]
        if not all(apart(statements, lives, old, new) for old in rivals):
            moved[new] = replace(new, place="", buffer=None)
    if not moved:
        return statements
    changed = [_moved(statement, moved) for statement in statements]
    for new, scratch in moved.items():
        changed.append(Statement("{out}.copy_({0})", (whole(scratch),), whole(new)))
    return changed


def _moved(statement: Statement, moved: dict[Storage, Storage]) -> Statement:
    def follow(x: Strided) -> Strided:
        return replace(x, storage=moved.get(x.storage, x.storage))

    operands: tuple[Operand, ...] = tuple(follow(x) if isinstance(x, Strided) else x for x in statement.operands)
    return replace(statement, operands=operands, out=follow(statement.out))
