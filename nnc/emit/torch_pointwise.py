"""Pointwise ops as torch calls, and the idioms that are pointwise.

In: an op whose operands lie somewhere, or are numbers. Out: statements. A number where torch wants a tensor is put into
the result first and worked on in place.
"""

from __future__ import annotations

import re

from nnc.emit.expression import fill
from nnc.emit.torch_calls import Calls, Handler, attribute_texts, host_product
from nnc.emit.torch_tensor import Host, Operand, Strided
from nnc.tensor.ir import Op
from nnc.tensor.primitives import TABLE

# What torch can write over its first operand: torch.exp -> x.exp_().
IN_PLACE = frozenset(
    re.findall(
        r"\w+",
        "add sub mul div floor_divide remainder pow neg abs sgn clamp exp expm1 log log1p sqrt rsqrt sin cos tan asin"
        " acos atan sinh cosh tanh sigmoid erf lgamma digamma floor ceil round logical_and logical_or logical_not",
    )
)
# Calls that take no number for their second operand.
_TENSORS_ONLY = frozenset({"logical_and", "logical_or", "maximum", "minimum"})
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_CALL = re.compile(r"torch\.(\w+)\(")


def pointwise(calls: Calls, op: Op) -> None:
    """A row's torch text with `out=`."""
    row = TABLE[op.primitive]
    operands = calls.operands(op)
    named = _CALL.match(row.torch)
    if not row.out or named is None or not row.torch.endswith(")"):
        _functional(calls, op, operands)
        return
    name = named[1]
    out = calls.result(op.result)
    if row.commutative and isinstance(operands[0], Host):
        operands.reverse()
    numbers = [isinstance(operand, Host) for operand in operands]
    if numbers[0] and not (name == "pow" and not numbers[1]):
        _on_number(calls, op, name, operands, out)
        return
    for place, operand in enumerate(operands):
        if isinstance(operand, Host) and (name in _TENSORS_ONLY or place > 1):
            operands[place] = calls.tensor(op.args[place])
    form = fill(row.torch.removesuffix(")") + ", out={out})", *_places(len(operands)), **_named(op))
    methods = []
    if name in IN_PLACE and not numbers[0]:
        arguments = ", ".join([*_places(len(operands))[1:], *_extra(op, row.torch)])
        methods.append((0, f"{{0}}.{name}_({arguments})"))
        if row.commutative and len(operands) == 2 and not numbers[1]:
            methods.append((1, f"{{1}}.{name}_({{0}})"))
    calls.emit(form, operands, out, _over(op, operands, out), methods)


def _places(count: int) -> list[str]:
    return [f"{{{number}}}" for number in range(count)]


def _named(op: Op) -> dict[str, str]:
    return {**attribute_texts(op), "out": "{out}"}


def _extra(op: Op, text: str) -> list[str]:
    """The attributes that a row's text passes after the operands."""
    texts = attribute_texts(op)
    return [texts[name] for name in re.findall(r"\{([a-z_]+)\}", text)]


def _over(op: Op, operands: list[Operand], out: Strided) -> list[int]:
    """Operands that the result may be written over: of its own shape and element type."""
    return [
        place
        for place, operand in enumerate(operands)
        if isinstance(operand, Strided)
        and operand.shape == out.shape
        and operand.storage.element == out.storage.element
    ]


def _functional(calls: Calls, op: Op, operands: list[Operand]) -> None:
    """A call that makes a new tensor, copied to its place."""
    tensors = [
        calls.tensor(arg) if isinstance(each, Host) else each for arg, each in zip(op.args, operands, strict=True)
    ]
    form = fill(TABLE[op.primitive].torch, *_places(len(tensors)), **_named(op))
    out = calls.result(op.result)
    calls.emit(f"{{out}}.copy_({form})", tensors, out, _over(op, list(tensors), out))


def _on_number(calls: Calls, op: Op, name: str, operands: list[Operand], out: Strided) -> None:
    """A number first: a comparison is turned round, anything else starts from the number in the result's place."""
    if name in _MIRRORED and len(operands) == 2:
        calls.emit(f"torch.{_MIRRORED[name]}({{1}}, {{0}}, out={{out}})", operands, out)
        return
    first = operands[0]
    assert isinstance(first, Host)
    if name == "sub":
        calls.emit("torch.neg({0}, out={out})", operands[1:], out, _over(op, operands[1:], out), ((0, "{0}.neg_()"),))
        if first.number != 0:
            calls.emit("{out}.add_({0})", (first,), out)
        return
    calls.fill(first, out)
    arguments = ", ".join([*_places(len(operands) - 1), *_extra(op, TABLE[op.primitive].torch)])
    if name in IN_PLACE:
        calls.emit(f"{{out}}.{name}_({arguments})", operands[1:], out)
    else:
        calls.emit(f"torch.{name}({{out}}, {arguments}, out={{out}})", operands[1:], out)


# ------------------------------------------------------------------------------------------- rows of their own


def extreme(calls: Calls, op: Op) -> None:
    """maximum and minimum with a number are clamps, and maximum(x, 0) is relu: both hand NaN on."""
    operands = calls.operands(op)
    if isinstance(operands[0], Host):
        operands.reverse()
    x, bound = operands
    if not isinstance(bound, Host) or isinstance(x, Host):
        pointwise(calls, op)
        return
    side = "min" if op.primitive == "maximum" else "max"
    relu = op.primitive == "maximum" and bound.number == 0
    method = "{0}.relu_()" if relu else f"{{0}}.clamp_({side}={{1}})"
    out = calls.result(op.result)
    calls.emit(f"torch.clamp({{0}}, {side}={{1}}, out={{out}})", (x, bound), out, _over(op, [x], out), ((0, method),))


def compare(calls: Calls, op: Op) -> None:
    operands = calls.operands(op)
    out = calls.result(op.result)
    if isinstance(operands[0], Host) and not isinstance(operands[1], Host):
        _on_number(calls, op, op.primitive, operands, out)
        return
    if isinstance(operands[0], Host):
        operands[0] = calls.tensor(op.args[0])
    calls.emit(f"torch.{op.primitive}({{0}}, {{1}}, out={{out}})", operands, out)


def choose(calls: Calls, op: Op) -> None:
    """where: with numbers for branches a fill of what is masked."""
    condition, x, y = calls.operands(op)
    if isinstance(condition, Host):
        condition = calls.tensor(op.args[0])
    out = calls.result(op.result)
    if isinstance(x, Strided) and isinstance(y, Strided):
        shares = _over(op, [x, y], out)
        calls.emit("torch.where({0}, {1}, {2}, out={out})", (condition, x, y), out, [place + 1 for place in shares])
        return
    mask = condition
    if isinstance(x, Strided):
        assert isinstance(y, Host)
        mask = calls.scratch("bool", condition.shape, f"not_{condition.storage.local}")
        over = [0] if condition.shape == condition.storage.shape else []
        calls.emit("torch.logical_not({0}, out={out})", (condition,), mask, over, ((0, "{0}.logical_not_()"),))
        x, y = y, x
    assert isinstance(x, Host)
    calls.copy(y, out)
    calls.emit("{out}.masked_fill_({0}, {1})", (mask, x), out)


def convert(calls: Calls, op: Op) -> None:
    (x,) = calls.operands(op)
    is_index = op.args[0].type.is_integer and op.result.type.bound is not None
    if isinstance(x, Strided) and (is_index or x.storage.element == op.result.type.element):
        calls.where[op.result] = x
    else:
        calls.copy(x, calls.result(op.result))


# ------------------------------------------------------------------------------------------------------ idioms


def _coefficients(calls: Calls, op: Op, first: int) -> Host:
    sign = op["sign"]
    assert isinstance(sign, int)
    hosts = [each for each in (calls.where[arg] for arg in op.args[first:]) if isinstance(each, Host)]
    return host_product(hosts, sign)


def _combined(count: int, call: str, keyword: str) -> Handler:
    """A call on `count` tensors and a number, of which the first may be written over."""

    def lower(calls: Calls, op: Op) -> None:
        value = _coefficients(calls, op, count)
        rank = op.result.type.rank
        operands = [calls.pointwise_operand(arg, rank) for arg in op.args[:count]]
        tensors: list[Operand] = [
            calls.tensor(arg) if isinstance(each, Host) else each
            for arg, each in zip(op.args[:count], operands, strict=True)
        ]
        places = _places(count)
        last = "" if value.number == 1 and keyword else f", {keyword}{{{count}}}"
        rest = ", ".join(places[1:]) + last
        out = calls.result(op.result)
        form = f"torch.{call}({places[0]}, {rest}, out={{out}})"
        method = f"{{0}}.{call}_({rest})"
        calls.emit(form, (*tensors, value), out, _over(op, tensors, out), ((0, method),))

    return lower


def _backward(name: str, extra: str = "") -> Handler:
    """An activation's gradient from its result: torch.ops.aten.NAME(g, y)."""

    def lower(calls: Calls, op: Op) -> None:
        operands = calls.operands(op)
        out = calls.result(op.result)
        form = f"torch.ops.aten.{name}.grad_input({{0}}, {{1}}{extra}, grad_input={{out}})"
        calls.emit(form, operands, out, _over(op, operands, out))

    return lower


HANDLERS: dict[str, Handler] = {
    "maximum": extreme,
    "minimum": extreme,
    **dict.fromkeys(_MIRRORED, compare),
    "where": choose,
    "convert": convert,
    "torch.add_scaled": _combined(2, "add", "alpha="),
    "torch.addcmul": _combined(3, "addcmul", "value="),
    "torch.addcdiv": _combined(3, "addcdiv", "value="),
    "torch.lerp": _combined(2, "lerp", ""),
    "torch.threshold_backward": _backward("threshold_backward", ", 0"),
    "torch.tanh_backward": _backward("tanh_backward"),
    "torch.sigmoid_backward": _backward("sigmoid_backward"),
}
