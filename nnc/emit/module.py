"""The module: one file of Python that a person can read.

In: the schedule of a model. Out: its text, the same to the byte for the same source. It is laid out as a reader comes to
it: what it holds, tables, kernels with their meaning in plain torch below each, steps, the model's class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nnc.emit import describe, headers, helpers, tables
from nnc.emit.collect import Functions, StepText
from nnc.emit.collect import run as collect
from nnc.emit.kernels import KernelText
from nnc.schedule.kernel import Schedule
from nnc.tensor.program import Model

WIDTH = 120


def run(schedule: Schedule) -> str:
    functions = collect(schedule)
    model = schedule.model
    kernels = _kernels(functions)
    sections = [
        headers.docstring(schedule, functions),
        _imports(schedule, functions, kernels),
        _tables(schedule, functions),
        [_rule("kernels"), "", "", *kernels],
        [_rule("steps"), "", "", *_steps(functions)],
        _class(schedule, functions),
        ['if __name__ == "__main__":', f"    raise SystemExit({model.name}.main())"],
    ]
    text = "\n".join("\n".join(section).rstrip("\n") + "\n\n" for section in sections)
    return _spaced(text)


def _spaced(text: str) -> str:
    """Two blank lines around top-level definitions, as the formatter has them; none at the end."""
    lines: list[str] = []
    for line in text.split("\n"):
        starts = line.startswith(("@triton.jit", "def ", "class ", "if __name__"))
        comment = line.startswith("#") and not line.startswith("# ---")
        if (starts or comment) and lines and not lines[-1].startswith(("@", "#")) or line.startswith("# ---"):
            while lines and not lines[-1].strip():
                lines.pop()
            lines += ["", ""]
        elif lines and lines[-1].startswith("# ---") or (starts and lines and lines[-1].startswith("# ---")):
            pass
        lines.append(line)
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines) + "\n"


def _rule(title: str) -> str:
    return f"# {'-' * (WIDTH - 4 - len(title) - 0)} {title}"[:WIDTH]


def _imports(schedule: Schedule, functions: Functions, kernels: Sequence[str]) -> list[str]:
    wanted = {"Model", "Port", "Report", "Step", "Launch", "tl", "triton", "Buffer"}
    body = "\n".join([*kernels, *_tables(schedule, functions), *_steps(functions)])
    optional = ("BATCH", "Parameter", "State", "View", "cdiv", "tiles", "half", "Buffer")
    used = {name for name in optional if f"{name}(" in body or name in body.replace("(", " ").replace(",", " ").split()}
    names = sorted((wanted - {"Buffer"}) | used, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    line = f"from nnc.runtime import {', '.join(names)}"
    found = [line] if len(line) <= WIDTH else ["from nnc.runtime import (", *(f"    {n}," for n in names), ")"]
    first = ["import torch", ""] if "torch." in body else []
    return [*first, *found]


def _tables(schedule: Schedule, functions: Functions) -> list[str]:
    model = schedule.model
    lines = tables.tensors("PARAMETERS", "Parameter", model.parameters, schedule.layout)
    lines += [f"SIZE = {schedule.layout.size}  # elements of each flat buffer"]
    lines += [f"SLOTS = {tables.slot_rows(schedule)}"]
    if model.states:
        lines += tables.tensors("STATES", "State", model.states, schedule.states)
    lines.append("")
    for step in functions.steps.values():
        suffix = "" if step.schedule.name == "train" else f"_{step.schedule.name.upper()}"
        lines += tables.buffers(f"ARENA{suffix}", step.schedule.arena)
        lines += tables.buffers(f"ARENA{suffix}_TORCH", step.torch.buffers)
        lines += tables.views(f"VIEWS{suffix}_TORCH", step.torch.views)
    if model.settings.precision in ("bf16", "f16"):
        lines += ["", f'HALF = half("{model.settings.precision}")  # what operands of products are rounded to']
    return lines


def _kernels(functions: Functions) -> list[str]:
    lines: list[str] = []
    bodies = [entry.triton for entry in functions.entries]
    for text in helpers.needed(bodies):
        lines += [*text.rstrip("\n").split("\n"), "", ""]
    for entry in functions.entries:
        lines += entry.comment
        if entry.triton:
            lines += [*entry.triton.rstrip("\n").split("\n"), "", ""]
        for text in entry.torch:
            lines += [*text.rstrip("\n").split("\n"), "", ""]
    return lines


def _steps(functions: Functions) -> list[str]:
    lines: list[str] = []
    for name, step in functions.steps.items():
        lines += [f"def {name}_step(v):", f'    """{_STEP_DOCS[name]}"""', "    return ("]
        for launch in step.launches:
            lines += _launch(launch)
        lines += ["    )", "", "", f"def {name}_step_torch(v):"]
        lines += [*(_call(call) for call in step.calls), "", ""] if step.calls else ["    pass", "", ""]
    return lines


_STEP_DOCS = {
    "train": "The launches of one training step; v: the tensors that the runtime binds.",
    "evaluate": "The launches of one step of evaluation.",
    "predict": "The launches of one step of prediction.",
}


def _launch(launch: KernelText) -> list[str]:
    arguments = ", ".join(launch.arguments) + ("," if len(launch.arguments) == 1 else "")
    options = "" if launch.warps == 4 else f', {{"num_warps": {launch.warps}}}'
    line = f"        Launch({launch.name}, {launch.grid}, ({arguments}){options}),"
    if len(line) <= WIDTH:
        return [line]
    pad = " " * 12
    inner = f"{pad}({arguments}){options},"
    tail = [f"{pad}({arguments}),", f"{pad}{options[2:]},"] if options else [inner]
    if len(f"{pad}({arguments}),") > WIDTH:
        tail = [f"{pad}(", *(f"{pad}    {argument}," for argument in launch.arguments), f"{pad}),"]
        tail += [f"{pad}{options[2:]},"] if options else []
    return ["        Launch(", f"{pad}{launch.name},", f"{pad}{launch.grid},", *tail, "        ),"]


def _call(call: str) -> str:
    line = f"    {call}"
    if len(line) <= WIDTH:
        return line
    name, arguments = call.split("(", 1)
    inner = f"        {arguments[:-1]}"
    if len(inner) <= WIDTH:
        return f"    {name}(\n{inner}\n    )"
    rows = "\n".join(f"        {argument}," for argument in arguments[:-1].split(", "))
    return f"    {name}(\n{rows}\n    )"


def _class(schedule: Schedule, functions: Functions) -> list[str]:
    model = schedule.model
    reports = ", ".join(f'Report("{r.name}", "{r.total}", "{r.over}")' for r in model.reports)
    digest = hashlib.sha256(model.source.text.encode()).hexdigest()
    lines = [
        f"class {model.name}(Model):",
        f'    """{headers.signature(model)}"""',
        "",
        "    source = (",
        f'        "{describe.file_name(model.source.path)}",',
        f'        "{digest}",',
        "    )",
        *_attribute("inputs", tables.ports(model.inputs), model.inputs),
        *_attribute("targets", tables.ports(model.targets), model.targets),
        *_attribute("results", tables.ports(model.results), model.results),
        "    parameters_table, size, slots = PARAMETERS, SIZE, SLOTS",
        f"    states_table, state_size = {'STATES' if model.states else '()'}, {schedule.states.size}",
        f"    accumulators = {schedule.accumulators!r}".replace("'", '"'),
        f"    reports = ({reports}{',' if len(model.reports) == 1 else ''})",
        f"    defaults = {_defaults(model)}",
        "    steps = {",
        *_paths(functions.steps),
        "    }",
    ]
    return lines


def _attribute(name: str, text: str, rows: Sequence[object]) -> list[str]:
    if not rows:
        return [f"    {name} = ()"]
    line = f"    {name} = {text}"
    if len(line) <= WIDTH:
        return [line]
    inner = text[1:-1].rstrip(",").replace("), Port(", "),\n        Port(")
    return [f"    {name} = (", *f"        {inner},".split("\n"), "    )"]


def _defaults(model: Model) -> str:
    settings = model.settings
    rows = {
        "batch_size": settings.batch_size,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "data": settings.data,
        "validation_split": settings.validation_split,
        "precision": settings.precision,
    }
    inner = ", ".join(f'"{name}": {_literal(value)}' for name, value in rows.items())
    line = f"    defaults = {{{inner}}}"
    if len(line) <= WIDTH:
        return f"{{{inner}}}"
    return "{\n" + "\n".join(f'        "{name}": {_literal(value)},' for name, value in rows.items()) + "\n    }"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and '"' not in value and "\\" not in value else repr(value)


def _paths(steps: dict[str, StepText]) -> list[str]:
    lines = []
    for path, suffix in (("triton", ""), ("torch", "_torch")):
        lines.append(f'        "{path}": {{')
        for name in steps:
            arena = "ARENA" + ("" if name == "train" else f"_{name.upper()}")
            views = f", VIEWS{arena[5:]}_TORCH" if suffix else ""
            lines.append(f'            "{name}": Step({name}_step{suffix}, {arena}{suffix.upper()}{views}),')
        lines.append("        },")
    return lines
