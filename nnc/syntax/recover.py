"""Where to go on after a syntax error.

In: the tokens, the stack of the automaton and the place of the error. Out: how much of the stack stays and the token
to go on with: the next statement of the block, its `}`, or the next definition. Brackets that are closed are passed
over as a whole, so that the named arguments of a call are not taken for statements.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnc.syntax.grammar import END, Tables
from nnc.syntax.tokens import CLOSING, OPENING, Tokens


@dataclass(frozen=True, slots=True)
class Resume:
    """Keep `depth` entries of the stack and go on at token `index`; `unclosed` is a `{` that lost its `}`, or -1."""

    depth: int
    index: int
    unclosed: int


def open_block(tables: Tables, states: list[int], starts: list[int], tokens: Tokens) -> int:
    """The `{` of the innermost block that is open, or -1."""
    return _innermost(tables, states, starts, tokens)[1]


def _innermost(tables: Tables, states: list[int], starts: list[int], tokens: Tokens) -> tuple[int, int]:
    """The innermost block that is open: the number of states up to it, and its `{`. Outside of blocks, 1 and -1."""
    for position in range(len(states) - 1, 0, -1):
        if "statement" in tables.states[states[position]]:
            brace = starts[position]
            if tokens.items[brace].kind != "LBRACE":  # the list of statements comes after it
                brace = starts[position - 1]
            return position + 1, brace
        if "item" in tables.states[states[position]]:
            return position + 1, -1
    return 1, -1


def resume(tables: Tables, states: list[int], starts: list[int], tokens: Tokens, index: int, floor: int) -> Resume:
    """The next place after token `index` where parsing can go on, never before `floor`.

    `starts[k]` is the first token of the k-th entry of the stack. A trailing operator may have taken the first word of
    the next statement: then that statement is the place.
    """
    depth, brace = _innermost(tables, states, starts, tokens)
    first = _line_start(tokens, index)
    if (
        first >= floor
        and first < index
        and brace >= 0
        and tokens.starts_statement(first)
        and not _in_brackets(tokens, first, brace)
    ):
        return Resume(depth, first, -1)
    index = max(_leave_brackets(tokens, index, brace), floor)
    if first >= floor and tokens.starts_in_column_1(first):
        index = first
    while True:
        token = tokens.items[index]
        if token.kind == END or tokens.starts_in_column_1(index):
            return Resume(_items_depth(tables, states), index, brace)
        if brace < 0 and tokens.starts_definition(index):
            return Resume(depth, index, -1)
        if brace >= 0 and (token.kind == "RBRACE" or (token.first and tokens.starts_statement(index))):
            return Resume(depth, index, -1)
        closes = tokens.partner[index] if token.kind in OPENING else -1
        index = closes + 1 if closes > index else index + 1


def _items_depth(tables: Tables, states: list[int]) -> int:
    for position in range(len(states) - 1, 0, -1):
        if "item" in tables.states[states[position]]:
            return position + 1
    return 1


def _line_start(tokens: Tokens, index: int) -> int:
    while index > 0 and not tokens.items[index].first:
        index -= 1
    return index


def _leave_brackets(tokens: Tokens, index: int, brace: int) -> int:
    """The token behind the outermost closed bracket around `index` that was opened inside the block."""
    around = tokens.enclosing[index]
    token = tokens.items[index]
    if token.kind in CLOSING and token.kind != "RBRACE":
        index += 1
    while around > brace:
        if tokens.partner[around] > index:
            index = tokens.partner[around] + 1
        around = tokens.enclosing[around]
    return index


def _in_brackets(tokens: Tokens, index: int, brace: int) -> bool:
    around = tokens.enclosing[index]
    while around > brace:
        if tokens.partner[around] > 0:
            return True
        around = tokens.enclosing[around]
    return False
