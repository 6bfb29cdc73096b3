"""The module's docstring: what it holds, as tables that a reader can check against the code below."""

from __future__ import annotations

import re

from nnc import __version__
from nnc.emit import describe
from nnc.emit.collect import Functions
from nnc.emit.tidy import wrapped
from nnc.schedule.cost import arena_bytes, step_cost
from nnc.schedule.kernel import Kernel, Schedule
from nnc.tensor.program import Model

_SENTENCE = re.compile(r".+?[.!?](?=\s|$)")  # the first


def signature(model: Model) -> str:
    """Handwritten digits.   pixels: float[64] -> probs: float[10];   target digit: index(10)"""
    inputs = ", ".join(f"{port.name}: {port.declared}" for port in model.inputs)
    results = ", ".join(f"{port.name}: {port.declared}" for port in model.results)
    targets = ", ".join(f"target {port.name}: {port.declared}" for port in model.targets)
    text = f"{inputs} -> {results}" + (f"; {targets}" if targets else "")
    sentence = _SENTENCE.match(_paragraph(model.documentation))
    return _safe(f"{sentence[0]} {text}" if sentence else text)


def _paragraph(documentation: str) -> str:
    """The first, on one line."""
    return " ".join(documentation.strip().split("\n\n")[0].split())


def _about(model: Model) -> str:
    """What the model's documentation says of it, or that of the file: `##` lines at its start and an empty one."""
    head, _, rest = model.source.text.partition("\n\n")
    lines = head.split("\n")
    whole = bool(rest) and all(line.startswith("##") for line in lines)
    return _paragraph(model.documentation) or (_paragraph("\n".join(line[2:] for line in lines)) if whole else "")


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")


def docstring(schedule: Schedule, functions: Functions) -> list[str]:
    model = schedule.model
    about = _about(model)
    name = describe.file_name(model.source.path)
    opening = f'"""{model.name}: {_safe(about)}' if about else f'"""{model.name}.'
    origin = f"Compiled by nnc {__version__} from {name}."
    one = f"{opening} {origin}"
    lines = [*([*wrapped(opening), "", origin] if len(wrapped(one)) > 1 else [one]), ""]
    lines += _parameters(schedule)
    step = functions.steps.get("train") or functions.steps["predict"]
    batch = model.settings.batch_size
    kernels = step.schedule.kernels
    total = step_cost(step.schedule, batch).flops
    arena = arena_bytes(step.schedule.arena, batch)
    what = "Training step" if step.schedule.name == "train" else "Prediction"
    lines += [f"{what} at batch {batch}: {len(step.launches)} kernels, {_amount(total)}FLOP, arena {arena:,} bytes", ""]
    width = max(len(launch.name) for launch in step.launches)
    for kernel, launch in zip(kernels, step.launches, strict=False):
        lines.append(f"    {launch.name:<{width}}  {_places(kernel)}".rstrip())
    return [*lines, '"""']


def _parameters(schedule: Schedule) -> list[str]:
    layout = schedule.layout
    rows = sorted(schedule.model.parameters, key=lambda row: layout.offsets[row.path])
    if not rows:
        return ["No parameters", ""]
    total = sum(row.type.size for row in rows)
    lines = [
        f"Parameters: {total:,} in one flat buffer of {layout.size:,} float32 (each tensor starts on 128 bytes)",
        "",
    ]
    width = max(len(row.path) for row in rows)
    wide = max(len(str(row.type)) for row in rows)
    for row in rows:
        offset = layout.offsets[row.path]
        note = "    the tail: gradients arrive as partial sums" if offset in layout.tails else ""
        lines.append(f"    {row.path:<{width}}  {row.type!s:<{wide}}  at {offset:>8,}{note}")
    return [*lines, ""]


def _places(kernel: Kernel) -> str:
    found: dict[str, list[str]] = {}
    for span in kernel.spans:
        found.setdefault(describe.file_name(span.source.path), []).append(str(span.line))
    places = ", ".join(f"{name}:{','.join(lines)}" for name, lines in found.items())
    return places


def _amount(number: float) -> str:
    for unit in ("", "k", "M", "G", "T"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} P"
