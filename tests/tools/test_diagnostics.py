"""Diagnostics as text, JSON and SARIF."""

import json
import re

from nnc.base.diagnostic import Diagnostic, Label
from nnc.base.source import Source, Span
from nnc.tools import diagnostics

TEXT = """layer Residual(units)(x: float[D]) -> y {
    skip = x |> Dense(64)

    body = x |> Dense(128, relu)
    y = body + skip
}
"""
SOURCE = Source("resnet.nn", TEXT)


def span(text: str, source: Source = SOURCE) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


WIDTHS = Diagnostic(
    "E0201",
    "cannot add tensors of different widths",
    "error",
    Label(span("body + skip"), "axis -1: 128 here, 64 there"),
    others=(
        Label(span("Dense(128, relu)"), "`body` is float[128]"),
        Label(span("Dense(64)"), "`skip` is float[64]"),
    ),
    trail=("`Residual`, used at resnet.nn:21:17",),
    notes=("axes count from the end",),
    help="project the shortcut: skip = x |> Dense(128)",
)


def test_the_whole_of_a_diagnostic() -> None:
    assert diagnostics.as_text(WIDTHS) == (
        "error[E0201]: cannot add tensors of different widths\n"
        "  --> resnet.nn:5:9\n"
        "   |\n"
        " 2 |     skip = x |> Dense(64)\n"
        "   |                 --------- `skip` is float[64]\n"
        " 4 |     body = x |> Dense(128, relu)\n"
        "   |                 ---------------- `body` is float[128]\n"
        " 5 |     y = body + skip\n"
        "   |         ^^^^^^^^^^^ axis -1: 128 here, 64 there\n"
        "   = in `Residual`, used at resnet.nn:21:17\n"
        "   = note: axes count from the end\n"
        "   = help: project the shortcut: skip = x |> Dense(128)"
    )


def test_colours_change_nothing_else() -> None:
    coloured = diagnostics.as_text(WIDTHS, coloured=True)
    assert "\x1b[1;31merror[E0201]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == diagnostics.as_text(WIDTHS)


def lines(text: str, start: int, end: int) -> list[str]:
    source = Source("a.nn", text)
    return diagnostics.as_text(Diagnostic("E0101", "t", "error", Label(Span(source, start, end), "here"))).splitlines()


def test_places_at_the_ends() -> None:
    assert lines("ab", 2, 2)[-2:] == [" 1 | ab", "   |   ^ here"]
    assert lines("ab\n", 3, 3)[-2:] == [" 2 |", "   | ^ here"]
    assert lines("", 0, 0) == ["error[E0101]: t", "  --> a.nn"]


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    assert lines("f = {\n    x\n}\n", 4, 13)[-2:] == [" 1 | f = {", "   |     ^ here"]


def test_marks_stand_below_wide_letters_and_tabs() -> None:
    assert lines("\tx = 語語 + y", 10, 11)[-2:] == [" 1 |     x = 語語 + y", "   |                ^ here"]
    assert lines("ä\u0308 = y", 5, 6)[-1] == "   |     ^ here"


def test_margins_follow_the_longest_line_number() -> None:
    assert lines("\n" * 99 + "x", 99, 100)[1:] == ["    --> a.nn:100:1", "     |", " 100 | x", "     | ^ here"]


def test_a_cause_in_another_file_is_shown_apart() -> None:
    other = Source("blocks.nn", "const WIDTH = 3\n")
    found = Diagnostic("E0201", "t", "warning", Label(span("y = body"), ""), (Label(span("3", other), "3 here"),))
    assert diagnostics.as_text(found).splitlines()[5:] == [
        "  ::: blocks.nn:1:15",
        "   |",
        " 1 | const WIDTH = 3",
        "   |               - 3 here",
    ]


def test_totals() -> None:
    warning = Diagnostic("W0001", "t", "warning", Label(span("y")))
    assert diagnostics.totals([]) == ""
    assert diagnostics.totals([warning, WIDTHS, WIDTHS]) == "2 errors, 1 warning"


def test_json_holds_all_that_the_text_says() -> None:
    (found,) = json.loads(diagnostics.as_json([WIDTHS]))
    assert found["primary"] == {
        "file": "resnet.nn",
        "start": {"line": 5, "column": 9, "offset": TEXT.index("body + skip")},
        "end": {"line": 5, "column": 20, "offset": TEXT.index("body + skip") + 11},
        "text": "axis -1: 128 here, 64 there",
    }
    said = json.dumps(found)
    for text in ("E0201", WIDTHS.title, *WIDTHS.trail, *WIDTHS.notes, WIDTHS.help, "`skip` is float[64]"):
        assert text is not None
        assert text in said


def test_sarif_holds_all_that_the_text_says() -> None:
    log = json.loads(diagnostics.as_sarif([WIDTHS], "1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"] == {"name": "nnc", "version": "1.2.3", "rules": [{"id": "E0201"}]}
    (result,) = run["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 5, "startColumn": 9, "endLine": 5, "endColumn": 20}
    said = json.dumps(result)
    for text in (WIDTHS.title, *WIDTHS.trail, *WIDTHS.notes, WIDTHS.help, "`skip` is float[64]"):
        assert text is not None
        assert text in said
