"""The tensor program: static single assignment over typed tensors. Data only; see build.py for making it.

An `Op` applies a primitive, named by its row in the table (`nnc.tensor.primitives`), to values. A `Function` is a
straight list of ops. An op that repeats a computation (`foreach`, later `scan`) holds it as `body`.
Operands of pointwise primitives broadcast as NumPy's do, common values against per-sample ones.

What large programs make many of has `Final` fields, here and in other files, where the rest is frozen: to the type
checker it is the same, and they are made in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from nnc.base.source import Span
from nnc.tensor.types import TensorType

Attribute: TypeAlias = bool | int | float | str | tuple["Attribute", ...] | None


@dataclass(slots=True, eq=False)
class Value:
    """A tensor that a program computes or is given; two values are equal only when they are the same object.

    hint:  the name that a reader would give it (the variable of the .nn line it comes from); need not be unique.
    span:  the place in the source whose evaluation made it, None where the compiler made it of its own.
    scope: the path of layer applications around it, outermost first: ("hidden", "dense").
    """

    id: Final[int]
    type: Final[TensorType]
    hint: Final[str]
    span: Final[Span | None] = None
    scope: Final[tuple[str, ...]] = ()


@dataclass(slots=True, eq=False)
class Op:
    """One application of a primitive. `attributes` are compile-time values, sorted by name."""

    primitive: Final[str]
    args: Final[tuple[Value, ...]]
    attributes: Final[tuple[tuple[str, Attribute], ...]]
    results: Final[tuple[Value, ...]]
    body: Final[Function | None] = None
    span: Final[Span | None] = None

    def __getitem__(self, name: str) -> Attribute:
        """The attribute `name`. Raises KeyError where the op has none of that name."""
        for key, value in self.attributes:
            if key == name:
                return value
        raise KeyError(name)

    @property
    def result(self) -> Value:
        (value,) = self.results
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A program: `parameters` come in, `ops` run in order, `results` go out (a result may be a parameter)."""

    name: str
    parameters: tuple[Value, ...]
    ops: tuple[Op, ...]
    results: tuple[Value, ...]

    def producers(self) -> dict[Value, Op]:
        """Which op makes a value; parameters have none."""
        return {value: op for op in self.ops for value in op.results}

    def users(self) -> dict[Value, list[Op]]:
        """Which ops read a value, in order, each once."""
        found: dict[Value, list[Op]] = {}
        for op in self.ops:
            for value in dict.fromkeys(op.args):
                found.setdefault(value, []).append(op)
        return found

    def values(self) -> Iterator[Value]:
        yield from self.parameters
        for op in self.ops:
            yield from op.results
