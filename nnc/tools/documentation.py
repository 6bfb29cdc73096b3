"""`nnc doc`: what the library has, and what an entry of it takes and does.

In: the library, and a name. Out: text. What is said is what stands above the definition in its file; nothing is
documented here.
"""

from __future__ import annotations

from textwrap import shorten
from typing import cast

from nnc.base.source import Source
from nnc.language import library
from nnc.language.builtins import BUILTINS
from nnc.language.constants import write
from nnc.language.suggest import nearest
from nnc.language.values import REQUIRED, Anything, Builtin
from nnc.syntax import tree

WIDTH = 100
COLUMN = 40  # where a line of the listing goes on behind the name


def find(name: str) -> str | None:
    """All about one entry, without a line end; None where there is none. Raises ProgramError for a broken library."""
    scope = library.find(name)
    if scope is not None:
        return _entry(scope.source, scope.items[name])
    return _builtin(BUILTINS[name]) if name in BUILTINS else None


def near(name: str) -> str | None:
    """The entry whose name is nearest to one that does not exist."""
    return nearest(name, (*library.names(), *BUILTINS))


def listing() -> str:
    """All entries of the library by what they are, a line each. Raises ProgramError for a broken library."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(library.names(), key=str.lower):
        scope = library.find(name)
        assert scope is not None, "a name of the library is found"
        kind = scope.source.path.split("/")[-2]
        kinds.setdefault(kind, []).append(f"  {name:<{COLUMN - 3}} {_first_sentence(scope.items[name])}")
    parts = ["\n".join([kind, *(_cut(line) for line in lines)]) for kind, lines in sorted(kinds.items())]
    return "\n\n".join([*parts, f"functions of the language\n  {_wrapped(sorted(BUILTINS))}"])


def _cut(line: str) -> str:
    """A line, cut to the width at a word of what stands behind the name."""
    return line if len(line) <= WIDTH else line[:COLUMN] + shorten(line[COLUMN:], WIDTH - COLUMN, placeholder=" ...")


def _wrapped(words: list[str]) -> str:
    lines, row = [], ""
    for word in words:
        if len(row) + len(word) + 3 > WIDTH:
            lines.append(row)
            row = ""
        row = f"{row} {word}".strip()
    return "\n  ".join([*lines, row])


def _first_sentence(item: tree.Item) -> str:
    paragraph = " ".join(_documentation(item).split("\n\n")[0].split())
    sentence, _, _ = paragraph.partition(". ")
    return sentence.removesuffix(".")


def _documentation(item: tree.Item) -> str:
    return "" if isinstance(item, tree.Import | tree.FromImport) else item.documentation


def _entry(source: Source, item: tree.Item) -> str:
    assert isinstance(item, tree.Definition | tree.FunctionDef), "the library holds definitions"
    signature = source.text[item.span.start : item.signature.span.end]
    return "\n\n".join(part for part in (signature, item.documentation, source.path) if part)


def _builtin(builtin: Builtin) -> str:
    options = [
        name if default is REQUIRED else f"{name} = {write(cast(Anything, default))}"
        for name, default in builtin.options
    ]
    return f"{builtin.name}({', '.join([*builtin.tensors, *options])})\n\nA function of the language itself."
