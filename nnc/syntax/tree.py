"""The syntax tree: one class a construct, named as the grammar's rule, `span` last.

Spans take no part in comparison: two trees are equal when they mean the same text up to layout and comments. `none`,
`true` and numbers are nodes of their own; `inf`, `training` and all other constants are plain names that later floors
bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nnc.base.source import Span
from nnc.syntax.expression import (
    Argument,
    Attribute,
    Binary,
    Boolean,
    Call,
    Chain,
    Compare,
    Comprehension,
    Conditional,
    Ellipsis_,
    Expression,
    ForClause,
    ListExpr,
    Logical,
    Name,
    NoneLiteral,
    Number,
    Record,
    RecordEntry,
    Slice,
    String,
    Subscript,
    Times,
    Unary,
)

__all__ = [
    "Argument",
    "Assert",
    "Assign",
    "Attribute",
    "Binary",
    "Block",
    "Boolean",
    "Call",
    "Chain",
    "Compare",
    "Comprehension",
    "Conditional",
    "Const",
    "Definition",
    "Dimension",
    "Ellipsis_",
    "Expression",
    "ForClause",
    "FromImport",
    "FunctionDef",
    "Import",
    "Imported",
    "Item",
    "Kind",
    "ListExpr",
    "Logical",
    "Module",
    "Name",
    "NoneLiteral",
    "Number",
    "Param",
    "ParamStmt",
    "Penalty",
    "Ragged",
    "Record",
    "RecordEntry",
    "Rest",
    "Result",
    "Scan",
    "Signature",
    "Slice",
    "StateStmt",
    "Statement",
    "String",
    "Subscript",
    "TargetStmt",
    "Times",
    "Train",
    "TypeExpr",
    "Unary",
]

Kind = Literal["layer", "model", "metric", "optimizer"]


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
