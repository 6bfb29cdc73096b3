"""Compiling without a GPU: reports of kernels of known kind, and the spliced product on each architecture."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nnc.emit.splice import splice
from tests.emit.offline import KernelReport, compile_module

ROOT = Path(__file__).resolve().parents[2]

MODULE = """\
from dataclasses import dataclass, field

import triton
import triton.language as tl


@dataclass
class Launch:
    kernel: object
    grid: object
    args: tuple
    options: dict = field(default_factory=dict)


@dataclass
class Step:
    function: object
    arena: tuple = ()
    views: tuple = ()


@dataclass
class Port:
    name: str
    element: str


{ieee}

{bf16}

@triton.jit
def update(parameter, gradient, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gradient + i, mask=i < SIZE, other=0.0)
    p = tl.load(parameter + i, mask=i < SIZE, other=0.0)
    tl.store(parameter + i, tl.div_rn(p, tl.sqrt_rn(g)), mask=i < SIZE)


@triton.jit
def crowded(parameter, gradient, SIDE: tl.constexpr):
    i = tl.arange(0, SIDE)
    left = tl.load(parameter + i[:, None] * SIDE + i[None, :])
    right = tl.load(gradient + i[None, :] * SIDE + i[:, None])
    tl.store(parameter + i[:, None] * SIDE + i[None, :], tl.dot(left, right, input_precision="ieee"))


@triton.jit
def broken(parameter, count):
    tl.store(parameter + tl.arange(0, 3), count)


@triton.jit
def moved(parameter, label, by, factor):
    i = tl.arange(0, 32)
    tl.store(parameter + i, (tl.load(label + i) + by) * factor)


def train(v):
    return (
        Launch(ieee, (4, 1), (v.pixels, v.kernel, v.hidden, v.control)),
        Launch(bf16, (4, 1), (v.half, v.half, v.hidden, v.control), {{"num_warps": 8}}),
        Launch(update, 3, (v.parameter, v.gradient, 2432, 1024)),
        Launch(crowded, 1, (v.parameter, v.gradient, 64), {{"num_warps": 1}}),
        Launch(broken, 1, (v.parameter, 2)),
        Launch(moved, 1, (v.parameter, v.label, 1, 0.5)),
        Launch(moved, 1, (v.parameter, v.label, v.batch, 0.5)),
        Launch(lambda: None, None, ()),
    )


class Net:
    inputs = (Port("pixels", "f32"), Port("half", "bf16"))
    targets = (Port("label", "i64"),)
    defaults = {{"batch_size": 48}}
    steps = {{"triton": {{"train": Step(train), "again": Step(train)}}}}
"""


def product(name: str, precision: str) -> str:
    load: dict[str, Callable[[tuple[str, ...], str | None], list[str]]] = {
        "PREPARE": lambda arguments, target: ["count = tl.load(control + 2)"],
        "LEFT": lambda arguments, target: [
            f"{target} = tl.load(left + m[:, None] * 256 + k[None, :], mask=m[:, None] < count, other=0.0)"
        ],
        "RIGHT": lambda arguments, target: [f"{target} = tl.load(right + k[:, None] * 64 + n[None, :])"],
        "EPILOGUE": lambda arguments, target: [
            "tl.store(out + m[:, None] * 64 + n[None, :], acc, mask=m[:, None] < count)"
        ],
    }
    return splice(
        (ROOT / "kernels" / "product.py").read_text(encoding="utf-8"),
        kernel="product",
        name=name,
        docstring="out = left @ right",
        parameters=["left", "right", "out", "control"],
        hooks=load,
        constants={"BM": "64", "BN": "64", "BK": "32", "K": "256", "PRECISION": repr(precision).replace("'", '"')},
        flags={"WHOLE_K": False, "ONE_ROW_TILE": False, "ONE_COLUMN_TILE": True, "SHARED": False},
        names={},
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[KernelReport]:
    path = tmp_path_factory.mktemp("offline") / "net.py"
    path.write_text(MODULE.format(ieee=product("ieee", "ieee"), bf16=product("bf16", "ieee")), encoding="utf-8")
    return compile_module(path, 80, 90, 100)


def named(reports: list[KernelReport], name: str) -> list[KernelReport]:
    found = [report for report in reports if report.name == name]
    assert found
    return found


def test_a_kernel_is_compiled_once_for_each_call_that_differs(reports: list[KernelReport]) -> None:
    names = ["ieee", "bf16", "update", "crowded", "broken", "moved", "moved"]
    assert [(report.name, report.arch) for report in reports] == [
        (name, arch) for arch in (80, 90, 100) for name in names
    ]
    assert [report.constants for report in named(reports, "moved")[:2]] == [{"by": 1}, {}]


def test_errors_are_the_compilers(reports: list[KernelReport]) -> None:
    for report in reports:
        assert (report.error is not None) == (report.name == "broken"), report.error
    assert all("power of 2" in str(report.error) for report in named(reports, "broken"))


def test_tensor_cores_are_found(reports: list[KernelReport]) -> None:
    assert all(report.uses_tensor_cores for report in named(reports, "bf16"))
    assert not any(report.uses_tensor_cores for report in reports if report.name != "bf16")


def test_registers_spills_shared_memory_and_warps(reports: list[KernelReport]) -> None:
    for report in reports:
        if report.error is None:
            assert 8 <= report.registers <= 255
            assert report.warps == {"bf16": 8, "crowded": 1}.get(report.name, 4)
            assert (report.spills > 0) == (report.name == "crowded"), report
            assert (report.shared > 0) == (report.name in ("ieee", "bf16", "crowded")), report


def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import nowhere_to_be_found\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="nowhere_to_be_found"):
        compile_module(path, 90)
