"""Which device and which path a model runs on, and Triton, or a stand-in where none of its kernels can run.

A decorated kernel needs `triton` when the module is imported. Importing it takes most of a second, so it is imported
only where there is a CUDA device, under `TRITON_INTERPRET=1`, or where `NNC_TRITON=1` asks for it (to compile kernels
on a machine without a GPU). Elsewhere `triton.jit` gives back the function, and only the torch path can run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nnc.runtime.errors import UsageError


class StandIn:
    """Takes the place of a module: any attribute is another stand-in, and a decorator leaves its function alone."""

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else self


def _asked(variable: str) -> bool:
    return os.environ.get(variable, "0").lower() in ("1", "true", "on", "yes", "y")


triton: Any = StandIn()
tl: Any = triton
interpreter: Any = None
if torch.cuda.is_available() or _asked("TRITON_INTERPRET") or _asked("NNC_TRITON"):
    try:
        import triton  # type: ignore[no-redef]
        import triton.language as tl  # type: ignore[no-redef]
        import triton.runtime.interpreter as interpreter  # type: ignore[no-redef]
    except ImportError:
        triton = tl = StandIn()

BACKENDS = ("torch", "triton")


def half(element: str) -> Any:
    """The type that a module's products round their operands to, for its kernels: "bf16" or "f16". Triton's interpreter
    computes in neither: there it is float32, and only what is stored is rounded."""
    if isinstance(triton, StandIn):
        return element
    if _asked("TRITON_INTERPRET"):
        return tl.constexpr(tl.float32)
    return tl.constexpr({"bf16": tl.bfloat16, "f16": tl.float16}[element])


def choose(device: str | torch.device | None, backend: str | None) -> tuple[torch.device, str]:
    """The device and the path: CUDA where there is one, triton on CUDA and torch on a CPU, unless told."""
    chosen = _device(device)
    path = backend if backend is not None else ("triton" if chosen.type == "cuda" else "torch")
    if path not in BACKENDS:
        raise UsageError(f'backend={backend!r}: there are "torch" and "triton"')
    if path == "triton" and isinstance(triton, StandIn):
        raise UsageError(
            'backend="triton": there is no CUDA device here, so Triton was not loaded; use backend="torch", or set '
            "TRITON_INTERPRET=1 before Python starts, to run the kernels in Triton's interpreter"
        )
    if path == "triton" and chosen.type == "cpu" and not _asked("TRITON_INTERPRET"):
        raise UsageError(
            'backend="triton" with device="cpu": Triton kernels run on a CPU in its interpreter only; set '
            'TRITON_INTERPRET=1 before Python starts, or use backend="torch"'
        )
    return chosen, path


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UsageError(f'device={device!r}: there are "cpu", "cuda" and "cuda:0", "cuda:1", ...') from error
    if chosen.type not in ("cpu", "cuda"):
        raise UsageError(f'device={device!r}: there are "cpu" and "cuda"')
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f'device={str(device)!r}: torch finds no CUDA device here; use device="cpu"')
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device={str(device)!r}: there are {torch.cuda.device_count()} CUDA devices, from cuda:0")
    return torch.device("cuda", torch.cuda.current_device()) if str(chosen) == "cuda" else chosen


@contextmanager
def reversed_grids() -> Iterator[None]:
    """Run the programs of each grid last to first, in Triton's interpreter: what depends on their order shows."""
    if interpreter is None:
        raise UsageError("grids can be reversed in Triton's interpreter only: set TRITON_INTERPRET=1")
    builder = interpreter.interpreter_builder
    forward = builder.set_grid_idx

    def backward(x: int, y: int, z: int) -> None:
        size = builder.grid_dim
        forward(size[0] - 1 - x, size[1] - 1 - y, size[2] - 1 - z)

    builder.set_grid_idx = backward
    try:
        yield
    finally:
        del builder.set_grid_idx
