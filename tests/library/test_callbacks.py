"""Keras's own callbacks, given to `fit`: those that docs/keras.md says can be."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nnc.pipeline import compile
from tests.library.keras_names import OTHERS
from tests.programs.harness import imported

TEXT = """model Net(x: float[4]) -> y: float[3] {
    y = x |> Dense(3)
}

train Net {
    target t: float[3]
    loss = mean_squared_error(y, t)
    optimizer = SGD(0.1)
}
"""
callbacks = keras.callbacks
SEEN: list[int] = []
# What is made, and how many of 4 epochs are then run.
MADE: dict[str, tuple[Any, int]] = {
    "CSVLogger": (lambda folder: callbacks.CSVLogger(folder / "log.csv"), 4),
    "CallbackList": (lambda folder: callbacks.CallbackList([callbacks.History()]), 4),
    "EarlyStopping": (lambda folder: callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True), 2),
    "LambdaCallback": (lambda folder: callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: SEEN.append(epoch)), 4),
    "ProgbarLogger": (lambda folder: callbacks.ProgbarLogger(), 4),
    "TerminateOnNaN": (lambda folder: callbacks.TerminateOnNaN(), 4),
}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("callbacks") / "net.nn"
    path.write_text(TEXT, encoding="utf-8")
    return imported(compile(path).text, "callbacks")


@pytest.mark.parametrize("name", MADE)
def test_callbacks_of_keras(name: str, net: Any, tmp_path: Path) -> None:
    make, epochs = MADE[name]
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(40, 4)).astype("f4"), rng.normal(size=(40, 3)).astype("f4")
    model = net(device="cpu", seed=1)
    SEEN.clear()
    history = model.fit(x, t, epochs=4, verbose=0, callbacks=[make(tmp_path)])
    assert len(history.history["loss"]) == epochs
    match name:
        case "CSVLogger":
            assert len((tmp_path / "log.csv").read_text().splitlines()) == 5
        case "LambdaCallback":
            assert SEEN == [0, 1, 2, 3]
        case "EarlyStopping":
            first = net(device="cpu", seed=1)
            first.fit(x, t, epochs=1, verbose=0)
            np.testing.assert_array_equal(model.get_weights()[0], first.get_weights()[0])


def test_all_that_are_said_to_work_are_tried() -> None:
    said = [name for name, answer in OTHERS["callbacks"].items() if answer.note == "Keras's own may be given to `fit`"]
    assert sorted(said) == sorted(MADE)
