"""Every kernel of every program compiled for three generations of GPU, without one: no error, no spill; and products on
tensor cores where the precision lets them."""

from pathlib import Path

import pytest

from nnc.base.diagnostic import Reporter
from nnc.emit import module as emission
from nnc.pipeline import Options
from nnc.pipeline import schedule as scheduled
from nnc.schedule.kernel import KernelKind
from tests.emit.offline import compile_module
from tests.programs.references import REFERENCES, in_precision

ARCHES = {"digits": (80, 90, 100)}  # of programs here one alone, for time's sake
CASES = [(name, "f32") for name in REFERENCES] + [
    (name, precision) for name in ("digits", "sequence") for precision in ("tf32", "bf16", "f16")
]


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_kernels_compile(name: str, precision: str, tmp_path: Path) -> None:
    path = REFERENCES[name].path
    schedule = scheduled(in_precision(path, precision), Options(), Reporter())
    module = tmp_path / f"{name}.py"
    module.write_text(emission.run(schedule), encoding="utf-8")
    steps = [step for step in (schedule.train, schedule.evaluate, schedule.predict) if step is not None]
    kernels = [kernel for step in steps for kernel in step.kernels]
    products = {kernel.name for kernel in kernels if kernel.kind is KernelKind.PRODUCT}
    arches = ARCHES.get(name, (90,))
    reports = compile_module(module, *arches)
    assert {report.arch for report in reports} == set(arches)
    assert products <= {report.name for report in reports}
    for report in reports:
        where = f"{report.name} for sm_{report.arch}"
        assert report.error is None, f"{where}: {report.error}"
        assert report.spills == 0, f"{where} spills {report.spills} bytes a thread"
        if report.name in products:
            assert report.uses_tensor_cores == (precision != "f32"), where
