"""Random models with several inputs, shared layers, states, merges and losses of several terms, trained on both paths
beside plain torch in float64; and what may be changed in a program without changing what it computes."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.emit.lint import lint
from tests.programs.harness import check_against_float64, check_results, fitted, imported, run_interpreted
from tests.programs.random_nets import net
from tests.programs.references import ROOT

SEEDS = 200
PART = 50  # that one process interprets
SAMPLES = 5
EVERY = 5  # of which one has its text read by lint and the formatter, and all of its kernels interpreted


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_both_paths(first: int) -> None:
    code = f"from tests.programs.test_random_nets import check_all\ncheck_all({first}, {first + PART})"
    run_interpreted(code)


@pytest.mark.gpu
def test_kernels_on_a_gpu() -> None:
    check_all(0, SEEDS, "cuda")


def check_all(first: int, last: int, device: str = "cpu") -> None:
    """The seed of one that fails is all that is needed to see it again."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            try:
                text = check(seed, device)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error}\n{net(seed).text()}") from error
            if seed % EVERY == 0:
                assert lint(text) == [], f"seed {seed}"
                (Path(folder) / f"net_{seed}.py").write_text(text, encoding="utf-8")
        check_format(folder)


def check_format(folder: str) -> None:
    for command in (["check", "--no-cache"], ["format", "--diff", "--no-cache"]):
        whole = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), folder]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def check(seed: int, device: str = "cpu") -> str:
    """Two steps, the second of a smaller batch, then evaluation and prediction. Where Triton interprets, which takes
    longest, most nets take one step only. Returns the module."""
    made = net(seed)
    reporter = Reporter()
    text = emission.run(schedule(Source(f"net_{seed}.nn", made.text()), Options(), reporter))
    assert reporter.all == ()
    cls = imported(text, f"net_{seed}")
    for backend in ("triton", "torch"):
        whole = backend == "torch" or device != "cpu" or seed % EVERY == 0
        batch = 3 + seed % 2 if whole else SAMPLES
        reference = made.reference(((SAMPLES, batch),))
        model = fitted(cls, reference, SAMPLES, batch, backend, True, device, epochs=1)
        check_against_float64(reference, cls, model, SAMPLES, batch, epochs=1)
        if whole:
            check_results(reference, model, 3, 3)
    return text
