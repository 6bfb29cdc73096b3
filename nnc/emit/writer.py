"""Laying out calls and collections as the project's formatter does.

In: a `Group`, which is a head, brackets and items that may be groups. Out: lines that fit the page where they can: the
whole on one line, or (of a call) its items on one line of their own, or one item a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 120
INDENT = "    "
_OPERATORS = ((" | ",), (" & ",), (" + ", " - "), (" * ", " / ", " // ", " % "))


@dataclass(frozen=True, slots=True)
class Group:
    """`head` + brackets around `items`: a call, a tuple (head ""), a dictionary with brackets "{}"."""

    head: str
    items: tuple[Item, ...]
    brackets: str = "()"

    def flat(self) -> str:
        inner = ", ".join(flat(item) for item in self.items)
        comma = "," if self.is_single_tuple else ""
        return f"{self.head}{self.brackets[0]}{inner}{comma}{self.brackets[1]}"

    @property
    def is_call(self) -> bool:
        return self.brackets == "()" and bool(self.head) and not self.head.endswith(("=", "= ", "return "))

    @property
    def is_single_tuple(self) -> bool:
        return self.brackets == "()" and len(self.items) == 1 and not self.is_call


Item: TypeAlias = str | Group


def flat(item: Item) -> str:
    return item if isinstance(item, str) else item.flat()


def call(head: str, *items: Item) -> Group:
    return Group(head, items)


def collection(items: Sequence[Item], head: str = "") -> Group:
    """A tuple."""
    return Group(head, tuple(items))


def mapping(rows: Sequence[tuple[str, Item]], head: str = "") -> Group:
    """A dictionary with texts for keys."""
    items: list[Item] = []
    for key, value in rows:
        if isinstance(value, Group):
            items.append(Group(f'"{key}": {value.head}', value.items, value.brackets))
        else:
            items.append(f'"{key}": {value}')
    return Group(head, tuple(items), "{}")


def _terms(text: str) -> list[str]:
    """An expression broken before its outermost operators, of those that bind the weakest."""
    for operators in _OPERATORS:
        parts, depth, start = [], 0, 0
        for place, letter in enumerate(text):
            depth += (letter in "([{") - (letter in ")]}")
            if depth == 0 and text.startswith(operators, place):
                parts.append(text[start:place])
                start = place + 1
        if parts:
            return [*parts, text[start:]]
    return [text]


def lay_out(item: Item, indent: int = 0, suffix: str = "", split: bool = False) -> list[str]:
    """Lines, `indent` levels deep. split: one item a line even if all would fit, as a table is best read."""
    pad = INDENT * indent
    whole = flat(item) + suffix
    if isinstance(item, str) or (len(pad) + len(whole) <= WIDTH and not split) or not item.items:
        return [pad + part for part in (_terms(whole) if len(pad) + len(whole) > WIDTH else [whole])]
    opening, closing = f"{pad}{item.head}{item.brackets[0]}", f"{pad}{item.brackets[1]}{suffix}"
    inner = ", ".join(flat(inner) for inner in item.items) + ("," if item.is_single_tuple else "")
    if item.is_call and len(pad) + len(INDENT) + len(inner) <= WIDTH and not split:
        return [opening, pad + INDENT + inner, closing]
    lines = [opening]
    for each in item.items:
        lines += lay_out(each, indent + 1, ",")
    return [*lines, closing]
