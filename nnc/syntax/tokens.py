"""From text to tokens.

In: a source and the terminals of the grammar. Out: `Tokens`: the tokens with their brackets matched, and the comments
apart. Reports what no program may hold (unknown characters, open strings, operators of other languages), and puts the
token that was most likely meant in its place, so that the parser goes on; where nothing was meant it puts a token of
the kind `ERROR`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source, Span
from nnc.syntax.errors import report
from nnc.syntax.grammar import END, tables

ERROR = "ERROR"
MAXIMUM_NESTING = 200
MAXIMUM_TOKENS = 150_000  # about a second of parsing
MAXIMUM_DIGITS = 300
MAXIMUM_ERRORS = 100
"""After so many the rest of a file is not looked at: the input is no program."""

OPENING: Mapping[str, str] = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSING = frozenset(OPENING.values())
DEFINING = frozenset({"LAYER", "MODEL", "METRIC", "OPTIMIZER", "FN", "TRAIN", "CONST", "IMPORT", "FROM"})
"""Kinds of the words that start a definition."""


class Token(NamedTuple):
    """A token; `first` says that no other comes before it on its line."""

    kind: str
    text: str
    start: int
    end: int
    first: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a source, the last of kind `$END`.

    `partner[i]` is the index of the bracket that belongs to the bracket `i`, or -1; `enclosing[i]` is the index of the
    innermost bracket that is open before `i`, or -1. A word that starts a definition in column 1 closes all brackets.
    """

    source: Source
    items: list[Token]
    comments: list[Span]
    partner: list[int]
    enclosing: list[int]
    is_too_deep: bool

    def span(self, index: int) -> Span:
        """Place of a token; that of the end of the file is the end of the last token."""
        token = self.items[index]
        if token.kind == END and index:
            end = self.items[index - 1].end
            return Span(self.source, end, end)
        return Span(self.source, token.start, token.end)

    def is_word(self, index: int) -> bool:
        """Whether a token may be a name."""
        return self.items[index].kind in names()

    def starts_definition(self, index: int) -> bool:
        """Whether a definition starts at a token, as far as it and the next one or two tell."""
        token = self.items[index]
        if token.kind not in DEFINING or not token.first:
            return False
        if token.kind in ("IMPORT", "FROM"):
            return self.items[index + 1].kind == "STRING"
        if not self.is_word(index + 1):
            return False
        after = self.items[index + 2].kind
        return after in {"TRAIN": ("AS", "LBRACE"), "CONST": ("ASSIGN",)}.get(token.kind, ("LPAR", "LBRACE", "ASSIGN"))

    def starts_in_column_1(self, index: int) -> bool:
        """Whether a definition starts at a token without any indentation."""
        start = self.items[index].start
        return (start == 0 or self.source.text[start - 1] == "\n") and self.starts_definition(index)

    def starts_statement(self, index: int) -> bool:
        """Whether a statement starts at a token, as far as the tokens after it tell; the token may be mid-line."""
        if not self.is_word(index):
            return False
        kind, after = self.items[index].kind, self.items[index + 1].kind
        if kind in ("PARAM", "STATE", "TARGET", "SCAN") and self.is_word(index + 1):
            return True
        if kind in ("PENALTY", "ASSERT") and (after in _STARTS_VALUE or self.is_word(index + 1)):
            return True
        while after == "COMMA" and self.is_word(index + 2):
            index += 2
            after = self.items[index + 1].kind
        return after == "ASSIGN"


_STARTS_VALUE = frozenset({"NUMBER", "STRING", "NOT", "TRUE", "FALSE", "NONE"})

_MISTAKES: Mapping[str, str] = {
    "BAD_ESCAPE": r'"(?:\\.|[^"\\\n\r])*"',
    "OPEN_STRING": r'"[^\n\r]*',
    "SINGLE_QUOTED": r"'[^'\n\r]*'",
    "OTHER_ASSIGNMENT": r":=|\+=|-=|\*=|/=|@=|\^=",
    "OTHER_OPERATOR": r"\*\*|&&|\|\||=>|&|\||!|;",
    "UNKNOWN": r".",
}

_MEANT: Mapping[str, tuple[str, str]] = {
    "**": ("CARET", "a power is written `^`"),
    "&&": ("AND", "write `and`"),
    "&": ("AND", "write `and`"),
    "||": ("OR", "write `or`"),
    "|": ("OR", "write `or`; a pipe is `|>`"),
    "!": ("NOT", "write `not`"),
    "=>": ("GREATER_EQUAL", "write `>=` to compare"),
    ";": ("", "leave it out: a statement ends with its line"),
}


RESERVED = frozenset({"IF", "ELSE", "FOR", "IN", "AND", "OR", "NOT", "TRUE", "FALSE", "NONE"})
"""Kinds of the words that are never names."""


@dataclass(frozen=True, slots=True)
class _Lexicon:
    pattern: re.Pattern[str]
    words: Mapping[str, str]
    names: frozenset[str]


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    terminals = tables().terminals
    words = {each.pattern: each.name for each in terminals if each.literal and each.pattern.isidentifier()}
    signs = sorted(
        (each for each in terminals if each.literal and each.pattern not in words), key=lambda e: -len(e.pattern)
    )
    parts = [f"(?P<{each.name}>{each.pattern})" for each in terminals if not each.literal]
    mistakes = [f"(?P<{name}>{pattern})" for name, pattern in _MISTAKES.items()]
    parts += mistakes[:4] + [f"(?P<{each.name}>{re.escape(each.pattern)})" for each in signs] + mistakes[4:]
    two = [f"(?P<DOUBLE>{_DOUBLE})"]
    return _Lexicon(re.compile("|".join(two + parts)), words, frozenset({"NAME", *words.values()} - RESERVED))


_DOUBLE = r"\*\*|=>"


def names() -> frozenset[str]:
    """Kinds of the tokens that may be names: all words but the reserved ones."""
    return _lexicon().names


def scan(source: Source, reporter: Reporter) -> Tokens:
    """The tokens of a source, one more than MAXIMUM_TOKENS at most; errors go to the reporter."""
    lexicon = _lexicon()
    items: list[Token] = []
    comments: list[Span] = []
    first = True
    mistakes = 0
    for match in lexicon.pattern.finditer(source.text):
        kind, text = match.lastgroup or ERROR, match.group()
        if kind == "SPACE":
            first = first or "\n" in text
            continue
        if kind == "COMMENT":
            comments.append(Span(source, match.start(), match.end()))
            continue
        if kind == "NAME":
            kind = lexicon.words.get(text, kind)
        elif kind == "UNKNOWN" and (mistakes := mistakes + 1) > MAXIMUM_ERRORS:
            kind = ERROR
        elif kind in _MISTAKES or kind == "DOUBLE" or (kind == "NUMBER" and len(text) > MAXIMUM_DIGITS):
            kind, text = _mistake(kind, text, Span(source, match.start(), match.end()), reporter)
            if not kind:
                continue
        items.append(Token(kind, text, match.start(), match.end(), first))
        first = False
        if len(items) > MAXIMUM_TOKENS:
            break
    items.append(Token(END, "", len(source.text), len(source.text), True))
    return _match_brackets(source, items, comments, reporter)


def _mistake(kind: str, text: str, span: Span, reporter: Reporter) -> tuple[str, str]:
    """Reports a bad token; gives the kind and text of what was meant, the kind empty where it is best left out."""
    if kind == "NUMBER":
        report(reporter, "E0105", Span(span.source, span.start, span.start + 20), f"{len(text)} characters")
        return "NUMBER", "1"
    if kind == "BAD_ESCAPE":
        for match in re.finditer(r"\\.", text):
            if match.group() not in ('\\"', "\\\\"):
                place = Span(span.source, span.start + match.start(), span.start + match.end())
                report(reporter, "E0112", place, f"`{match.group()}`", help='only `\\"` and `\\\\` are known')
        return "STRING", text
    if kind == "OPEN_STRING":
        report(reporter, "E0111", span, "it starts here and the line ends", help='put `"` at its end')
        return ERROR, text
    if kind == "SINGLE_QUOTED":
        report(reporter, "E0113", span, help=f'write "{text[1:-1]}"')
        return "STRING", '""'
    if kind == "OTHER_ASSIGNMENT":
        helps = "write `=`" if text == ":=" else f"give the new value a name of its own: `b = a {text[:-1]} ...`"
        if text != ":=":
            helps += f"; that of a state is `a' = a {text[:-1]} ...`"
        report(reporter, "E0114", span, f"`{text}` is not of this language", help=helps)
        return "ASSIGN", "="
    if text in _MEANT:
        meant, helps = _MEANT[text]
        report(reporter, "E0115", span, f"`{text}` is not of this language", help=helps)
        return meant, text
    label = f"{_character(text)} means nothing here"
    report(reporter, "E0110", span, label, help=_QUOTES.get(text))
    return ERROR, text


_QUOTES: Mapping[str, str] = dict.fromkeys(
    "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019'", 'strings stand between `"` and `"`'
) | {"?": "choose with `a if condition else b`, of tensors with where(condition, a, b)"}


def _character(text: str) -> str:
    code = f"U+{ord(text):04X}"
    if text.isprintable() and text.isascii():
        return f"`{text}`"
    name = unicodedata.name(text, "")
    shown = f"`{text}` ({code})" if text.isprintable() else code
    return f"{shown} {name.lower()}".rstrip()


def _match_brackets(source: Source, items: list[Token], comments: list[Span], reporter: Reporter) -> Tokens:
    partner, enclosing = [-1] * len(items), [-1] * len(items)
    tokens = Tokens(source, items, comments, partner, enclosing, False)
    opened: list[int] = []
    for index, token in enumerate(items):
        kind = token.kind
        if opened and token.first and kind in DEFINING and tokens.starts_in_column_1(index):
            opened.clear()
        enclosing[index] = opened[-1] if opened else -1
        if kind in OPENING:
            opened.append(index)
            if len(opened) > MAXIMUM_NESTING:
                report(reporter, "E0104", tokens.span(index), f"{len(opened)} brackets are open here")
                return Tokens(source, items, comments, partner, enclosing, True)
        elif kind in CLOSING:
            _close(kind, index, items, opened, partner)
    return tokens


def _close(kind: str, index: int, items: list[Token], opened: list[int], partner: list[int]) -> None:
    """Closes the nearest bracket that fits. A `}` closes what is open inside it, other brackets never a `{`."""
    for depth in range(len(opened) - 1, -1, -1):
        opening = items[opened[depth]].kind
        if OPENING[opening] == kind:
            partner[opened[depth]], partner[index] = index, opened[depth]
            del opened[depth:]
            return
        if opening == "LBRACE":
            return
