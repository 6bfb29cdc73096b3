"""Checkpoints: round trips, resuming at every step, damage, and processes that are killed while they write."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from nnc.runtime import Callback, CheckpointError, UsageError
from tests.runtime import reference
from tests.runtime.handmade import Handmade

ROOT = Path(__file__).resolve().parents[2]
FIT: dict[str, Any] = {"batch_size": 8, "epochs": 4, "verbose": 0}  # of 37 samples: 5 steps an epoch, 20 in all


def flat(model: Handmade) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.store.flat.items() if name != "gradient"}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Interrupt(Callback):
    """Saves after a step, then ends the run the hard way."""

    def __init__(self, step: int, path: Path, error: type[BaseException] = RuntimeError) -> None:
        self.step, self.path, self.error = step, path, error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.place.step == self.step:
            self.model.save(self.path)
            raise self.error


@pytest.mark.parametrize("step", range(1, 21))
def test_resumed_at_any_step_is_uninterrupted(step: int, tmp_path: Path) -> None:
    x, y = reference.data(37)
    held = reference.data(11, seed=8)
    whole = Handmade(seed=2)
    history = whole.fit(x, y, validation_data=held, **FIT)
    broken = Handmade(seed=2)
    path = tmp_path / "model.safetensors"
    with pytest.raises(RuntimeError):
        broken.fit(x, y, validation_data=held, callbacks=[Interrupt(step, path)], **FIT)
    resumed = Handmade(seed=77)
    found = resumed.fit(x, y, validation_data=held, resume=path, **FIT)
    assert same(flat(resumed), flat(whole))
    assert found.history == history.history
    assert found.epoch == history.epoch == [0, 1, 2, 3]
    again = broken.fit(x, y, validation_data=held, resume=True, **FIT)  # in the same process, without a file
    assert same(flat(broken), flat(whole))
    assert again.history == history.history


def test_resume_wants_the_same_run(tmp_path: Path) -> None:
    x, y = reference.data(37)
    path = tmp_path / "model.safetensors"
    model = Handmade()
    with pytest.raises(RuntimeError):
        model.fit(x, y, callbacks=Interrupt(7, path), **FIT)
    with pytest.raises(UsageError, match="batch_size was 8 and is 16, steps was 5 and is 3"):
        Handmade().fit(x, y, resume=path, **{**FIT, "batch_size": 16})
    with pytest.raises(UsageError, match="initial_epoch=3, and resume goes on in epoch 1"):
        Handmade().fit(x, y, resume=path, initial_epoch=3, **FIT)


def test_two_calls_are_one(tmp_path: Path) -> None:
    x, y = reference.data(37)
    whole, parts = Handmade(), Handmade()
    whole.fit(x, y, **FIT)
    parts.fit(x, y, **{**FIT, "epochs": 1})
    parts.save(tmp_path / "a")
    other = Handmade()
    other.load(tmp_path / "a")
    history = other.fit(x, y, initial_epoch=1, **FIT)
    assert same(flat(other), flat(whole))
    assert history.epoch == [1, 2, 3]


def test_checkpoint_after_each_epoch_and_on_interrupt(tmp_path: Path) -> None:
    x, y = reference.data(37)
    path = tmp_path / "model.safetensors"
    whole = Handmade()
    whole.fit(x, y, checkpoint=path, **FIT)
    read = Handmade(seed=5)
    read.load(path)
    assert same(flat(read), flat(whole))
    assert (read.seed, read.place.step, read.place.epoch, read.place.batch) == (0, 20, 4, 0)
    path.unlink()

    class Press(Callback):
        """Ctrl-C, noticed after the step under way."""

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.model.place.step == 12:
                signal.raise_signal(signal.SIGINT)

    model = Handmade()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, checkpoint=path, callbacks=Press(), **FIT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = Handmade()
    resumed.fit(x, y, resume=path, **FIT)
    assert same(flat(resumed), flat(whole))


def test_round_trips(tmp_path: Path) -> None:
    x, y = reference.data(20)
    model, other = Handmade(), Handmade(seed=1)
    model.fit(x, y, **FIT)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert other.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert other.place.step == 0
    with pytest.raises(CheckpointError, match="weights only, and no optimizer or step; use load_weights"):
        other.load(tmp_path / "w.safetensors")
    model.save(tmp_path / "all.safetensors")
    third = Handmade(seed=1)
    third.load_weights(tmp_path / "all.safetensors")
    assert third.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    third.reset()
    assert torch.equal(third.parameters["hidden.dense.kernel"], Handmade(seed=1).parameters["hidden.dense.kernel"])
    save_file({name: view.clone() for name, view in model.store.weights().items()}, tmp_path / "plain.safetensors")
    third.load_weights(tmp_path / "plain.safetensors")
    assert third.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    with pytest.raises(CheckpointError, match="nnc did not write it"):
        third.load(tmp_path / "plain.safetensors")
    third.set_weights(Handmade().get_weights())
    assert torch.equal(third.parameters["probs.dense.kernel"], Handmade().parameters["probs.dense.kernel"])
    third.set_weights({"probs.dense.bias": np.array([1.0, 2.0, 3.0])})
    assert third.parameters["probs.dense.bias"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(UsageError, match=r"has no weight 'prob.dense.bias'; did you mean 'probs.dense.bias'"):
        third.set_weights({"prob.dense.bias": np.zeros(3)})
    with pytest.raises(UsageError, match=r"probs.dense.bias is \[3\], and was given \[4\]"):
        third.set_weights({"probs.dense.bias": np.zeros(4)})
    with pytest.raises(UsageError, match="was given 2 arrays, and the model has 5"):
        third.set_weights(third.get_weights()[:2])


def test_damaged_files_are_refused_and_change_nothing(tmp_path: Path) -> None:
    model = Handmade()
    path = tmp_path / "model.safetensors"
    model.save(path)
    sound = path.read_bytes()
    reader = Handmade(seed=4)
    before = flat(reader)
    places = [0, 3, 9, 40, len(sound) // 2, len(sound) - 1]
    damaged = [sound[:cut] for cut in (0, 1, 8, 100, len(sound) // 2, len(sound) - 1)]
    damaged += [sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :] for at in places]
    damaged += [sound + b"x", b"\x00" * 64, b"hello"]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            reader.load(path)
        assert same(flat(reader), before)
    with pytest.raises(CheckpointError, match="there is no such file"):
        reader.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="it is a folder, not a file"):
        reader.load(tmp_path)
    with pytest.raises(CheckpointError, match="folder"):
        model.save(tmp_path / "nowhere" / "a")
    with pytest.raises(CheckpointError, match="it is a folder"):
        model.save(tmp_path)


def test_a_foreign_file_tells_what_is_missing_extra_and_different(tmp_path: Path) -> None:
    model = Handmade()
    model.save(tmp_path / "a")
    tensors = load_file(tmp_path / "a")
    weights = {name: tensor for name, tensor in tensors.items() if "/" not in name}
    weights["other.kernel"] = weights.pop("probs.dense.kernel")
    weights["probs.dense.bias"] = torch.zeros(4)
    save_file(weights, tmp_path / "b")
    with pytest.raises(CheckpointError) as caught:
        model.load_weights(tmp_path / "b")
    assert str(caught.value) == (
        f"{tmp_path / 'b'}: it is not of this model: it lacks probs.dense.kernel; it holds other.kernel, which the "
        "model does not have; probs.dense.bias is [4] there and [3] in the model"
    )


KILLED = """
import sys
from tests.runtime.handmade import Handmade
model = Handmade()
while True:
    model.place.step += 1
    model.parameters["probs.dense.bias"].fill_(model.place.step)
    model.save(sys.argv[1])
    print(model.place.step, flush=True)
"""


def test_killed_while_it_writes_leaves_a_sound_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        for _ in range(3):
            writer.stdout.readline()
        for wait in np.random.default_rng(0).uniform(0, 0.01, 20):
            writer.send_signal(signal.SIGSTOP)  # as a kill would: at any instruction
            model = Handmade()
            model.load(path)
            assert model.parameters["probs.dense.bias"].tolist() == [model.place.step] * 3
            writer.send_signal(signal.SIGCONT)
            time.sleep(wait)
    finally:
        writer.kill()
        writer.communicate()
    Handmade().load(path)
