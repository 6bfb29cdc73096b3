"""The tree's expressions; `tree` gives them together with all other nodes.

Data only, as all of the tree: spans take no part in comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nnc.base.source import Span


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier, also where it names what is defined. `_` is a name too; `h'` is the new value of `h`."""

    text: str
    span: Span = field(compare=False, repr=False)

    @property
    def primed(self) -> bool:
        """Whether the name ends with `'`."""
        return self.text.endswith("'")

    @property
    def base(self) -> str:
        """The name without its `'`."""
        return self.text.removesuffix("'")


@dataclass(frozen=True, slots=True)
class Number:
    """An `int` or a `float`, with the text it was written as. `1e3` is a float."""

    value: int | float
    text: str = field(compare=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class String:
    """A string; `value` has its escapes resolved."""

    value: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NoneLiteral:
    """`none`."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListExpr:
    """`[a, b]` or `(a, b)`, which mean the same."""

    items: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """`key: value`. A key may be a path: `trunk.dense: value`."""

    key: tuple[Name, ...]
    value: Expression
    span: Span = field(compare=False, repr=False)

    @property
    def path(self) -> str:
        """The key as written, joined by dots."""
        return ".".join(name.text for name in self.key)


@dataclass(frozen=True, slots=True)
class Record:
    """`{ key: value, ... }`."""

    entries: tuple[RecordEntry, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ForClause:
    """`for names in iterable if condition`."""

    names: tuple[Name, ...]
    iterable: Expression
    condition: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`[body for ...]`, the first clause outermost."""

    body: Expression
    clauses: tuple[ForClause, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Conditional:
    """`value if condition else otherwise`; the condition is known at compile time."""

    value: Expression
    condition: Expression
    otherwise: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Times:
    """A stage `count * layer` of a chain."""

    count: Expression
    layer: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """`value |> stage |> stage`; `stages` has at least one."""

    value: Expression
    stages: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logical:
    """`left and right`, `left or right`."""

    operator: Literal["and", "or"]
    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; comparisons do not chain."""

    operator: Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic of two operands."""

    operator: Literal["+", "-", "*", "/", "//", "%", "@", "^"]
    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-operand` or `not operand`."""

    operator: Literal["-", "not"]
    operand: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, by place (`name` is None) or by name."""

    name: Name | None
    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step` of a subscript, each of which may be absent."""

    start: Expression | None
    stop: Expression | None
    step: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ellipsis_:
    """`...` in a subscript: all axes that the other items do not name."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Subscript:
    """`value[items]`; `x[none]` adds an axis."""

    value: Expression
    items: tuple[Expression | Slice | Ellipsis_, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value.name`."""

    value: Expression
    name: Name
    span: Span = field(compare=False, repr=False)


Expression = (
    Name
    | Number
    | String
    | Boolean
    | NoneLiteral
    | ListExpr
    | Record
    | Comprehension
    | Conditional
    | Times
    | Chain
    | Logical
    | Compare
    | Binary
    | Unary
    | Call
    | Subscript
    | Attribute
)
