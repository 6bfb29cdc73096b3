"""Emitted modules as a whole: each program's steps run from the launch list alone, under guard, beside float64."""

import pytest

from nnc.pipeline import compile
from tests.emit.lint import lint
from tests.programs.harness import (
    Curve,
    check_against_float64,
    check_extreme,
    check_kernels,
    check_precision,
    check_results,
    fitted,
    model_of,
    run_interpreted,
)
from tests.programs.references import REFERENCES

NAMES = tuple(REFERENCES)


@pytest.mark.parametrize("name", NAMES)
def test_lint(name: str) -> None:
    assert lint(compile(REFERENCES[name].path).text) == []


@pytest.mark.parametrize("name", NAMES)
def test_torch_path_is_float64_autograd(name: str) -> None:
    reference, cls = REFERENCES[name], model_of(name)
    for number, (samples, batch) in enumerate(reference.sizes):
        curve = Curve() if number == 0 else None
        model = fitted(cls, reference, samples, batch, "torch", True, curve=curve)
        check_against_float64(reference, cls, model, samples, batch, curve)
        check_results(reference, model, 2 * samples + 1, batch)


@pytest.mark.parametrize("name", NAMES)
def test_kernels_are_float64_autograd(name: str) -> None:
    run_interpreted(f"from tests.programs.harness import check_interpreted\ncheck_interpreted({name!r})")


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_kernels_on_a_gpu_are_float64_autograd(name: str) -> None:
    check_kernels(name, "cuda")


PRECISIONS = [(name, precision) for precision in ("tf32", "bf16", "f16") for name in ("digits", "sequence")]


@pytest.mark.parametrize(("name", "precision"), PRECISIONS)
def test_precision_on_the_torch_path(name: str, precision: str) -> None:
    check_precision(name, precision, "torch")


def test_precision_in_kernels() -> None:
    calls = "\n".join(f"check_precision({name!r}, {precision!r}, 'triton')" for name, precision in PRECISIONS)
    run_interpreted(f"from tests.programs.harness import check_precision\n{calls}")


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "precision"), PRECISIONS)
def test_precision_on_a_gpu(name: str, precision: str) -> None:
    check_precision(name, precision, "triton", "cuda")


def test_extreme_logits_on_the_torch_path() -> None:
    check_extreme(model_of("digits"), "torch")


def test_extreme_logits_in_kernels() -> None:
    code = "from tests.programs.harness import check_extreme, model_of\ncheck_extreme(model_of('digits'), 'triton')"
    run_interpreted(code)


@pytest.mark.gpu
def test_extreme_logits_on_a_gpu() -> None:
    check_extreme(model_of("digits"), "triton", "cuda")
