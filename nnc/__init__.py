"""nnc compiles a `.nn` program into one readable Python module of Triton kernels.

Holds the version and `load`, which compiles a program and imports what it became:

    import nnc
    Digits = nnc.load("digits.nn")

Importing this package loads nothing else, neither the grammar nor torch: `load` arrives, with the compiler, when it is
first named.
"""

from pathlib import Path
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

_ROOT = Path(__file__).resolve().parent.parent

_IS_INSTALLED = (_ROOT / "nnc" / "grammar").is_dir()  # as nnc.grammar and nnc.kernels then lie in this folder

# In a checkout that is not installed they lie beside it.
if not _IS_INSTALLED and (_ROOT / "grammar" / "nn.lark").is_file() and (_ROOT / "kernels").is_dir():
    __path__.append(str(_ROOT))


def __getattr__(name: str) -> Any:
    """Fetch `load` from nnc.pipeline when it is first asked for."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nnc.pipeline import load  # noqa: PLC0415 (importing nnc must not load the compiler)

    globals()["load"] = load
    return load
