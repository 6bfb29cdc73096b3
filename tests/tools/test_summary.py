"""Numbers as they are shown, and the summary of the digits sample."""

import re
from pathlib import Path

import pytest

from nnc import pipeline
from nnc.base.source import Source, Span
from nnc.schedule.kernel import Schedule
from nnc.tools import summary

DIGITS = Path(__file__).resolve().parents[2] / "samples" / "digits.nn"


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return pipeline.compile(DIGITS).schedule


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (9_994, "9.99 k"),
        (9_996, "10.0 k"),
        (99_960, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_294_336, "1.29 M"),
        (10**18, "1000 P"),
        (12 * 10**18, "12000 P"),
    ],
)
def test_numbers_have_three_digits(value: int, text: str) -> None:
    assert summary.number(value) == text


def test_sizes_and_operations_have_units() -> None:
    assert summary.size(128) == "128 B"
    assert summary.size(23_552) == "23.6 kB"
    assert summary.operations(1_294_336) == "1.29 MFLOP"


def test_tables_align() -> None:
    assert summary.table(("a", "count"), [("long name", "1"), ("b", "22")], frozenset({1}), last=True) == [
        "a           count",
        "─────────────────",
        "long name       1",
        "─────────────────",
        "b              22",
    ]


def test_lines_are_listed_by_file_once() -> None:
    first, other = Source("a/x.nn", "1\n2\n3\n"), Source("y.nn", "1\n")
    spans = (Span(first, 4, 5), Span(first, 0, 1), Span(first, 4, 5), Span(other, 0, 1))
    assert summary.lines(spans) == "x.nn:1,3 y.nn:1"
    assert summary.lines(()) == "-"


def test_layers_and_their_parameters(schedule: Schedule) -> None:
    rows = [re.split(r"\s{2,}", line) for line in summary.layer_table(schedule.model)[2:]]
    assert rows == [["hidden.dense (Dense)", "float[32]", "2,080"], ["probs.dense (Dense)", "float[10]", "330"]]


def test_every_kernel_is_listed_with_lines_of_the_program(schedule: Schedule) -> None:
    assert schedule.train is not None
    rows = summary.kernel_table(schedule.train, 128)[2:-2]
    assert [row.split()[0] for row in rows] == [kernel.name for kernel in schedule.train.kernels]
    assert all(re.search(r"digits\.nn:\d", row) for row in rows)


def test_the_whole_names_optimizer_and_memory(schedule: Schedule) -> None:
    text = summary.text(schedule)
    assert "Total parameters: 2,410 (9.64 kB)" in text
    assert "Optimizer: RMSprop(learning_rate = 1e-3)" in text
    assert re.search(r"Peak: [\d,]+ bytes", text)


def test_optimizers_are_listed_with_their_parameters(tmp_path: Path) -> None:
    text = DIGITS.read_text(encoding="utf-8")
    parts = {
        "{ hidden: none, rest: Adam(1e-2) }": [
            "Optimizer: Adam(1e-2), of probs.dense.kernel, probs.dense.bias",
            "Frozen: hidden.dense.kernel, hidden.dense.bias",
        ],
        "Adam(1e-2)": ["Optimizer: Adam(1e-2)"],
    }
    for written, lines in parts.items():
        path = tmp_path / "digits.nn"
        path.write_text(text.replace("RMSprop(learning_rate = 1e-3)", written), encoding="utf-8")
        found = summary.text(pipeline.compile(path).schedule).split("\n")
        assert [line for line in found if line.startswith(("Optimizer", "Frozen"))] == lines
