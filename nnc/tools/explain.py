"""`nnc explain`: what a code means, with a program that gives it and the nearest one that does not.

In: a code and the floors' tables of explanations. Out: text. The tables are the floors' own; nothing is explained here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from textwrap import indent, wrap

from nnc.base.diagnostic import Explanation

WIDTH = 100


def find(explanations: Mapping[str, Explanation], code: str) -> Explanation | None:
    """The explanation of a code, however it is written: `E0201`, `e0201`, `201`."""
    wanted = code.strip().upper().removeprefix("ERROR[").removesuffix("]")
    number = wanted.removeprefix("E").removeprefix("W")
    digits = number.isascii() and number.isdigit() and len(number) <= 4
    candidates = (wanted, f"E{number.zfill(4)}", f"W{number.zfill(4)}") if digits else (wanted,)
    return next((explanations[each] for each in candidates if each in explanations), None)


def near(explanations: Iterable[str], code: str) -> list[str]:
    """Codes that look like one that does not exist."""
    return get_close_matches(code.strip().upper(), list(explanations), n=3)


def as_text(explanation: Explanation) -> str:
    """The explanation as it is printed, without a line end."""
    parts = [f"{explanation.code}: {explanation.title}"]
    paragraphs = explanation.explanation.strip().split("\n\n")
    parts += ["\n".join(wrap(" ".join(paragraph.split()), WIDTH)) for paragraph in paragraphs]
    for title, program in (("This fails:", explanation.failing), ("This is right:", explanation.fixed)):
        if program.strip():
            parts.append(f"{title}\n\n{indent(program.strip(chr(10)), '    ')}")
    return "\n\n".join(parts)


def listing(explanations: Mapping[str, Explanation]) -> str:
    """All codes, a line each."""
    return "\n".join(f"{code}  {each.title}" for code, each in sorted(explanations.items()))
