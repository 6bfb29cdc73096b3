"""What the samples are there to show: each is trained on its real data, and its result asserted."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

import nnc
from nnc.runtime import load_npz

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def test_digits_are_learnt() -> None:
    """Five seeds; plain torch reaches 0.982 on average with the same model."""
    digits = nnc.load(SAMPLES / "digits.nn")
    data = load_npz(SAMPLES / "data" / "digits.npz")
    held_out = (data["pixels_val"], data["digit_val"])
    accuracies = []
    for seed in range(5):
        model = digits(seed=seed, backend="torch")
        history = model.fit(data["pixels"], data["digit"], validation_data=held_out, verbose=0)
        accuracies.append(history.history["val_accuracy"][-1])
    assert np.mean(accuracies) >= 0.975
    assert min(accuracies) >= 0.96


@pytest.mark.parametrize(
    ("sample", "report", "least"),
    [
        ("two_branch", "val_accuracy", 0.88),
        ("multi_head", "val_accuracy", 0.94),
        ("shared", "val_accuracy", 0.92),
        ("custom", "val_accuracy", 0.97),
        ("custom", "val_eights", 0.9),
    ],
)
def test_classes_are_learnt(sample: str, report: str, least: float) -> None:
    assert mean_of(sample, report) >= least


@pytest.mark.parametrize(
    ("sample", "report", "most"),
    # the mean of the training data is off by 69.9, and least squares by 42.9
    [("multi_head", "val_error", 0.32), ("diabetes", "val_error", 45.0), ("diabetes", "val_loss", 3200.0)],
)
def test_numbers_are_learnt(sample: str, report: str, most: float) -> None:
    assert mean_of(sample, report) <= most


@functools.cache
def histories(sample: str) -> list[dict[str, list[float]]]:
    """Of three seeds, trained as the program says."""
    model = nnc.load(SAMPLES / f"{sample}.nn")
    return [model(seed=seed, backend="torch").fit(verbose=0).history for seed in range(3)]


def mean_of(sample: str, report: str) -> float:
    return float(np.mean([history[report][-1] for history in histories(sample)]))
