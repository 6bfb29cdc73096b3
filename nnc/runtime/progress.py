"""What is shown while batches run, as Keras shows it: a bar that grows on a terminal, one line an epoch elsewhere.

Knows numbers and a stream only. On a terminal it draws at most ten times a second, and asks for numbers only then.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Any, TextIO

from nnc.runtime.errors import UsageError

SECONDS = 0.1  # between two drawings
WIDTH = 20
FULL, REST = "━", "━"
FOREVER = float("inf")


def verbosity(verbose: object) -> int:
    """0: silent; 1: a bar on a terminal, else a line an epoch; 2: a line an epoch. "auto" is 1."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    if not isinstance(verbose, int) or verbose not in (0, 1, 2):
        raise UsageError(f'verbose={verbose!r}: it takes "auto", 0, 1 or 2')
    return int(verbose)


def numbers(logs: Mapping[str, Any]) -> str:
    """`accuracy: 0.9731 - loss: 0.1022`: by name, as Keras sorts them."""
    return " - ".join(f"{name}: {shown(logs[name])}" for name in sorted(logs))


def shown(value: float | list[float]) -> str:
    """A number with four digits, tiny ones in scientific notation; a row of them in brackets."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.4e}" if 0 < abs(value) < 1e-3 else f"{value:.4f}"


def duration(seconds: float) -> str:
    """A time of a step, in three digits or so."""
    for unit, size, digits in (("s", 1.0, 0), ("ms", 1e-3, 0), ("us", 1e-6, 0)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.{digits}f}{unit}"
    return ""


def clock(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    return (
        f"{whole // 60}:{whole % 60:02d}"
        if whole < 3600
        else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    )


class Progress:
    """The lines of one run. `deadline` is when the next drawing is due, in perf_counter's seconds."""

    def __init__(self, verbose: object, stream: TextIO | None = None) -> None:
        self._level = verbosity(verbose)
        self._stream = stream if stream is not None else sys.stdout
        is_terminal = bool(getattr(self._stream, "isatty", bool)())
        self.draws = self._level == 1 and is_terminal
        self._colour = is_terminal and not os.environ.get("NO_COLOR")
        self._head = ""
        self._total = 0
        self._done = 0
        self._start = 0.0
        self._due = 0.0

    @property
    def deadline(self) -> float:
        return self._due if self.draws else FOREVER

    def begin(self, total: int, head: str = "", done: int = 0) -> None:
        """A new row of `total` batches, of which `done` ran before; `head` is `Epoch 1/60` or nothing."""
        self._head, self._total, self._done = head, total, done
        self._start = perf_counter()
        self._due = self._start + SECONDS
        if self.draws and head:
            self._write(f"{self._bold(head)}\n")

    def is_due(self) -> bool:
        return self.draws and perf_counter() >= self._due

    def update(self, done: int, logs: Mapping[str, float]) -> None:
        """Draw the bar; the caller asks `is_due` before it fetches the numbers."""
        taken = perf_counter() - self._start
        each = taken / max(1, done - self._done)
        left = clock(each * (self._total - done))
        self._write("\r\x1b[2K" + self._clip(self._bar(done), [left, f"{duration(each)}/step", numbers(logs)]))
        self._due = perf_counter() + SECONDS

    def end(self, done: int, logs: Mapping[str, float]) -> None:
        """The row's last state, with the validation's numbers."""
        if not self._level:
            return
        taken = perf_counter() - self._start
        each = f"{duration(taken / max(1, done - self._done))}/step"
        if self.draws:
            self._write(f"\r\x1b[2K{self._bar(done)} {' - '.join([f'{clock(taken)} {each}', numbers(logs)])}\n")
        else:
            parts = [self._head, f"{done}/{self._total}", clock(taken), each, numbers(logs)]
            self._write(" - ".join(part for part in parts if part) + "\n")

    def abandon(self) -> None:
        """Leave the half-drawn bar, that what follows starts on a line of its own."""
        if self.draws:
            self._write("\n")

    def _bar(self, done: int) -> str:
        filled = WIDTH * done // max(1, self._total)
        count = str(done).rjust(len(str(self._total)))
        bar = FULL * filled, REST * (WIDTH - filled)
        drawn = f"\x1b[32m{bar[0]}\x1b[0m\x1b[37m{bar[1]}\x1b[0m" if self._colour else f"{bar[0]}{' ' * len(bar[1])}"
        return f"{self._bold(f'{count}/{self._total}')} {drawn}"

    def _clip(self, bar: str, parts: list[str]) -> str:
        """One line of the terminal at most: a second could not be taken back."""
        room = shutil.get_terminal_size().columns - WIDTH - 2 * len(str(self._total)) - 3
        text = f"{parts[0]} {' - '.join(parts[1:])}"
        return f"{bar} {text[: max(0, room)]}"

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
