"""`nnc summary`: what a compiled program consists of, as text.

In: a schedule. Out: the table of layers as Keras prints it, a training step's kernels with the lines of the program
they implement and what they cost, and the memory. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnc.base.source import Span
from nnc.schedule.cost import Cost, arena_bytes, flat_bytes, kernel_costs, peak_bytes, step_cost
from nnc.schedule.kernel import Kernel, Schedule, StepSchedule
from nnc.tensor.program import Application, Model
from nnc.tensor.types import TensorType


def number(value: int, units: Sequence[str] = ("", "k", "M", "G", "T", "P")) -> str:
    """Three digits and a decimal prefix: 1.29 M."""
    scaled, step = float(value), 0
    while scaled >= 999.5 and step < len(units) - 1:
        scaled, step = scaled / 1000, step + 1
    text = str(value) if step == 0 else f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}"
    return f"{text} {units[step]}".rstrip()


def size(value: int) -> str:
    """A number of bytes with a decimal prefix: 23.6 kB."""
    return number(value, ("B", "kB", "MB", "GB", "TB", "PB"))


def operations(value: int) -> str:
    """A number of floating-point operations: 1.29 MFLOP."""
    return number(value, ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int], last: bool = False) -> list[str]:
    """Lines of a table; columns in `right` are aligned to the right; `last` sets the last row off."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = "─" * (sum(widths) + 3 * (len(widths) - 1))

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "   ".join(cells).rstrip()

    body = [line(row) for row in rows]
    if last:
        body.insert(-1, rule)
    return [line(head), rule, *body]


def _types(types: Sequence[TensorType]) -> str:
    return ", ".join(str(type) for type in types) or "-"


def _layers(applications: Sequence[Application], depth: int = 0) -> Iterator[tuple[Application, int]]:
    for application in applications:
        yield application, depth
        yield from _layers(application.children, depth + 1)


def layer_table(model: Model) -> list[str]:
    """Every application of a layer, those inside others indented, with its output and its own parameters. A parameter
    that is shared is counted where it is first met."""
    sizes = {parameter.path: parameter.type.size for parameter in model.parameters}
    seen: set[str] = set()
    rows = []
    for application, depth in _layers(model.applications):
        fresh = [path for path in application.parameters if path not in seen]
        seen.update(fresh)
        count = sum(sizes.get(path, 0) for path in fresh)
        shared = not fresh and application.parameters
        name = f"{'  ' * depth}{application.path} ({application.definition})"
        rows.append((name, _types(application.outputs), "shared" if shared else f"{count:,}"))
    return table(("Layer (type)", "Output shape", "Parameters"), rows, frozenset({2}))


def parameter_count(model: Model) -> int:
    return sum(parameter.type.size for parameter in model.parameters)


def lines(spans: Sequence[Span]) -> str:
    """`digits.nn:3,4`: the lines that a kernel implements, by file."""
    found: dict[str, set[int]] = {}
    for span in spans:
        found.setdefault(span.source.path.rpartition("/")[2], set()).add(span.line)
    return " ".join(f"{name}:{','.join(map(str, sorted(numbers)))}" for name, numbers in found.items()) or "-"


def _kernel_row(kernel: Kernel, cost: Cost) -> tuple[str, ...]:
    return (kernel.name, lines(kernel.spans), number(cost.flops), size(cost.bytes), size(cost.compulsory))


def kernel_table(step: StepSchedule, batch: int) -> list[str]:
    """The kernels of a step in the order in which they run, and their sum."""
    costs = kernel_costs(step, batch)
    rows = [_kernel_row(kernel, cost) for kernel, cost in zip(step.kernels, costs, strict=True)]
    total = sum(costs, Cost(0, 0, 0))
    rows.append(("in all", "", number(total.flops), size(total.bytes), size(total.compulsory)))
    head = ("Kernel", "Lines", "FLOPs", "Bytes", "Compulsory")
    return table(head, rows, frozenset({2, 3, 4}), last=True)


def _main_step(schedule: Schedule) -> tuple[str, StepSchedule]:
    if schedule.train is not None:
        return "A training step", schedule.train
    return "A prediction step", schedule.predict


def built(schedule: Schedule) -> list[str]:
    """What `nnc build` says that it made."""
    batch = schedule.model.settings.batch_size
    title, step = _main_step(schedule)
    cost = step_cost(step, batch)
    count = parameter_count(schedule.model)
    return [
        f"{count:,} parameters in {len(schedule.model.parameters)} tensors",
        f"{title[0].lower()}{title[1:]} at batch {batch}: {len(step.kernels)} kernels, {operations(cost.flops)}, "
        f"{size(cost.bytes)} moved ({size(cost.compulsory)} compulsory)",
        f"peak memory {size(peak_bytes(schedule, batch))} ({peak_bytes(schedule, batch):,} bytes) beside the data",
    ]


def _memory(schedule: Schedule, batch: int) -> list[str]:
    steps = [step for step in (schedule.train, schedule.evaluate, schedule.predict) if step is not None]
    arenas = ", ".join(f"{step.name} {arena_bytes(step.arena, batch):,}" for step in steps)
    flat = "parameters, gradients, optimizer's slots and states" if schedule.train else "parameters and states"
    return [
        f"Memory in bytes: {flat} {flat_bytes(schedule):,}; arena: {arenas}",
        f"Peak: {peak_bytes(schedule, batch):,} bytes beside the data",
    ]


def _optimizers(model: Model) -> list[str]:
    """The optimizers; where there are several parts, which parameters are whose, and which are left alone."""
    if len(model.optimizers) == 1 and len(model.optimizers[0].paths) == len(model.parameters):
        return [f"Optimizer: {model.optimizers[0].description}"]
    found = [f"Optimizer: {each.description}, of {', '.join(each.paths)}" for each in model.optimizers]
    updated = {path for each in model.optimizers for path in each.paths}
    frozen = [each.path for each in model.parameters if each.path not in updated]
    return found + ([f"Frozen: {', '.join(frozen)}"] if frozen and model.optimizers else [])


def text(schedule: Schedule) -> str:
    """The whole summary, without a line end."""
    model = schedule.model
    batch = model.settings.batch_size
    title, step = _main_step(schedule)
    ports = ", ".join(f"{port.name}: {port.declared}" for port in model.inputs)
    results = ", ".join(f"{port.name}: {port.declared}" for port in model.results)
    found = [f"Model: {model.name}({ports}) -> {results}", ""]
    found += layer_table(model)
    found += ["", f"Total parameters: {parameter_count(model):,} ({size(4 * parameter_count(model))})"]
    found += [*_optimizers(model), ""]
    found += [f"{title} at batch {batch}: {len(step.kernels)} kernels", ""]
    found += kernel_table(step, batch)
    found += ["", *_memory(schedule, batch)]
    return "\n".join(found)
