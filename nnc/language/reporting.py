"""How an elaboration says what is wrong: at a place in the user's files, with the way of uses that led there.

In: codes, titles and places. Out: diagnostics in the reporter, and `Poisoned` for whoever cannot go on. What an error
is, is its finder's business.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from nnc.base.diagnostic import Label, Reporter
from nnc.base.source import Span
from nnc.language.registry import MOST_OPERATIONS
from nnc.language.values import Poisoned

DEEPEST = 200  # applications within one another
TRAIL_SHOWN = 6


@dataclass(slots=True, eq=False)
class Use:
    """One application on the way to where evaluation is: what was applied, and where, in the user's files."""

    name: Final[str]
    span: Final[Span]
    in_library: Final[bool]


@dataclass(slots=True, eq=False)
class Reporting:
    """The way to where evaluation is, innermost use last; whether a limit was passed and reported, after which what
    passes another one is silent; and how many operations were made."""

    reporter: Reporter
    trail: list[Use] = field(default_factory=list, kw_only=True)
    is_over: bool = field(default=False, kw_only=True)
    operations: int = field(default=0, kw_only=True)

    def user_span(self, span: Span) -> Span:
        """The place itself, or, where it lies in the library, the place in the user's file that led to it."""
        if self.trail and self.trail[-1].in_library:
            return self.trail[-1].span
        return span

    def known_as(self, name: str) -> str:
        """What messages call a function that the body here calls `name`: in the library, the definition around it."""
        return self.trail[-1].name if self.trail and self.trail[-1].in_library else name

    def too_deep(self) -> Poisoned:
        """Reports, once, the application that there is most of on the way here."""
        if self.is_over:
            return Poisoned()
        self.is_over = True
        (((name, span), _),) = Counter((use.name, use.span) for use in self.trail).most_common(1)
        self.reporter.error(
            "E0216",
            f"layers and functions are applied more than {DEEPEST} deep",
            span,
            f"`{name}` is applied within itself here",
            trail=self.trail_lines(),
            help="end the recursion by a condition that is known at compile time",
        )
        return Poisoned()

    def fail(
        self,
        code: str,
        title: str,
        span: Span,
        text: str = "",
        *,
        others: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> Poisoned:
        """Reports an error and gives what is to be raised. Places inside the library become the user's."""
        place = self.user_span(span)
        seen = {(place.start, place.end)}
        kept = []
        for label in others:
            spot = (label.span.start, label.span.end)
            if label.span.source is place.source and spot not in seen:
                seen.add(spot)
                kept.append(label)
        self.reporter.error(
            code, title, place, text, others=tuple(kept), trail=self.trail_lines(), notes=notes, help=help
        )
        return Poisoned()

    def over(self, code: str, title: str, span: Span, text: str, help: str) -> Poisoned:
        """Reports that a limit is passed, where none was before, and gives what is to be raised."""
        if not self.is_over:
            self.is_over = True
            self.fail(code, title, span, text, help=help)
        self.operations = MOST_OPERATIONS + 1  # nothing is left
        return Poisoned()

    def unsupported(self, what: str, span: Span, help: str | None = None) -> Poisoned:
        """Reports that this compiler does not know a part of the language yet."""
        return self.fail(
            "E0901", f"{what} not supported yet", span, "the language has it, this compiler not yet", help=help
        )

    def trail_lines(self) -> tuple[str, ...]:
        """The uses that led here, innermost first; of a long way, its ends."""
        lines = [f"`{use.name}`, used at {use.span}" for use in reversed(self.trail)]
        if len(lines) > TRAIL_SHOWN:
            left_out = len(lines) - TRAIL_SHOWN
            lines = [*lines[: TRAIL_SHOWN - 1], f"{left_out} more uses", lines[-1]]
        return tuple(lines)
