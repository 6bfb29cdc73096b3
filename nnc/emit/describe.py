"""What a kernel means, in a line a reader of the .nn file understands.

In: kernels. Out: docstrings such as `hidden[count, 32] = maximum(pixels[count, 64] @ kernel[64, 32] + bias[32], 0)`, and
the comment with the lines of the source that a kernel implements.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.base.source import Span
from nnc.emit.expression import fill, number
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Space, Write
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE

WIDTH = 112
_INFIX = {"+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "%", "//"}


def shape(value: Value) -> str:
    sizes = [*(["count"] if value.type.batched else []), *map(str, value.type.shape)]
    return f"[{', '.join(sizes)}]" if sizes else ""


def buffer_name(buffer: Buffer) -> str:
    if buffer.space in (Space.PARAMETER, Space.STATE):
        return buffer.path.rsplit(".", 1)[-1]
    if buffer.space is Space.GRADIENT:
        return "d" + buffer.path.rsplit(".", 1)[-1]
    return buffer.path if buffer.space is Space.SUMS else buffer.name


def docstring(kernel: Kernel) -> str:
    """One line for each value that the kernel leaves."""
    reads = dict(kernel.reads)
    producers = {op.result: op for op in kernel.ops if len(op.results) == 1}
    names: dict[Value, str] = {value: buffer_name(buffer) + shape(value) for value, buffer in reads.items()}
    lines = []
    for write in kernel.writes:
        text = _expression(write.value, names, producers)
        target = _target(write)
        if len(target) + len(text) + 3 > WIDTH:
            text = _summary(write.value, names, producers)
        lines.append(f"{target} = {text}")
        names[write.value] = buffer_name(write.buffer) + shape(write.value)
    return "\n".join(lines)


def _target(write: Write) -> str:
    name = buffer_name(write.buffer)
    return f"partials of {name}{shape(write.value)}" if write.fold else name + shape(write.value)


def _expression(value: Value, names: dict[Value, str], producers: dict[Value, Op]) -> str:
    if value in names:
        return names[value]
    op = producers.get(value)
    if op is None:
        return value.hint
    args = [_expression(arg, names, producers) for arg in op.args]
    if sum(map(len, args)) > 2 * WIDTH:
        return "..."
    row = TABLE[op.primitive]
    match op.primitive:
        case "constant":
            literal = op["value"]
            return number(literal) if isinstance(literal, int | float) else repr(literal)
        case "batch_size":
            return "count"
        case "einsum":
            return fill("{0} @ {1}", *(_atom(text) for text in args)) if _is_plain(op) else _call(op, args)
    if row.symbol in _INFIX and len(args) == 2:
        return fill(f"{{0}} {row.symbol} {{1}}", *args) if all(map(_parses, args)) else _call(op, args)
    return _call(op, args)


def _call(op: Op, args: Sequence[str]) -> str:
    return f"{op.primitive}({', '.join(args)})"


def _atom(text: str) -> str:
    return text if _parses(text) else f"({text})"


def _parses(text: str) -> bool:
    return "..." not in text and "'" not in text


def _is_plain(op: Op) -> bool:
    """Whether the einsum reads as a product of matrices as they lie: ...k, kn -> ...n."""
    operands, result = str(op["spec"]).split("->")
    left, right = operands.split(",")
    return len(right) == 2 and left[-1] == right[0] and result == left[:-1] + right[1]


def _summary(value: Value, names: dict[Value, str], producers: dict[Value, Op]) -> str:
    """The outermost op, and what it is made of."""
    found: dict[str, None] = {}

    def visit(inner: Value) -> None:
        if inner in names:
            found[names[inner].split("[")[0]] = None
        elif inner in producers:
            for arg in producers[inner].args:
                visit(arg)

    visit(value)
    return f"{value.hint} of {', '.join(found)}"


def file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def source_lines(spans: Sequence[Span], width: int = 118) -> list[str]:
    """A comment for each line of the source that a kernel implements, with its place."""
    lines = []
    for span in spans:
        text = span.source.line_text(span.line).split("#")[0].strip()
        place = f"{file_name(span.source.path)}:{span.line}"
        room = width - len(place) - 4
        text = text if len(text) <= room else text[: room - 3] + "..."
        lines.append(f"# {text:<{room}}  {place}")
    return lines


def headline(kernel: Kernel) -> list[str]:
    """The comment above a kernel."""
    if kernel.kind is KernelKind.FINISH:
        return ["# partial sums in tile order, the running sums, the next batch"]
    return source_lines(kernel.spans)


