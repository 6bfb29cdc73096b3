"""A generated module's Triton kernels compiled without a GPU: registers, spills, shared memory, tensor cores.

`compile_module(path, 80, 90, 100)` runs this file in a process of its own, where triton does not interpret, and reads
what it prints. There the module's step functions are called with a stand-in for their argument, whose tensors know
their element only; each launch so tells the types and constants that its kernel is compiled with, as at a real launch:
an int of 1 is a constant, what is divisible by 16 is known to be, and so is every pointer.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POINTERS = {
    "f32": "*fp32",
    "f64": "*fp64",
    "bf16": "*bf16",
    "f16": "*fp16",
    "i32": "*i32",
    "i64": "*i64",
    "u8": "*u8",
    "bool": "*i1",
}
TENSOR_CORES = re.compile(r"\b(mma\.sync|wgmma\.mma_async|tcgen05\.mma)\b")
DEPOT = re.compile(r"\.local \.align \d+ \.b8\s+\w+\[(\d+)\]")
USAGE = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)")


@dataclass(frozen=True, slots=True)
class KernelReport:
    """One kernel as one launch compiles it. `registers` a thread; `spills` and `shared` in bytes (a thread, a program);
    `error` is the compiler's, and then the numbers are 0; `constants` tell apart a kernel's several launches."""

    name: str
    registers: int
    spills: int
    shared: int
    uses_tensor_cores: bool
    error: str | None
    arch: int
    warps: int
    seconds: float
    constants: Mapping[str, Any]


def compile_module(path: Path, *arches: int) -> list[KernelReport]:
    """A report for each kernel as launched, for each architecture (80, 90, 100). Raises RuntimeError where the module
    cannot be imported or its steps cannot be read."""
    environment = os.environ | {"NNC_TRITON": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, __file__, str(path), *map(str, arches)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{path} cannot be compiled:\n{done.stderr}")
    return [KernelReport(**report) for report in json.loads(done.stdout.splitlines()[-1])]


# ------------------------------------------------------------------------------------------ within the process


@dataclass(frozen=True, slots=True)
class Typed:
    """Stands for a tensor: its element, whatever part of it is taken."""

    element: str

    def __getitem__(self, index: Any) -> "Typed":
        return self


class Values:
    """Stands for a step's argument. What is in no table of the model is a flat buffer or a view of one: float32."""

    def __init__(self, model: Any, step: Any) -> None:
        ports = (*getattr(model, "inputs", ()), *getattr(model, "targets", ()), *getattr(model, "results", ()))
        self.elements = {"order": "i64", "control": "i64", "sums": "f64"}
        self.elements |= {port.name: port.element for port in ports}
        self.elements |= {buffer.name: buffer.element for buffer in step.arena}
        for view in step.views:
            self.elements[view.name] = self.elements.get(view.of, "f32")
        self.batch = getattr(model, "defaults", {}).get("batch_size", 32)

    def __getattr__(self, name: str) -> Typed:
        return Typed(self.elements.get(name, "f32"))


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def launches(module: ModuleType) -> Iterator[Any]:
    """Every kernel launch of every step of the module's models."""
    for model in vars(module).values():
        if isinstance(model, type) and model.__module__ == module.__name__ and "steps" in vars(model):
            for step in model.steps["triton"].values():
                for launch in step.function(Values(model, step)):
                    if launch.grid is not None:
                        yield launch


@dataclass(frozen=True, slots=True)
class Call:
    """What a kernel is compiled with."""

    kernel: Any
    signature: dict[str, str]
    constants: dict[tuple[int, ...], Any]
    attributes: dict[tuple[int, ...], list[list[Any]]]
    options: dict[str, Any]

    @property
    def key(self) -> str:
        return repr((self.kernel.__name__, self.signature, self.constants, self.attributes, self.options))


def call_of(launch: Any) -> Call:
    signature: dict[str, str] = {}
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    named = dict(getattr(launch, "options", None) or {})
    rest = launch.kernel.params[len(launch.args) :]
    values = [*launch.args, *(named.pop(parameter.name) for parameter in rest if parameter.name in named)]
    if len(values) != len(launch.kernel.params):
        raise TypeError(f"{launch.kernel.__name__} takes {len(launch.kernel.params)} arguments, not {len(values)}")
    for at, (parameter, value) in enumerate(zip(launch.kernel.params, values, strict=True)):
        kind = "constexpr" if parameter.is_constexpr else kind_of(value)
        signature[parameter.name] = kind
        if kind == "constexpr":
            constants[(at,)] = value
        elif kind.startswith("*") or (kind in ("i32", "i64") and value % 16 == 0):
            attributes[(at,)] = [["tt.divisibility", 16]]
    return Call(launch.kernel, signature, constants, attributes, named)


def kind_of(value: Any) -> str:
    """The type that Triton gives an argument at a launch."""
    match value:
        case Typed(element=element):
            return POINTERS[element]
        case None:
            return "constexpr"
        case bool():
            return "i1"
        case int():
            return "constexpr" if value == 1 else "i32" if -(2**31) <= value < 2**31 else "i64"
        case float():
            return "fp32"
        case _:
            raise TypeError(f"{value!r} is no argument of a kernel")


def compile_call(call: Call, arch: int) -> KernelReport:
    import triton  # noqa: PLC0415 (the tests' own process must not load it)
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource  # noqa: PLC0415

    names = list(call.signature)
    constants = {names[at]: value for (at,), value in call.constants.items()}
    start = time.perf_counter()
    registers = spills = shared = 0
    warps, uses_tensor_cores, error = int(call.options.get("num_warps", 4)), False, None
    try:
        source = ASTSource(call.kernel, call.signature, call.constants, call.attributes)
        compiled = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=call.options)
        registers, stack = resources(compiled.asm["cubin"], Path(triton.__file__).parent)
        spills = max(0, stack - own_memory(compiled.asm["ptx"]))
        shared, warps = compiled.metadata.shared, compiled.metadata.num_warps
        uses_tensor_cores = TENSOR_CORES.search(compiled.asm["ptx"]) is not None
    except Exception as failure:  # whatever it is, it is what the report is about
        error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - start
    name = call.kernel.__name__
    return KernelReport(name, registers, spills, shared, uses_tensor_cores, error, arch, warps, seconds, constants)


def own_memory(ptx: str) -> int:
    """What a kernel asks for itself of a thread's own memory: tl.sin and tl.cos keep the digits of 2 / pi there. In
    bytes, as the stack has them: multiples of 8."""
    return sum(-(-int(size) // 8) * 8 for size in DEPOT.findall(ptx))


def resources(cubin: bytes, folder: Path) -> tuple[int, int]:
    """Registers and stack bytes of a thread, by the tool that ships inside triton."""
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "kernel.cubin"
        file.write_bytes(cubin)
        tool = folder / "backends" / "nvidia" / "bin" / "cuobjdump"
        command = [str(tool), "--dump-resource-usage", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = USAGE.search(done.stdout)
    if found is None:
        raise ValueError(f"cuobjdump says nothing of registers:\n{done.stdout}")
    registers, stack, local = map(int, found.groups())
    return registers, stack + local


def main(path: str, *arches: str) -> None:
    calls = {call.key: call for call in map(call_of, launches(load(Path(path))))}
    reports = [compile_call(call, int(arch)) for arch in arches for call in calls.values()]
    print(json.dumps([asdict(report) for report in reports]))


if __name__ == "__main__":
    main(*sys.argv[1:])
