"""The functions of a module: every step's kernels, equal ones once.

In: a schedule. Out: functions in the order in which they are first launched, each with what it implements, and for each
step its launches. Names are unique in the module; a kernel of evaluation or prediction that differs from training's of
the same name is named for its step.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit import describe
from nnc.emit.finish import finish_text
from nnc.emit.kernels import KernelText, Style, product_text, region_text
from nnc.emit.tidy import signature_lines
from nnc.emit.torch_path import TorchStep
from nnc.emit.torch_path import lower as lower_torch
from nnc.emit.update import update_text
from nnc.schedule.kernel import Kernel, KernelKind, Schedule, StepSchedule

_PRECISION = {"f32": ("ieee", None), "tf32": ("tf32", None), "bf16": ("ieee", "HALF"), "f16": ("ieee", "HALF")}
_FUNCTION = re.compile(r"^def (\w+)\(([^)]*)\):", re.MULTILINE)  # what a `def` line may hold beside: no brackets


@dataclass(slots=True)
class Entry:
    """A kernel with its torch counterpart, as text, below a comment with the lines that it implements."""

    comment: list[str]
    triton: str
    torch: list[str] = field(default_factory=list)


@dataclass(slots=True)
class StepText:
    """One step: launches of the Triton path, calls of the torch path."""

    schedule: StepSchedule
    launches: list[KernelText]
    calls: list[tuple[str, tuple[str, ...]]]  # of the torch path: function, arguments
    torch: TorchStep


@dataclass(slots=True)
class Functions:
    entries: list[Entry]
    steps: dict[str, StepText]


@dataclass(slots=True)
class _Collector:
    names: Names
    known: dict[tuple[str, str], str] = field(default_factory=dict)  # wished name and text -> name

    def name(self, wish: str, text: str, step: str) -> tuple[str, bool]:
        """The name of a function with this text, and whether it is new."""
        key = (wish, text)
        if key in self.known:
            return self.known[key], False
        stem = wish.removesuffix("_torch")
        if wish not in self.names:
            name = self.names.fresh(wish)
        else:
            name = self.names.fresh(f"{stem}_{step}" + ("_torch" if wish.endswith("_torch") else ""))
        self.known[key] = name
        return name, True


def style(precision: str) -> Style:
    template = importlib.resources.files("nnc.kernels").joinpath("product.py").read_text(encoding="utf-8")
    input_precision, half = _PRECISION[precision]
    return Style(template, input_precision, half)


def run(schedule: Schedule) -> Functions:
    collector = _Collector(Names((schedule.model.name,)))
    made = style(schedule.model.settings.precision)
    entries: list[Entry] = []
    steps: dict[str, StepText] = {}
    for step in (schedule.train, schedule.evaluate, schedule.predict):
        if step is not None:
            steps[step.name] = _step(schedule, step, made, collector, entries)
    return Functions(entries, steps)


def _step(schedule: Schedule, step: StepSchedule, made: Style, collector: _Collector, entries: list[Entry]) -> StepText:
    torch = lower_torch(step, size=schedule.layout.size, precision=schedule.model.settings.precision)
    own = {function.kernel: function for function in torch.functions}
    launches: list[KernelText] = []
    calls: list[tuple[str, tuple[str, ...]]] = []
    texts = [_kernel(schedule, step, kernel, made) for kernel in step.kernels]
    kernels: list[Kernel | None] = list(step.kernels)
    if step.closing is None:
        texts.append(finish_text(Kernel("advance", KernelKind.FINISH, (), (), ()), True, step.name == "train"))
        kernels.append(None)
    for number, (kernel, text) in enumerate(zip(kernels, texts, strict=True)):
        name, new = collector.name(text.name, text.text, step.name)
        entry = Entry(
            ["# the next batch"] if kernel is None else describe.headline(kernel, kernel is step.closing),
            _renamed(text.text, name),
        )
        launches.append(KernelText(name, text.text, text.grid, text.arguments, text.warps))
        function = own.get(number)
        if function is not None:
            torch_name, torch_new = collector.name(function.name, function.text, step.name)
            call = torch.calls[torch.functions.index(function)]
            calls.append((torch_name, tuple(call[len(function.name) + 1 : -1].split(", "))))
            if torch_new:
                entry.torch.append(_renamed(function.text, torch_name))
        if new or entry.torch:
            entries.append(entry if new else Entry(entry.comment, "", entry.torch))
    return StepText(step, launches, calls, torch)


def _renamed(text: str, name: str) -> str:
    """The function's text with that name, its signature laid out anew."""
    found = _FUNCTION.search(text)
    assert found is not None, "every text holds a function"
    parameters = [each.strip() for each in found[2].split(",") if each.strip()]
    lines = "\n".join(signature_lines(name, parameters))
    return text if found[1] == name else f"{text[: found.start()]}{lines}{text[found.end() :]}"


def _kernel(schedule: Schedule, step: StepSchedule, kernel: Kernel, made: Style) -> KernelText:
    match kernel.kind:
        case KernelKind.PRODUCT:
            return product_text(kernel, made)
        case KernelKind.REGION:
            return region_text(kernel, made)
        case KernelKind.FINISH:
            read = {buffer for each in step.kernels for _, buffer in each.reads}
            unread = frozenset(buffer for buffer, _, _ in step.arena if buffer not in read)
            return finish_text(kernel, kernel is step.closing, step.name == "train", unread)
        case KernelKind.UPDATE:
            return update_text(kernel, step.closing is not None)
