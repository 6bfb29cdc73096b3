"""How diagnostics look: as text, as JSON and as SARIF 2.1.0, all with the same data.

In: diagnostics. Out: text. Nothing is printed, and no terminal is asked what it can do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nnc.base.diagnostic import Diagnostic, Label
from nnc.base.source import Source, Span

_COLOURS: Mapping[str, str] = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "other": "\x1b[34m", "title": "\x1b[1m"}
_WIDTH = 160
"""Lines longer than this are shown in part."""


def render(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """All diagnostics as text, an empty line between two, a line end at the end; empty for none."""
    return "\n".join(_one(diagnostic, colour) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic, colour: bool) -> str:
    def paint(text: str, name: str) -> str:
        return f"{_COLOURS[name]}{text}\x1b[0m" if colour and text else text

    primary = diagnostic.primary.span
    labels = [diagnostic.primary, *(each for each in diagnostic.others if each.span.source is primary.source)]
    elsewhere = [each for each in diagnostic.others if each.span.source is not primary.source]
    width = max(len(str(label.span.line)) for label in [diagnostic.primary, *diagnostic.others])
    gutter = paint(" " * (width + 1) + " |", "other")
    lines = [
        paint(f"{diagnostic.level}[{diagnostic.code}]", diagnostic.level) + paint(f": {diagnostic.title}", "title"),
        f"{' ' * (width + 1)}{paint('-->', 'other')} {primary}",
        gutter,
    ]
    lines += _excerpt(primary.source, labels, diagnostic, width, colour)
    for label in elsewhere:
        lines += [f"{' ' * (width + 1)}{paint(':::', 'other')} {label.span}", gutter]
        lines += _excerpt(label.span.source, [label], diagnostic, width, colour)
    mark = " " * (width + 1) + paint(" = ", "other")
    lines += [f"{mark}in {each}" for each in diagnostic.trail]
    lines += [f"{mark}note: {each}" for each in diagnostic.notes]
    if diagnostic.help:
        first, *more = diagnostic.help.split("\n")
        lines += [f"{mark}help: {first}", *(" " * (width + 10) + each for each in more)]
    return "\n".join(lines) + "\n"


def _excerpt(source: Source, labels: list[Label], diagnostic: Diagnostic, width: int, colour: bool) -> list[str]:
    """The lines that labels point at, each line once, every label with an underline of its own below it."""
    lines: list[str] = []
    blue, end = ("\x1b[34m", "\x1b[0m") if colour else ("", "")
    for number in sorted({label.span.line for label in labels}):
        here = [label for label in labels if label.span.line == number]
        text = source.line_text(number)
        offset, shown = _window(text, min(label.span.column for label in here) - 1)
        lines.append(f" {blue}{number:>{width}} |{end} {_plain(shown)}".rstrip())
        for label in sorted(here, key=lambda each: -each.span.start):
            is_primary = label is diagnostic.primary
            column = label.span.column - 1 - offset
            length = min(max(label.span.end - label.span.start, 1), max(len(shown) - column, 1))
            underline = ("^" if is_primary else "-") * length
            paint = _COLOURS[diagnostic.level if is_primary else "other"] if colour else ""
            lines.append(
                f" {blue}{'':>{width}} |{end} {' ' * column}{paint}{underline} {label.text}".rstrip()
                + (end if paint else "")
            )
    return lines


def _window(text: str, column: int) -> tuple[int, str]:
    """The part of a long line that is shown, with the offset of its first character."""
    if len(text) <= _WIDTH:
        return 0, text
    offset = max(min(column - _WIDTH // 4, len(text) - _WIDTH), 0)
    return offset, text[offset : offset + _WIDTH]


def _plain(text: str) -> str:
    """One column a character: no tab, and nothing that moves the cursor of a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _place(span: Span) -> dict[str, Any]:
    line, column = span.source.line_column(span.start)
    end_line, end_column = span.source.line_column(span.end)
    return {"path": span.source.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list with one object a diagnostic; lines and columns from 1, ends exclusive."""

    def label(each: Label) -> dict[str, Any]:
        return {**_place(each.span), "text": each.text}

    found = [
        {
            "code": each.code,
            "level": each.level,
            "title": each.title,
            "primary": label(each.primary),
            "others": [label(other) for other in each.others],
            "trail": list(each.trail),
            "notes": list(each.notes),
            "help": each.help,
        }
        for each in diagnostics
    ]
    return json.dumps(found, indent=2, ensure_ascii=True) + "\n"


def as_sarif(diagnostics: Iterable[Diagnostic], version: str = "0") -> str:
    """A SARIF 2.1.0 log, as code hosts read it; `version` is the compiler's."""

    def location(each: Label) -> dict[str, Any]:
        place = _place(each.span)
        region = {
            "startLine": place["line"],
            "startColumn": place["column"],
            "endLine": place["end_line"],
            "endColumn": place["end_column"],
        }
        physical = {"artifactLocation": {"uri": place["path"]}, "region": region}
        return {"physicalLocation": physical, **({"message": {"text": each.text}} if each.text else {})}

    def message(each: Diagnostic) -> str:
        parts = [each.title, each.primary.text, *(f"in {use}" for use in each.trail), *each.notes]
        parts += [f"help: {each.help}"] if each.help else []
        return "\n".join(part for part in parts if part)

    found = list(diagnostics)
    results = [
        {
            "ruleId": each.code,
            "level": each.level,
            "message": {"text": message(each)},
            "locations": [location(each.primary)],
            "relatedLocations": [location(other) for other in each.others],
        }
        for each in found
    ]
    titles = {each.code: each.title for each in reversed(found)}
    rules = [{"id": code, "shortDescription": {"text": titles[code]}} for code in sorted(titles)]
    run = {"tool": {"driver": {"name": "nnc", "version": version, "rules": rules}}, "results": results}
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"
