"""Early stopping, across interruptions too, and the other settings of a program that `fit` takes up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.runtime import Callback, DataError, EarlyStopping, UsageError
from tests.runtime import reference
from tests.runtime.handmade import Handmade

X, Y = reference.data(37)
HELD = reference.data(5, seed=3)
FIT: dict[str, Any] = {"batch_size": 8, "epochs": 9, "verbose": 0}


class Stopping(Handmade):
    """A program whose train block has `early_stopping`."""

    defaults = Handmade.defaults | {
        "early_stopping": {"monitor": "val_loss", "patience": 2, "restore_best_weights": True}
    }


def flat(model: Handmade) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.store.weights().items()}


class Interrupt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.place.step == self.step:
            raise KeyboardInterrupt


class Keep(Callback):
    """Keeps the weights of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, torch.Tensor]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(flat(self.model))


def test_the_setting_stops_and_restores() -> None:
    keep = Keep()
    model = Stopping(seed=2)
    labels = np.roll(HELD[1], 1)
    history = model.fit(X, Y, validation_data=(HELD[0], labels), callbacks=keep, **(FIT | {"epochs": 60}))
    losses = history.history["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 60
    assert all(torch.equal(keep.epochs[best][name], value) for name, value in flat(model).items())
    other = Stopping(seed=2)
    own = EarlyStopping("loss", patience=50)  # one's own takes the place of the setting's
    assert len(other.fit(X, Y, callbacks=own, **FIT).epoch) == 9


@pytest.mark.parametrize("step", [3, 5, 19, 20, 27])
def test_resumed_stops_where_the_uninterrupted_does(step: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    settings = FIT | {"epochs": 60, "validation_data": (HELD[0], np.roll(HELD[1], 1))}
    whole = Stopping(seed=2)
    history = whole.fit(X, Y, **settings)
    broken = Stopping(seed=2)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, Y, callbacks=Interrupt(step), checkpoint=path, **settings)
    resumed = Stopping(seed=9)
    found = resumed.fit(X, Y, checkpoint=path, resume=path, **settings)
    assert found.history == history.history
    assert all(torch.equal(flat(whole)[name], value) for name, value in flat(resumed).items())
    # the file holds what the model holds, and a finished run that is gone on with ends at once
    again = Stopping()
    assert len(again.fit(X, Y, resume=path, **settings).epoch) == len(history.epoch)
    assert all(torch.equal(flat(whole)[name], value) for name, value in flat(again).items())
    fresh = Handmade()
    fresh.load_weights(path)
    assert all(torch.equal(flat(whole)[name], value) for name, value in flat(fresh).items())


def test_what_cannot_be_watched() -> None:
    with pytest.raises(UsageError, match="watches val_loss, and there is no validation data; give validation_data"):
        Stopping().fit(X, Y, **FIT)
    with pytest.raises(UsageError, match="watches 'acuracy'; did you mean 'accuracy'"):
        Handmade().fit(X, Y, callbacks=EarlyStopping("acuracy", mode="max"), **FIT)
    with pytest.raises(UsageError, match='watches accuracy: say mode="max"'):
        EarlyStopping("accuracy")
    with pytest.raises(UsageError, match="mode='most'"):
        EarlyStopping("loss", mode="most")


def test_weights_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handmade, "beside", classmethod(lambda cls, given: tmp_path / given))
    monkeypatch.setattr(Handmade, "defaults", Handmade.defaults | {"weights": "first.safetensors"})
    missing = Handmade(seed=5)
    for use in (lambda: missing.fit(X, Y, **FIT), lambda: missing.predict(X), lambda: missing.evaluate(X, Y)):
        with pytest.raises(DataError, match=r"first\.safetensors: there is no such file, and the `weights` setting"):
            use()
    missing.set_weights(missing.get_weights())  # others than the file's will do
    missing.fit(X, Y, **FIT)
    missing.save_weights(tmp_path / "first.safetensors")
    begun = Handmade(seed=6)
    assert all(torch.equal(flat(missing)[name], value) for name, value in flat(begun).items())
    begun.fit(X, Y, **FIT)
    assert not all(torch.equal(flat(missing)[name], value) for name, value in flat(begun).items())
    begun.reset()
    assert all(torch.equal(flat(missing)[name], value) for name, value in flat(begun).items())


def test_weights_of_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Handmade(seed=5)
    given.fit(X, Y, class_weight={0: 1.0, 1: 0.5, 2: 4.0}, **FIT)
    (target,) = Handmade.targets
    monkeypatch.setattr(Handmade, "defaults", Handmade.defaults | {"class_weight": {target.name: (1.0, 0.5, 4.0)}})
    set_by_program = Handmade(seed=5)
    set_by_program.fit(X, Y, **FIT)
    assert all(torch.equal(flat(given)[name], value) for name, value in flat(set_by_program).items())
    other = Handmade(seed=5)
    other.fit(X, Y, class_weight={}, **FIT)  # an argument wins
    assert not all(torch.equal(flat(given)[name], value) for name, value in flat(other).items())
