"""Source texts and places in them.

In: a path and a text. Out: `Span`s, which hold offsets only, and on request lines and columns. Nothing here reads
files.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache


@lru_cache(maxsize=256)
def _line_starts(text: str) -> tuple[int, ...]:
    starts = [0]
    position = text.find("\n")
    while position >= 0:
        starts.append(position + 1)
        position = text.find("\n", position + 1)
    return tuple(starts)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One text of a program; `path` is what messages call it. Two sources are equal only when they are the
    same object.
    """

    path: str
    text: str

    @property
    def line_count(self) -> int:
        """The number of lines, at least 1."""
        return len(_line_starts(self.text))

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; an offset outside the text is moved to its nearest end."""
        offset = min(max(offset, 0), len(self.text))
        starts = _line_starts(self.text)
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line_start(self, line: int) -> int:
        """Offset of the first character of a line, counted from 1."""
        return _line_starts(self.text)[line - 1]

    def line_text(self, line: int) -> str:
        """The text of a line, counted from 1, without its line end; empty outside the text."""
        starts = _line_starts(self.text)
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start .. end - 1` of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.source.line_column(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.source.line_column(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The smallest span that covers this one and another one of the same source."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Span({self.source.path!r}, {self.start}, {self.end})"
