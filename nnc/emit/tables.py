"""The tables of a module: parameters, buffers, views, ports. In: the schedule. Out: groups for the writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnc.emit.describe import file_name
from nnc.emit.expression import number
from nnc.emit.initial import Starts
from nnc.emit.reports import Result
from nnc.emit.torch_draws import TorchDraw
from nnc.emit.torch_text import TorchView
from nnc.emit.writer import Group, Item, call, collection, lay_out
from nnc.schedule.kernel import Accumulator, Buffer, Extent, FlatLayout, Schedule
from nnc.schedule.naming import Attributes
from nnc.tensor.program import Parameter, Plain, Port, Report, Role, State, WeightPort
from nnc.tensor.types import TensorType


def table(name: str, rows: Sequence[Item]) -> list[str]:
    """A tuple of rows, one a line."""
    if not rows:
        return [f"{name} = ()"]
    return lay_out(collection(rows, f"{name} = "), split=len(rows) > 1)


def quoted(text: str) -> str:
    """As a Python string, in double quotes where that needs no escape."""
    return f'"{text}"' if text.isprintable() and not set('"\\') & set(text) else repr(text)


def plain(value: Plain) -> str:
    """A setting's value."""
    return quoted(value) if isinstance(value, str) else repr(value)


def extent(size: Extent) -> str:
    """`BATCH`, `BATCH * 4`, `tiles(32)`, `tiles(32, 4)`, or a number."""
    if isinstance(size, int):
        return str(size)
    if size.per == 1:
        return "BATCH" if size.each == 1 else f"BATCH * {size.each}"
    return f"tiles({size.per})" if size.each == 1 else f"tiles({size.per}, {size.each})"


def extents(sizes: Sequence[Extent]) -> Group:
    return collection([extent(size) for size in sizes])


def parameters(rows: Sequence[Parameter], layout: FlatLayout, starts: Starts) -> list[str]:
    """The table of parameters, in the order in which they lie."""
    ordered = sorted(rows, key=lambda row: layout.offsets[row.path])
    return table(
        "PARAMETERS", [call("Parameter", *_place(row, layout), starts.text(row.initializer)) for row in ordered]
    )


def states(rows: Sequence[State], layout: FlatLayout, starts: Starts) -> list[str]:
    """The table of states. One that starts at the data says so, one that is no float says what it is."""
    found = []
    for row in rows:
        start = starts.text(row.initializer, row.inputs)
        element = [] if row.type.element == "f32" else [f"element={quoted(row.type.element)}"]
        found.append(call("State", *_place(row, layout), f"adapt={start}" if row.inputs else start, *element))
    return table("STATES", found)


def _place(row: Parameter | State, layout: FlatLayout) -> tuple[str, ...]:
    return quoted(row.path), str(layout.offsets[row.path]), repr(row.type.shape)


def buffers(name: str, rows: Sequence[tuple[Buffer, int, int]]) -> list[str]:
    return table(
        name,
        [
            call("Buffer", quoted(b.name), extents(b.shape), quoted(b.element), str(first), str(last))
            for b, first, last in rows
        ],
    )


def views(name: str, rows: Sequence[TorchView]) -> list[str]:
    return table(
        name,
        [
            call("View", quoted(v.name), quoted(v.of), extents(v.shape), extents(v.strides), extent(v.offset))
            for v in rows
        ],
    )


def draws(name: str, rows: Sequence[TorchDraw]) -> list[str]:
    return table(name, [_draw(row) for row in rows])


def _draw(row: TorchDraw) -> Group:
    """`Draw("hidden_dropout_scale", "bernoulli", (32,), 0x1F2E, (0.5,), values=(0.0, 2.0))`"""
    numbers = collection([number(each) for each in row.numbers])
    values = () if row.values is None else (collection([number(each) for each in row.values], "values="),)
    return call(
        "Draw", quoted(row.name), quoted(row.distribution), repr(row.shape), f"0x{row.key:016X}", numbers, *values
    )


def ports(role: Role, rows: Sequence[Port], attributes: Attributes) -> Group:
    return collection([_port(row, attributes[role, row.name]) for row in rows])


def weights(rows: Sequence[WeightPort], attributes: Attributes) -> Group:
    """The weights of a loss's terms, each with the targets that the term reads."""
    return collection(
        [
            call(
                "Weight",
                quoted(row.term),
                quoted(attributes[Role.WEIGHT, row.name]),
                collection([quoted(name) for name in row.targets]),
            )
            for row in rows
        ]
    )


def _port(row: Port, attribute: str) -> Group:
    element = "i64" if row.type.bound is not None else row.type.element
    place = f"{file_name(row.span.source.path)}:{row.span.line}"
    return call(
        "Port",
        quoted(row.name),
        quoted(element),
        repr(row.type.shape),
        repr(row.type.bound),
        quoted(row.declared),
        quoted(place),
        *([quoted(attribute)] if attribute != row.name else []),
        *([f"default={row.default!r}"] if row.default is not None else []),
    )


def accumulator(row: Accumulator) -> Group:
    """`Accumulator("loss", 0)`, with shape and fold where it is no plain sum of numbers."""
    shape = [repr(row.shape)] if row.shape else []
    fold = [f"fold={quoted(row.fold)}"] if row.fold != "sum" else []
    return call("Accumulator", quoted(row.name), str(row.offset), *shape, *fold)


def report(row: Report, function: Result | None) -> Group:
    """`Report("loss", "loss", "count")`, or with a function of the accumulators."""
    if function is None:
        return call("Report", *map(quoted, (row.name, row.total, row.over)))
    states = collection([quoted(name) for name in row.states], "states=")
    return call("Report", quoted(row.name), states, f"result={function.text}")


def slots(schedule: Schedule) -> list[str]:
    """`Slot("m", 0.0, PARAMETERS)`; beside some of the parameters `PARAMETERS[2:4]`, or a list of places."""
    read = _read_slots(schedule)
    parameters = sorted(schedule.model.parameters, key=lambda row: schedule.layout.offsets[row.path])
    own: dict[tuple[str, float], dict[str, TensorType | None]] = {}
    for rule in schedule.model.rules:
        for slot in rule.slots:
            own.setdefault((slot.name, slot.initial), {}).update(dict.fromkeys(rule.paths, slot.type))
    rows = []
    for (name, initial), types in own.items():
        layout = schedule.slots.get(name, FlatLayout({}, 0))
        entries = [row for row in parameters if row.path in types and row.path in layout.offsets]
        if entries:
            places = _places(parameters, entries, types, layout, schedule.layout)
            rows.append(call("Slot", quoted(name), number(initial), places, *(["read=True"] if name in read else [])))
    return table("SLOTS", rows)


def _read_slots(schedule: Schedule) -> set[str]:
    """The slots that predictions are made of."""
    program = schedule.predict.program
    used = {arg for op in program.function.ops for arg in op.args} | set(program.function.results)
    pairs = zip(program.function.parameters, program.inputs, strict=True)
    return {binding.name for value, binding in pairs if binding.role is Role.SLOT and value in used}


def _places(
    parameters: Sequence[Parameter],
    entries: Sequence[Parameter],
    types: Mapping[str, TensorType | None],
    layout: FlatLayout,
    beside: FlatLayout,
) -> Item:
    first = parameters.index(entries[0])
    last = first + len(entries)
    is_alike = all(types[row.path] is None and layout.offsets[row.path] == beside.offsets[row.path] for row in entries)
    if is_alike and list(entries) == list(parameters[first:last]):
        cut = f"[{first or ''}:{last if last < len(parameters) else ''}]"
        return "PARAMETERS" if len(entries) == len(parameters) else f"PARAMETERS{cut}"
    rows = sorted(entries, key=lambda row: layout.offsets[row.path])
    places = [(row.path, layout.offsets[row.path], (types[row.path] or row.type).shape) for row in rows]
    return collection([call("Place", quoted(path), str(offset), repr(shape)) for path, offset, shape in places])
