"""What tests of the schedule share: a sample, compiled once."""

from pathlib import Path

import pytest

from nnc import pipeline

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def digits() -> pipeline.Compiled:
    return pipeline.compile(ROOT / "samples" / "digits.nn")
