"""How diagnostics look: as text for people, as JSON and SARIF 2.1.0 for programs. All three carry the same data."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from nnc.base.diagnostic import Diagnostic, Label
from nnc.base.source import Source, Span

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "other": "\x1b[1;34m", "plain": _BOLD}
_TAB = 4


def _painted(text: str, colour: str, coloured: bool) -> str:
    return f"{_COLOURS[colour]}{text}{_RESET}" if coloured and text else text


def _width(text: str) -> int:
    """Columns that a text takes on a terminal, tabs being expanded already."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _place(span: Span) -> str:
    return str(span) if span.source.text else span.source.path


def _underline(span: Span, mark: str) -> tuple[str, str]:
    """The line of a span's start, and blanks and marks below it; a span of several lines is marked to its line's
    end."""
    line = span.source.line_text(span.line)
    start = span.column - 1
    end = max(start + 1, min(start + span.end - span.start, len(line)))
    before = _width(line[:start].expandtabs(_TAB))
    marked = max(1, _width(line[:end].expandtabs(_TAB)) - before)
    return line.expandtabs(_TAB), " " * before + mark * marked


def _snippet(labels: Sequence[Label], primary: Label, level: str, margin: int, coloured: bool) -> list[str]:
    """The lines of one source that labels are on, each label below its line."""
    lines = []
    shown = None
    for label in sorted(labels, key=lambda each: (each.span.start, each is not primary)):
        colour, mark = (level, "^") if label is primary else ("other", "-")
        text, marks = _underline(label.span, mark)
        number = label.span.line
        if number != shown:
            lines.append(f"{_painted(f' {number:>{margin}} |', 'other', coloured)} {text}".rstrip())
        shown = number
        said = _painted(f"{marks} {label.text}".rstrip(), colour, coloured)
        lines.append(f"{_painted(' ' * (margin + 2) + '|', 'other', coloured)} {said}")
    return lines


def _by_source(diagnostic: Diagnostic) -> list[tuple[Source, list[Label]]]:
    """All labels by the source they are in, the primary's first."""
    found: list[tuple[Source, list[Label]]] = [(diagnostic.primary.span.source, [])]
    for label in (diagnostic.primary, *diagnostic.others):
        for source, labels in found:
            if source is label.span.source:
                labels.append(label)
                break
        else:
            found.append((label.span.source, [label]))
    return found


def as_text(diagnostic: Diagnostic, coloured: bool = False) -> str:
    """The diagnostic as people read it, without a line end."""
    level = diagnostic.level
    margin = max(len(str(label.span.line)) for label in (diagnostic.primary, *diagnostic.others))
    head = _painted(f"{level}[{diagnostic.code}]", level, coloured) + _painted(
        f": {diagnostic.title}", "plain", coloured
    )
    lines = [head]
    gutter = _painted(" " * (margin + 2) + "|", "other", coloured)
    for source, labels in _by_source(diagnostic):
        arrow = "-->" if labels[0] is diagnostic.primary else ":::"
        lines.append(f"{' ' * (margin + 1)}{_painted(arrow, 'other', coloured)} {_place(labels[0].span)}")
        if source.text:
            lines.append(gutter)
            lines.extend(_snippet(labels, diagnostic.primary, level, margin, coloured))
    equals = f"{' ' * (margin + 2)}{_painted('=', 'other', coloured)}"
    lines.extend(f"{equals} in {use}" for use in diagnostic.trail)
    lines.extend(f"{equals} note: {note}" for note in diagnostic.notes)
    if diagnostic.help is not None:
        lines.append(f"{equals} help: {diagnostic.help}")
    return "\n".join(lines)


def totals(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; empty when there is nothing."""
    levels = [each.level for each in diagnostics]
    counted = [(levels.count(level), level) for level in ("error", "warning")]
    return ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for count, level in counted if count)


def _position(source: Source, offset: int) -> dict[str, int]:
    line, column = source.line_column(offset)
    return {"line": line, "column": column, "offset": offset}


def _label(label: Label) -> dict[str, Any]:
    span = label.span
    return {
        "file": span.source.path,
        "start": _position(span.source, span.start),
        "end": _position(span.source, span.end),
        "text": label.text,
    }


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON array; lines and columns count from 1, offsets in characters from 0, ends are exclusive."""
    found = [
        {
            "code": each.code,
            "level": each.level,
            "title": each.title,
            "primary": _label(each.primary),
            "others": [_label(label) for label in each.others],
            "trail": list(each.trail),
            "notes": list(each.notes),
            "help": each.help,
        }
        for each in diagnostics
    ]
    return json.dumps(found, indent=2, ensure_ascii=False)


def _location(label: Label) -> dict[str, Any]:
    source, span = label.span.source, label.span
    (line, column), (end_line, end_column) = source.line_column(span.start), source.line_column(span.end)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": source.path.replace("\\", "/")}, "region": region}
    }
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    said = [diagnostic.title, diagnostic.primary.text]
    said += [f"in {use}" for use in diagnostic.trail] + list(diagnostic.notes)
    said += [f"help: {diagnostic.help}"] if diagnostic.help else []
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": diagnostic.level,
        "message": {"text": "\n".join(text for text in said if text)},
        "locations": [_location(diagnostic.primary)],
    }
    if diagnostic.others:
        result["relatedLocations"] = [_location(label) for label in diagnostic.others]
    return result


def as_sarif(diagnostics: Iterable[Diagnostic], version: str) -> str:
    """A SARIF log of one run, columns in Unicode code points."""
    found = tuple(diagnostics)
    rules = [{"id": code} for code in sorted({each.code for each in found})]
    run = {
        "tool": {"driver": {"name": "nnc", "version": version, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)
