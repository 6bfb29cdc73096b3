"""Names that a file binds twice: by definitions, imports, trainings.

In: a file's definitions. Out: diagnostics. What a body assigns twice is `names`' to say.
"""

from __future__ import annotations

from pathlib import Path

from nnc.base.diagnostic import Label, Reporter
from nnc.base.source import Span
from nnc.language.files import FileScope
from nnc.syntax import tree


def check(home: FileScope, reporter: Reporter) -> None:
    """Reports definitions, imports and trainings of one name."""
    found: dict[str, Span] = {}
    trainings: dict[str, Span] = {}
    for item in home.module.items:
        if isinstance(item, tree.Train):
            named = item.alias or item.model
            help = f"name the training: train {item.model.text} as ..."
            refuse_second(trainings, named.text, named.span, reporter, help)
        for name, span in _bound(item):
            refuse_second(found, name, span, reporter)


def refuse_second(
    found: dict[str, Span], name: str, span: Span, reporter: Reporter, help: str = "rename one of them"
) -> None:
    """Reports a name that is in `found` already, and else puts it there."""
    first = found.setdefault(name, span)
    if first is not span:
        reporter.error(
            "E0305",
            f"`{name}` is defined twice",
            span,
            others=(Label(first, "defined here first"),),
            help=help,
        )


def _bound(item: tree.Item) -> list[tuple[str, Span]]:
    """What a definition or an import binds in its file, and where."""
    match item:
        case tree.Const(name=name) | tree.FunctionDef(name=name) | tree.Definition(name=name):
            return [(name.text, name.span)]
        case tree.Import(alias=tree.Name() as alias):
            return [(alias.text, alias.span)]
        case tree.Import(path=path):
            return [(Path(path.value).stem, path.span)]
        case tree.FromImport(names=names):
            return [((each.alias or each.name).text, (each.alias or each.name).span) for each in names]
        case tree.Train():
            return []
