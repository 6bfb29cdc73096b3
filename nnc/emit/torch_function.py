"""What a metric makes of its accumulators, as a function of float64 tensors that the runtime calls when it reports.

In: a function of common values. Out: a lambda where one short expression says it, else a `def`. Nothing of it runs
within an epoch, so it is written to be read: an expression is named where it is used twice or grows long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit.expression import fill, number
from nnc.emit.torch_calls import integers
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.simplify import simplify

SHORT, LONG = 88, 100  # characters of a lambda's expression, and of a statement's, that need no names for their parts
_RESERVED = ("torch", "lambda", "max", "min", "sum", "abs", "float", "range")
_INFIX = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "floordiv": "{0} // {1}",
    "mod": "{0} % {1}",
    "pow": "{0} ** {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "not": "~{0}",
}
_BOUNDS = {"maximum": "min", "minimum": "max"}
_REDUCTIONS = {"sum": "sum", "prod": "prod", "max": "amax", "min": "amin", "any": "any", "all": "all"}
_AS = {"bool": "bool", "i32": "long", "i64": "long", "u8": "long"}


@dataclass(frozen=True, slots=True)
class FunctionText:
    """`expression`: what stands for the function. `definition`: the lines that it needs, which may be none."""

    expression: str
    definition: tuple[str, ...] = ()


def function_text(name: str, documentation: str, function: Function, wishes: Sequence[str]) -> FunctionText:
    """The function's text. `name` and `documentation` are for a `def`; its arguments are called after `wishes`."""
    plain = simplify(function, erase_stops=True)
    writer = _Writer(Counter(arg for op in plain.ops for arg in op.args))
    for value, wish in zip(plain.parameters, wishes, strict=True):
        writer.texts[value] = writer.names.fresh(wish)
    parameters = ", ".join(writer.texts.values())
    for op in plain.ops:
        writer.write(op)
    (result,) = plain.results
    text = writer.texts[result]
    if not writer.lines and len(text) + len(parameters) <= SHORT:
        return FunctionText(f"lambda {parameters}: {text}")
    lines = [f"def {name}({parameters}):", f'    """{documentation}"""']
    return FunctionText(name, (*lines, *(f"    {line}" for line in writer.lines), f"    return {text}"))


@dataclass(slots=True)
class _Writer:
    uses: Counter[Value]
    texts: dict[Value, str] = field(default_factory=dict)
    numbers: set[Value] = field(default_factory=set)  # values that Python holds
    lines: list[str] = field(default_factory=list)
    names: Names = field(default_factory=lambda: Names(_RESERVED))

    def write(self, op: Op) -> None:
        value = op.result
        if op.primitive == "constant":
            literal = op["value"]
            assert isinstance(literal, bool | int | float)
            self.texts[value] = number(literal, value.type.element)
            self.numbers.add(value)
            return
        text = self._text(op)
        if all(arg in self.numbers for arg in op.args) and op.args and TABLE[op.primitive].kind is Kind.POINTWISE:
            self.numbers.add(value)
        if (self.uses[value] > 1 and not text.isidentifier()) or len(text) > LONG:
            name = self.names.fresh(value.hint)
            self.lines.append(f"{name} = {text}")
            text = name
        self.texts[value] = text

    def _text(self, op: Op) -> str:
        args = [self.texts[arg] for arg in op.args]
        special = _SPECIAL.get(op.primitive)
        if special is not None:
            return special(self, op, args)
        if op.primitive in _INFIX:
            return fill(_INFIX[op.primitive], *args)
        if op.primitive in _REDUCTIONS:
            return _reduction(op, args[0])
        form = TABLE[op.primitive].torch
        for name, attribute in op.attributes:
            form = form.replace("{" + name + "}", repr(attribute))
        return fill(form, *(self.tensor(arg) for arg in op.args))

    def tensor(self, value: Value) -> str:
        """An operand for a call that takes tensors alone."""
        text = self.texts[value]
        return f"torch.tensor({text}, dtype=torch.float64)" if value in self.numbers else text


def _bounded(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    """maximum and minimum: a bound, where one of the two is a number."""
    for own, other in ((0, 1), (1, 0)):
        if op.args[other] in writer.numbers and op.args[own] not in writer.numbers:
            return fill(f"{{0}}.clamp({_BOUNDS[op.primitive]}={{1}})", args[own], args[other])
    return fill(f"torch.{op.primitive}({{0}}, {{1}})", *(writer.tensor(arg) for arg in op.args))


def _where(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    double = ".double()" if all(arg in writer.numbers for arg in op.args[1:]) and op.result.type.is_float else ""
    return fill("torch.where({0}, {1}, {2})" + double, *args)


def _converted(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    (arg,) = op.args
    if arg.type.is_float and op.result.type.is_float:
        return args[0]
    return fill(f"{{0}}.{_AS.get(op.result.type.element, 'double')}()", writer.tensor(arg))


def _reduction(op: Op, text: str) -> str:
    axes, rank = integers(op, "axes"), op.args[0].type.rank
    if not axes:
        return text
    name, keeps = _REDUCTIONS[op.primitive], bool(op["keepdims"])
    if op.primitive == "prod":  # torch multiplies along one axis at a time
        for axis in reversed(axes):
            text = fill(f"{{0}}.prod({axis}{', keepdim=True' if keeps else ''})", text)
        return text
    along = "" if len(axes) == rank and not keeps else repr(axes[0] if len(axes) == 1 else axes)
    return fill(f"{{0}}.{name}({along}{', keepdim=True' if keeps else ''})", text)


def _position(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    (axis,) = integers(op, "axes")
    return fill(f"{{0}}.{op.primitive}({axis}{', keepdim=True' if op['keepdims'] else ''})", *args)


def _broadcast(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    shape = repr(op.result.type.shape)
    if op.args[0] in writer.numbers:
        return f"torch.full({shape}, {args[0]}, dtype=torch.float64)"
    return fill(f"{{0}}.expand({shape})", *args)


def _slice(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    parts = []
    bounds = zip(integers(op, "starts"), integers(op, "stops"), integers(op, "steps"), strict=True)
    for (start, stop, step), size in zip(bounds, op.args[0].type.shape, strict=True):
        begin, end = str(start) if start else "", str(stop) if stop < size else ""
        parts.append(f"{begin}:{end}" + (f":{step}" if step != 1 else ""))
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return fill(f"{{0}}[{', '.join(parts)}]", *args)


def _pad(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    pairs = zip(reversed(integers(op, "low")), reversed(integers(op, "high")), strict=True)
    counts = tuple(count for pair in pairs for count in pair)
    value = op["value"]
    assert isinstance(value, int | float)
    if any(integers(op, "interior")):
        raise NotImplementedError("gaps between elements in what a metric reports")
    return f"torch.nn.functional.pad({writer.tensor(op.args[0])}, {counts}, value={number(value)})"


def _concat(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    return f"torch.cat(({', '.join(writer.tensor(arg) for arg in op.args)},), {op['axis']})"


def _einsum(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    return f'torch.einsum("{op["spec"]}", {", ".join(writer.tensor(arg) for arg in op.args)})'


def _one_hot(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    return fill("({0} == torch.arange({1})).double()", f"{writer.tensor(op.args[0])}[..., None]", str(op["n"]))


def _pick(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    return f"torch.gather({args[0]}, -1, {writer.tensor(op.args[1])}.long()[..., None])[..., 0]"


def _place(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    index, there = (f"{writer.tensor(arg)}[..., None]" for arg in (op.args[1], op.args[0]))
    return f"torch.where({index} == torch.arange({op['n']}), {there}, 0.0)"


def _gather(writer: _Writer, op: Op, args: Sequence[str]) -> str:
    return fill("{0}[{1}]", args[0], f"{writer.tensor(op.args[1])}.long()")


_SPECIAL: dict[str, Callable[[_Writer, Op, Sequence[str]], str]] = {
    **dict.fromkeys(_BOUNDS, _bounded),
    **dict.fromkeys(("argmax", "argmin"), _position),
    "where": _where,
    "convert": _converted,
    "broadcast": _broadcast,
    "slice": _slice,
    "pad": _pad,
    "concat": _concat,
    "einsum": _einsum,
    "one_hot": _one_hot,
    "pick": _pick,
    "place": _place,
    "gather": _gather,
}
