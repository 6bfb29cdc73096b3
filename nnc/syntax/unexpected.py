"""The error that is told where no known mistake fits.

In: the place of the error. Out: one diagnostic that names, in the user's terms, what stands there and what could.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.base.diagnostic import Diagnostic
from nnc.syntax.grammar import END
from nnc.syntax.operands import OPERATORS
from nnc.syntax.situation import Situation, make
from nnc.syntax.tokens import RESERVED, Token


def unexpected(s: Situation) -> Diagnostic:
    """No mistake that we know: what stands here and what could."""
    found = (
        "the end of the file"
        if s.token.kind == END
        else f"`{s.token.text}`"
        if len(s.token.text) < 40
        else "a long token"
    )
    previous = s.previous
    helps = None
    if previous is not None and s.inside > s.block and _ends_value(previous) and _ends_value(s.token):
        helps = "put a comma or an operator between the two"
    title = f"expected {_expected(s.expected)}, found {found}"
    return make("E0101", s.tokens.span(s.index), "", helps, title=title)


def _ends_value(token: Token) -> bool:
    return token.kind in ("NAME", "NUMBER", "STRING")


def _expected(kinds: frozenset[str]) -> str:
    found: list[str] = []
    if "NUMBER" in kinds:
        found.append("a value")
        kinds = kinds - {"NUMBER", "STRING", "NAME", "MINUS", "LPAR", "LSQB", "LBRACE"} - RESERVED
    elif "NAME" in kinds:
        found.append("a name")
    if len(OPERATORS & kinds) > 3:
        found.append("an operator")
        kinds = kinds - OPERATORS - {"PIPE", "LPAR", "LSQB", "DOT", "IF"}
    rest = sorted(_SIGNS[kind] for kind in kinds if kind in _SIGNS)
    found += [f"`{sign}`" for sign in rest[:4]]
    if END in kinds and not found:
        found.append("the end of the file")
    if not found:
        return "something else"
    return found[0] if len(found) == 1 else ", ".join(found[:-1]) + " or " + found[-1]


_SIGNS: Mapping[str, str] = {
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "COMMA": ",",
    "COLON": ":",
    "ASSIGN": "=",
    "ARROW": "->",
    "DOT": ".",
    "PIPE": "|>",
    "STRING": '"..."',
    "ELLIPSIS": "...",
    "LESS_EQUAL": "<=",
    "IN": "in",
    "ELSE": "else",
}
