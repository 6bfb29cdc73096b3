"""Diagnostics as data.

In: places and sentences, from any floor. Out: a sorted list without duplicates. How a diagnostic looks is `render`'s
business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from nnc.base.source import Span

MAXIMUM = 20

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be said of it; the text may be empty."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `primary` says why, `others` show the causes, `trail` the uses that led there (innermost first, each printed after
    `= in`), `notes` what else is worth knowing, `help` how to mend it.
    """

    code: str
    title: str
    level: Level
    primary: Label
    others: tuple[Label, ...] = ()
    trail: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `nnc explain CODE` tells. `failing` is a program that gives the code, `fixed` its nearest correct program.

    An empty `failing` says that the example is too large to print (limits); `explanation` then tells how to get there.
    """

    code: str
    title: str
    explanation: str
    failing: str
    fixed: str


class ProgramError(Exception):
    """Raised where work cannot go on; carries the diagnostics that say why."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(f"{d.primary.span}: {d.level}[{d.code}]: {d.title}" for d in self.diagnostics))


def _place(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    span = diagnostic.primary.span
    return span.source.path, span.start, span.end, diagnostic.code


@dataclass(slots=True)
class Reporter:
    """Collects diagnostics in any order. One of the same code, place, level and title is taken once."""

    _found: dict[tuple[str, int, int, str, str, str], Diagnostic] = field(default_factory=dict)

    def add(self, diagnostic: Diagnostic) -> None:
        """Takes a diagnostic, unless it is known already."""
        self._found.setdefault((*_place(diagnostic), diagnostic.level, diagnostic.title), diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Takes several."""
        for each in diagnostics:
            self.add(each)

    def error(
        self,
        code: str,
        title: str,
        span: Span,
        text: str = "",
        *,
        others: tuple[Label, ...] = (),
        trail: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> None:
        """Adds an error at `span`, whose label is `text`."""
        self.add(Diagnostic(code, title, "error", Label(span, text), others, trail, notes, help))

    def warning(
        self,
        code: str,
        title: str,
        span: Span,
        text: str = "",
        *,
        others: tuple[Label, ...] = (),
        trail: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> None:
        """Adds a warning at `span`, whose label is `text`. Warnings never stop a build."""
        self.add(Diagnostic(code, title, "warning", Label(span, text), others, trail, notes, help))

    @property
    def has_errors(self) -> bool:
        """Whether any error was added."""
        return any(found.level == "error" for found in self._found.values())

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """All that was added, sorted by place."""
        return tuple(sorted(self._found.values(), key=_place))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is shown: at most 20, sorted by place. Errors are kept before warnings when there are more."""
        found = self.all
        if len(found) > MAXIMUM:
            first = sorted(found, key=lambda each: each.level != "error")[:MAXIMUM]
            found = tuple(sorted(first, key=_place))
        return found

    def raise_errors(self) -> None:
        """Raises `ProgramError` with all that is shown when there is an error."""
        if self.has_errors:
            raise ProgramError(self.diagnostics)
