"""Views as torch text, for functions that the runtime calls between steps.

In: a view op, and its operands' texts, whole. Out: an expression.
"""

from __future__ import annotations

from nnc.emit.expression import ATOM, number, precedence
from nnc.tensor.ir import Op
from nnc.tensor.primitives.views import integers


def literal(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return number(value) if isinstance(value, bool | int | float) else repr(value)


def atom(text: str) -> str:
    """An expression that a method can be called of."""
    return text if precedence(text) >= ATOM else f"({text})"


def view(op: Op, args: list[str]) -> str:
    """What `op`, a view of any kind but a broadcast, makes of its operands' texts."""
    type = op.result.type
    shift = int(type.batched)
    whole = (-1, *type.shape) if type.batched else type.shape
    text = atom(args[0])
    match op.primitive:
        case "reshape":
            return f"{text}.reshape({', '.join(map(str, whole)) or '()'})"
        case "transpose":
            order = integers(op, "permutation")
            if not shift and order == (1, 0):
                return f"{text}.T"
            moved = [*([0] if shift else []), *(axis + shift for axis in order)]
            return f"{text}.permute({', '.join(map(str, moved))})"
        case "slice":
            ranges = zip(*(integers(op, name) for name in ("starts", "stops", "steps")), strict=True)
            sizes = op.args[0].type.shape
            texts = [_range(a, b, step, size) for (a, b, step), size in zip(ranges, sizes, strict=True)]
            return f"{text}[{', '.join([*([':'] if shift else []), *texts])}]"
        case "concat":
            axis = op["axis"]
            assert isinstance(axis, int)
            return f"torch.cat(({', '.join(args)},), {axis + shift})"
        case "reverse":
            return f"{text}.flip({', '.join(str(axis + shift) for axis in integers(op, 'axes'))})"
        case "pad":
            return _pad(op, args[0])
    raise AssertionError(f"{op.primitive} is no view")


def _pad(op: Op, text: str) -> str:
    pairs = list(zip(integers(op, "low"), integers(op, "high"), strict=True))
    counts = ", ".join(str(count) for pair in reversed(pairs) for count in pair)
    return f"torch.nn.functional.pad({text}, ({counts}), value={literal(op['value'])})"


def _range(start: int, stop: int, step: int, size: int) -> str:
    """`1:`, `:9`, `2:9:3` of an axis of `size`."""
    text = f"{start or ''}:{stop if stop < size else ''}"
    return f"{text}:{step}" if step > 1 else text
