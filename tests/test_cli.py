"""The shell: every command, what it prints and writes, its exit codes, and every kind of bad input."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from safetensors.numpy import load_file

import nnc
from nnc import cli

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = (ROOT / "samples" / "digits.nn").read_text(encoding="utf-8")
WRONG = PROGRAM.replace("Dense(10, softmax)", "Dense(12, softmax)")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process: exit code, standard output, standard error."""
    monkeypatch.delenv("NNC_TRACEBACK", raising=False)

    def runs(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return runs


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """The sample with a small part of its data."""
    (tmp_path / "data").mkdir()
    with np.load(ROOT / "samples" / "data" / "digits.npz") as data:
        few = {name: data[name][:150] for name in data.files}
    np.savez(tmp_path / "data" / "digits.npz", **few)
    path = tmp_path / "digits.nn"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.nn"
    path.write_text(WRONG, encoding="utf-8")
    return path


def nnc_process(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "nnc", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


# Compiling -----------------------------------------------------------------------------------------------------------


def test_build_writes_the_module_beside_its_source(run: Run, digits: Path) -> None:
    code, out, err = run("build", digits)
    assert (code, err) == (0, "")
    module = digits.with_suffix(".py")
    assert "class Digits(Model)" in module.read_text(encoding="utf-8")
    assert out.startswith(f"{module}: Digits\n")
    for what in ("2,410 parameters", "kernels", "FLOP", "kB", "peak memory"):
        assert what in out


def test_build_writes_where_it_is_told(run: Run, digits: Path, tmp_path: Path) -> None:
    assert run("build", digits, "-o", tmp_path / "made")[0] == 0
    assert run("build", digits, "-o", tmp_path / "other.py")[0] == 0
    assert (tmp_path / "made" / "digits.py").read_bytes() == (tmp_path / "other.py").read_bytes()
    assert not digits.with_suffix(".py").exists()


def test_build_of_a_wrong_program_writes_nothing(run: Run, wrong: Path) -> None:
    code, out, err = run("build", wrong)
    assert (code, out) == (1, "")
    assert err.startswith("error[E")
    assert f"--> {wrong}:4:" in err
    assert not wrong.with_suffix(".py").exists()


def test_build_leaves_files_alone_that_are_not_its_own(run: Run, digits: Path) -> None:
    digits.with_suffix(".py").write_text("mine = 1\n")
    code, _, err = run("build", digits)
    assert code == 1
    assert "was not written by nnc" in err
    assert digits.with_suffix(".py").read_text() == "mine = 1\n"


def test_check_says_that_a_program_is_right(run: Run, digits: Path) -> None:
    assert run("check", digits) == (0, f"{digits}: no errors\n", "")
    assert not digits.with_suffix(".py").exists()


def test_check_of_several_files_goes_on_after_an_error(run: Run, digits: Path, wrong: Path, tmp_path: Path) -> None:
    code, out, _ = run("check", tmp_path / "none.nn", wrong, digits)
    assert code == 1
    assert "error[E0001]: there is no such file" in out
    assert f"--> {wrong}:4:" in out
    assert out.endswith("3 files: 2 errors\n")


def test_fmt(run: Run, digits: Path, wrong: Path, tmp_path: Path) -> None:
    assert run("fmt", "--check", digits) == (0, "", "")
    loose, broken = tmp_path / "loose.nn", tmp_path / "broken.nn"
    loose.write_text(PROGRAM.replace(" =", "="), encoding="utf-8")
    broken.write_text(PROGRAM + "}", encoding="utf-8")
    code, out, err = run("fmt", "--check", loose, broken, digits)
    assert (code, out) == (1, f"{loose}: laid out otherwise\n")
    assert "error[E0122]" in err
    assert run("fmt", loose, wrong) == (0, f"{loose}: laid out anew\n", "")
    assert loose.read_text(encoding="utf-8") == PROGRAM
    assert broken.read_text(encoding="utf-8") == PROGRAM + "}"
    code, _, err = run("fmt", tmp_path / "none.nn")
    assert (code, "error[E0001]" in err) == (1, True)


def test_check_as_json_and_sarif(run: Run, wrong: Path) -> None:
    code, out, _ = run("check", wrong, "--format", "json")
    (found,) = json.loads(out)
    assert (code, found["level"], found["primary"]["file"]) == (1, "error", str(wrong))
    code, out, _ = run("check", wrong, "--format", "sarif")
    (result,) = json.loads(out)["runs"][0]["results"]
    assert (code, result["ruleId"]) == (1, found["code"])
    assert json.loads(run("check", ROOT / "samples" / "digits.nn", "--format", "json")[1]) == []


def test_summary(run: Run, digits: Path) -> None:
    code, out, err = run("summary", digits)
    assert (code, err) == (0, "")
    assert "hidden.dense (Dense)" in out
    assert "Total parameters: 2,410" in out
    assert "digits.nn:3" in out
    assert "Compulsory" in out


def test_explain(run: Run) -> None:
    code, out, _ = run("explain", "E0101")
    assert code == 0
    assert out.startswith("E0101: ")
    assert "This fails:" in out
    assert "This is right:" in out
    assert run("explain", "101")[1] == out
    code, out, _ = run("explain")
    assert code == 0
    assert out.startswith("E0001  ")


def test_explain_of_no_code_is_wrong_usage(run: Run) -> None:
    code, _, err = run("explain", "E0100")
    assert code == 2
    assert "there is no code E0100: did you mean E0" in err


def test_doc(run: Run) -> None:
    code, out, _ = run("doc", "Dense")
    assert code == 0
    assert out.startswith("layer Dense(units: int, activation: function = linear")
    assert "As keras.layers.Dense" in out
    assert run("doc", "cumsum")[1].startswith("cumsum(x, axis = -1)")
    code, out, _ = run("doc")
    assert code == 0
    assert "\nlayers\n" in out
    code, out, err = run("doc", "Dence")
    assert (code, out) == (2, "")
    assert "the library has no Dence: did you mean Dense?" in err


# Running -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(run: Run, digits: Path) -> Path:
    assert run("train", digits, "--epochs", 3, "--seed", 1)[0] == 0
    return digits


def test_train_writes_module_and_checkpoint_and_says_what_is_next(run: Run, digits: Path) -> None:
    code, out, err = run("train", digits, "--epochs", 2, "--batch-size", 64, "--seed", 1)
    assert code == 0, err
    for name in ("accuracy:", "loss:", "val_accuracy:", "val_loss:"):
        assert name in out
    module, weights = digits.with_suffix(".py"), digits.with_suffix(".safetensors")
    assert module.is_file()
    assert weights.is_file()
    last = out.splitlines()[-5:]
    assert "val_accuracy" in last[0]
    assert last[1:4] == [f"checkpoint: {weights}", f"module: {module}", f"next: nnc evaluate {digits}"]
    assert run("evaluate", digits)[0] == 0


def test_train_writes_where_it_is_told(run: Run, digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    code, out, err = run("train", digits, "--epochs", 1, "-o", folder)
    assert code == 0, err
    assert sorted(os.listdir(folder)) == ["digits.py", "digits.safetensors"]
    assert f"--weights {folder / 'digits.safetensors'}" in out


def test_training_goes_on_from_a_checkpoint(run: Run, digits: Path, tmp_path: Path) -> None:
    weights = digits.with_suffix(".safetensors")
    assert run("train", digits, "--epochs", 1)[0] == 0
    assert run("train", digits, "--epochs", 2, "--resume")[0] == 0
    assert run("train", digits, "--epochs", 2, "-o", tmp_path / "whole")[0] == 0
    resumed, whole = load_file(weights), load_file(tmp_path / "whole" / "digits.safetensors")
    assert resumed.keys() == whole.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(resumed[name], tensor)


def test_evaluate_prints_loss_and_metrics(run: Run, trained: Path) -> None:
    code, out, err = run("evaluate", trained)
    assert code == 0, err
    assert "accuracy:" in out
    assert "loss:" in out
    assert run("evaluate", trained, "--weights", trained.with_suffix(".safetensors"))[1] == out


def test_predict_writes_the_results_by_name(run: Run, trained: Path, tmp_path: Path) -> None:
    data = trained.parent / "data" / "digits.npz"
    output = tmp_path / "out.npz"
    code, _, err = run("predict", trained, "--data", data, "-o", output)
    assert code == 0, err
    with np.load(output) as found:
        assert found["probs"].shape == (150, 10)
        np.testing.assert_allclose(found["probs"].sum(1), 1, rtol=1e-5)


def test_data_of_another_shape_are_refused_before_training(run: Run, digits: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, pixels=np.zeros((5, 63), np.float32), digit=np.zeros(5, np.int64))
    code, _, err = run("train", digits, "--data", other)
    assert code == 1
    assert err.startswith("error: ")
    assert "float[64]" in err
    assert "63" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--data", "none.npz"), "no such file"),
        (("train", "-o", "data/digits.npz"), "is no folder"),
        (("evaluate",), "there is no checkpoint"),
        (("evaluate", "--weights", "none.safetensors"), "there is no checkpoint"),
        (("evaluate", "--weights", "digits.nn"), "digits.nn"),
    ],
)
def test_files_that_are_missing_or_foreign_are_an_error(
    run: Run, digits: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(digits.parent)
    command, *options = arguments
    code, _, err = run(command, "digits.nn", *options)
    assert code == 1
    assert err.startswith("error: ")
    assert message in err


def test_a_program_without_data_says_what_to_give(run: Run, digits: Path) -> None:
    digits.write_text(PROGRAM.replace('data       = "data/digits.npz"', ""), encoding="utf-8")
    code, _, err = run("train", digits)
    assert code == 1
    assert "--data" in err


# Usage and faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("build",),
        ("check",),
        ("build", "a.nn", "--nonsense"),
        ("build", "a.nn", "--set", "rate"),
        ("build", "a.nn", "--set", "=3"),
        ("check", "a.nn", "--format", "xml"),
        ("train", "a.nn", "--epochs", "0"),
        ("train", "a.nn", "--batch-size", "many"),
        ("train", "a.nn", "--device", "tpu"),
        ("predict", "a.nn"),
        ("predict", "a.nn", "-o", "out.csv"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("build", "check", "doc", "evaluate", "explain", "predict", "summary", "train"):
        assert f"  {command} " in out
    assert run("--version")[:2] == (0, f"nnc {nnc.__version__}\n")
    assert run("train", "--help")[0] == 0


@pytest.mark.parametrize("command", ["build", "check", "summary", "train", "evaluate"])
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.nn", None, "E0001"),
        ("binary.nn", b"\x7fELF\x02\0\0\0", "E0002"),
        ("latin.nn", "# größer".encode("latin-1"), "E0103"),
        ("long.nn", b"#" * (3 << 20), "E0102"),
    ],
)
def test_files_that_are_no_program(
    run: Run, tmp_path: Path, command: str, name: str, content: bytes | None, code: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    exit_code, out, err = run(command, path)
    assert exit_code == 1
    assert f"error[{code}]" in out + err
    assert str(path) in out + err


@pytest.mark.parametrize("content", ["", "\n\n# nothing\n", "}", "model", "const X = 1\n", "model M(x: float[3]) ->"])
def test_texts_that_hold_no_model_do_not_end_in_a_fault(run: Run, tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.nn"
    path.write_text(content)
    code, _, err = run("build", path)
    assert code == 1
    assert err.startswith("error[E")


def test_a_folder_is_no_program(run: Run, tmp_path: Path) -> None:
    code, _, err = run("build", tmp_path)
    assert code == 1
    assert "this is a folder" in err


def test_a_place_that_cannot_be_written_is_an_error(run: Run, digits: Path, tmp_path: Path) -> None:
    code, _, err = run("build", digits, "-o", digits / "digits.py")
    assert code == 1
    assert "is a file: -o names" in err
    assert run("build", digits, "-o", digits / "inside" / "digits.py")[0] == 1


def test_a_fault_says_how_to_report_it(run: Run, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(cli.pipeline, "build", fails)
    code, out, err = run("build", digits)
    assert (code, out) == (70, "")
    assert "RuntimeError: out of cheese" in err
    assert "report" in err
    assert "Traceback" not in err
    monkeypatch.setenv("NNC_TRACEBACK", "1")
    assert "Traceback" in run("build", digits)[2]


def test_interruption(run: Run, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupts(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.pipeline, "build", interrupts)
    code, out, err = run("build", digits)
    assert (code, out, err.strip()) == (130, "", "interrupted")


class Terminal:
    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert cli.is_coloured(Terminal(True))  # type: ignore[arg-type]
    assert not cli.is_coloured(Terminal(False))  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not cli.is_coloured(Terminal(True))  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not cli.is_coloured(Terminal(True))  # type: ignore[arg-type]


def test_every_command_is_documented() -> None:
    for command in cli.cli.commands.values():
        assert command.help
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


# As a process --------------------------------------------------------------------------------------------------------


def test_the_process_exits_with_the_code(tmp_path: Path) -> None:
    assert nnc_process("--version").returncode == 0
    assert nnc_process("check", tmp_path / "none.nn").returncode == 1
    assert nnc_process("nonsense").returncode == 2


def test_checking_and_building_load_neither_torch_nor_triton(digits: Path) -> None:
    program = (
        "import sys; from nnc.cli import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'torch', 'triton', 'rich', 'nnc.runtime'} & sys.modules.keys()))"
    )
    for command in ("check", "build", "summary"):
        line = [sys.executable, "-c", program, command, str(digits)]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "0 []"


def test_checking_loads_no_pass_that_it_does_not_use(digits: Path) -> None:
    program = (
        "import sys, types; from nnc.cli import main; main(sys.argv[1:]); "
        "print([name for name, module in sys.modules.items() "
        "if name in ('nnc.emit.module', 'nnc.schedule.run', 'lark') "
        "and type(module) is types.ModuleType])"
    )
    line = [sys.executable, "-c", program, "check", str(digits)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "nnc", "explain"]
    done = subprocess.run(line, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""


def test_output_that_the_terminal_cannot_show_is_no_fault(digits: Path) -> None:
    done = nnc_process("summary", digits, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(digits: Path, run: Run) -> None:
    digits.parent.chmod(0o500)
    try:
        code, _, err = run("build", digits)
    finally:
        digits.parent.chmod(0o700)
    assert code == 1
    assert "Permission denied" in err


def test_a_full_disk_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "nnc", "explain"]
        done = subprocess.run(line, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_command_is_installed() -> None:
    command = shutil.which("nnc", path=os.path.dirname(sys.executable))
    if command is None:
        pytest.skip("nnc is not installed in this environment")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"nnc {nnc.__version__}\n"
