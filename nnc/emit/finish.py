"""The kernel that ends a step's sums: partials are folded in tile order, so that every run adds alike; the epoch's
accumulators are folded with them; and, once a step, the place in the epoch moves on to the next batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from nnc.emit import describe
from nnc.emit.expression import fill
from nnc.emit.fold import NAMES, WIDEST, Part, filled, fold_moments, fold_places
from nnc.emit.kernels import KernelText
from nnc.emit.tidy import broken, docstring_lines, signature_lines
from nnc.emit.tile import TilePrinter
from nnc.schedule.kernel import Buffer, Extent, Kernel, Size, Space, Write
from nnc.schedule.lowering import Lowering
from nnc.schedule.region import Load
from nnc.schedule.tiles import power
from nnc.tensor.ir import Value

_EXTREME = "tl.{name}imum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)"
_MAXIMUM, _MINIMUM = _EXTREME.replace("{name}", "max"), _EXTREME.replace("{name}", "min")
_TWO = {
    "sum": "{0} + {1}",
    "prod": "{0} * {1}",
    "max": _MAXIMUM,
    "min": _MINIMUM,
    "any": _MAXIMUM,
    "all": _MINIMUM,
}
_SEVERAL = {"variance": fold_moments, "argmax": fold_places, "argmin": fold_places}  # partials of several parts
_START = {"sum": 0, "prod": 1, "max": -math.inf, "min": math.inf, "any": 0, "all": 1}


@dataclass(frozen=True, slots=True)
class Run:
    """Columns of the partials that go to one place as they lie: `size` from `column`."""

    column: int
    size: int
    buffer: Buffer
    joined: bool = False


def runs(writes: list[Write]) -> list[Run]:
    """Neighbouring columns whose destinations are neighbours in one flat buffer, joined."""
    found: list[Run] = []
    for write in sorted(writes, key=lambda write: write.column):
        last = found[-1] if found else None
        size = write.value.type.size
        follows = (
            last is not None
            and last.buffer.space is write.buffer.space
            and write.buffer.space in (Space.GRADIENT, Space.SUMS)
            and last.column + last.size == write.column
            and last.buffer.offset + last.size == write.buffer.offset
        )
        if follows and last is not None:
            found[-1] = Run(last.column, last.size + size, last.buffer, True)
        else:
            found.append(Run(write.column, size, write.buffer))
    return found


def finish_text(kernel: Kernel, advances: bool, training: bool, unread: frozenset[Buffer] = frozenset()) -> KernelText:
    """advances: the step's last finish, which moves on to the next batch. unread: buffers that no kernel reads."""
    printer = TilePrinter()
    printer.names.reserve(*NAMES)
    groups: dict[tuple[str, str], list[Write]] = {}
    for write in kernel.writes:
        if write.fold is not None and write.partials is not None:
            groups.setdefault((write.partials.name, write.fold), []).append(write)
    arguments: dict[str, str] = {}  # how many tiles there are, and the name of that number
    parts: list[Part] = []
    numbers = dict.fromkeys((arg for op in kernel.ops for arg in op.args), "")
    for (_, fold), writes in groups.items():
        partials = writes[0].partials
        assert partials is not None
        tiles = _tiles(partials.shape[0], arguments)
        if fold in _SEVERAL:
            parts += _SEVERAL[fold](printer, partials, fold, writes, tiles)
        else:
            parts += _fold(_Columns(printer, partials, fold, tiles), writes, numbers, unread)
    single = _scalars(printer, kernel, {value: name for value, name in numbers.items() if name})
    if advances:
        single += _advance(printer, training)
    parts.append(Part(single))
    signature = signature_lines(kernel.name, [*printer.parameters, *arguments.values()])
    doc = docstring_lines(_docstring(kernel, advances))
    lines = [part for line in _laid_out(parts) for part in broken(f"    {line}")]
    text = "\n".join(["@triton.jit", *signature, *doc, *lines]) + "\n"
    values = (*printer.parameters.values(), *arguments)
    return KernelText(kernel.name, text, str(max(part.programs for part in parts)), values)


def _laid_out(parts: list[Part]) -> list[str]:
    """What not all programs run stands first, under a condition: what follows gives its names to tiles of other
    sizes."""
    widest = max(part.programs for part in parts)
    lines: list[str] = []
    for programs in sorted({part.programs for part in parts if part.lines}):
        own = [line for part in parts if part.programs == programs for line in part.lines]
        if programs < widest:
            condition = "== 0" if programs == 1 else f"< {programs}"
            own = [f"if tl.program_id(0) {condition}:", *(f"    {line}" for line in own)]
        lines += own
    return lines


def _tiles(count: Extent, arguments: dict[str, str]) -> str:
    """The name of the number of tiles that left partials."""
    text = str(count)
    if isinstance(count, Size):
        text = f"cdiv({'v.batch' if count.each == 1 else f'v.batch * {count.each}'}, {count.per})"
    return arguments.setdefault(text, f"tiles_{len(arguments) + 1}" if arguments else "tiles")


def _docstring(kernel: Kernel, advances: bool) -> str:
    """What is folded where, and what else moves on."""
    folded = [write for write in kernel.writes if write.fold is not None and write.buffer.space is not Space.SUMS]
    gradients = [write.buffer.path for write in folded if write.buffer.space is Space.GRADIENT]
    lines = [f"the gradient of {path}" for path in gradients]
    if len(gradients) > 1:
        lines = [f"the gradients of {', '.join(gradients[:-1])} and {gradients[-1]}"]
    lines += [
        describe.buffer_name(write.buffer) + describe.shape(write.value)
        for write in folded
        if write.buffer.space is not Space.GRADIENT
    ]
    parts = [f"{', '.join(lines)} from partials, in tile order"] if lines else []
    for fold, sign in (("sum", "sums += "), ("max", "the largest: "), ("min", "the smallest: ")):
        sums = [write for write in kernel.writes if write.buffer.space is Space.SUMS and (write.fold or "sum") == fold]
        names = ", ".join(write.buffer.path + describe.shape(write.value) for write in sums)
        parts += [sign + names] if sums else []
    left = [write.buffer.name for write in kernel.writes if write.buffer.space is Space.NUMBER]
    parts += [f"{', '.join(left)} for the update"] if left else []
    parts += ["the next batch"] if advances else []
    return describe.wrapped(["; ".join(parts)])


@dataclass(frozen=True, slots=True)
class _Columns:
    """Folds of one kind whose partials lie in one buffer, a column for each element."""

    printer: TilePrinter
    partials: Buffer
    fold: str
    tiles: str

    def folded(self, places: str, block: int, mask: str) -> list[str]:
        """The columns `n`, folded into `acc`."""
        pointer, element = self.printer.pointer(self.partials), self.partials.element
        masked = f", mask={mask}, other={'0.0' if element == 'f32' else '0'}" if mask else ""
        load = f"tl.load({pointer} + tile * {self.partials.shape[1]} + n{masked})"
        return [
            f"n = {places}tl.arange(0, {block})",
            f"acc = {filled(block, _START[self.fold], element)}",
            f"for tile in range({self.tiles}):",
            f"    acc += {load}" if self.fold == "sum" else f"    acc = {_two(self.fold, 'acc', load)}",
        ]

    def number(self, column: int, name: str, element: str) -> str:
        """One of the columns as a number."""
        zero = "0.0" if self.partials.element == "f32" else "0"
        text = f"tl.sum(tl.where(n == {column}, acc, {zero}), axis=0)"
        return f"{name} = {text} != 0" if element == "bool" else f"{name} = {text}"


def _fold(columns: _Columns, writes: list[Write], numbers: dict[Value, str], unread: frozenset[Buffer]) -> list[Part]:
    """What is to be written; and those folds that `numbers` asks for, which get names there. Where several programs
    share the columns, the first folds these again."""
    last = max(write.column + write.value.type.size for write in writes)
    block = min(WIDEST, power(last))
    blocks = -(-last // block)
    asked = {write.value: write.column for write in writes if write.value in numbers}
    kept = [write for write in writes if write.buffer not in unread]
    numbers.update((value, columns.printer.names.fresh(value.hint)) for value in asked)
    named = [columns.number(column, numbers[value], value.type.element) for value, column in asked.items()]
    parts: list[Part] = []
    if named and (blocks > 1 or not kept):
        first, end = min(asked.values()), max(asked.values()) + 1
        size = power(end - first)
        mask = f"n < {end}" if end - first < size else ""
        parts.append(Part([*columns.folded(f"{first} + " if first else "", size, mask), *named]))
        named = []
    if kept:
        mask = _between(min(write.column for write in writes), last, block * blocks)
        lines = columns.folded(f"tl.program_id(0) * {block} + " if blocks > 1 else "", block, mask)
        lines += [line for run in runs(kept) for line in _put(columns.printer, run, columns.fold, block * blocks)]
        parts.append(Part([*lines, *named], blocks))
    return parts


def _between(first: int, last: int, whole: int) -> str:
    """The condition on columns `n` of `whole`; none where it takes them all."""
    parts = [*([f"n >= {first}"] if first else []), *([f"n < {last}"] if last < whole else [])]
    return parts[0] if len(parts) == 1 else " & ".join(f"({part})" for part in parts)


def _two(fold: str, first: str, second: str) -> str:
    return _TWO[fold].replace("{0}", first).replace("{1}", second)


def _put(printer: TilePrinter, run: Run, fold: str, whole: int) -> list[str]:
    mask = _between(run.column, run.column + run.size, whole)
    sums = run.buffer.space is Space.SUMS
    tail = run.joined and not sums
    pointer = printer.pointer(replace(run.buffer, path="tail") if tail else run.buffer)
    shift = (run.buffer.offset if sums else 0) - run.column
    place = f"{pointer} + n" + (f" - {-shift}" if shift < 0 else f" + {shift}" if shift else "")
    if not sums:
        acc = "acc != 0" if run.buffer.element == "bool" else "acc"
        return [f"tl.store({place}, {acc}{f', mask={mask}' if mask else ''})"]
    running = _two(fold, "running", "acc.to(tl.float64)")
    if not mask:
        return [f"running = tl.load({place})", f"tl.store({place}, {running})"]
    inside = printer.names.fresh("inside")
    return [
        f"{inside} = {mask}",
        f"running = tl.load({place}, mask={inside}, other=0.0)",
        f"tl.store({place}, {running}, mask={inside})",
    ]


def _scalars(printer: TilePrinter, kernel: Kernel, folded: Mapping[Value, str]) -> list[str]:
    """Numbers of the step that are no folds themselves, but may be made of those that have names: added to the running
    sums as they stand, or left for the update."""
    producers = {op.result: op for op in kernel.ops if len(op.results) == 1}
    lowering = Lowering(kernel, None, {}, {}, (), dict(kernel.reads), producers, is_exact=True)
    for fold, name in folded.items():
        known = lowering.known[fold, (), ()] = Load((), fold.hint, fold.type.element)
        printer.texts[known] = name
    writes = [write for write in kernel.writes if write.fold is None]
    nodes = [lowering.lower(write.value, ()) for write in writes]
    printer.count(nodes)
    for write, node in zip(writes, nodes, strict=True):
        text = printer.text(node)
        pointer = printer.pointer(write.buffer)
        if write.buffer.space is Space.NUMBER:
            printer.lines.append(f"tl.store({pointer}, {text})")
            continue
        place = f"{pointer} + {write.buffer.offset}" if write.buffer.offset else pointer
        value = fill("{0}.to(tl.float64)", text)
        printer.lines.append(f"tl.store({place}, tl.load({place}) + {value})")
    return printer.drain()


def _advance(printer: TilePrinter, training: bool) -> list[str]:
    """control: step, cursor, count, batch_size, samples."""
    control = printer.control()
    count = printer.runtime("count")
    lines = printer.drain()
    if training:
        lines.append(f"tl.store({control}, tl.load({control}) + 1)")
    return [
        *lines,
        f"cursor = tl.load({control} + 1) + {count}",
        f"tl.store({control} + 1, cursor)",
        f"left = tl.load({control} + 4) - cursor",
        f"batch_size = tl.load({control} + 3)",
        f"tl.store({control} + 2, tl.where(left < batch_size, left, batch_size))",
    ]
