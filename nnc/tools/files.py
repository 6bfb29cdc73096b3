"""Programs in, modules out: reading a `.nn` file and writing what it became.

Reading gives a `Source` or raises ProgramError with a diagnostic that points at the trouble. Writing is atomic: whoever
reads the file sees the old text or the new one, whole. Nothing here knows what the texts mean.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from nnc.base.diagnostic import Diagnostic, Explanation, Label, ProgramError, Reporter
from nnc.base.names import identifier
from nnc.base.source import Source, Span
from nnc.syntax import parse

READ_AT_MOST = 2 * 1024 * 1024  # twice the longest program, so that the parser sees that it is too long
UNREADABLE = "E0001"
NOT_TEXT = "E0002"

# Modules that a generated one imports, or that those import: a file of that name beside it would hide them.
_IMPORTED = frozenset({"torch", "triton", "numpy", "nnc", "safetensors", "rich"}) | sys.stdlib_module_names
_WRITTEN_BY_NNC = re.compile(r'\A"""(?:(?!""").)*?\bCompiled\s+by\s+nnc\b', re.DOTALL)

EXPLANATIONS = (
    Explanation(
        UNREADABLE,
        "the file cannot be read",
        "There is no such file, it is a folder, or its permissions keep it from being read.",
        "",
        "",
    ),
    Explanation(
        NOT_TEXT,
        "the file is not text",
        "A program is text, and text holds no NUL characters. Archives, images and compiled files do.",
        "",
        "",
    ),
)


class FileError(Exception):
    """A file cannot be used. `str()` is a sentence that says which, why, and what to do."""


def _refusal(code: str, title: str, source: Source, help: str | None = None) -> ProgramError:
    return ProgramError([Diagnostic(code, title, "error", Label(Span(source, 0, 0)), help=help)])


def read(path: str | Path) -> Source:
    """The program in a file. Raises ProgramError: E0001, E0002, and E0103 for text that is not UTF-8."""
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = file.read(READ_AT_MOST)
    except IsADirectoryError:
        raise _refusal(
            UNREADABLE, "this is a folder, not a program", Source(name, ""), help="name a .nn file in it"
        ) from None
    except FileNotFoundError:
        raise _refusal(UNREADABLE, "there is no such file", Source(name, ""), help=_nearby(Path(path))) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refusal(UNREADABLE, f"the file cannot be read: {reason}", Source(name, "")) from None
    if b"\0" in data:
        title = "the file is not text: it holds NUL characters"
        raise _refusal(NOT_TEXT, title, Source(name, ""), help="name a .nn file")
    if len(data) == READ_AT_MOST:  # too long whatever it holds, and perhaps cut within a character
        data = data.decode("utf-8", "ignore").encode()
    reporter = Reporter()
    source = parse.read(name, data, reporter)
    reporter.raise_errors()
    return source


def _nearby(path: Path) -> str | None:
    """A hint at programs in the folder that was named."""
    try:
        found = sorted(each.name for each in path.parent.glob("*.nn"))
    except OSError:
        return None
    if path.with_suffix(".nn").name in found:
        return f"did you mean {path.with_suffix('.nn')}?"
    return f"programs there: {', '.join(found[:5])}" if found else None


def module_path(
    source: str | Path, output: str | Path | None = None, suffix: str = ".py", *, variant: str | None = None
) -> Path:
    """Where what a program becomes is written: beside it, or at `output`, which is a file when it ends in the suffix,
    and else a folder. What is not a program's first training has its name, `variant`, at the end of the file's. A name
    that would hide a module that it imports gets `_model` at its end."""
    source = Path(source)
    if output is not None and Path(output).suffix == suffix and not Path(output).is_dir():
        return Path(output)
    stem = identifier(source.stem if variant is None else f"{source.stem}_{variant.lower()}")
    if stem in _IMPORTED:
        stem += "_model"
    return (source.parent if output is None else Path(output)) / f"{stem}{suffix}"


def write(path: Path, text: str) -> None:
    """Puts a generated module in place. Raises FileError, also where a file lies there that nnc did not write."""
    try:
        if path.is_dir():
            raise FileError(f"{path} is a folder: name a file that ends in .py, or a folder to write into")
        if path.is_file() and not _is_ours(path):
            raise FileError(f"{path} was not written by nnc and is left alone: name another file with -o")
        if path.parent.is_file():
            raise FileError(f"{path.parent} is a file: -o names a file that ends in .py, or a folder to write into")
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {path}: {reason}; name another place with -o") from error


def rewrite(path: str | Path, text: str) -> None:
    """Puts another text into a program's file. Raises FileError."""
    try:
        _replace(Path(path).resolve(), text)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None


def _is_ours(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(READ_AT_MOST).decode("utf-8", "replace")
    return not start.strip() or _WRITTEN_BY_NNC.search(start) is not None


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
