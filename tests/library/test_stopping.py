"""Early stopping beside Keras's, on numbers drawn at random."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import torch

from nnc.runtime import EarlyStopping
from nnc.runtime.loop import Place


class Weights:
    """A model whose weights are the number of the epoch that they are of."""

    reports = (SimpleNamespace(name="loss"), SimpleNamespace(name="rate"))

    def __init__(self) -> None:
        self.value, self.stop_training = torch.tensor(-1.0), False
        self.place, self.best = Place(), {}
        self.store = SimpleNamespace(evaluated=lambda: {"w": self.value})

    def get_weights(self) -> Any:
        return [self.value.clone()]

    def set_weights(self, weights: Any) -> None:
        (self.value,) = weights


def epochs(callback: Any, numbers: list[float], monitor: str) -> tuple[int, float]:
    """How many epochs are run, and which one's weights are there at the end."""
    model = Weights()
    callback.set_params({"epochs": len(numbers), "validates": True})
    callback.set_model(model)
    callback.on_train_begin()
    run = 0
    for epoch, number in enumerate(numbers):
        model.value = torch.tensor(float(epoch))
        callback.on_epoch_end(epoch, {monitor: number, "rate": 0.0})
        run += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return run, float(model.value)


@pytest.mark.parametrize("restores", [False, True])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patience": 1},
        {"patience": 3},
        {"patience": 2, "min_delta": 0.25},
        {"patience": 2, "baseline": 0.4},
        {"patience": 1, "start_from_epoch": 4},
        {"patience": 2, "min_delta": -0.125, "baseline": 0.6, "start_from_epoch": 1},
    ],
)
def test_beside_keras(settings: dict[str, Any], mode: str, restores: bool) -> None:
    random = np.random.default_rng(3)
    found = []
    for _ in range(40):
        numbers = list(random.random(12) if random.random() < 0.8 else np.linspace(1, 0, 12))
        given = {"monitor": "val_loss", "mode": mode, "restore_best_weights": restores, **settings}
        mine = epochs(EarlyStopping(**given), numbers, "val_loss")
        assert mine == epochs(keras.callbacks.EarlyStopping(**given), numbers, "val_loss")
        found.append(mine)
    assert len({run for run, _ in found}) > 1
