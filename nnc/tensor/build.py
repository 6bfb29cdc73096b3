"""Making tensor programs, op by op.

In: applications of primitives, and the places of the source they come from. Out: a typed `Function`. A `Builder`
simplifies nothing and shares nothing.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

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


_Attributes: TypeAlias = tuple[tuple[str, Attribute], ...]
_Types: TypeAlias = tuple[TensorType, ...]


class Builder(Expressions):
    """Collects parameters and ops; `finish` makes the function of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parameters: list[Value] = []
        self._ops: list[Op] = []
        self._producers: dict[Value, Op] = {}
        self._next = 0
        self._span: Span | None = None
        self._scope: tuple[str, ...] = ()
        # Most operations of a large program are like one before. Equal types are one object here, and so tell it.
        self._types: dict[tuple[object, ...], TensorType] = {}
        self._alike: dict[tuple[object, ...], tuple[_Attributes, _Types, _Types]] = {}

    @classmethod
    def resume(cls, function: Function, name: str | None = None) -> Builder:
        """A builder that holds what `function` holds, to go on from there; its values stay usable."""
        builder = cls(name or function.name)
        builder._parameters = list(function.parameters)
        for op in function.ops:
            builder._add(op)
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
        value = self._value(self._shared(type), hint, span or self._span, self._scope)
        self._parameters.append(value)
        return value

    def ops(
        self, primitive: str, *args: Value, hint: str = "", body: Function | None = None, **attributes: Attribute
    ) -> tuple[Value, ...]:
        """Applies `primitive`; defaults of attributes are filled in. Raises TypeMismatch where operands do not fit."""
        return self.ops_at(self._span, self._scope, primitive, args, attributes, hint, body)

    def ops_at(
        self,
        span: Span | None,
        scope: tuple[str, ...],
        primitive: str,
        args: Sequence[Value],
        attributes: Mapping[str, Attribute],
        hint: str = "",
        body: Function | None = None,
    ) -> tuple[Value, ...]:
        """The same, of a place that is given."""
        known, types = self._typed(primitive, tuple([arg.type for arg in args]), attributes, body)
        results = tuple([self._value(type, hint or primitive, span, scope) for type in types])
        self._add(Op(primitive, tuple(args), known, results, body, span))
        return results

    def _add(self, op: Op) -> None:
        self._ops.append(op)
        for value in op.results:
            self._producers[value] = op

    def _typed(
        self, primitive: str, types: _Types, attributes: Mapping[str, Attribute], body: Function | None
    ) -> tuple[_Attributes, _Types]:
        """All attributes of an application, sorted by name, and the types of its results. Raises TypeMismatch."""
        key = None if attributes or body is not None else (primitive, *map(id, types))
        if key in self._alike:
            return self._alike[key][:2]
        row = TABLE[primitive]
        call = row.call(types, attributes, body, TABLE)
        whole = tuple(sorted(call.attributes.items()))
        found = tuple([self._shared(type) for type in row.result_types(call)])
        if key is not None:
            self._alike[key] = whole, found, types  # the types are kept, and their identities with them
        return whole, found

    def _shared(self, type: TensorType) -> TensorType:
        """The one object that stands for all types like this one; an axis of the batch is no other of its size."""
        return self._types.setdefault((type, *map(builtins.type, type.shape)), type)

    def producer(self, value: Value) -> Op | None:
        """The op that gives a value; None for a parameter."""
        return self._producers.get(value)

    @property
    def mark(self) -> int:
        """The place behind the last op, for `taken`."""
        return len(self._ops)

    def taken(self, mark: int) -> tuple[Op, ...]:
        """Takes out the ops that were made since `mark`, to be made again otherwise."""
        ops = tuple(self._ops[mark:])
        del self._ops[mark:]
        for value in (value for op in ops for value in op.results):
            del self._producers[value]
        return ops

    def keep(self, op: Op) -> None:
        """Puts an op back that was taken out; its values stay the same."""
        self._add(op)

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
