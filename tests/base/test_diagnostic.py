"""Sources, places, the reporter and the three renderings."""

import json

import pytest

from nnc.base.diagnostic import Diagnostic, Label, ProgramError, Reporter
from nnc.base.render import as_json, as_sarif, render
from nnc.base.source import Source, Span

LINES = [""] * 5 + ["    skip = x |> Dense(64)", "", "    body = x |> Dense(128, relu)", "    y = body + skip", ""]
SOURCE = Source("resnet.nn", "\n".join(LINES))


def at(text: str) -> Span:
    start = SOURCE.text.index(text)
    return Span(SOURCE, start, start + len(text))


EXAMPLE = Diagnostic(
    "E0201",
    "cannot add tensors of different widths",
    "error",
    Label(at("body + skip"), "axis -1: 128 here, 64 there"),
    (Label(at("Dense(64)"), "`skip` is float[64]"), Label(at("Dense(128, relu)"), "`body` is float[128]")),
    ("`Residual`, used at resnet.nn:21:17",),
    (),
    "project the shortcut: skip = x |> Dense(128)",
)


def test_text():
    assert (
        render([EXAMPLE])
        == """\
error[E0201]: cannot add tensors of different widths
  --> resnet.nn:9:9
   |
 6 |     skip = x |> Dense(64)
   |                 --------- `skip` is float[64]
 8 |     body = x |> Dense(128, relu)
   |                 ---------------- `body` is float[128]
 9 |     y = body + skip
   |         ^^^^^^^^^^^ axis -1: 128 here, 64 there
   = in `Residual`, used at resnet.nn:21:17
   = help: project the shortcut: skip = x |> Dense(128)
"""
    )


def test_colour_adds_only_escapes():
    coloured = render([EXAMPLE], colour=True)
    assert "\x1b[1;31m" in coloured
    plain = coloured
    for code in ("\x1b[1;31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert plain == render([EXAMPLE])


def test_places_in_other_files_long_lines_and_control_characters():
    other = Source("other.nn", "a\tb\x1b[31mc\n")
    long = Source("long.nn", "x" * 5000 + "HERE" + "y" * 5000)
    text = render([Diagnostic("E1", "t", "warning", Label(Span(long, 5000, 5004)), (Label(Span(other, 2, 3), "b"),))])
    assert "::: other.nn:1:3" in text
    assert "\x1b" not in text
    assert "\t" not in text
    assert max(len(line) for line in text.split("\n")) < 200
    marked = text.split("\n")[3:5]
    assert marked[0][marked[1].index("^") :].startswith("HERE")
    assert marked[1].count("^") == 4


def test_json_and_sarif_hold_the_same():
    (found,) = json.loads(as_json([EXAMPLE]))
    assert (found["code"], found["primary"]["line"], found["primary"]["column"]) == ("E0201", 9, 9)
    assert found["primary"]["end_column"] == 20
    assert [each["text"] for each in found["others"]] == ["`skip` is float[64]", "`body` is float[128]"]
    assert found["help"] == EXAMPLE.help
    log = json.loads(as_sarif([EXAMPLE], "1.2"))
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 9
    assert all(part in result["message"]["text"] for part in (EXAMPLE.title, EXAMPLE.trail[0], str(EXAMPLE.help)))
    assert len(result["relatedLocations"]) == 2


def test_reporter_sorts_drops_duplicates_and_keeps_errors():
    reporter = Reporter()
    for start in reversed(range(30)):
        reporter.warning("W1", "w", Span(SOURCE, start, start + 1))
    assert not reporter.has_errors
    reporter.raise_errors()
    for _ in range(2):
        reporter.error("E1", "e", Span(SOURCE, 50, 51), help="h")
    assert len(reporter.all) == 31
    shown = reporter.diagnostics
    assert len(shown) == 20
    assert shown[-1].code == "E1"
    assert [each.primary.span.start for each in shown] == sorted(each.primary.span.start for each in shown)
    with pytest.raises(ProgramError) as caught:
        reporter.raise_errors()
    assert caught.value.diagnostics == shown


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\nb", "\n\n", "é\r\nb\n"])
def test_lines_and_columns(text):
    source = Source("a.nn", text)
    for offset in range(len(text) + 1):
        before = text[:offset]
        assert source.line_column(offset) == (before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
    assert [source.line_text(n + 1) for n in range(source.line_count)] == [s.rstrip("\r") for s in text.split("\n")]
    assert source.line_text(99) == ""
    assert Span(source, 0, 1).to(Span(source, 0, len(text))).text == text
