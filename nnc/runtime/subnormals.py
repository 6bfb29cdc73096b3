"""Training on a CPU takes subnormal numbers, those below 1.2e-38 in float32, as zero.

A mean of gradients decays for as long as its parameter gets none, behind a unit that relu holds at 0 for instance.
After some 800 steps of Adam it is subnormal, and stays so: a processor takes a hundred times as long for each operation
on such a number. GPUs compute with them at full speed, and no result that is of use differs.

Every thread has this setting for itself. torch.set_flush_denormal changes that of the thread that calls it, and of
threads that are made later; those that OpenMP made before are reached by running C's fesetenv in each of them.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

_ENVIRONMENT_BYTES = 256  # C's fenv_t has 32 on x86-64 and 8 on Arm


@contextmanager
def taken_as_zero() -> Iterator[None]:
    """Within it subnormal operands and results of this thread and of torch's are zero; afterwards all is as before.
    Where the processor or the C library lacks the means, nothing changes."""
    before = _environment()
    if before is None or not torch.set_flush_denormal(True):
        yield
        return
    _set_everywhere(_environment())
    try:
        yield
    finally:
        _set_everywhere(before)


def _environment() -> ctypes.Array[ctypes.c_char] | None:
    """This thread's floating-point settings, as C's fegetenv gives them."""
    library = _mathematics()
    if library is None:
        return None
    held = ctypes.create_string_buffer(_ENVIRONMENT_BYTES)
    return held if library.fegetenv(held) == 0 else None


def _set_everywhere(environment: ctypes.Array[ctypes.c_char] | None) -> None:
    """Give this thread, and all that torch's operations are shared out to, the settings of `environment`."""
    library = _mathematics()
    if library is None or environment is None:
        return
    in_threads, threads = _openmp(), torch.get_num_threads()
    if in_threads is None or threads == 1:
        library.fesetenv(environment)
    else:
        in_threads(library.fesetenv, environment, threads, 0)


@cache
def _mathematics() -> Any:
    """The C library that has fegetenv and fesetenv, or None."""
    library = ctypes.CDLL(None)  # what Python itself is linked with
    return library if hasattr(library, "fesetenv") and hasattr(library, "fegetenv") else None


@cache
def _openmp() -> Callable[..., Any] | None:
    """GOMP_parallel(function, data, threads, flags) of the OpenMP library that torch brought, or None: it calls a
    function in each thread of the team that runs torch's operations. Intel's and LLVM's libraries have it too."""
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
    except OSError:
        return None
    found = sorted(set(re.findall(r"/.*lib[gi]?omp\S*\.so\S*", mapped)))
    home = str(Path(torch.__file__).parent)  # other packages may have brought an OpenMP of their own
    ours = [path for path in found if path.startswith((f"{home}/", f"{home}.libs/"))] or found
    if len(ours) != 1:
        return None
    return getattr(ctypes.CDLL(ours[0]), "GOMP_parallel", None)
