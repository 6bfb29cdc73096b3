"""The passes as a whole: from a program to a module that trains."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnc
from nnc import pipeline
from nnc.base.diagnostic import ProgramError
from nnc.base.source import Source

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "samples" / "digits.nn"


def test_a_right_program_has_nothing_said_of_it() -> None:
    assert pipeline.check(Source("digits.nn", DIGITS.read_text(encoding="utf-8"))) == ()


def test_independent_errors_are_found_in_one_run() -> None:
    text = DIGITS.read_text(encoding="utf-8").replace("relu", "rellu").replace("batch_size", "batch_sise")
    found = pipeline.check(Source("digits.nn", text))
    assert [each.primary.span.line for each in found if each.level == "error"] == [3, 14]


def test_an_error_is_raised_by_compile_and_load(tmp_path: Path) -> None:
    path = tmp_path / "wrong.nn"
    path.write_text(DIGITS.read_text(encoding="utf-8").replace("relu", "rellu"), encoding="utf-8")
    for call in (pipeline.compile, nnc.load):
        with pytest.raises(ProgramError, match="rellu"):
            call(path)


def test_the_module_is_the_same_each_time(tmp_path: Path) -> None:
    texts = {pipeline.compile(DIGITS).text}
    for seed in ("0", "1", "2"):
        program = f"import sys; from nnc.cli import main; sys.exit(main(['build', {str(DIGITS)!r}, '-o', sys.argv[1]]))"
        place = tmp_path / f"{seed}.py"
        line = [sys.executable, "-c", program, str(place)]
        subprocess.run(line, cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        texts.add(place.read_text(encoding="utf-8"))
    assert len(texts) == 1


def test_the_class_is_loaded_and_knows_where_its_data_lie() -> None:
    Digits = nnc.load(DIGITS)
    assert Digits.__name__ == "Digits"
    assert Digits.data_path() == ROOT / "samples" / "data" / "digits.npz"
    model = Digits(device="cpu", seed=0)
    history = model.fit(epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert model.predict(np.zeros((3, 64), np.float32), verbose=0).shape == (3, 10)


def test_two_loads_are_two_modules() -> None:
    first, second = nnc.load(DIGITS), nnc.load(DIGITS)
    assert first is not second
    assert first.__module__ != second.__module__


def test_settings_take_the_place_of_defaults(tmp_path: Path) -> None:
    path = tmp_path / "wide.nn"
    text = DIGITS.read_text(encoding="utf-8")
    path.write_text(
        text.replace("model Digits(pixels", "model Digits(units: int = 32)(pixels").replace("Dense(32", "Dense(units"),
        encoding="utf-8",
    )
    for settings in ({"units": 5}, {"units": "5"}):
        compiled = pipeline.compile(path, pipeline.Options(settings=settings))
        assert compiled.model.parameters[0].type.shape == (64, 5)


def test_every_code_is_explained_once() -> None:
    for code, explanation in pipeline.EXPLANATIONS.items():
        assert explanation.code == code
        assert explanation.title
        assert explanation.explanation


PARTS = """const WIDTH = NUMBER
layer Wide(units: int)(x: float[D]) -> y {
    y = x |> Dense(units * WIDTH)
}
layer Fixed(units = 4)(x: float[3]) -> y: float[SIZE] {
    y = x |> Dense(units)
}
"""


@pytest.mark.parametrize(
    ("number", "size", "expected"), [("2", "4", []), ("1 / 0", "4", ["E0413"]), ("nothing", "5", ["E0301", "E0205"])]
)
def test_a_file_without_a_model_is_checked(number: str, size: str, expected: list[str]) -> None:
    source = Source("parts.nn", PARTS.replace("NUMBER", number).replace("SIZE", size))
    assert [each.code for each in pipeline.check(source)] == expected


def test_a_training_without_its_model_is_an_error() -> None:
    assert [
        each.code for each in pipeline.check(Source("parts.nn", "train Net { loss = 0.0\noptimizer = Adam }\n"))
    ] == ["E0504"]
    assert [each.code for each in pipeline.check(Source("none.nn", "# nothing\n"))] == ["E0415"]


@pytest.mark.parametrize("length", [40, 66, 70, 74, 75, 76, 77, 78, 79, 80, 84, 90, 6000])
def test_a_module_of_any_documentation_is_written_again(length: int, tmp_path: Path) -> None:
    path = tmp_path / "long.nn"
    title = "## " + ("words " * length)[:length].strip() + "\n"
    path.write_text(title + "model M(x: float[4]) -> y {\n    y = x * 2\n}\n", encoding="utf-8")
    pipeline.build(path)
    assert "Compiled by nnc" in pipeline.build(path)[1].read_text(encoding="utf-8")


def test_the_trainings_of_a_file_share_the_limits():
    """A file of many trainings is checked as soon as one of a large model; each of them can be built."""
    net = "model Net(x: float[2]) -> y {\n    y = x |> 300 * tanh |> Dense(2)\n}\n"
    block = "train Net as {} {{\n    loss = mean_squared_error(y, x)\n    optimizer = SGD\n}}\n"
    text = net.replace("300", "30000") + "".join(block.format(name) for name in "abcdefghij")
    assert [each.code for each in pipeline.check(Source("many.nn", text))] == ["E0215"]
    assert not pipeline.check(Source("one.nn", text), pipeline.Options(train="j"))
    assert not pipeline.check(Source("small.nn", text.replace("30000", "300")))
