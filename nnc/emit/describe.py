"""What a kernel means, in a line a reader of the .nn file understands.

In: kernels. Out: docstrings such as `hidden[count, 32] = maximum(pixels[count, 64] @ kernel[64, 32] + bias[32], 0)`,
and the comment with the lines of the source that a kernel implements.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence, Set

from nnc.base.names import identifier
from nnc.base.source import Span
from nnc.emit.expression import fill, number
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Space
from nnc.schedule.products import classify
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE

WIDTH = 112
_INFIX = {"+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "%", "//"}
_WORDS = ("and", "or")


def shape(value: Value) -> str:
    sizes = [*(["count"] if value.type.batched else []), *map(str, value.type.shape)]
    return f"[{', '.join(sizes)}]" if sizes else ""


def buffer_name(buffer: Buffer) -> str:
    if buffer.space in (Space.PARAMETER, Space.STATE):
        return buffer.path.rsplit(".", 1)[-1]
    if buffer.space is Space.GRADIENT:
        return "d" + buffer.path.rsplit(".", 1)[-1]
    if buffer.space is Space.SLOT:
        return f"{buffer.slot}_{buffer.path.rsplit('.', 1)[-1]}"
    return buffer.path if buffer.space is Space.SUMS else buffer.name


def docstring(kernel: Kernel) -> str:
    """A line for each value that the kernel leaves, and one for its partial sums."""
    names: dict[Value, str] = {value: buffer_name(buffer) + shape(value) for value, buffer in kernel.reads}
    producers = {op.result: op for op in kernel.ops if len(op.results) == 1}
    lines = []
    for write in kernel.writes:
        if write.fold is None:
            target = buffer_name(write.buffer) + shape(write.value)
            text = f"{target} = {_expression(write.value, names, producers)}"
            if len(text) > WIDTH:
                text = f"{target} from {_operands(write.value, names, producers)}"
            lines.append(text)
            names[write.value] = target
    folds = [buffer_name(write.buffer) + shape(write.value) for write in kernel.writes if write.fold is not None]
    if folds:
        lines.append(f"partials of this row tile: {', '.join(folds)}")
    return wrapped(lines)


def wrapped(lines: Sequence[str]) -> str:
    return "\n".join(part for line in lines for part in textwrap.wrap(line, WIDTH, break_long_words=False))


def _expression(value: Value, names: dict[Value, str], producers: dict[Value, Op]) -> str:
    """In terms of what is read. May be long, but is never built beyond what could be shown."""
    texts = dict(names)
    for op in _before(value, texts.keys(), producers):
        texts[op.result] = _applied(op, [texts.get(arg, identifier(arg.hint)) for arg in op.args])
    return texts.get(value, identifier(value.hint))


def _before(value: Value, known: Set[Value], producers: dict[Value, Op]) -> list[Op]:
    """The ops that `value` is computed by from what is known, those that others need first."""
    found: dict[Op, None] = {}
    waiting = [value]
    while waiting:  # a chain may be longer than Python's recursion goes deep
        op = producers.get(waiting[-1]) if waiting[-1] not in known else None
        missing = [producers[arg] for arg in op.args if arg not in known and arg in producers] if op else []
        left = [arg.result for arg in missing if arg not in found]
        if left:
            waiting += left[::-1]
            continue
        waiting.pop()
        if op is not None:
            found[op] = None
    return list(found)


def _applied(op: Op, args: Sequence[str]) -> str:
    value = op.result
    if sum(map(len, args)) > WIDTH:
        return "." * WIDTH
    if op.primitive == "constant":
        literal = op["value"]
        return number(literal, value.type.element) if isinstance(literal, bool | int | float) else repr(literal)
    if op.primitive == "batch_size":
        return "count"
    if op.primitive == "einsum":
        return _product(op, args)
    symbol = op.primitive if op.primitive in _WORDS else TABLE[op.primitive].symbol
    if symbol in (*_INFIX, *_WORDS) and len(args) == 2:
        return _fill(f"{{0}} {symbol} {{1}}", args)
    return f"{op.primitive}({', '.join(args)})"


def _fill(form: str, args: Sequence[str]) -> str:
    """With parentheses where they are needed; `^T`, which is no Python, stands for a transpose."""
    plain = [text.replace("^T", ".T") for text in args]
    return fill(form, *plain).replace(".T", "^T") if all(not text.startswith("..") for text in args) else "." * WIDTH


def _product(op: Op, args: Sequence[str]) -> str:
    """A product of matrices with transposes marked; an einsum of another kind with its letters."""
    product = classify(op)
    texts = dict(zip(op.args, args, strict=True))
    left, right = texts[product.left], texts[product.right]
    rows, columns, inner = product.rows, product.columns, product.contraction
    if product.shared or op.args[0] is op.args[1] or product.result_letters != rows + columns:
        return f'einsum("{op["spec"]}", {", ".join(args)})'
    turned = {inner + rows: f"{left}^T", rows + inner: left}.get(product.left_letters)
    other = {columns + inner: f"{right}^T", inner + columns: right}.get(product.right_letters)
    if turned is None or other is None or not (left.endswith("]") and right.endswith("]")):
        return f'einsum("{op["spec"]}", {", ".join(args)})'
    return f"{turned} @ {other}"


def _operands(value: Value, names: dict[Value, str], producers: dict[Value, Op]) -> str:
    """The names of all that `value` is computed from."""
    read = [arg for op in _before(value, names.keys(), producers) for arg in op.args]
    return ", ".join(dict.fromkeys(names[arg].split("[")[0] for arg in read if arg in names))


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


def headline(kernel: Kernel, closing: bool) -> list[str]:
    """The comment above a kernel; closing: it is the step's last finish."""
    if kernel.kind is KernelKind.FINISH:
        return ["# partial sums in tile order" + (", the epoch's accumulators, the next batch" if closing else "")]
    return source_lines(kernel.spans)
