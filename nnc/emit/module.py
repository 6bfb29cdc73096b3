"""The module: one file of Python that a person can read.

In: the schedule of a model. Out: its text, the same to the byte for the same source. It is laid out as a reader comes
to it: what it holds, tables, kernels with their meaning in plain torch below each, steps, the model's class.
"""

from __future__ import annotations

import builtins
import hashlib
import re

from nnc.base.names import Names
from nnc.emit import describe, headers, helpers, tables
from nnc.emit.collect import Functions, StepText
from nnc.emit.collect import run as collect
from nnc.emit.initial import Starts
from nnc.emit.kernels import KernelText
from nnc.emit.reports import result
from nnc.emit.tidy import wrapped
from nnc.emit.writer import WIDTH, Group, Item, call, collection, lay_out, mapping
from nnc.schedule import padding
from nnc.schedule.kernel import Schedule
from nnc.tensor.program import Model, Role, Settings

# All that a module may take from the runtime; it imports what its text uses.
_RUNTIME = (
    *("BATCH", "Accumulator", "Buffer", "Draw", "Launch", "Model", "Parameter", "Place", "Port", "Report", "Slot"),
    *("State", "Step", "View", "Weight", "cdiv", "half", "moment_step_", "tiles", "tl", "triton"),
)
# Strings and comments, whose words are no names.
_PROSE = re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*')
# How it uses them: variables of the program may have the same names, but none is called.
_USED = re.compile(r"\b(BATCH)\b|class \w+\((Model)\)|(?<![\w.])(?:(torch|tl|triton)\.|(\w+)\()")
_STEP_DOCS = {
    "train": "The launches of one training step; v: the tensors that the runtime binds.",
    "evaluate": "The launches of one step of evaluation.",
    "predict": "The launches of one step of prediction.",
}


def run(schedule: Schedule) -> str:
    functions = collect(schedule)
    # each block stands two blank lines from the next
    starts = Starts(Names(_taken(functions)))
    tables_block = _tables(schedule, functions, starts)
    blocks = [
        *starts.blocks,
        tables_block,
        _rule("kernels"),
        *_kernels(functions),
        _rule("steps"),
        *_steps(functions),
        *_results(schedule),
        _constants(schedule, functions),
        _class(schedule),
        ['if __name__ == "__main__":', f"    raise SystemExit({class_name(schedule.model)}.main())"],
    ]
    body = "\n\n\n".join("\n".join(block) for block in blocks)
    head = [*headers.docstring(schedule, functions), "", *_imports(body), "", *([""] if starts.blocks else []), ""]
    return "\n".join(head) + body + "\n"


def class_name(model: Model) -> str:
    """The model's name; where the module's functions need that for something else, an underscore comes after it."""
    needed = (*dir(builtins), *helpers.names(), *_RUNTIME, "torch")
    return f"{model.name}_" if model.name in needed and model.name.islower() else model.name


def _taken(functions: Functions) -> list[str]:
    """The names of the kernels, on either path."""
    names = [launch.name for step in functions.steps.values() for launch in step.launches]
    return [*names, *(name for step in functions.steps.values() for name, _ in step.calls)]


def _rule(title: str) -> list[str]:
    return [f"# {'-' * (WIDTH - 3 - len(title))} {title}"]


def _imports(body: str) -> list[str]:
    used = {name for found in _USED.findall(_PROSE.sub("", body)) for name in found}
    names = [name for name in _RUNTIME if name in used]
    line = f"from nnc.runtime import {', '.join(names)}"
    found = [line] if len(line) <= WIDTH else ["from nnc.runtime import (", *(f"    {name}," for name in names), ")"]
    return ["import torch", "", *found] if "torch" in used else found


def _suffix(step: str) -> str:
    return "" if step == "train" else f"_{step.upper()}"


def _tables(schedule: Schedule, functions: Functions, starts: Starts) -> list[str]:
    model = schedule.model
    lines = tables.parameters(model.parameters, schedule.layout, starts)
    lines += [f"SIZE = {schedule.layout.size}  # elements of each flat buffer", *tables.slots(schedule)]
    if model.states:
        lines += tables.states(model.states, schedule.states, starts)
    if model.settings.precision in ("bf16", "f16"):
        lines.append(f'HALF = half("{model.settings.precision}")  # what operands of products are rounded to')
    lines += ["", "# Buffers: shape, element, first and last kernel of the step that touches it"]
    for step in functions.steps.values():
        suffix = _suffix(step.schedule.name)
        lines += tables.buffers(f"ARENA{suffix}", step.schedule.arena)
        lines += tables.buffers(f"ARENA{suffix}_TORCH", step.torch.buffers)
        lines += tables.views(f"VIEWS{suffix}_TORCH", step.torch.views)
        if step.torch.draws:
            lines += tables.draws(f"DRAWS{suffix}_TORCH", step.torch.draws)
    return lines


def _kernels(functions: Functions) -> list[list[str]]:
    """Blocks: helpers, then each kernel below the lines that it implements, then its meaning in torch."""
    blocks = [text.rstrip("\n").split("\n") for text in helpers.needed([entry.triton for entry in functions.entries])]
    for entry in functions.entries:
        texts = [text for text in (entry.triton, *entry.torch) if text]
        own = [text.rstrip("\n").split("\n") for text in texts]
        own[0] = [*entry.comment, *own[0]]
        blocks += own
    return blocks


def _steps(functions: Functions) -> list[list[str]]:
    blocks: list[list[str]] = []
    for name, step in functions.steps.items():
        launches = collection([_launch(launch) for launch in step.launches], "return ")
        blocks.append([f"def {name}_step(v):", f'    """{_STEP_DOCS[name]}"""', *lay_out(launches, 1, split=True)])
        calls = [line for function, arguments in step.calls for line in lay_out(call(function, *arguments), 1)]
        blocks.append([f"def {name}_step_torch(v):", *(calls or ["    pass"])])
    return blocks


def _launch(launch: KernelText) -> Group:
    options = () if launch.warps == 4 else (f'{{"num_warps": {launch.warps}}}',)
    return call("Launch", launch.name, launch.grid, collection(launch.arguments), *options)


def _results(schedule: Schedule) -> list[list[str]]:
    """What metrics make of their accumulators, where that is no single expression."""
    found = [result(row) for row in schedule.model.reports]
    return [list(each.definition) for each in found if each is not None and each.definition]


def _constants(schedule: Schedule, functions: Functions) -> list[str]:
    settings = schedule.model.settings
    defaults = {
        "batch_size": settings.batch_size,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "data": settings.data,
        "validation_split": settings.validation_split,
        "precision": settings.precision,
    }
    rows: list[tuple[str, Item]] = [(name, tables.plain(v)) for name, v in defaults.items()]
    rows += _records(settings)
    paths = [("triton", _path(functions.steps, "")), ("torch", _path(functions.steps, "_torch"))]
    return [*lay_out(mapping(rows, "DEFAULTS = ")), *lay_out(mapping(paths, "STEPS = "), split=True)]


def _records(settings: Settings) -> list[tuple[str, Item]]:
    """The settings that few programs have."""
    rows: list[tuple[str, Item]] = []
    if settings.weights is not None:
        rows.append(("weights", tables.plain(settings.weights)))
    if settings.early_stopping is not None:
        rows.append(
            ("early_stopping", mapping([(name, tables.plain(v)) for name, v in settings.early_stopping.items()]))
        )
    if settings.class_weight is not None:
        by_target = {name: collection([repr(v) for v in each]) for name, each in settings.class_weight.items()}
        rows.append(("class_weight", mapping(list(by_target.items()))))
    return rows


def _largest_batch(schedule: Schedule) -> int | None:
    """How many samples fit along an axis of the batch, where the program has one."""
    steps = [step for step in (schedule.train, schedule.evaluate) if step is not None]
    sizes = [op["n"] for step in steps for op in step.program.function.ops if op.primitive == "batch_rows"]
    return min((size for size in sizes if isinstance(size, int)), default=None)


def _path(steps: dict[str, StepText], path: str) -> Group:
    rows = []
    for name in steps:
        suffix = _suffix(name) + path.upper()
        views = (f"VIEWS{suffix}",) if path else ()
        draws = (f"DRAWS{suffix}",) if path and steps[name].torch.draws else ()
        rows.append((name, call("Step", f"{name}_step{path}", f"ARENA{suffix}", *views, *draws)))
    return mapping(rows)


def _class(schedule: Schedule) -> list[str]:
    model = schedule.model
    digest = hashlib.sha256(model.source.text.encode()).hexdigest()
    reports = [tables.report(row, result(row)) for row in model.reports]
    attributes = {
        "source": collection([tables.quoted(describe.file_name(model.source.path)), tables.quoted(digest)]),
        "inputs": tables.ports(Role.INPUT, model.inputs, schedule.attributes),
        "targets": tables.ports(Role.TARGET, model.targets, schedule.attributes),
        **({"weights": tables.weights(model.weights, schedule.attributes)} if model.weights else {}),
        "results": tables.ports(Role.OUTPUT, model.results, schedule.attributes),
        "parameters_table, size, slots": "PARAMETERS, SIZE, SLOTS",
        "states_table": "STATES" if model.states else "()",
        "accumulators": collection([tables.accumulator(row) for row in schedule.accumulators]),
        "reports": collection(reports),
        "defaults, steps": "DEFAULTS, STEPS",
    }
    if schedule.train is not None and padding.reads_occupied(schedule.train):
        attributes["marked"] = "True"
    largest = _largest_batch(schedule)
    if largest is not None:
        attributes["largest_batch"] = str(largest)
    documentation = wrapped(f'"""{headers.signature(model)}"""', indent=4)
    lines = [f"class {class_name(model)}(Model):", *(f"    {line}" for line in documentation), ""]
    for name, value in attributes.items():
        if isinstance(value, Group):
            lines += lay_out(Group(f"{name} = ", value.items, value.brackets), 1)
        else:
            lines.append(f"    {name} = {value}")
    return lines
