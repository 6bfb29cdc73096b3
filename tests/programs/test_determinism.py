"""The same source gives the same module, and the same seed the same weights, however training is cut up."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnc.pipeline import compile
from nnc.runtime import Callback
from tests.programs.harness import model_of, parameters
from tests.programs.references import REFERENCES, ROOT

BUILD = "import sys\nfrom nnc.pipeline import compile\nprint(*(compile(path).text for path in sys.argv[1:]), sep='\\f')"
PATHS = [reference.path for reference in REFERENCES.values()]


@cache
def own(path: Path) -> str:
    """The module of a program, made here."""
    return compile(path).text


def built(seed: str) -> list[str]:
    """The modules of all programs, made by a process of that hash seed."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", BUILD, *map(str, PATHS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout[:-1].split("\f")


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_the_module_is_the_same_to_the_byte(seed: str) -> None:
    for path, text in zip(PATHS, built(seed), strict=True):
        assert own(path) == text, path


@pytest.mark.parametrize("name", REFERENCES)
def test_the_module_is_formatted_and_lint_clean(name: str, tmp_path: Path) -> None:
    place = tmp_path / f"{name}.py"
    place.write_text(own(REFERENCES[name].path), encoding="utf-8")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        whole = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(place)]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Interrupted(Exception):
    pass


def stop_after(step: int) -> Any:
    """A callback that ends the training once that many steps were taken."""

    class Stop(Callback):
        taken = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.taken += 1
            if self.taken == step:
                raise Interrupted

    return Stop()


def train(model: Any, resume: bool = False, callbacks: Any = None) -> None:
    inputs, targets, weight = REFERENCES["digits"].data(97)
    model.fit(
        inputs, targets, batch_size=20, epochs=4, verbose=0, sample_weight=weight, resume=resume, callbacks=callbacks
    )


def test_same_seed_same_bits() -> None:
    cls = model_of("digits")
    models = [cls(seed=seed) for seed in (5, 5, 6)]
    for model in models:
        train(model)
    one, same, other = map(parameters, models)
    assert all(np.array_equal(array, same[path]) for path, array in one.items())
    assert not np.array_equal(one["hidden.dense.kernel"], other["hidden.dense.kernel"])


def test_interrupted_at_any_step_and_resumed(tmp_path: Path) -> None:
    cls = model_of("digits")
    whole = cls(seed=5)
    train(whole)
    for step in range(1, 20):
        first = cls(seed=5)
        with pytest.raises(Interrupted):
            train(first, callbacks=[stop_after(step)])
        assert first.place.step == step
        first.save(tmp_path / "digits.safetensors")
        second = cls(seed=1)
        second.load(tmp_path / "digits.safetensors")
        train(second, resume=True)
        for path, array in parameters(second).items():
            np.testing.assert_array_equal(array, parameters(whole)[path], err_msg=f"{path}, after step {step}")
        assert second.history.history["loss"][-1] == whole.history.history["loss"][-1]
