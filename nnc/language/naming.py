"""The paths of layers and parameters: section 10 of the language's reference.

A layer is named after the statement whose evaluation made it, then its own name in snake case, repeats numbered from
`_2`. The three programs of a model (train, evaluate, predict) share one `Naming`, so that a layer keeps its name in
each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from nnc.base.names import snake_case
from nnc.base.source import Span

Path = tuple[str, ...]


def numbered(name: str) -> Iterator[str]:
    """The name, then the same numbered from `_2`."""
    yield name
    yield from (f"{name}_{number}" for number in count(2))


@dataclass(slots=True, eq=False)
class Naming:
    """Which names were given, by what made them; which are taken below a path, and how far a name's numbers went."""

    given: dict[tuple[object, ...], str] = field(default_factory=dict)
    taken: dict[Path, set[str]] = field(default_factory=dict)
    numbers: dict[tuple[Path, str], int] = field(default_factory=dict)

    def name(self, key: tuple[object, ...], below: Path, wish: str) -> str:
        """The name of what `key` identifies, given once and kept."""
        known = self.given.get(key)
        if known is not None:
            return known
        taken = self.taken.setdefault(below, set())
        name = base = snake_case(wish)
        number = self.numbers.get((below, base), 2)
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        self.numbers[below, base] = number
        self.given[key] = name
        return name


@dataclass(slots=True, eq=False)
class Place:
    """Where layers are being made: one evaluation of one statement. `path` is empty outside of any statement."""

    path: Path
    counts: dict[tuple[object, int, int], int] = field(default_factory=dict)

    def key(self, span: Span) -> tuple[object, ...]:
        """Identifies the next layer that the expression at `span` makes here."""
        site = (span.source, span.start, span.end)
        self.counts[site] = self.counts.get(site, 0) + 1
        return (self.path, *site, self.counts[site])
