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
        ("siamese", "val_accuracy", 0.95),
        ("wine", "val_accuracy", 0.97),
        ("wine", "val_f1", 0.97),
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


def test_eight_numbers_say_more_of_an_image_than_eight_principal_components() -> None:
    data = load_npz(SAMPLES / "data" / "images.npz")
    assert mean_of("autoencoder", "val_error") <= 0.8 * principal_error(8, data["pixels"], data["pixels_val"])


def test_places_in_a_plane_say_more_of_an_image_than_two_principal_components() -> None:
    """And are spread as a standard normal distribution is: neither has the divergence won, nor the image."""
    data = load_npz(SAMPLES / "data" / "images.npz")
    model = nnc.load(SAMPLES / "vae.nn")(seed=0, backend="torch")
    history = model.fit(verbose=0).history
    found = model.predict(data["pixels_val"], verbose=0)
    error = np.square(found["image"] - data["pixels_val"]).mean()
    assert error <= 0.9 * principal_error(2, data["pixels"], data["pixels_val"])
    variance = found["place"].var(0) + np.exp(found["log_variance"]).mean(0)
    assert variance == pytest.approx(1.0, abs=0.3)
    assert abs(found["place"].mean(0)).max() <= 0.3
    assert history["val_loss"][-1] <= 25.0
    assert history["val_loss"][-1] == pytest.approx(history["val_image_loss"][-1] + history["val_divergence_loss"][-1])


def principal_error(components: int, seen: np.ndarray, held_out: np.ndarray) -> float:
    """The mean square error of images drawn again from so many principal components."""
    mean = seen.mean(0)
    axes = np.linalg.svd(seen - mean, full_matrices=False)[2][:components]
    return float(np.square((held_out - mean) @ (np.eye(len(mean)) - axes.T @ axes)).mean())


@functools.cache
def histories(sample: str) -> list[dict[str, list[float]]]:
    """Of three seeds, trained as the program says."""
    model = nnc.load(SAMPLES / f"{sample}.nn")
    return [model(seed=seed, backend="torch").fit(verbose=0).history for seed in range(3)]


def mean_of(sample: str, report: str) -> float:
    return float(np.mean([history[report][-1] for history in histories(sample)]))
