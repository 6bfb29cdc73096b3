"""Imports of other files.

In: a file's table of definitions. Out: the same with what it imports filled in. Paths are relative to the importing
file and stay under the folder of the first file; what cannot be brought is reported, and its names are silent from
then on.
"""

from __future__ import annotations

import os
from pathlib import Path

from nnc.base.diagnostic import Reporter
from nnc.base.source import Span
from nnc.language.files import FileScope, file_scope
from nnc.language.suggest import nearest
from nnc.syntax import tree
from nnc.syntax.parse import parse, read

MOST_FILES = 100


def resolve_imports(home: FileScope, reporter: Reporter) -> None:
    """Fills `imports` and `imported` of a file, and of the files that it imports."""
    home.lost.update(name.text for name in home.module.lost)
    if not any(isinstance(item, tree.Import | tree.FromImport) for item in home.module.items):
        return
    path = Path(home.source.path).resolve()
    _Importer(path.parent, reporter).fill(home, path, (path,))


class _Importer:
    """Each file is read once; `root` is the folder that no import leaves."""

    def __init__(self, root: Path, reporter: Reporter) -> None:
        self.root = root
        self.reporter = reporter
        self.loaded: dict[Path, FileScope] = {}

    def fill(self, home: FileScope, path: Path, way: tuple[Path, ...]) -> None:
        for item in home.module.items:
            match item:
                case tree.Import():
                    name = item.alias.text if item.alias is not None else Path(item.path.value).stem
                    found = self._load(home, item.path, path, way)
                    if found is None:
                        home.lost.add(name)
                    else:
                        home.imports[name] = found
                case tree.FromImport():
                    self._names(home, item, self._load(home, item.path, path, way))
                case _:
                    pass

    def _names(self, home: FileScope, item: tree.FromImport, found: FileScope | None) -> None:
        for each in item.names:
            known_as = (each.alias or each.name).text
            if found is not None and each.name.text in (*found.items, *found.imported):
                home.imported[known_as] = (found, each.name.text)
                continue
            home.lost.add(known_as)
            if found is not None and each.name.text not in found.lost:
                near = nearest(each.name.text, found.items)
                self.reporter.error(
                    "E0309",
                    f'"{item.path.value}" defines no `{each.name.text}`',
                    each.name.span,
                    help=f"did you mean `{near}`?" if near else None,
                )

    def _load(self, home: FileScope, written: tree.String, importer: Path, way: tuple[Path, ...]) -> FileScope | None:
        path = (importer.parent / written.value).resolve()
        if Path(written.value).is_absolute() or not path.is_relative_to(self.root):
            self._refuse("E0307", f'"{written.value}" lies outside of the project', written.span)
            return None
        if path in way:
            chain = " -> ".join(each.name for each in (*way[way.index(path) :], path))
            self._refuse("E0308", f"files import each other in a circle: {chain}", written.span)
            return None
        if path in self.loaded:
            return self.loaded[path]
        if len(self.loaded) >= MOST_FILES:
            self._refuse("E0307", f"more than {MOST_FILES} files are imported", written.span)
            return None
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            self._refuse("E0307", f'cannot read "{written.value}": {reason}', written.span)
            return None
        shown = os.path.normpath(Path(home.source.path).parent / written.value)
        source = read(shown, data, self.reporter)
        scope = file_scope(parse(source, self.reporter))
        scope.lost.update(name.text for name in scope.module.lost)
        self.loaded[path] = scope
        self.fill(scope, path, (*way, path))
        return scope

    def _refuse(self, code: str, title: str, span: Span) -> None:
        self.reporter.error(code, title, span)
