"""The canonical layout of a program.

In: a tree without mistakes; its source is read again, so that comments survive. Out: the text with the same tokens,
the same comments and the same line ends, but canonical spaces: four for each level, one empty line at most. Models and
trainings are set as tables: the `=` of neighbouring statements stand in one column, and so do types. What goes on in a
further line stands below what its bracket or its `=` is followed by. Formatting what was formatted changes nothing, and
the tree stays the same. Lines are neither joined nor broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source, Span
from nnc.syntax import tree
from nnc.syntax.tokens import CLOSING, OPENING, RESERVED, Tokens, names, scan

INDENT = 4
WIDTH = 120
SPREAD = 6  # characters that the longest of aligned names is longer than the shortest, at most
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
    """Where in the text things start: statements, those that are set as tables, with their kind, definitions, names,
    signs; and where blocks start and end."""

    statements: frozenset[int]
    tables: dict[int, str]
    items: frozenset[int]
    names: frozenset[int]
    signs: frozenset[int]
    blocks: frozenset[int]
    ends: frozenset[int]


@dataclass(slots=True)
class _Line:
    """gaps: the spaces before each piece."""

    pieces: list[_Piece]
    gaps: list[int]

    def starts(self) -> list[int]:
        """The column of each piece, from the line's first."""
        lengths = [len(piece.text) for piece in self.pieces]
        return [
            end - length
            for end, length in zip(accumulate(map(sum, zip(self.gaps, lengths, strict=True))), lengths, strict=True)
        ]

    def text(self) -> str:
        return "".join(" " * gap + piece.text for gap, piece in zip(self.gaps, self.pieces, strict=True))


def format_module(module: tree.Module) -> str:
    """The text of a module in canonical layout; that of a damaged one as it stands."""
    source = module.span.source
    if module.damaged:
        return source.text
    tokens = scan(source, Reporter())
    places = _places(module)
    lines = [_line(pieces, tokens, places) for pieces in _lines(_pieces(tokens))]
    _align(lines, places)
    indentation = _Indentation(places)
    written: list[str] = []
    last = ""
    for line in lines:
        if line.pieces[0].breaks > 1 and written and line.pieces[0].kind != "RBRACE" and last != "LBRACE":
            written.append("")
        written.append((" " * indentation.column(line) + line.text()).rstrip())
        last = next((piece.kind for piece in reversed(line.pieces) if piece.kind != COMMENT), COMMENT)
    return "\n".join(written) + "\n" if written else ""


def _places(module: tree.Module) -> _Places:
    statements: set[int] = set()
    tables: dict[int, str] = {}
    items: set[int] = set()
    words: set[int] = set()
    signs: set[int] = set()
    blocks: set[Span] = set()
    for node in _nodes(module):
        match node:
            case tree.Block():
                statements.update(each.span.start for each in node.statements)
                blocks.add(node.span)
            case tree.Train(body=body) | tree.Definition(kind="model", body=body):
                tables.update((each.span.start, type(each).__name__) for each in body.statements)
            case tree.Module():
                items.update(each.span.start for each in node.items)
            case tree.Name():
                words.add(node.span.start)
            case tree.Unary("-"):
                signs.add(node.span.start)
            case _:
                pass
    starts, ends = (frozenset(each) for each in ((b.start for b in blocks), (b.end - 1 for b in blocks)))
    begun = frozenset(statements)
    return _Places(begun, tables, frozenset(items), frozenset(words), frozenset(signs), starts, ends)


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


def _line(pieces: list[_Piece], tokens: Tokens, places: _Places) -> _Line:
    return _Line(pieces, [0, *(_space(left, right, tokens, places) for left, right in pairwise(pieces))])


# Columns --------------------------------------------------------------------------------------------------------------


def _align(lines: list[_Line], places: _Places) -> None:
    """Puts what neighbouring statements of one kind assign, and their types, in columns, where their names are about
    as long. A statement of several lines, an empty line or a comment ends such a run."""
    if not lines:
        return
    run: list[tuple[_Line, list[int]]] = []
    kind = ""
    following = [next((p for p in line.pieces if p.kind != COMMENT), None) for line in lines[1:]]
    for line, after in zip(lines, [*following, None], strict=True):
        first = line.pieces[0]
        found = places.tables.get(first.start, "")
        is_whole = after is None or any(
            after.start in starts for starts in (places.statements, places.items, places.ends)
        )
        stops = _stops(line) if found and is_whole else []
        if run and (found != kind or first.breaks > 1 or not _is_like([*run, (line, stops)])):
            _pad(run)
            run = []
        if stops:
            run.append((line, stops))
        kind = found
    _pad(run)


def _stops(line: _Line) -> list[int]:
    """The pieces that go in columns: a type, and `=`."""
    depth = 0
    found: list[int] = []
    for place, piece in enumerate(line.pieces):
        depth += (piece.kind in OPENING) - (piece.kind in CLOSING)
        if depth == 0 and piece.kind == "ASSIGN":
            return [*found, place]
        if depth == 0 and piece.kind == "COLON":
            found.append(place + 1)
    return found


def _widths(line: _Line, stops: list[int]) -> list[int]:
    starts = [0, *(line.starts()[place] for place in stops)]
    return [b - a for a, b in pairwise(starts)]


def _is_like(run: list[tuple[_Line, list[int]]]) -> bool:
    if len({len(stops) for _, stops in run}) > 1:
        return False
    columns = zip(*(_widths(line, stops) for line, stops in run), strict=True)
    return all(max(column) - min(column) <= SPREAD for column in columns)


def _pad(run: list[tuple[_Line, list[int]]]) -> None:
    widths = [_widths(line, stops) for line, stops in run]
    largest = [max(column) for column in zip(*widths, strict=True)]
    for (line, _), own in zip(run, widths, strict=True):
        if 2 * INDENT + len(line.text()) + sum(largest) - sum(own) > WIDTH:
            return
    for (line, stops), own in zip(run, widths, strict=True):
        for place, width, wanted in zip(stops, own, largest, strict=True):
            line.gaps[place] += wanted - width


@dataclass(slots=True)
class _Open:
    """An open bracket. base: the column of its line, of a block that of its statement. column: that of what follows the
    bracket, None at the end of a line."""

    base: int
    column: int | None
    is_block: bool


@dataclass(slots=True)
class _Indentation:
    """What is known of the lines before: open brackets, the statement under way, where its value and, of a definition,
    its first list start."""

    places: _Places
    opened: list[_Open] = field(default_factory=list)
    base: int = 0
    value: int | None = None
    first_list: int | None = None

    def column(self, line: _Line) -> int:
        """The indentation of a line, in which brackets are then followed."""
        found = self._column(line)
        first = line.pieces[0]
        if first.start in self.places.statements or first.start in self.places.items:
            self.base, self.value, self.first_list = found, None, None
        self._follow(line, found)
        return found

    def _column(self, line: _Line) -> int:
        first = line.pieces[0]
        inner = self.opened[-1] if self.opened else None
        if first.kind in CLOSING:
            closing = next((i for i, piece in enumerate(line.pieces) if piece.kind not in CLOSING), len(line.pieces))
            return self.opened[-closing].base
        is_start = first.start in self.places.statements or first.start in self.places.items
        if is_start or (first.kind == COMMENT and (inner is None or inner.is_block)):
            return inner.base + INDENT if inner is not None else 0
        if inner is not None and not inner.is_block:
            return inner.base + INDENT if inner.column is None else inner.column
        if first.start in self.places.blocks:
            return self.base
        if first.kind == "LPAR" and self.first_list is not None:
            return self.first_list
        return self.base + INDENT if self.value is None else self.value

    def _follow(self, line: _Line, start: int) -> None:
        columns = [start + column for column in line.starts()]
        depth = sum(not each.is_block for each in self.opened)
        for place, piece in enumerate(line.pieces):
            follows = place + 1 < len(line.pieces) and line.pieces[place + 1].kind != COMMENT
            after = columns[place + 1] if follows else None
            if piece.kind in OPENING:
                is_block = piece.start in self.places.blocks
                if depth == 0 and self.first_list is None and self.base == 0 and piece.kind == "LPAR":
                    self.first_list = columns[place]
                self.opened.append(_Open(self.base if is_block else start, after, is_block))
                depth += not is_block
            elif piece.kind in CLOSING:
                depth -= not self.opened.pop().is_block
            elif depth == 0 and self.value is None and self._starts_value(place, piece):
                self.value = after

    def _starts_value(self, place: int, piece: _Piece) -> bool:
        return piece.kind == "ASSIGN" or (place == 0 and piece.kind in ("ASSERT", "PENALTY"))


# Spaces ---------------------------------------------------------------------------------------------------------------


def _space(left: _Piece, right: _Piece, tokens: Tokens, places: _Places) -> int:
    if right.kind == COMMENT:
        return 2
    if left.kind in ("LPAR", "LSQB", "DOT", "ELLIPSIS") or right.kind in ("RPAR", "RSQB", "COMMA", "DOT"):
        return 0
    if left.kind == "LBRACE" and right.kind == "RBRACE":
        return 0
    if "COLON" in (left.kind, right.kind):
        colon = left if left.kind == "COLON" else right
        in_slice = tokens.items[tokens.enclosing[colon.token]].kind == "LSQB" and tokens.enclosing[colon.token] >= 0
        return 0 if in_slice or colon is right else 1
    if left.kind == "MINUS" and left.start in places.signs:
        return 0
    if right.kind in ("LPAR", "LSQB") and _ends_operand(left, places):
        return 0
    return 1


def _ends_operand(piece: _Piece, places: _Places) -> bool:
    if piece.kind in names():
        return piece.start in places.names
    return piece.kind in CLOSING | {"NUMBER", "STRING"} or piece.kind in RESERVED & {"TRUE", "FALSE", "NONE"}
