"""Rewrite rules over pointwise primitives, written as text: `log(exp(x)) -> x`.

A name stands for any value, the same name for the same value, a number for a constant of that number, anything else for
an
application of the primitive. Operands of commutative primitives are tried both ways round.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from nnc.tensor.expressions import Expressions, Number
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE


class Rewriter(Expressions):
    """What a rule may ask: who made a value, and how often it was read before this round of rewriting."""

    @abstractmethod
    def producer(self, value: Value) -> Op | None:
        """The op that makes the value; None for a parameter."""

    @abstractmethod
    def number(self, value: Value) -> Number | None:
        """The number, where the value is a constant."""

    @abstractmethod
    def used_once(self, value: Value) -> bool:
        """Whether the value stood in the program before this round, and was read once."""

    @abstractmethod
    def existing(self, primitive: str, *args: Value) -> Value | None:
        """What an op without attributes gives that the program has already, before the op that is being rewritten."""


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    number: float


@dataclass(frozen=True, slots=True)
class Application:
    primitive: str
    args: tuple[Pattern, ...]


Pattern: TypeAlias = Variable | Literal | Application
Bindings: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class TextRule:
    """What is matched, and what stands in its place."""

    pattern: Application
    template: Pattern

    def __call__(self, s: Rewriter, op: Op) -> Value | None:
        for bindings in _match_args(s, self.pattern, op.args, {}):
            return _build(s, self.template, bindings, op)
        return None


def rules_of(text: str) -> tuple[TextRule, ...]:
    """One rule a line. Raises ValueError for a line that is none."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        left, arrow, right = line.partition("->")
        pattern = _parse(left)
        if not arrow or not isinstance(pattern, Application):
            raise ValueError(f"no rule: {line}")
        found.append(TextRule(pattern, _parse(right)))
    return tuple(found)


def _parse(text: str) -> Pattern:
    return _convert(ast.parse(text.strip(), mode="eval").body)


def _convert(node: ast.expr) -> Pattern:
    match node:
        case ast.Name(id=name):
            return Variable(name)
        case ast.Constant(value=int() | float() as number):
            return Literal(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return Literal(-number)
        case ast.Call(func=ast.Name(id=name), args=args):
            if name not in TABLE:
                raise ValueError(f"no primitive: {name}")
            return Application(name, tuple(map(_convert, args)))
        case _:
            raise ValueError(f"no pattern: {ast.unparse(node)}")


def _match(s: Rewriter, pattern: Pattern, value: Value, bindings: Bindings) -> Iterator[Bindings]:
    match pattern:
        case Variable(name):
            if name not in bindings:
                yield {**bindings, name: value}
            elif bindings[name] is value:
                yield bindings
        case Literal(number):
            found = s.number(value)
            if found is not None and not isinstance(found, bool) and found == number:
                yield bindings
        case Application(primitive, _):
            op = s.producer(value)
            if op is not None and op.primitive == primitive:
                yield from _match_args(s, pattern, op.args, bindings)


def _match_args(s: Rewriter, pattern: Application, args: tuple[Value, ...], bindings: Bindings) -> Iterator[Bindings]:
    def in_order(values: tuple[Value, ...]) -> Iterator[Bindings]:
        partial = [bindings]
        for inner, value in zip(pattern.args, values, strict=True):
            partial = [more for each in partial for more in _match(s, inner, value, each)]
        yield from partial

    yield from in_order(args)
    if TABLE[pattern.primitive].commutative:
        yield from in_order(args[::-1])


def _build(s: Rewriter, template: Pattern, bindings: Bindings, op: Op) -> Value:
    match template:
        case Variable(name):
            return bindings[name]
        case Literal(number):
            element = op.result.type.element
            return s.constant(number if op.result.type.is_float else int(number), element)
        case Application(primitive, args):
            return s.op(primitive, *(_build(s, arg, bindings, op) for arg in args))
