"""The place of a syntax error, and how errors are made from it.

In: the tokens, the unexpected one and what could stand there. Out: diagnostics; which one fits is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnc.base.diagnostic import Diagnostic, Label
from nnc.base.source import Span
from nnc.syntax.errors import EXPLANATIONS
from nnc.syntax.operands import OPERATORS
from nnc.syntax.tokens import Token, Tokens


@dataclass(frozen=True, slots=True)
class Situation:
    """Token `index` is none of `expected`; `block` is the `{` of the innermost open block, or -1."""

    tokens: Tokens
    index: int
    expected: frozenset[str]
    block: int

    @property
    def token(self) -> Token:
        return self.tokens.items[self.index]

    @property
    def previous(self) -> Token | None:
        return self.tokens.items[self.index - 1] if self.index else None

    @property
    def begins(self) -> int:
        """The first token of the line."""
        index = self.index
        while index and not self.tokens.items[index].first:
            index -= 1
        return index

    @property
    def line(self) -> Token:
        return self.tokens.items[self.begins]

    @property
    def inside(self) -> int:
        """The innermost open bracket, or -1."""
        return self.tokens.enclosing[self.index]


COMPARISONS = frozenset({"EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "IN"})
NEEDS_OPERAND = OPERATORS | {"PIPE", "ASSIGN", "COMMA", "IF", "ELSE", "ARROW", "COLON", "DOT"}


def make(
    code: str,
    span: Span,
    label: str = "",
    help: str | None = None,
    others: tuple[Label, ...] = (),
    title: str | None = None,
) -> Diagnostic:
    """An error under its code\'s title, unless a more telling one is given."""
    return Diagnostic(code, title or EXPLANATIONS[code].title, "error", Label(span, label), others, help=help)


def here(s: Situation, code: str, label: str = "", help: str | None = None) -> Diagnostic:
    """An error at the unexpected token."""
    return make(code, s.tokens.span(s.index), label, help)


def joined(s: Situation, first: int, last: int) -> Span:
    """Place of several tokens, ends included."""
    return s.tokens.span(first).to(s.tokens.span(last))
