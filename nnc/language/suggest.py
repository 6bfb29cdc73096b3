"""What a misspelled name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def distance(first: str, second: str, most: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) from one to the other; `most + 1` where it is more than
    `most`."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(second, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to `name`, within an edit distance of max(1, a third of its length); of two as
    near the one that has letters more or fewer: those are forgotten more often than replaced."""
    most = max(1, len(name) // 3)
    scored = []
    if name in (known := tuple(known)):
        return name
    for position, other in enumerate(dict.fromkeys(known)):
        if other == name or other.startswith("_"):
            continue
        if other.lower() == name.lower():
            scored.append((0, False, position, other))
            continue
        edits = distance(name, other, most)
        if edits <= most and edits < max(len(name), len(other)):
            scored.append((edits, len(other) == len(name), position, other))
    return min(scored)[3] if scored else None


def unquoted(value: object) -> str | None:
    """What to write where a number or a truth is given as a string; None for any other value."""
    if not isinstance(value, str):
        return None
    is_plain = value in ("true", "false", "none") or value.replace(".", "", 1).replace("-", "", 1).isdecimal()
    return f"write it without quotes: {value}" if is_plain else None
