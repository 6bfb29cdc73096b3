"""The text of a torch function, and the names in the step's namespace that it is called with.

In: a kernel's statements. Out: a function of tensors, its call in terms of `v`, and, over the whole step, the scratch
and views that have to be bound. Lines fit in 120 columns and are as a formatter would leave them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit.expression import fill
from nnc.emit.torch_calls import COPY
from nnc.emit.torch_scratch import Lives, Statement, same_view, settle
from nnc.emit.torch_tensor import Extents, Host, Storage, Strided, squeezed
from nnc.emit.torch_update import CALL
from nnc.schedule.kernel import Buffer, Extent, Space
from nnc.tensor.primitives import TABLE

WIDTH = 120
SUMS = "sums"  # added to, never written whole
_NUMBERS = re.compile(r"\b(count|step)\b")


@dataclass(frozen=True, slots=True)
class TorchFunction:
    """A function of a kernel. `kernel` is the kernel's place in the step."""

    name: str
    text: str
    kernel: int
    calls: int  # statements of torch that one run executes


@dataclass(frozen=True, slots=True)
class TorchView:
    """A strided view, bound once: as_strided of `v.<of>`, in elements, from the start of that."""

    name: str
    of: str
    shape: Extents
    strides: Extents
    offset: Extent


@dataclass(slots=True)
class Namespace:
    """What the step's functions ask of `v` beside what is there anyhow."""

    names: Names
    views: dict[tuple[str, Extents, Extents, Extent], TorchView] = field(default_factory=dict)
    _touched: dict[str, tuple[Buffer, int, int]] = field(default_factory=dict)
    _scratch: dict[str, Buffer] = field(default_factory=dict)

    def cut(self, ranges: Mapping[str, tuple[str, int, int]]) -> None:
        """Makes names of parts of flat buffers: of which, where each starts, and its size."""
        for name, (of, start, size) in ranges.items():
            self.names.reserve(name)
            self.views[of, (size,), (1,), start] = TorchView(name, of, (size,), (1,), start)

    def scratch(self, kernel: str, storage: Storage) -> str:
        """A new buffer like `storage`."""
        wish = "scratch" if storage.local in TABLE or storage.local.startswith("scratch") else storage.local
        name = self.names.fresh(wish)
        self._scratch[name] = Buffer(name, storage.element, storage.shape, Space.ARENA)
        return name

    def touch(self, place: str, buffer: Buffer | None, kernel: int) -> None:
        found = self._scratch.get(place, buffer)
        if found is not None:
            _, first, _ = self._touched.get(place, (found, kernel, kernel))
            self._touched[place] = (found, first, kernel)

    def bound(self, calls: Sequence[str]) -> tuple[TorchView, ...]:
        """The views that calls take."""
        words = {word for call in calls for word in re.findall(r"v\.(\w+)", call)}
        return tuple(view for view in self.views.values() if view.name in words)

    def arena(self) -> tuple[tuple[Buffer, int, int], ...]:
        return tuple(self._touched.values())

    def attribute(self, place: str, x: Strided) -> str:
        """The attribute that holds this view of what lies at `place`."""
        if x.is_whole:
            return place
        key = (place, x.shape, x.strides, x.offset)
        if key not in self.views:
            name = self.names.fresh(place + _suffix(x))
            self.views[key] = TorchView(name, place, x.shape, x.strides, x.offset)
        return self.views[key].name


def _suffix(x: Strided) -> str:
    """How a view is called after what it is a view of."""
    shape = x.storage.shape
    if x.offset == 0 and len(shape) == 2 and x.shape == shape[::-1] and x.strides == (1, shape[1]):
        return "_t"
    if x.offset == 0 and x.shape == (*shape, 1):
        return "_column"
    if len(x.shape) == len(shape) - 1 and x.shape == shape[1:]:
        each = 1
        for size in shape[1:]:
            each *= size if isinstance(size, int) else 1
        offset = x.offset if isinstance(x.offset, int) else x.offset.each
        return f"_{offset // each}"
    return "_rows" if len(x.shape) == len(shape) and x.shape[1:] == shape[1:] else "_view"


def write_function(
    kernel: str, index: int, statements: Sequence[Statement], namespace: Namespace
) -> tuple[TorchFunction, str]:
    """The function `<kernel>_torch` and its call."""
    lives = Lives.of(statements)
    targets = frozenset(s for s in lives.first if s.place and s.place != SUMS and lives.first[s] >= 0)
    places = settle(statements, targets, lambda storage: namespace.scratch(kernel, storage))
    for storage, place in places.items():
        namespace.touch(place, storage.buffer, index)
    writer = _Writer(places, namespace)
    lines, calls = writer.lines(statements)
    name = f"{kernel}_torch"
    parameters, arguments = writer.parameters(statements, lines)
    body = "\n".join(f"    {line}" if line else "" for text in lines for line in wrapped(text, 4).split("\n"))
    head = wrapped(f"def {name}({', '.join(parameters)}):", 0)
    return TorchFunction(name, f"{head}\n{body}\n", index, calls), f"{name}({', '.join(arguments)})"


class _Writer:
    """Names the views of one function and writes its lines."""

    def __init__(self, places: dict[Storage, str], namespace: Namespace) -> None:
        self._places = places
        self._namespace = namespace
        self._locals: dict[str, str] = {}
        self._fresh = Names(["torch", "count", "step", "max", "min", "abs", CALL])
        self._bases = {place: storage.local for storage, place in places.items() if storage.place}

    def _attribute(self, x: Strided) -> str:
        return self._namespace.attribute(self._places[x.storage], x)

    def local(self, x: Strided) -> str:
        attribute = self._attribute(x)
        if attribute not in self._locals:
            place = self._places[x.storage]
            base = self._bases.get(place) or re.sub(r"_\d+$", "", place)
            self._locals[attribute] = self._fresh.fresh(base + attribute.removeprefix(place))
        return self._locals[attribute]

    def parameters(self, statements: Sequence[Statement], lines: Sequence[str]) -> tuple[list[str], list[str]]:
        """Parameters and arguments: what is read, then what is written, then numbers."""
        written = {self._attribute(statement.out): None for statement in statements}
        words = {word for line in lines for word in re.findall(r"(?<![\w.])\w+", line)}
        used = [attribute for attribute, local in self._locals.items() if local in words]
        order = sorted(used, key=lambda attribute: attribute in written)
        texts = [operand.text for s in statements for operand in s.operands if isinstance(operand, Host)]
        numbers = sorted({found for text in texts for found in _NUMBERS.findall(text)})
        return [*(self._locals[each] for each in order), *numbers], [f"v.{each}" for each in (*order, *numbers)]

    def lines(self, statements: Sequence[Statement]) -> tuple[list[str], int]:
        lines: list[str] = []
        before: Strided | None = None
        calls = 0
        for statement in statements:
            text = self._text(statement)
            if text is None:
                continue
            calls += 1
            out = self.local(statement.out)
            if before is not None and text.startswith(f"{out}.") and self._continues(before, statement):
                chained = lines[-1] + text.removeprefix(out)
                if len(chained) + 4 <= WIDTH:
                    lines[-1] = chained  # the view that all of it works on stays the first call's
                    continue
            lines.append(text)
            before = statement.out
        return lines, calls

    def _continues(self, before: Strided, statement: Statement) -> bool:
        """Whether a call in place may follow the call that gave `before`."""
        out = statement.out
        if self._places[before.storage] != self._places[out.storage]:
            return False
        tensors = [x for x in statement.operands if isinstance(x, Strided)]
        alone = not tensors or (len(tensors) == 1 and self._same(tensors[0], out))
        return same_view(before, out) or (alone and squeezed(before)[1:] == squeezed(out)[1:])

    def _same(self, a: Strided, b: Strided) -> bool:
        return self._places[a.storage] == self._places[b.storage] and same_view(a, b)

    def _text(self, statement: Statement) -> str | None:
        out = statement.out
        form = statement.form
        for place, method in statement.methods:
            operand = statement.operands[place]
            if isinstance(operand, Strided) and self._same(operand, out):
                form = method
                break
        else:
            if form == COPY and isinstance(x := statement.operands[0], Strided) and self._same(x, out):
                return None
        texts = [x.text if isinstance(x, Host) else self.local(x) for x in statement.operands]
        return fill(form, *texts, out=self.local(out))


def wrapped(text: str, indent: int) -> str:
    """A call or a def, on one line where it fits, else its arguments on a line of their own, else one a line."""
    if indent + len(text) <= WIDTH:
        return text
    opening, closing = text.index("("), _closing(text)
    head, inner, tail = text[: opening + 1], text[opening + 1 : closing], text[closing:]
    if indent + 4 + len(inner) <= WIDTH:
        return f"{head}\n    {inner}\n{tail}"
    return "\n".join([head, *(f"    {part}," for part in _arguments(inner)), tail])


def _closing(text: str) -> int:
    """The bracket that closes the first one."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and letter == ")":
            return place
    raise ValueError(f"no bracket closes the first one: {text}")


def _arguments(inner: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(inner):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(inner[start:place].strip())
            start = place + 1
    return [*parts, inner[start:].strip()]
