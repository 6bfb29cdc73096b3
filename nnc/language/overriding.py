"""Values that a model's configuration is given from outside: by `--set` as text, in Python as values.

In: a model's definition and the values by name. Out: the definition with these as its defaults, or None after reporting
why not. Text is an expression of the model's file; of a parameter that is a string it may stand without quotes.
Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source, Span
from nnc.language import names
from nnc.language.calls import TEXTS, wanted_kind
from nnc.language.files import FileScope
from nnc.language.suggest import nearest
from nnc.language.values import Anything
from nnc.syntax import tree
from nnc.syntax.parse import parse


def overridden(
    home: FileScope, reporter: Reporter, definition: tree.Definition, settings: Mapping[str, Anything]
) -> tree.Definition | None:
    """The definition with `settings` as its defaults; all of its configuration has a value then."""
    params = {param.name.text: param for param in definition.signature.configuration}
    good = True
    for name in settings:
        if name not in params:
            near = nearest(name, params)
            listed = "it has " + ", ".join(f"`{each}`" for each in params) if params else "it has none"
            reporter.error(
                "E0401",
                f"`{definition.name.text}` has no configuration `{name}`",
                definition.name.span,
                help=f"did you mean `{near}`?" if near else listed,
            )
            good = False
    made: list[tree.Param] = []
    for name, param in params.items():
        value = _expression(home, reporter, param, settings[name], made) if name in settings else param.default
        if value is None and name not in settings:
            reporter.error(
                "E0402",
                f"the model `{definition.name.text}` needs a value for `{name}`",
                param.span,
                help=f"give it a default, or build with --set {name}=...",
            )
        good = good and value is not None
        made.append(replace(param, default=value))
    signature = replace(definition.signature, configuration=tuple(made))
    return replace(definition, signature=signature) if good else None


def _expression(
    home: FileScope, reporter: Reporter, param: tree.Param, value: Anything, before: list[tree.Param]
) -> tree.Expression | None:
    """What is given as an expression that may read the configuration before it; None after reporting."""
    if not isinstance(value, str):
        source = Source(f"--set {param.name.text}", str(value))
        return _literal(value, Span(source, 0, len(source.text)))
    bare = wanted_kind(param) in TEXTS and value != "none" and not value.startswith('"')
    head = f"const {param.name.text} = "
    source = Source(f"--set {param.name.text}", head + (f'"{value}"' if bare else value))
    if bare:
        return tree.String(value, Span(source, len(head), len(source.text)))
    found = Reporter()
    items = parse(source, found).items
    for diagnostic in found.all:
        reporter.add(diagnostic)
    if found.has_errors:
        return None
    if len(items) != 1 or not isinstance(items[0], tree.Const):
        reporter.error("E0404", "one expression is wanted", Span(source, len(head), len(source.text)))
        return None
    names.check_value(home, reporter, items[0].value, before)
    return items[0].value


def _literal(value: Anything, span: Span) -> tree.Expression:
    """A value of Python's as it would be written."""
    match value:
        case None:
            return tree.NoneLiteral(span)
        case bool():
            return tree.Boolean(value, span)
        case int() | float():
            return tree.Number(value, str(value), span)
        case str():
            return tree.String(value, span)
        case tuple() | list():
            return tree.ListExpr(tuple(_literal(each, span) for each in value), span)
    raise TypeError(f"a model's configuration is a number, a truth, a string, a list of them or None, not {value!r}")
