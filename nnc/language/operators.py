"""Operators on abstract values: element types, broadcasting, and what to say when they do not fit (section 3).

In: evaluated operands with their places. Out: a compile-time value where both are, else a tensor of the program.
"""

from __future__ import annotations

from itertools import groupby

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language import constants
from nnc.language.context import Elaboration
from nnc.language.values import Anything, Poisoned, Tensor, describe, is_applicable, is_number, spell
from nnc.tensor.types import Shape, TensorType, TypeMismatch

ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "^": "pow"}
COMPARISON = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
LOGICAL = {"and": "and", "or": "or"}

_DOING = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "divide",
    "%": "take the remainder of",
    "^": "raise",
}

LONGEST_LITERAL = 1_000  # numbers of a list that stands for a tensor
JOINED = 8  # parts of one concatenation

Operand = tuple[Anything, Span]


def doing(operator: str) -> str:
    """What an operator does, as a verb."""
    return _DOING.get(operator, "compare" if operator in COMPARISON else f"apply `{operator}` to")


def binary(ctx: Elaboration, operator: str, left: Operand, right: Operand, span: Span, hint: str = "") -> Anything:
    """`left operator right` for arithmetic and comparisons. Raises Poisoned."""
    (a, _), (b, _) = left, right
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return _fold(ctx, operator, a, b, span)
    if operator in ("in", "not in"):
        raise ctx.fail(
            "E0210", f"`{operator}` looks into a compile-time list", span, f"{describe(a)} {operator} {describe(b)}"
        )
    if operator in ("==", "!=") and (a is None or b is None):
        return operator == "!="
    if operator in ARITHMETIC:
        left, right = _counted(ctx, left, b), _counted(ctx, right, a)
    x, y = operands(ctx, f"{doing(operator)}", left, right, span)
    if operator in ARITHMETIC and x.type.element == "bool":
        raise ctx.fail(
            "E0203",
            f"cannot {doing(operator)} truth values",
            span,
            f"{spell(x.type)} {operator} {spell(y.type)}",
            help="make numbers of them: float(x)",
        )
    if operator in ("//", "%") and x.type.is_integer:
        return _divided(ctx, operator, (x, left[1]), (y, right[1]), b, span, hint)
    primitive = ARITHMETIC.get(operator) or COMPARISON[operator]
    return pointwise(ctx, primitive, doing(operator), [(x, left[1]), (y, right[1])], span, hint)


def _divided(
    ctx: Elaboration,
    operator: str,
    left: tuple[Tensor, Span],
    right: tuple[Tensor, Span],
    divisor: Anything,
    span: Span,
    hint: str,
) -> Tensor:
    """Integers divided, or what is left over: 0 by 0. A divisor that is written is known not to be 0. Raises
    Poisoned."""
    primitive, (y, place) = ARITHMETIC[operator], right
    if not isinstance(divisor, Tensor):
        if 0 in _flat(ctx, divisor, place)[1]:
            raise ctx.fail("E0413", "this has no value: division by zero", span)
        return pointwise(ctx, primitive, doing(operator), [left, right], span, hint)
    zero, one = (ctx.constant(number, y.type.element, span) for number in (0, 1))
    is_zero = ctx.op("eq", [y, zero], span, hint="is_zero")
    divided = (ctx.op("where", [is_zero, one, y], span, hint=y.hint), place)
    found = pointwise(ctx, primitive, doing(operator), [left, divided], span, hint)
    return pointwise(ctx, "where", doing(operator), [(is_zero, place), (zero, span), (found, span)], span, hint)


def _fold(ctx: Elaboration, operator: str, a: Anything, b: Anything, span: Span) -> Anything:
    try:
        if operator in ARITHMETIC:
            return constants.arithmetic(operator, a, b)
        return constants.compare(operator, a, b)
    except constants.ConstantError as error:
        code = "E0413" if is_number(a) and is_number(b) else "E0210"
        raise ctx.fail(code, f"this has no value: {error}", span) from None


def operands(ctx: Elaboration, verb: str, left: Operand, right: Operand, span: Span) -> tuple[Tensor, Tensor]:
    """Both operands as tensors of one element type; arithmetic on an index is i32. Raises Poisoned."""
    (a, a_span), (b, b_span) = left, right
    for value, place in (left, right):
        if not isinstance(value, Tensor | bool) and not is_number(value) and not is_literal(value):
            raise ctx.fail(
                "E0210",
                f"cannot {verb} {describe(a)} and {describe(b)}",
                span,
                others=(Label(place, describe(value)),),
                help="a pipe is written `|>`" if verb == "compare" and is_applicable(b) else None,
            )
    if isinstance(a, Tensor):
        element = a.type.element
    else:
        assert isinstance(b, Tensor), "one operand is a tensor"
        element = b.type.element
    x = a if isinstance(a, Tensor) else number(ctx, a, element, a_span)
    y = b if isinstance(b, Tensor) else number(ctx, b, element, b_span)
    if x.type.element != y.type.element and not _both_counted(x, y):
        raise ctx.fail(
            "E0203",
            f"cannot {verb} {spell(x.type)} and {spell(y.type)}: the element types differ",
            span,
            others=(*origin(ctx, x), *origin(ctx, y)),
            help=_conversion(ctx, x, y),
        )
    return x, y


def _both_counted(x: Tensor, y: Tensor) -> bool:
    """An index meets any i32 and i64."""
    counted = {x.type.element, y.type.element} <= {"i32", "i64"}
    return counted and (x.type.bound is not None or y.type.bound is not None)


def _counted(ctx: Elaboration, operand: Operand, other: Anything) -> Operand:
    x, span = operand
    return (counted(ctx, x, span, other) if isinstance(x, Tensor) else x), span


def counted(ctx: Elaboration, x: Tensor, span: Span, other: Anything = None) -> Tensor:
    """An operand of arithmetic: an index counts in i32, beside a tensor of i64 in i64."""
    if x.type.bound is None:
        return x
    wide = isinstance(other, Tensor) and other.type.bound is None and other.type.element == "i64"
    return ctx.op("convert", [x], span, {"element": "i64" if wide else "i32"}, x.hint)


def _conversion(ctx: Elaboration, x: Tensor, y: Tensor) -> str:
    plain, other = (x, y) if not x.type.is_float else (y, x)
    if (
        plain.type.is_integer
        and plain.type.bound is None
        and "target" in ctx.origins.get(plain, ())
        and other.type.shape
    ):
        return f"class labels are declared with their number: target {plain.hint}: index({other.type.shape[-1]})"
    return (
        f"convert one of them: float({plain.hint})" if plain.hint.isidentifier() else "convert one of them: float(...)"
    )


def is_literal(value: Anything) -> bool:
    """Whether the value is a list of numbers or truth values, or of such lists: it can stand for a constant tensor."""
    if not isinstance(value, tuple) or not value:
        return False
    return all(is_number(item) or isinstance(item, bool) or is_literal(item) for item in value)


def number(ctx: Elaboration, value: Anything, element: str, span: Span) -> Tensor:
    """A compile-time number, or a list of them, as a tensor of the element type it meets. A fraction meeting integers
    is an error."""
    if isinstance(value, tuple) and is_literal(value):
        return _listed(ctx, value, element, span)
    if isinstance(value, bool):
        if element != "bool":
            raise ctx.fail("E0203", f"cannot combine {describe(value)} with {element} numbers", span)
        return ctx.constant(value, element, span)
    if not is_number(value):
        raise ctx.fail("E0210", f"a number is wanted here, and this is {describe(value)}", span)
    assert isinstance(value, int | float), "is_number"
    integral = TensorType(element).is_integer
    if element == "bool" or (integral and value != int(value) if abs(value) != float("inf") else integral):
        raise ctx.fail(
            "E0208",
            f"{describe(value)} meets {'truth values' if element == 'bool' else 'integers'}",
            span,
            f"`{constants.write(value)}` cannot become {element}",
            help="convert the tensor first: float(x)",
        )
    return ctx.constant(int(value) if integral else float(value), element, span)


def _listed(ctx: Elaboration, value: tuple[Anything, ...], element: str, span: Span) -> Tensor:
    """A list as a constant tensor: runs of one number, joined."""
    shape, numbers = _flat(ctx, value, span)
    if len(numbers) > LONGEST_LITERAL:
        raise ctx.fail(
            "E0217",
            f"a list that stands for a tensor holds at most {LONGEST_LITERAL:,} numbers, this one {len(numbers):,}",
            span,
        )
    parts = []
    for _, run in groupby(numbers, key=lambda each: (type(each), each)):
        same = list(run)
        one = number(ctx, same[0], element, span)
        parts.append(ctx.op("broadcast", [one], span, {"shape": (len(same),), "batched": False}, "constant"))
    while len(parts) > 1:
        groups = [parts[place : place + JOINED] for place in range(0, len(parts), JOINED)]
        parts = [ctx.op("concat", group, span, {"axis": 0}, "constant") if group[1:] else group[0] for group in groups]
    return ctx.op("reshape", parts, span, {"shape": shape}, "constant") if len(shape) > 1 else parts[0]


def _flat(ctx: Elaboration, value: Anything, span: Span) -> tuple[Shape, list[Anything]]:
    """The shape of nested lists, and their numbers in row-major order. Raises Poisoned where rows differ."""
    if not isinstance(value, tuple):
        return (), [value]
    rows = [_flat(ctx, item, span) for item in value]
    shapes = list(dict.fromkeys(shape for shape, _ in rows))
    if len(shapes) > 1:
        found = " and ".join(str(list(shape)) if shape else "a number" for shape in shapes[:2])
        raise ctx.fail("E0207", f"the rows of this list differ in shape: {found}", span)
    return (len(value), *shapes[0]), [each for _, row in rows for each in row]


def pointwise(
    ctx: Elaboration, primitive: str, verb: str, args: list[tuple[Tensor, Span]], span: Span, hint: str = ""
) -> Tensor:
    """A pointwise primitive on tensors; operands that do not broadcast are reported with both shapes. Raises
    Poisoned."""
    try:
        return ctx.op(primitive, [value for value, _ in args], span, hint=hint)
    except TypeMismatch as mismatch:
        values = [value for value, _ in args]
        clash = next((c for i, x in enumerate(values) for y in values[i + 1 :] if (c := _clash(x, y))), None)
        if clash is None:
            raise ctx.fail("E0207", f"cannot {verb} these: {mismatch}", span, others=origins(ctx, values)) from None
        raise _broadcast_error(ctx, verb, clash, span) from None


Clash = tuple[Tensor, Tensor, int]


def _clash(x: Tensor, y: Tensor) -> Clash | None:
    """The last axis at which two tensors do not broadcast, counted from the end."""
    a, b = x.type.shape, y.type.shape
    for axis in range(1, min(len(a), len(b)) + 1):
        if a[-axis] != b[-axis] and 1 not in (a[-axis], b[-axis]):
            return x, y, -axis
    return None


def _broadcast_error(ctx: Elaboration, verb: str, clash: Clash, span: Span) -> Poisoned:
    x, y, axis = clash
    a, b = x.type.shape[axis], y.type.shape[axis]
    joint = "by" if verb in ("divide", "multiply") else "to the power of" if verb == "raise" else "and"
    return ctx.fail(
        "E0201",
        f"cannot {verb} {spell(x.type)} {joint} {spell(y.type)}",
        span,
        f"axis {axis}: {a} here, {b} there",
        others=(*origin(ctx, x), *origin(ctx, y)),
        help=f"make axis {axis} equal on both sides, or 1 on one of them",
    )


def origin(ctx: Elaboration, value: Tensor) -> tuple[Label, ...]:
    """Where a tensor was made, with its type, where that is known."""
    if value.span is None:
        return ()
    return (Label(value.span, f"{called(ctx, value)} is {spell(value.type)}"),)


def origins(ctx: Elaboration, values: list[Tensor]) -> tuple[Label, ...]:
    """Where several tensors were made."""
    return tuple(label for value in values for label in origin(ctx, value))


def called(ctx: Elaboration, value: Tensor) -> str:
    """A tensor by the name a user knows it by, or `this`."""
    return f"`{ctx.named[value]}`" if value in ctx.named else "this"
