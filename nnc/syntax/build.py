"""The constructors of the tree: one function for every action of the grammar.

In: the children of a reduction and its span. Out: a node of `tree`. Children are nodes, tokens, lists of either, or
None where an optional part is absent. Nothing is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from nnc.base.source import Span
from nnc.syntax import tree

Action = Callable[[list[Any], Span], Any]

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

CONFIGURED = frozenset({"optimizer"})
"""The kinds whose single parameter list is configuration."""


def _present(children: list[Any]) -> tuple[Any, ...]:
    return tuple(child for child in children if child is not None)


def _signature(
    kind: str, lists: tuple[Any, Any], results: tuple[tree.Result, ...] | None, span: Span
) -> tree.Signature:
    first, second = lists
    if second is not None:
        configuration, tensors = first, second
    elif kind in CONFIGURED:
        configuration, tensors = first, None
    else:
        configuration, tensors = None, first
    return tree.Signature(
        configuration or (), tensors or (), configuration is not None, tensors is not None, results or (), span
    )


def _definition(children: list[Any], span: Span) -> tree.Definition:
    kind, name, (lists, where), results, body = children
    signature = _signature(kind.text, lists, results, Span(span.source, where.start, _header_end(where, results)))
    return tree.Definition(kind.text, name, signature, body, "", span)


def _function(children: list[Any], span: Span) -> tree.FunctionDef:
    name, (lists, where), results, body = children
    signature = _signature("fn", lists, results, Span(span.source, where.start, _header_end(where, results)))
    return tree.FunctionDef(name, signature, body, "", span)


def _header_end(lists: Span, results: tuple[tree.Result, ...] | None) -> int:
    return results[-1].span.end if results else lists.end


def number_value(text: str) -> int | float:
    """The value of a number as written; `inf` where a fraction is too large. At most a few hundred digits are
    sensible.
    """
    plain = text.replace("_", "")
    return int(plain) if plain.isdigit() else float(plain)


ACTIONS: Mapping[str, Action] = {
    "module": lambda c, s: tree.Module(tuple(c), (), False, s),
    "import_": lambda c, s: tree.Import(c[0], c[1], s),
    "from_import": lambda c, s: tree.FromImport(c[0], tuple(c[1:]), s),
    "imported": lambda c, s: tree.Imported(c[0], c[1], s),
    "const": lambda c, s: tree.Const(c[0], c[1], "", s),
    "function": _function,
    "definition": _definition,
    "train": lambda c, s: tree.Train(c[0], c[1], c[2], "", s),
    "lists": lambda c, s: ((c[0], c[1]), s),
    "parameters": lambda c, s: _present(c),
    "parameter": lambda c, s: tree.Param(c[0], c[1], c[2], s),
    "results": lambda c, s: tuple(c),
    "result": lambda c, s: tree.Result(c[0], c[1], s),
    "unnamed_result": lambda c, s: (tree.Result(None, c[0], s),),
    "named_result": lambda c, s: (tree.Result(c[0], c[1], s),),
    "type": lambda c, s: tree.TypeExpr(c[0], c[1], c[2], s),
    "dimensions": lambda c, s: _present(c),
    "rest": lambda c, s: tree.Rest(c[0], s),
    "ragged": lambda c, s: tree.Ragged(c[0], c[1], s),
    "block": lambda c, s: tree.Block(tuple(c), s),
    "assign": lambda c, s: tree.Assign(c[0], c[1], s),
    "param": lambda c, s: tree.ParamStmt(c[0], c[1], c[2], tuple(c[3:]), s),
    "option": lambda c, s: tree.Argument(c[0], c[1], s),
    "state": lambda c, s: tree.StateStmt(c[0], c[1], c[2], s),
    "target": lambda c, s: tree.TargetStmt(c[0], c[1], c[2], s),
    "penalty": lambda c, s: tree.Penalty(c[0], s),
    "assert": lambda c, s: tree.Assert(c[0], c[1], s),
    "scan": lambda c, s: tree.Scan(c[0], c[1], c[2], c[3], s),
    "sequences": lambda c, s: tuple(c),
    "carries": lambda c, s: tuple(c),
    "names": lambda c, s: tuple(c),
    "conditional": lambda c, s: tree.Conditional(c[0], c[1], c[2], s),
    "chain": lambda c, s: tree.Chain(c[0], tuple(c[1:]), s),
    "times": lambda c, s: tree.Times(c[0], c[-1], s),
    "logical": lambda c, s: tree.Logical(c[1].text, c[0], c[2], s),
    "compare": lambda c, s: tree.Compare(" ".join(each.text for each in c[1:-1]), c[0], c[-1], s),  # type: ignore[arg-type]
    "binary": lambda c, s: tree.Binary(c[1].text, c[0], c[2], s),
    "unary": lambda c, s: tree.Unary(c[0].text, c[1], s),
    "call": lambda c, s: tree.Call(c[0], _present(c[1:]), s),
    "argument": lambda c, s: tree.Argument(None, c[0], s),
    "named_argument": lambda c, s: tree.Argument(c[0], c[1], s),
    "subscript": lambda c, s: tree.Subscript(c[0], tuple(c[1:]), s),
    "slice": lambda c, s: tree.Slice(c[0], c[1], c[2] if len(c) > 2 else None, s),
    "ellipsis": lambda c, s: tree.Ellipsis_(s),
    "attribute": lambda c, s: tree.Attribute(c[0], c[1], s),
    "number": lambda c, s: tree.Number(number_value(c[0].text), c[0].text, s),
    "string": lambda c, s: tree.String(_ESCAPE.sub(r"\1", c[0].text[1:-1]), s),
    "boolean": lambda c, s: tree.Boolean(c[0].text == "true", s),
    "none": lambda c, s: tree.NoneLiteral(s),
    "list": lambda c, s: tree.ListExpr(_present(c), s),
    "comprehension": lambda c, s: tree.Comprehension(c[0], tuple(c[1:]), s),
    "record": lambda c, s: tree.Record(_present(c), s),
    "entry": lambda c, s: tree.RecordEntry(c[0], c[1], s),
    "key": lambda c, s: tuple(c),
    "for_clause": lambda c, s: tree.ForClause(c[0], c[1], c[2], s),
    "name": lambda c, s: tree.Name(c[0].text, s),
}
