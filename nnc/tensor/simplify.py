"""Rewriting a tensor program to one of the same values in fewer and stabler ops.

In: a Function. Out: a Function with the same parameters, results of the same types, and no op that no result needs. It
    runs
before `gradient` (what is differentiated must be in its stable form: nothing repairs 0/0 afterwards) and after it, with
`erase_stops`. It may improve on rounding and overflow; it does not keep the sign of zero or the NaN of 0 * inf apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from nnc.tensor.build import Builder
from nnc.tensor.expressions import Number
from nnc.tensor.ir import Attribute, Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.rewrite import renamed, without_dead_code
from nnc.tensor.rules.pattern import Rewriter
from nnc.tensor.rules.scalar import IDENTITIES, SCALAR_RULES, STABLE_FORMS
from nnc.tensor.rules.shapes import SHAPE_RULES, leading_ones
from nnc.tensor.show import show
from nnc.tensor.types import TensorType

ROUNDS = 20

Rule: TypeAlias = Callable[[Rewriter, Op], Value | None]


def _table() -> dict[str, tuple[Rule, ...]]:
    """The rules by the primitive that they start from."""
    rules: dict[str, tuple[Rule, ...]] = {}
    for rule in (*STABLE_FORMS, *IDENTITIES):
        rules[rule.pattern.primitive] = (*rules.get(rule.pattern.primitive, ()), rule)
    for family in (SCALAR_RULES, SHAPE_RULES):
        for primitive, more in family.items():
            rules[primitive] = (*rules.get(primitive, ()), *more)
    return rules


RULES = _table()


def simplify(function: Function, erase_stops: bool = False) -> Function:
    """The simplified function. `erase_stops` takes stop_gradient out: only for what will not be differentiated any
    more."""
    before = ""
    for _ in range(ROUNDS):
        function = _Simplifier(function, erase_stops).run()
        after = show(function)
        if after == before:
            break
        before = after
    return function


class _Simplifier(Builder, Rewriter):
    """Builds a function anew, op by op; each op is simplified when it is applied, those that rules apply too."""

    def __init__(self, function: Function, erase_stops: bool) -> None:
        super().__init__(function.name)
        self._function = function
        self._erase_stops = erase_stops
        self._parameters = list(function.parameters)
        self._next = max((value.id for value in function.parameters), default=-1) + 1
        self._seen: dict[tuple[object, ...], tuple[Value, ...]] = {}
        self._single: set[Value] = set()
        self._hints: dict[Value, str] = {}

    def run(self) -> Function:
        """One round."""
        uses = Counter(arg for op in self._function.ops for arg in op.args)
        uses.update(self._function.results)
        known: dict[Value, Value] = {value: value for value in self._function.parameters}
        for op in self._function.ops:
            first = op.results[0]
            body = simplify(op.body, self._erase_stops) if op.body else None
            with self.at(op.span, first.scope):
                made = self.again(op, *(known[arg] for arg in op.args), body=body)
            for old, new in zip(op.results, made, strict=True):
                known[old] = new
                self._single.discard(new) if new in self._hints or uses[old] != 1 else self._single.add(new)
                if old.hint != op.primitive or new not in self._hints:
                    self._hints.setdefault(new, old.hint)
        finished = self.finish([known[value] for value in self._function.results])
        for value in finished.parameters:
            self._hints.pop(value, None)
        return without_dead_code(renamed(finished, self._hints)[0])

    def number(self, value: Value) -> Number | None:
        op = self.producer(value)
        if op is None or op.primitive != "constant":
            return None
        number = op["value"]
        assert isinstance(number, bool | int | float)
        return number

    def used_once(self, value: Value) -> bool:
        return value in self._single

    def existing(self, primitive: str, *args: Value) -> Value | None:
        found = self._seen.get(_key(primitive, args, (), None))
        return found[0] if found is not None else None

    def ops(
        self, primitive: str, *args: Value, hint: str = "", body: Function | None = None, **attributes: Attribute
    ) -> tuple[Value, ...]:
        row = TABLE[primitive]
        if primitive == "stop_gradient" and self._erase_stops:
            return args
        if row.commutative and self.number(args[0]) is not None and self.number(args[1]) is None:
            args = args[::-1]
        call = row.call(tuple(arg.type for arg in args), attributes, body, TABLE)
        types = row.result_types(call)
        whole = tuple(sorted(call.attributes.items()))
        key = _key(primitive, args, whole, body)
        if key in self._seen:
            return self._seen[key]
        results = self._rewritten(primitive, args, whole, types) if body is None and len(types) == 1 else None
        if results is None:
            results = super().ops(primitive, *args, hint=hint, body=body, **attributes)
        self._seen[key] = results
        return results

    def _rewritten(
        self,
        primitive: str,
        args: tuple[Value, ...],
        attributes: tuple[tuple[str, Attribute], ...],
        types: Sequence[TensorType],
    ) -> tuple[Value, ...] | None:
        """What stands in the place of an op, or None where it stays as it is."""
        (type,) = types
        candidate = Op(primitive, args, attributes, (Value(-1, type, primitive),))
        if TABLE[primitive].kind is Kind.POINTWISE:
            found = self._folded(candidate) or self._unrepeated(candidate)
            if found is not None:
                return (self.broadcast(found, type),)
        for rule in RULES.get(primitive, ()):
            found = rule(self, candidate)
            if found is not None and (found.type.element, found.type.bound) == (type.element, type.bound):
                return (self.broadcast(found, type),)
        return None

    def _folded(self, op: Op) -> Value | None:
        """A pointwise op on constants alone is a constant, computed in float64."""
        numbers = [self.number(arg) for arg in op.args]
        if any(number is None for number in numbers):
            return None
        row = TABLE[op.primitive]
        call = row.call(tuple(arg.type for arg in op.args), dict(op.attributes), None, TABLE)
        with np.errstate(all="ignore"):
            (array,) = row.run(replace(call, results=(op.result.type,)), [np.asarray(number) for number in numbers])
        value = array.item()
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return self.op("constant", value=value, element=op.result.type.element, bound=op.result.type.bound)

    def _unrepeated(self, op: Op) -> Value | None:
        """A pointwise op repeats its operands itself: broadcasts, and reshapes that put axes of size 1 in front, go."""
        args = tuple(self._source(arg, op.result.type.rank) for arg in op.args)
        return None if args == op.args else self.again(op, *args)[0]

    def _source(self, value: Value, rank: int) -> Value:
        op = self.producer(value)
        if op is None or (op.primitive == "reshape" and not leading_ones(value.type.shape, op.args[0].type.shape)):
            return value
        return self._source(op.args[0], rank) if op.primitive in ("broadcast", "reshape") else value


def _key(
    primitive: str, args: tuple[Value, ...], attributes: tuple[tuple[str, Attribute], ...], body: Function | None
) -> tuple[object, ...]:
    """What makes two ops the same. Numbers are told apart by type: 1, 1.0 and True are equal to Python."""
    ids = [arg.id for arg in args]
    if TABLE[primitive].commutative:
        ids.sort()
    return primitive, tuple(ids), repr(attributes), id(body)
