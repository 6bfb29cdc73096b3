"""The standard library: one definition a file, found by its name; further ones in a file are its own.

A name is looked up among the file names, and only the file that has it is parsed; a parsed file is kept for the life
of the process. Nothing is read before a name asks for it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.language.files import FileScope, file_scope
from nnc.syntax.parse import parse

FOLDER = Path(__file__).resolve().parent.parent / "library"

_DEFINITION = re.compile(r"^(?:fn|layer|model|metric|optimizer) +(\w+)", re.MULTILINE)


def _key(name: str) -> str:
    """What a definition's name and the name of its file have in common: `RMSprop`, `rmsprop.nn`."""
    return name.replace("_", "").lower()


@cache
def _index() -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(FOLDER.glob("*/*.nn")):
        key = _key(path.stem)
        found[key] = (*found.get(key, ()), path)
    return found


@cache
def _load(path: Path) -> FileScope:
    text = path.read_text(encoding="utf-8")
    reporter = Reporter()
    module = parse(Source(f"nnc/library/{path.parent.name}/{path.name}", text), reporter)
    reporter.raise_errors()
    return file_scope(module, is_library=True)


@cache
def find(name: str) -> FileScope | None:
    """The library file that defines `name`, parsed; None where there is none. Raises ProgramError for a broken
    library."""
    for path in _index().get(_key(name), ()):
        scope = _load(path)
        if name in scope.items:
            return scope
    return None


def defines(name: str) -> bool:
    """Whether the library has a definition of this name. Parses nothing."""
    return any(name in _defined(path) for path in _index().get(_key(name), ()))


@cache
def _defined(path: Path) -> tuple[str, ...]:
    return tuple(_DEFINITION.findall(path.read_text(encoding="utf-8")))


@cache
def _elsewhere() -> dict[str, str]:
    lines = (FOLDER / "elsewhere.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def elsewhere(name: str) -> str | None:
    """What the definition is called that other libraries call `name`."""
    return _elsewhere().get(name)


@cache
def later_names() -> dict[str, str]:
    """The definitions of Keras that are to come to the library, and what they come with."""
    found: dict[str, str] = {}
    what = ""
    for line in (FOLDER / "later.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            found |= dict.fromkeys(line.split(), what)
        elif line and not line.startswith("#"):
            what = line
    return found


@cache
def names() -> tuple[str, ...]:
    """The names of all definitions that can be found, for suggestions; reads every file, but parses none."""
    index = _index().items()
    return tuple(name for key, paths in index for path in paths for name in _defined(path) if _key(name) == key)
