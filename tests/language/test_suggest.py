"""Suggestions for misspelled names."""

import pytest

from nnc.language.suggest import distance, nearest


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [("relu", "relu", 0), ("rleu", "relu", 1), ("Dence", "Dense", 1), ("acuracy", "accuracy", 1), ("a", "bc", 2)],
)
def test_distance(first, second, edits):
    assert distance(first, second, 5) == edits == distance(second, first, 5)


def test_distance_gives_up():
    assert distance("kitten", "sitting", 2) == 3


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("dense", ["Dense", "denser"], "Dense"),
        ("ab", ["xy"], None),
        ("ab", ["ac"], "ac"),
        ("a", ["b"], None),
        ("pixles", ["hidden", "pixels"], "pixels"),
        ("learning", ["burning"], None),
        ("learning", ["leaning"], "leaning"),
        ("quite_other", ["thing"], None),
        ("Adm", ["Add", "Adam"], "Adam"),
    ],
)
def test_nearest(name, known, expected):
    assert nearest(name, known) == expected
