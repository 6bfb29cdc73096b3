"""Looking up and printing explanations."""

import pytest

from nnc.base.diagnostic import Explanation
from nnc.tools import explain

TABLE = {
    "E0201": Explanation("E0201", "widths differ", "They must agree.\n\nCut  one\nof them.", "y = a + b\n", "y = a\n"),
    "W0301": Explanation("W0301", "unused", "Remove it.", "", ""),
}


@pytest.mark.parametrize("code", ["E0201", "e0201", " E201 ", "201", "error[E0201]"])
def test_a_code_may_be_written_in_many_ways(code: str) -> None:
    assert explain.find(TABLE, code) is TABLE["E0201"]


def test_a_warning_is_found_by_its_number() -> None:
    assert explain.find(TABLE, "301") is TABLE["W0301"]


@pytest.mark.parametrize("code", ["", "E9999", "Dense", "-1", "²", "0" * 5000])
def test_other_codes_are_not_found(code: str) -> None:
    assert explain.find(TABLE, code) is None


def test_near_codes_are_offered() -> None:
    assert explain.near(TABLE, "e0202") == ["E0201"]


def test_the_text_shows_both_programs() -> None:
    assert explain.as_text(TABLE["E0201"]) == (
        "E0201: widths differ\n\nThey must agree.\n\nCut one of them.\n\n"
        "This fails:\n\n    y = a + b\n\nThis is right:\n\n    y = a"
    )


def test_no_program_no_heading() -> None:
    assert explain.as_text(TABLE["W0301"]) == "W0301: unused\n\nRemove it."


def test_the_listing_is_sorted() -> None:
    assert explain.listing(TABLE) == "E0201  widths differ\nW0301  unused"
