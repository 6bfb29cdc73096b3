"""Random tensor programs through the schedule and both emitted paths, beside the float64 reference."""

import pytest

from tests.emit.lint import lint
from tests.programs.harness import run_interpreted
from tests.programs.random_programs import case, check

SEEDS = 237  # of which about three in four give a program: some hang on a tie or read no sample
PART = 79  # that one process interprets


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_torch_path(first: int) -> None:
    check_all(first, "torch")


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_kernels(first: int) -> None:
    code = f"from tests.programs.test_random_programs import check_all\ncheck_all({first}, 'triton')"
    run_interpreted(code)


@pytest.mark.gpu
def test_kernels_on_a_gpu() -> None:
    check_all(0, "triton", "cuda")


def check_all(first: int, backend: str, device: str = "cpu") -> None:
    """Every program of a part; the seed of one that fails is all that is needed to see it again."""
    checked = 0
    for seed in range(first, first + PART):
        made = case(seed)
        if made is None:
            continue
        checked += 1
        try:
            check(made, backend, device)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {backend}: {error}\n{made.text}") from error
    assert checked >= 59, "fewer than 177 programs in all"


def test_lint() -> None:
    for seed in range(0, SEEDS, 3):
        made = case(seed)
        found = [] if made is None else lint(made.text)
        # index arithmetic of programs that nobody would write may be one expression of more than a line
        breaches = [breach for breach in found if not breach.endswith("a line longer than 120")]
        assert breaches == [], f"seed {seed}"
