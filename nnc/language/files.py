"""What a file defines, by name.

In: a parsed module. Out: a table of its definitions, constants and imports. Nothing is evaluated here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.base.source import Source
from nnc.syntax import tree

Named = tree.Const | tree.FunctionDef | tree.Definition


@dataclass(slots=True, eq=False)
class FileScope:
    """One file: its definitions by name, and the files it imports, by the name it knows them by."""

    module: tree.Module
    source: Source
    is_library: bool
    items: dict[str, Named] = field(default_factory=dict)
    imports: dict[str, FileScope] = field(default_factory=dict)
    imported: dict[str, tuple[FileScope, str]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)  # names that an import failed to bring

    def names(self) -> list[str]:
        """All that the file itself binds."""
        return [*self.items, *self.imports, *self.imported]


def file_scope(module: tree.Module, is_library: bool = False) -> FileScope:
    """The table of a module's own definitions; of two of one name the first counts. Imports are left out."""
    found = FileScope(module, module.span.source, is_library)
    for item in module.items:
        if isinstance(item, tree.Const | tree.FunctionDef | tree.Definition):
            found.items.setdefault(item.name.text, item)
    return found
