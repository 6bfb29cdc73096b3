"""The canonical layout of a program.

In: a tree without mistakes; its source is read again, so that comments survive. Out: the text with the same tokens,
the same comments and the same line ends, but canonical spaces: four for each level, one empty line at most. Formatting
what was formatted changes nothing, and the tree stays the same. Lines are neither joined nor broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import NamedTuple

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source, Span
from nnc.syntax import tree
from nnc.syntax.tokens import CLOSING, DEFINING, OPENING, RESERVED, Tokens, names, scan

INDENT = "    "
COMMENT = "COMMENT"


class _Piece(NamedTuple):
    """A token or a comment; `token` is the token's index, -1 for a comment; `breaks` counts the line ends before it."""

    kind: str
    text: str
    start: int
    token: int
    breaks: int


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in the text statements and definitions, names, and signs start."""

    statements: frozenset[int]
    items: frozenset[int]
    names: frozenset[int]
    signs: frozenset[int]


def format_module(module: tree.Module) -> str:
    """The text of a module in canonical layout; that of a damaged one as it stands."""
    source = module.span.source
    if module.damaged:
        return source.text
    tokens = scan(source, Reporter())
    places = _places(module)
    lines: list[str] = []
    opened: list[int] = []  # what each open bracket adds to the indentation
    last = ""
    for line in _lines(_pieces(tokens)):
        if line[0].breaks > 1 and lines and line[0].kind != "RBRACE" and last != "LBRACE":
            lines.append("")
        level = _level(line, opened, tokens, places)
        lines.append((INDENT * level + _joined(line, tokens, places)).rstrip())
        _track(line, opened, places)
        last = next((piece.kind for piece in reversed(line) if piece.kind != COMMENT), COMMENT)
    return "\n".join(lines) + "\n" if lines else ""


def _places(module: tree.Module) -> _Places:
    statements: set[int] = set()
    items: set[int] = set()
    words: set[int] = set()
    signs: set[int] = set()
    for node in _nodes(module):
        match node:
            case tree.Block():
                statements.update(each.span.start for each in node.statements)
            case tree.Module():
                items.update(each.span.start for each in node.items)
            case tree.Name():
                words.add(node.span.start)
            case tree.Unary("-"):
                signs.add(node.span.start)
            case _:
                pass
    return _Places(frozenset(statements), frozenset(items), frozenset(words), frozenset(signs))


def _nodes(root: object) -> Iterator[object]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif is_dataclass(node) and not isinstance(node, Span | Source):
            yield node
            waiting.extend(getattr(node, field.name) for field in fields(node))


def _pieces(tokens: Tokens) -> list[_Piece]:
    found = [(token.start, token.end, token.kind, token.text, i) for i, token in enumerate(tokens.items[:-1])]
    found += [(span.start, span.end, COMMENT, span.text.rstrip(), -1) for span in tokens.comments]
    pieces: list[_Piece] = []
    end = 0
    for start, stop, kind, text, index in sorted(found):
        pieces.append(_Piece(kind, text, start, index, tokens.source.text.count("\n", end, start)))
        end = stop
    return pieces


def _lines(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    line: list[_Piece] = []
    for piece in pieces:
        if line and piece.breaks:
            yield line
            line = []
        line.append(piece)
    if line:
        yield line


def _level(line: list[_Piece], opened: list[int], tokens: Tokens, places: _Places) -> int:
    closing = 0
    while closing < len(line) and line[closing].kind in CLOSING:
        closing += 1
    level = sum(opened[: len(opened) - closing])
    first = line[0]
    around = tokens.enclosing[first.token] if first.token >= 0 else -1
    in_block = around < 0 or tokens.items[around].kind == "LBRACE"
    if closing or first.kind in (COMMENT, "LBRACE") or not in_block or first.start in places.statements | places.items:
        return level
    is_entry = around >= 0 and tokens.items[around - 1].kind in ("ASSIGN", "COMMA", *OPENING)
    return level if is_entry else level + (1 if around >= 0 else 2)


def _track(line: list[_Piece], opened: list[int], places: _Places) -> None:
    """Brackets that a line leaves open indent what follows by one level together, however many they are.

    A list of a definition's header adds two, so that it is not mistaken for the body.
    """
    in_header = line[0].kind in DEFINING and line[0].start in places.items
    here: list[int] = []
    for piece in line:
        if piece.kind in OPENING:
            here.append(2 if in_header and piece.kind == "LPAR" else 1)
        elif piece.kind in CLOSING:
            (here or opened).pop()
    opened.extend(step if position == 0 else 0 for position, step in enumerate(here))


def _joined(line: list[_Piece], tokens: Tokens, places: _Places) -> str:
    parts = [line[0].text]
    for left, right in pairwise(line):
        parts.append(_space(left, right, tokens, places) + right.text)
    return "".join(parts)


def _space(left: _Piece, right: _Piece, tokens: Tokens, places: _Places) -> str:
    if right.kind == COMMENT:
        return "  "
    if left.kind in ("LPAR", "LSQB", "DOT", "ELLIPSIS") or right.kind in ("RPAR", "RSQB", "COMMA", "DOT"):
        return ""
    if left.kind == "LBRACE" and right.kind == "RBRACE":
        return ""
    if "COLON" in (left.kind, right.kind):
        colon = left if left.kind == "COLON" else right
        in_slice = tokens.items[tokens.enclosing[colon.token]].kind == "LSQB" and tokens.enclosing[colon.token] >= 0
        return "" if in_slice or colon is right else " "
    if left.kind == "MINUS" and left.start in places.signs:
        return ""
    if right.kind in ("LPAR", "LSQB") and _ends_operand(left, places):
        return ""
    return " "


def _ends_operand(piece: _Piece, places: _Places) -> bool:
    if piece.kind in names():
        return piece.start in places.names
    return piece.kind in CLOSING | {"NUMBER", "STRING"} or piece.kind in RESERVED & {"TRUE", "FALSE", "NONE"}
