"""Where operands and expressions begin and end, told from the tokens alone.

In: the tokens and an index. Out: an index. Meant for messages: nothing is parsed, and what is wrong between is passed
over.
"""

from __future__ import annotations

from nnc.syntax.grammar import END
from nnc.syntax.tokens import CLOSING, OPENING, Tokens

OPERATORS = frozenset(
    {
        "OR",
        "AND",
        "NOT",
        "IN",
        "EQUAL",
        "NOT_EQUAL",
        "LESS",
        "LESS_EQUAL",
        "GREATER",
        "GREATER_EQUAL",
        "PLUS",
        "MINUS",
        "STAR",
        "SLASH",
        "DOUBLE_SLASH",
        "PERCENT",
        "AT",
        "CARET",
    }
)


def text_of(tokens: Tokens, start: int, stop: int) -> str:
    """The text of tokens on one line, shortened in the middle when it is long."""
    if stop <= start:
        return ""
    text = tokens.source.text[tokens.items[start].start : tokens.items[stop - 1].end]
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:40] + " ... " + text[-30:]


def expression_start(tokens: Tokens, index: int) -> int:
    """The first token of the expression that ends before a token, in the same brackets."""
    while index > 0:
        before = tokens.items[index - 1]
        if before.kind in CLOSING and 0 <= tokens.partner[index - 1] < index:
            index = tokens.partner[index - 1]
        elif before.kind in _BOUNDARIES or (before.kind in ("PENALTY", "ASSERT") and before.first):
            return index
        else:
            index -= 1
    return index


_BOUNDARIES = frozenset({*OPENING, "ASSIGN", "COMMA", "COLON", "IF", "ELSE", "FOR"})


def operand_start(tokens: Tokens, index: int) -> int:
    """The first token of the name, call, subscript or attribute that ends with a token."""
    while index > 0:
        if tokens.items[index].kind in CLOSING and 0 <= tokens.partner[index] < index:
            index = tokens.partner[index]
            if not (tokens.is_word(index - 1) or tokens.items[index - 1].kind in CLOSING):
                return index
            index -= 1
        elif tokens.items[index - 1].kind == "DOT":
            index -= 2
        else:
            return index
    return max(index, 0)


def primary_end(tokens: Tokens, index: int) -> int:
    """One after the last token of the operand that starts at a token."""
    last = len(tokens.items) - 1
    if index < last and tokens.items[index].kind in ("MINUS", "NOT"):
        index += 1
    index = _after(tokens, index, last)
    while index < last:
        kind = tokens.items[index].kind
        if kind == "DOT":
            index = min(index + 2, last)
        elif kind in ("LPAR", "LSQB"):
            index = _after(tokens, index, last)
        else:
            break
    return index


def _after(tokens: Tokens, index: int, last: int) -> int:
    closing = tokens.partner[index] if tokens.items[index].kind in OPENING else -1
    return min(max(closing, index) + 1, last)


def stage_end(tokens: Tokens, index: int) -> int:
    """One after the last stage of the chain whose `|>` is a token."""
    while tokens.items[index].kind in ("PIPE", "STAR"):
        index = primary_end(tokens, index + 1)
    return index


def expression_end(tokens: Tokens, index: int) -> int:
    """The token behind the expression that starts at a token."""
    while True:
        index = primary_end(tokens, index)
        if tokens.items[index].kind not in OPERATORS | {"PIPE"}:
            return index
        index = min(index + 1, len(tokens.items) - 2)
        if tokens.items[index + 1].kind == END:
            return index + 1
