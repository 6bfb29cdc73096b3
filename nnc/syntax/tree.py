"""The syntax tree: one class a construct, named as the grammar's rule, `span` last.

Spans take no part in comparison: two trees are equal when they mean the same text up to layout and comments. `none`,
`true` and numbers are nodes of their own; `inf`, `training` and all other constants are plain names that later floors
bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nnc.base.source import Span

Kind = Literal["layer", "model", "metric", "optimizer"]


# Expressions ---------------------------------------------------------------------------------------------------------


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


# Types and signatures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rest:
    """`...` or `...S` among dimensions: any number of axes."""

    name: Name | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ragged:
    """`T <= bound` among dimensions: a ragged axis; `<= bound` alone is one without a name."""

    name: Name | None
    bound: Expression
    span: Span = field(compare=False, repr=False)


Dimension = Expression | Rest | Ragged


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """`name(argument)[dims]`. Without brackets `dims` is None, with empty ones it is empty."""

    name: Name
    argument: Expression | None
    dims: tuple[Dimension, ...] | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Param:
    """One entry of a parameter list, or a carry of a scan."""

    name: Name
    type: TypeExpr | None
    default: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One result after `->`. A function's sole result has a type and no name; its value is the body's `result`."""

    name: Name | None
    type: TypeExpr | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """`(configuration)(tensors) -> results`.

    A single list is `tensors`, but `configuration` for an optimizer; `has_configuration` and `has_tensors` say which
    lists were written, since `f()(x)` and `f(x)` differ. `results` is empty where no `->` was written.
    """

    configuration: tuple[Param, ...]
    tensors: tuple[Param, ...]
    has_configuration: bool
    has_tensors: bool
    results: tuple[Result, ...]
    span: Span = field(compare=False, repr=False)


# Statements ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assign:
    """`names = value`; several names take a list apart."""

    names: tuple[Name, ...]
    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ParamStmt:
    """`param name: type = value, option = ...`."""

    name: Name
    type: TypeExpr
    value: Expression
    options: tuple[Argument, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StateStmt:
    """`state name: type = value`; the type may be absent."""

    name: Name
    type: TypeExpr | None
    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TargetStmt:
    """`target name: type = default` of a train block; the default may be absent."""

    name: Name
    type: TypeExpr
    default: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Penalty:
    """`penalty value`."""

    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Assert:
    """`assert condition, message`; the message may be absent."""

    condition: Expression
    message: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """`{ statements }`."""

    statements: tuple[Statement, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan names over sequences with carries { body }`."""

    names: tuple[Name, ...]
    sequences: tuple[Expression, ...]
    carries: tuple[Param, ...]
    body: Block
    span: Span = field(compare=False, repr=False)


Statement = Assign | ParamStmt | StateStmt | TargetStmt | Penalty | Assert | Scan


# Files ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Import:
    """`import "path" as alias`; without alias it is known by the file's stem."""

    path: String
    alias: Name | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Imported:
    """`name as alias` of a `from` import."""

    name: Name
    alias: Name | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FromImport:
    """`from "path" import name, name as alias`."""

    path: String
    names: tuple[Imported, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """`const name = value`; `documentation` is the text of the `##` lines above, or empty."""

    name: Name
    value: Expression
    documentation: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """`fn name(...)(...) -> type` with `= expression` or a block, whose value is its `result`."""

    name: Name
    signature: Signature
    body: Expression | Block
    documentation: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Definition:
    """A layer, model, metric or optimizer."""

    kind: Kind
    name: Name
    signature: Signature
    body: Block
    documentation: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Train:
    """`train model as alias { ... }`; without alias it is known by the model's name."""

    model: Name
    alias: Name | None
    body: Block
    documentation: str
    span: Span = field(compare=False, repr=False)


Item = Import | FromImport | Const | FunctionDef | Definition | Train


@dataclass(frozen=True, slots=True)
class Module:
    """A file; `items` in source order.

    A definition with a mistake in it is not among the items: its name is in `lost`, and whatever uses it must be
    silent. `damaged` says that any mistake was found at all: then a name that nobody defines may belong to a part that
    was lost.
    """

    items: tuple[Item, ...]
    lost: tuple[Name, ...] = field(compare=False)
    damaged: bool = field(compare=False)
    span: Span = field(compare=False, repr=False)
