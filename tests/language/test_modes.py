"""What is elaborated once serves every mode in which it would come out the same, and no other."""

from pathlib import Path

import pytest

from nnc.language.programs import Run
from nnc.tensor.program import Program
from nnc.tensor.show import show
from tests.language.programs import codes, model_of

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [*sorted(ROOT.glob("samples/*.nn")), *sorted(ROOT.glob("tests/programs/*.nn"))]
TRAINED = "train Net {\n    loss = mean_squared_error(y, x)\n    optimizer = SGD\n}\n"


def written(program: Program | None) -> tuple[object, ...]:
    """A program without its name."""
    if program is None:
        return ()
    return (show(program.function).partition("(")[2], program.inputs, program.outputs)


def programs(text: str) -> list[tuple[object, ...]]:
    model = model_of(text)
    return [written(program) for program in (model.train, model.evaluate, model.predict)]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_that_serves_another_mode_is_what_it_would_be(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    text = path.read_text(encoding="utf-8")
    found = programs(text)
    monkeypatch.setattr(Run, "serves", lambda run, mode: False)
    assert found == programs(text)


@pytest.mark.parametrize(
    ("body", "often"),
    [
        ("y = x |> Dense(3)", 1),
        ("y = x |> Dropout(0.5) |> Dense(3)", 2),
        ("y = x |> Dense(3) |> BatchNormalization", 2),
        ("h = x * 2 if training else x\n    y = h |> Dense(3)", 2),
        ("a = x |> Dense(3)\n    y = a + mean(batch(a), axis = 0) if training else a", 2),
    ],
)
def test_how_often_a_program_is_elaborated(body, often, monkeypatch):
    text = f"model Net(x: float[3]) -> y {{\n    {body}\n}}\n{TRAINED}"
    runs = []
    go = Run.go
    monkeypatch.setattr(Run, "go", lambda run: (runs.append(run), go(run)))
    found = programs(text)
    assert len(runs) == often
    monkeypatch.setattr(Run, "serves", lambda run, mode: False)
    assert found == programs(text)


def test_a_model_that_needs_the_batch_cannot_predict():
    text = "model Net(x: float[3]) -> y {\n    y = (x |> Dense(3)) + mean(batch(x), axis = 0)\n}\n"
    assert codes(text + TRAINED) == ["E0516"]
