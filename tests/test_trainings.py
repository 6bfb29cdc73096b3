"""Files of several models and trainings: each is checked, built to a module of its own, trained from where it says."""

from pathlib import Path

import numpy as np
import pytest

from nnc import pipeline
from nnc.base.source import Source
from nnc.cli import main

TEXT = """model Small(width = 3)(x: float[4]) -> y: float[2] {
    hidden = x |> Dense(width, relu)
    y      = hidden |> Dense(2, softmax)
}

model Tiny(x: float[4]) -> y: float[1] {
    y = x |> Dense(1)
}

model Bare(x: float[4]) -> y: float[1] {
    y = x |> Dense(1)
}

train Small {
    target label: index(2)
    loss      = categorical_crossentropy(y, label)
    optimizer = SGD
    data      = "all.npz"
}

train Small as Finetune {
    target label: index(2)
    loss      = categorical_crossentropy(y, label)
    optimizer = { hidden: none, rest: SGD }
    data      = "all.npz"
    weights   = "nets.safetensors"
}

train Tiny {
    target size: float[1]
    loss      = mean_squared_error(y, size)
    optimizer = SGD
    data      = "all.npz"
}
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "nets.nn"
    path.write_text(TEXT, encoding="utf-8")
    random = np.random.default_rng(0)
    x, label = random.normal(size=(9, 4)).astype(np.float32), random.integers(0, 2, 9)
    np.savez(tmp_path / "all.npz", x=x, label=label, size=x[:, :1])
    return path


def test_each_training_and_each_untrained_model_is_checked() -> None:
    assert pipeline.check(Source("nets.nn", TEXT)) == ()
    wrong = TEXT.replace("hidden: none", "hiden: none").replace("target size: float[1]", "target size: float[2]")
    wrong = wrong.replace("model Bare(x: float[4]) -> y: float[1]", "model Bare(x: float[4]) -> y: float[3]")
    found = pipeline.check(Source("nets.nn", wrong))
    assert [each.primary.span.line for each in found] == [11, 24, 31]
    only = pipeline.check(Source("nets.nn", wrong), pipeline.Options(model="Small"))
    assert only == ()


def test_two_trainings_of_a_name_are_refused() -> None:
    found = pipeline.check(Source("nets.nn", TEXT.replace("train Small {", "train Small as Finetune {")))
    assert (found[0].code, found[0].help) == ("E0305", "name the training: train Small as ...")
    found = pipeline.check(Source("nets.nn", TEXT.replace("train Small {", "train Small as Tiny {")))
    assert ("E0305", "name the training: train Tiny as ...") in [(each.code, each.help) for each in found]


def test_what_one_training_leaves_no_other_overwrites(nets: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = nets.parent
    assert main(["train", str(nets), "--train", "Finetune", "--verbose", "0"]) == 1
    assert "the `weights` setting of nets.nn names it" in capfd.readouterr().err
    assert main(["train", str(nets), "--verbose", "0"]) == 0
    assert "'size', which the program does not declare" in capfd.readouterr().err
    first = (folder / "nets.safetensors").read_bytes()
    assert main(["train", str(nets), "--train", "Finetune", "--verbose", "0"]) == 0
    assert f"nnc evaluate {nets} --train Finetune\n" in capfd.readouterr().out
    assert main(["evaluate", str(nets), "--train", "Finetune"]) == 0
    assert main(["train", str(nets), "--model", "Tiny", "--verbose", "0"]) == 0
    assert main(["build", str(nets), "--model", "Bare"]) == 0
    assert (folder / "nets.safetensors").read_bytes() == first
    made = {path.name for path in folder.iterdir() if path.name.startswith("nets_")}
    assert made == {"nets_finetune.py", "nets_finetune.safetensors", "nets_tiny.py", "nets_tiny.safetensors"} | {
        "nets_bare.py"
    }
    capfd.readouterr()
    wide = ["--set", "width=5"]
    assert main(["train", str(nets), *wide, "--verbose", "0", "-o", str(folder / "wide")]) == 0
    said = capfd.readouterr().out
    weights = str(folder / "wide" / "nets.safetensors")
    assert f"nnc evaluate {nets} --set width=5 --weights {weights}\n" in said
    assert main(["evaluate", str(nets), *wide, "--weights", weights]) == 0
    assert main(["evaluate", str(nets), "--weights", weights]) == 1
    assert "there and" in capfd.readouterr().err
