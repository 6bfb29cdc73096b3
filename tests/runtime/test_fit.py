"""`fit` and its kin as a Keras user meets them: callbacks, history, progress, the module's shell."""

import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnc.runtime import Callback, History
from nnc.runtime.progress import Progress, clock, duration, numbers
from tests.runtime import handmade, reference
from tests.runtime.handmade import Handmade

X, Y = reference.data(20)


class Recorder(Callback):
    """Notes every hook with its number and the names of its logs."""

    def __init__(self) -> None:
        self.calls: list[str] = []


def _note(hook: str) -> Any:
    def method(self: Recorder, *args: Any) -> None:
        first, logs = (args[0], args[1:]) if args and isinstance(args[0], int) else ("", args)
        names = ",".join(logs[0]) if logs and logs[0] else ""
        self.calls.append(" ".join(str(part) for part in (hook.removeprefix("on_"), first, names) if part != ""))

    return method


for hook in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(Recorder, hook, _note(hook))


def test_hooks_come_in_keras_order() -> None:
    recorder = Recorder()
    Handmade().fit(X, Y, batch_size=16, epochs=1, validation_data=(X[:3], Y[:3]), callbacks=[recorder], verbose=0)
    assert recorder.calls == [
        "train_begin",
        "epoch_begin 0",
        "train_batch_begin 0",
        "train_batch_end 0 loss,accuracy",
        "train_batch_begin 1",
        "train_batch_end 1 loss,accuracy",
        "test_begin",
        "test_batch_begin 0",
        "test_batch_end 0 loss,accuracy",
        "test_end loss,accuracy",
        "epoch_end 0 loss,accuracy,val_loss,val_accuracy",
        "train_end loss,accuracy,val_loss,val_accuracy",
    ]
    recorder.calls.clear()
    Handmade().predict(X, batch_size=16, callbacks=recorder, verbose=0)
    assert recorder.calls == [
        "predict_begin",
        "predict_batch_begin 0",
        "predict_batch_end 0",
        "predict_batch_begin 1",
        "predict_batch_end 1",
        "predict_end",
    ]
    assert recorder.params == {"epochs": 1, "steps": 2, "verbose": 0}


def test_hooks_change_no_number() -> None:
    plain, watched = Handmade(), Handmade()
    one = plain.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    other = watched.fit(X, Y, batch_size=8, epochs=3, callbacks=[Recorder()], verbose=0)
    assert one.history == other.history
    assert isinstance(one, History)
    assert plain.history is one


class Stop(Callback):
    def __init__(self, batch: int | None, epoch: int | None) -> None:
        self.batch, self.epoch = batch, epoch

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self.batch:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            self.model.stop_training = True


def test_stop_training() -> None:
    model = Handmade()
    assert model.fit(X, Y, batch_size=4, epochs=5, callbacks=Stop(None, 1), verbose=0).epoch == [0, 1]
    assert model.place.step == 10
    assert model.fit(X, Y, batch_size=4, epochs=5, callbacks=Stop(2, None), verbose=0).epoch == [0]
    assert model.place.step == 13


def test_history_and_frequency() -> None:
    history = Handmade().fit(
        X, Y, batch_size=4, epochs=6, initial_epoch=1, validation_data=(X, Y), validation_freq=2, verbose=0
    )
    assert history.epoch == [1, 2, 3, 4, 5]
    assert {name: len(values) for name, values in history.history.items()} == {
        "loss": 5, "accuracy": 5, "val_loss": 3, "val_accuracy": 3,
    }  # fmt: skip


def test_steps_per_epoch_and_validation_steps() -> None:
    model, other = Handmade(), Handmade()
    model.fit(X, Y, batch_size=4, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0)
    other.fit(X[:8], Y[:8], batch_size=4, epochs=1, shuffle=False, verbose=0)
    assert np.array_equal(model.get_weights()[0], other.get_weights()[0])
    history = model.fit(X, Y, epochs=1, validation_data=(X, Y), validation_batch_size=3, validation_steps=2, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[:6], Y[:6], verbose=0)["loss"], rel=1e-6)
    assert model.evaluate(X, Y, batch_size=3, steps=2, verbose=0) == pytest.approx(
        model.evaluate(X[:6], Y[:6], verbose=0), rel=1e-6
    )
    assert model.predict(X, batch_size=3, steps=2, verbose=0).shape == (6, 3)


def test_validation_weights_and_batches() -> None:
    model = Handmade()
    weight = np.linspace(0.1, 1, 20)
    history = model.fit(X, Y, epochs=1, validation_data=(X, Y, weight), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X, Y, sample_weight=weight, verbose=0)["loss"], rel=1e-6
    )
    whole = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, batch_size=3, verbose=0) == pytest.approx(whole, rel=1e-6)
    assert model.test_on_batch(X, Y) == pytest.approx(whole, rel=1e-6)
    assert model.train_on_batch(X, Y) == pytest.approx(whole, rel=1e-6)
    assert model.predict(X, batch_size=7, verbose=0).shape == (20, 3)
    np.testing.assert_allclose(model.predict(X, verbose=0).sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X[:1]), model.predict(X, verbose=0)[:1], atol=1e-7)


def test_one_line_an_epoch_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Handmade().fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 3/3 - 0s - ")
    names = [part.partition(":")[0] for part in lines[1].split(" - ")[4:]]
    assert names == ["accuracy", "loss", "val_accuracy", "val_loss"]
    Handmade().fit(X, Y, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = Progress("auto", stream)
    progress.begin(20, "Epoch 1/60")
    assert not progress.is_due()
    assert progress.deadline < float("inf")
    progress.update(5, {"loss": 0.5, "accuracy": 0.25})
    progress.end(20, {"loss": 0.125, "accuracy": 0.97, "val_loss": 1e-5})
    head, drawn, last = stream.getvalue().replace("\r\x1b[2K", "\n").strip("\n").replace("\n\n", "\n").split("\n")
    assert head == "Epoch 1/60"
    assert drawn.startswith(" 5/20 ━━━━━                ")
    assert len(drawn) <= 60
    assert last.startswith("20/20 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    assert last.endswith("/step - accuracy: 0.9700 - loss: 0.1250 - val_loss: 1.0000e-05")


def test_texts() -> None:
    assert [duration(seconds) for seconds in (2.0, 0.0021, 3.4e-5, 4e-7)] == ["2s", "2ms", "34us", "0us"]
    assert [clock(seconds) for seconds in (0.4, 61, 3661)] == ["0s", "1:01", "1:01:01"]
    assert numbers({"loss": float("nan"), "a": 0.0}) == "a: 0.0000 - loss: nan"


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    Handmade().summary()
    text = capsys.readouterr().out
    assert "hidden.dense.kernel  [5, 4]            20" in text
    assert "Parameters: 39 (156 B)" in text
    assert Handmade().count_params() == 40


def test_data_setting_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handmade, "__file__", str(tmp_path / "handmade.py"))
    monkeypatch.setitem(sys.modules, Handmade.__module__, handmade)
    np.savez(tmp_path / "data.npz", features=X, label=Y, features_val=X[:4], label_val=Y[:4])
    assert list(Handmade().fit(verbose=0).history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert Handmade().evaluate(verbose=0) == Handmade().evaluate(X[:4], Y[:4], verbose=0)


def test_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, folder = tmp_path / "d.npz", tmp_path / "out"
    np.savez(data, features=X, label=Y, features_val=X[:4], label_val=Y[:4])
    train = ["train", "--data", str(data), "-o", str(folder), "--verbose", "0"]
    assert Handmade.main([*train, "--epochs", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("val_accuracy: ")
    assert printed[1] == f"checkpoint: {folder / 'handmade.safetensors'}"
    weights = str(folder / "handmade.safetensors")
    whole = Handmade()
    whole.fit(X, Y, epochs=5, verbose=0)
    assert Handmade.main([*train, "--epochs", "5", "--resume"]) == 0
    resumed = Handmade()
    resumed.load(weights)
    assert all(np.array_equal(a, b) for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True))
    capsys.readouterr()
    assert Handmade.main(["evaluate", "--weights", weights, "--data", str(data)]) == 0
    assert capsys.readouterr().out == numbers(whole.evaluate(X, Y, verbose=0)) + "\n"
    out = tmp_path / "probs.npy"
    assert Handmade.main(["predict", "--weights", weights, "--data", str(data), "-o", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), whole.predict(X, verbose=0))
    assert Handmade.main(["info"]) == 0
    assert "Parameters: 39" in capsys.readouterr().out
    assert Handmade.main(["evaluate", "--weights", str(data)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(SystemExit) as caught:
        Handmade.main(["train", "--epochs", "many"])
    assert caught.value.code == 2


def test_classes_weigh_in_training_alone() -> None:
    """However the validation data are given; the weights of samples count there too."""
    x, y = reference.data(37)
    weight = np.random.default_rng(3).uniform(0.5, 2, len(x)).astype(np.float32)
    kept = math.floor(len(x) * (1 - 0.3))
    given = {"class_weight": {0: 1.0, 1: 0.25, 2: 4.0}, "batch_size": 8, "epochs": 2, "verbose": 0}
    split, parts = Handmade(seed=5), Handmade(seed=5)
    found = split.fit(x, y, validation_split=0.3, sample_weight=weight, **given).history
    held = (x[kept:], y[kept:], weight[kept:])
    wanted = parts.fit(x[:kept], y[:kept], sample_weight=weight[:kept], validation_data=held, **given).history
    assert found == wanted
    last = split.evaluate(x[kept:], y[kept:], sample_weight=weight[kept:], verbose=0)
    assert {name: values[-1] for name, values in found.items() if name.startswith("val_")} == {
        f"val_{name}": value for name, value in last.items()
    }
