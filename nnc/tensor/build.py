"""Making tensor programs, op by op.

In: applications of primitives, and the places of the source they come from. Out: a typed `Function`. A `Builder`
    simplifies
nothing and shares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nnc.base.source import Span
from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Attribute, Function, Op, Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.types import TensorType


def infer(
    primitive: str, types: Sequence[TensorType], attributes: Mapping[str, Attribute], body: Function | None = None
) -> tuple[TensorType, ...]:
    """The result types of a primitive. Raises TypeMismatch where operands do not fit, ValueError for wrong
    attributes."""
    row = TABLE[primitive]
    return row.result_types(row.call(tuple(types), attributes, body, TABLE))


class Builder(Expressions):
    """Collects parameters and ops; `finish` makes the function of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parameters: list[Value] = []
        self._ops: list[Op] = []
        self._next = 0
        self._span: Span | None = None
        self._scope: tuple[str, ...] = ()

    @classmethod
    def resume(cls, function: Function, name: str | None = None) -> Builder:
        """A builder that holds what `function` holds, to go on from there; its values stay usable."""
        builder = cls(name or function.name)
        builder._parameters = list(function.parameters)
        builder._ops = list(function.ops)
        builder._next = max((value.id for value in function.values()), default=-1) + 1
        return builder

    @contextmanager
    def at(self, span: Span | None, scope: tuple[str, ...] | None = None) -> Iterator[None]:
        """Stamps what is made inside with `span`, and with `scope` where one is given."""
        before = self._span, self._scope
        self._span = span
        self._scope = self._scope if scope is None else scope
        try:
            yield
        finally:
            self._span, self._scope = before

    def _value(self, type: TensorType, hint: str, span: Span | None, scope: tuple[str, ...]) -> Value:
        self._next += 1
        return Value(self._next - 1, type, hint, span, scope)

    def parameter(self, type: TensorType, hint: str, span: Span | None = None) -> Value:
        """A further parameter of the function."""
        value = self._value(type, hint, span or self._span, self._scope)
        self._parameters.append(value)
        return value

    def ops(
        self, primitive: str, *args: Value, hint: str = "", body: Function | None = None, **attributes: Attribute
    ) -> tuple[Value, ...]:
        """Applies `primitive`; defaults of attributes are filled in. Raises TypeMismatch where operands do not fit."""
        row = TABLE[primitive]
        call = row.call(tuple(arg.type for arg in args), attributes, body, TABLE)
        types = row.result_types(call)
        results = tuple(self._value(type, hint or primitive, self._span, self._scope) for type in types)
        self._ops.append(Op(primitive, args, tuple(sorted(call.attributes.items())), results, body, self._span))
        return results

    def maker(self, value: Value) -> Op | None:
        """The op that gives a value; None for a parameter."""
        return next((op for op in reversed(self._ops) if value in op.results), None)

    @property
    def mark(self) -> int:
        """The place behind the last op, for `taken`."""
        return len(self._ops)

    def taken(self, mark: int) -> tuple[Op, ...]:
        """Takes out the ops that were made since `mark`, to be made again otherwise."""
        ops = tuple(self._ops[mark:])
        del self._ops[mark:]
        return ops

    def keep(self, op: Op) -> None:
        """Puts an op back that was taken out; its values stay the same."""
        self._ops.append(op)

    def inline(self, function: Function, args: Sequence[Value]) -> tuple[Value, ...]:
        """Copies the ops of `function` with `args` for its parameters, and gives its results. Types are inferred anew;
        spans, scopes and hints stay the function's."""
        known: dict[Value, Value] = dict(zip(function.parameters, args, strict=True))
        for op in function.ops:
            operands = [known[arg] for arg in op.args]
            with self.at(op.span, op.results[0].scope):
                made = self.again(op, *operands)
            known.update(zip(op.results, made, strict=True))
        return tuple(known[value] for value in function.results)

    def finish(self, results: Sequence[Value]) -> Function:
        """The function of all that was made, with `results`."""
        return Function(self._name, tuple(self._parameters), tuple(self._ops), tuple(results))
