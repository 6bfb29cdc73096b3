"""Modules as text: what they look like, and that the project's own formatter and linter leave them alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnc import pipeline
from nnc.emit.initial import Starts
from nnc.emit.writer import Group, call, collection, lay_out, mapping
from nnc.tensor.build import Builder
from nnc.tensor.types import TensorType

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [ROOT / "samples" / "digits.nn", *sorted((ROOT / "tests" / "programs").glob("*.nn"))]


def test_the_digits_module(golden: Callable[[Path, str], None]) -> None:
    text = pipeline.compile(ROOT / "samples" / "digits.nn").text
    golden(Path(__file__).parent / "goldens" / "digits.txt", text)


def test_modules_are_formatted_and_lint_clean(tmp_path: Path) -> None:
    for program in PROGRAMS:
        (tmp_path / f"{program.stem}.py").write_text(pipeline.compile(program).text, encoding="utf-8")
    configuration = f"--config={ROOT / 'pyproject.toml'}"
    for command in (["format", "--diff"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, configuration, str(tmp_path)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_digits_step_has_seven_kernels() -> None:
    made = pipeline.compile(ROOT / "samples" / "digits.nn").schedule
    assert made.train is not None
    assert [kernel.name for kernel in made.train.kernels] == [
        "hidden_forward",
        "probs_loss",
        "probs_dense_kernel_gradient",
        "hidden_backward",
        "hidden_dense_kernel_gradient",
        "finish",
        "update",
    ]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_no_text_of_the_user_becomes_code(program: Path, tmp_path: Path) -> None:
    source = program.read_text(encoding="utf-8")
    evil = '"""); import os; os.abort() #\\'
    copy = tmp_path / program.name
    copy.write_text(f"## {evil}\n{source}".replace("\nmodel", f"\n## {evil}\nmodel", 1), encoding="utf-8")
    text = pipeline.compile(copy).text
    compiled = compile(text, str(copy), "exec")
    assert "abort" not in compiled.co_names


def test_initializers_as_text() -> None:
    initializer = Starts().text
    b = Builder("initial")
    drawn = b.op("uniform", shape=(3, 5), low=-0.5, high=0.5, key=0)
    assert initializer(b.finish([drawn])) == "lambda random: random.uniform((3, 5), -0.5, 0.5)"
    b = Builder("initial")
    scaled = b.mul(b.op("normal", shape=(3,), mean=0.0, stddev=2.0, key=0), 0.25)
    assert initializer(b.finish([scaled])) == "lambda random: random.normal((3,), 0.0, 2.0) * 0.25"
    b = Builder("initial")
    full = b.op("broadcast", b.constant(1.5), shape=(4, 2), batched=False)
    assert initializer(b.finish([full])) == "lambda random: 1.5"


def test_what_is_drawn_and_read_twice_is_drawn_once() -> None:
    starts = Starts()
    for shape, name in ((3, "initial"), (4, "initial_2"), (3, "initial")):
        b = Builder("initial")
        drawn = b.op("normal", shape=(shape,), mean=0.0, stddev=1.0, key=0)
        assert starts.text(b.finish([b.where(b.gt(drawn, 0), drawn, 0.5)])) == name
    (first, _) = starts.blocks
    assert first == [
        "def initial(random):",
        "    normal = random.normal((3,), 0.0, 1.0)",
        "    return torch.where(normal > 0, normal, 0.5)",
    ]


def test_functions_of_the_data() -> None:
    b = Builder("initial")
    x, z = b.parameter(TensorType("f32", (3, 4), True), "x"), b.parameter(TensorType("u8", (4,), True), "z")
    whole = b.add(b.mean(b.op("convert", z, element="f32"), [], batch=True), b.mean(x, [0], batch=True))
    assert Starts().text(b.finish([whole]), ["x", "z"]) == (
        "lambda data: data.z.mean(0, dtype=torch.float64) + data.x.mean((0, 1), dtype=torch.float64)"
    )
    b = Builder("initial")
    x, z = b.parameter(TensorType("f32", (3, 4), True), "x"), b.parameter(TensorType("f32", (4,), True), "z")
    top = b.op("max", b.sub(x, z), axes=(0, 1), batch=True)
    assert Starts().text(b.finish([top]), ["x", "z"]) == (
        "lambda data: (data.x.double() - data.z.double()[:, None]).amax((0, 1, 2))"
    )


@pytest.mark.parametrize(
    ("group", "lines"),
    [
        (call("f", "a", "b"), ["f(a, b)"]),
        (collection(["a"]), ["(a,)"]),
        (collection([], "x = "), ["x = ()"]),
        (mapping([("a", "1"), ("b", call("g", "2"))], "X = "), ['X = {"a": 1, "b": g(2)}']),
        (call("f", "a" * 60, "b" * 60), ["f(", f"    {'a' * 60},", f"    {'b' * 60},", ")"]),
        (call("f" * 30, "a" * 50, "b" * 50), ["f" * 30 + "(", f"    {'a' * 50}, {'b' * 50}", ")"]),
        (Group("x = ", ("a" * 60, "b" * 60), "{}"), ["x = {", f"    {'a' * 60},", f"    {'b' * 60},", "}"]),
    ],
)
def test_lines_are_broken_as_the_formatter_does(group: Group, lines: list[str]) -> None:
    assert lay_out(group) == lines


MODEL = "model Net(x: float[2]) -> y: float[2] {\n    y = 2 * x\n}\n"
LONG = " ".join(["word"] * 30)


@pytest.mark.parametrize(
    ("above", "opening"),
    [
        ("", '"""Net. Compiled by nnc'),
        ("## Twice. Said here.\n", '"""Net: Twice. Said here. Compiled by nnc'),
        ("## Twice\n## over.\n##\n## More.\n", '"""Net: Twice over. Compiled by nnc'),
        (f"## {LONG}.\n", f'"""Net: {LONG[:109]}\n{LONG[110:]}.\n\nCompiled by nnc'),
        ("## The file.\n\n", '"""Net: The file. Compiled by nnc'),
        ("## The file.\n\n## The model.\n", '"""Net: The model. Compiled by nnc'),
        ("# The file.\n\n", '"""Net. Compiled by nnc'),
    ],
)
def test_a_module_says_what_it_is_as_the_program_does(above: str, opening: str, tmp_path: Path) -> None:
    path = tmp_path / "net.nn"
    path.write_text(above + MODEL, encoding="utf-8")
    text = pipeline.compile(path).text
    assert text.startswith(opening)
    sentence = {"## Twice. Said here.\n": "Twice. x", f"## {LONG}.\n": "word. x"}.get(above, "x")
    assert f"{sentence}: float[2] -> y: float[2]" in text.split("class Net(Model):")[1]
