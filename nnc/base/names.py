"""Readable fresh names.

In: wished names and names that are taken. Out: identifiers that a Python module may use. Nothing is global: each
allocator knows only what it was told and what it gave.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

_BEFORE_WORD = re.compile(r"(.)([A-Z][a-z]+)")
_BEFORE_CAPITAL = re.compile(r"([a-z])([A-Z])")
_NOT_IDENTIFIER = re.compile(r"\W+")
_PYTHON = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)


def snake_case(name: str) -> str:
    """Snake case as Keras makes layer names: Conv2D -> conv2d, BatchNormalization -> batch_normalization, LSTM
    -> lstm.
    """
    name = _NOT_IDENTIFIER.sub("_", name)
    name = _BEFORE_WORD.sub(r"\1_\2", name)
    name = _BEFORE_CAPITAL.sub(r"\1_\2", name)
    return re.sub(r"_{2,}", "_", name).lower()


def identifier(wish: str) -> str:
    """The nearest Python identifier that is no keyword: `h'` -> `h_new`, `2x` -> `_2x`, `lambda` -> `lambda_`."""
    wish = re.sub(r"'(?=\W|$)", "_new", wish)
    wish = "".join(each if ("a" + each).isidentifier() else "_" for each in unicodedata.normalize("NFKC", wish))
    wish = re.sub("_{2,}", "_", wish).strip("_") or "value"
    if not wish.isidentifier():
        wish = "_" + wish
    return wish + "_" if wish in _PYTHON else wish


class Names:
    """Gives each name once. A wish that is taken is numbered from `_2`, as Keras's users and our checkpoints count."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        self._next: dict[str, int] = {}

    def reserve(self, *names: str) -> None:
        """Takes names out of use without giving them to anybody."""
        self._taken.update(names)

    def fresh(self, wish: str) -> str:
        """A name that was not given before: the wish itself as an identifier, or numbered."""
        wish = identifier(wish)
        name = wish
        number = self._next.get(wish, 2)
        while name in self._taken:
            name = f"{wish.rstrip('_')}_{number}"
            number += 1
        self._next[wish] = number
        self._taken.add(name)
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._taken
