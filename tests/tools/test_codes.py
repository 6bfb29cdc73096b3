"""Every code of the compiler is explained, with a program that gives it, the same mended, and a golden of the text."""

import re
from pathlib import Path

import pytest

from nnc.pipeline import EXPLANATIONS

ROOT = Path(__file__).resolve().parents[2]
# no program that can be printed is a missing file, no text, too large or not UTF-8: tests of files and of the syntax
WITHOUT_PROGRAM = {"E0001", "E0002", "E0102", "E0103"}


def test_what_is_reported_is_explained():
    reported = set()
    for path in (ROOT / "nnc").rglob("*.py"):
        if path.parent.name != "explanations":
            reported |= set(re.findall(r'"([EW]0\d{3})"', path.read_text(encoding="utf-8")))
    assert reported == set(EXPLANATIONS)


@pytest.mark.parametrize("code", sorted(set(EXPLANATIONS) - WITHOUT_PROGRAM))
def test_what_is_explained_is_shown(code):
    found = EXPLANATIONS[code]
    assert found.title
    assert found.explanation
    assert found.failing
    assert found.fixed
    assert found.failing != found.fixed
    places = [ROOT / "tests" / floor / "goldens" / f"{code}.txt" for floor in ("syntax", "language")]
    (golden,) = (place for place in places if place.is_file())
    assert golden.read_text(encoding="utf-8").count(f"[{code}]") >= 1


def test_no_golden_is_of_a_code_that_is_gone():
    for floor in ("syntax", "language"):
        names = {path.stem for path in (ROOT / "tests" / floor / "goldens").glob("[EW]*.txt")}
        assert names <= set(EXPLANATIONS)
