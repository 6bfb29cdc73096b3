"""Names, before anything is evaluated: unknown, used too early, assigned twice, never assigned, never used.

In: a file's definitions. Out: diagnostics. Every definition is looked at, also one that nothing applies; the
evaluator then takes an unknown name for reported. The library is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.base.diagnostic import Reporter
from nnc.base.source import Span
from nnc.language import required, twice
from nnc.language.files import FileScope
from nnc.language.reading import Body, Local
from nnc.language.settings import ELSEWHERE
from nnc.language.settings import NAMES as SETTINGS
from nnc.language.signature import TYPE_NAMES
from nnc.language.statements import assigned
from nnc.language.suggest import nearest
from nnc.syntax import tree

OPTIMIZER_NAMES = ("parameter", "gradient", "step", "global_norm")
INITIALIZER_NAMES = ("shape", "fan_in", "fan_out")


def check(home: FileScope, reporter: Reporter) -> None:
    """Reports what is wrong with the names of a file and of the files that it imports."""
    seen: list[FileScope] = []
    waiting = [home]
    while waiting:
        scope = waiting.pop()
        if scope in seen:
            continue
        seen.append(scope)
        twice.check(scope, reporter)
        for item in scope.module.items:
            _item(scope, reporter, item)
        waiting += [*scope.imports.values(), *(origin for origin, _ in scope.imported.values())]


def check_value(home: FileScope, reporter: Reporter, value: tree.Expression, before: Sequence[tree.Param]) -> None:
    """Reports wrong names of a configuration's value from outside, which may read the configuration `before` it."""
    Body(home, reporter, "", {param.name.text: Local(param.span, "") for param in before}).use(value)


def _item(home: FileScope, reporter: Reporter, item: tree.Item) -> None:
    match item:
        case tree.Const():
            Body(home, reporter, item.name.text).use(item.value)
        case tree.FunctionDef() | tree.Definition():
            _definition(home, reporter, item)
        case tree.Train():
            _train(home, reporter, item)
        case tree.Import() | tree.FromImport():
            pass


def _signature(body: Body, signature: tree.Signature, is_function: bool, binds_dimensions: bool) -> None:
    for param in signature.configuration:
        if param.type is None or param.type.name.text not in TYPE_NAMES:
            body.use(param.type)
        body.use(param.default)
        body.bind(param.name, "argument")
    if binds_dimensions:
        body.dimensions([param.type for param in signature.tensors])
    is_initializer = is_function and tuple(param.name.text for param in signature.tensors) == INITIALIZER_NAMES
    for param in signature.tensors:
        body.use(param.type)
        body.use(param.default)
        body.bind(param.name, "" if is_initializer else "input")


def _definition(home: FileScope, reporter: Reporter, item: tree.FunctionDef | tree.Definition) -> None:
    body = Body(home, reporter, item.name.text)
    is_function = isinstance(item, tree.FunctionDef)
    kind = "fn" if isinstance(item, tree.FunctionDef) else item.kind
    if kind == "optimizer":
        body.renewed = OPTIMIZER_NAMES[:1]
        for name in OPTIMIZER_NAMES:
            body.locals[name] = Local(item.name.span, "")
    _signature(body, item.signature, is_function, kind != "model")
    seen: dict[str, Span] = {}
    for result in item.signature.results:
        body.use(result.type)
        if result.name is not None:
            twice.refuse_second(seen, result.name.text, result.name.span, reporter)
    if not isinstance(item.body, tree.Block):
        body.use(item.body)
    else:
        body.run(item.body)
        _results(body, item, kind)
    body.warn_unused()


def _results(body: Body, item: tree.FunctionDef | tree.Definition, kind: str) -> None:
    named = [result.name for result in item.signature.results if result.name is not None]
    if kind == "optimizer":
        if "result" in body.locals:
            body.locals["result"].is_used = True
        return
    wanted = [(name.text, name.span) for name in named] or [("result", item.name.span)]
    for name, span in wanted:
        if name in body.locals:
            body.locals[name].is_used = True
            continue
        body.unknown.add(name)
        variables = [each for each, local in body.locals.items() if local.what == "variable" and not local.is_used]
        near = variables[0] if named and len(variables) == len(wanted) == 1 else nearest(name, variables)
        body.reporter.error(
            "E0304",
            f"the result `{name}` of `{item.name.text}` is never assigned",
            span,
            help=f"did you mean `{name} = ...` where `{near}` is assigned?"
            if near
            else f"assign it: {name} = ..."
            if named or kind in ("fn", "metric")
            else f"name what it gives: {kind} {item.name.text}(...) -> {variables[-1] if variables else 'y'}",
        )


def _in_scope_of(body: Body, model: tree.Definition) -> None:
    """What a training knows of its model."""
    for param in (*model.signature.configuration, *model.signature.tensors):
        body.locals[param.name.text] = Local(param.span, "")
    for result in model.signature.results:
        if result.name is not None:
            body.locals[result.name.text] = Local(result.span, "")
    body.of_model = frozenset(name.text for statement in model.body.statements for name in assigned(statement))
    if not model.signature.results:
        body.unknown.update(body.of_model)


def _train(home: FileScope, reporter: Reporter, item: tree.Train) -> None:
    body = Body(home, reporter, (item.alias or item.model).text, in_training=True)
    model = home.items.get(item.model.text)
    if isinstance(model, tree.Definition):
        _in_scope_of(body, model)
    elif item.model.text not in {name.text for name in home.module.lost}:
        return
    body.run(item.body, "setting")
    misspelt: set[str] = set()
    for name, local in body.locals.items():
        if local.what == "setting" and name not in SETTINGS and not local.is_used and not name.startswith("_"):
            near = None if name in ELSEWHERE else nearest(name, SETTINGS)
            misspelt |= {near} if near else set()
            known = ELSEWHERE.get(name, "the settings are " + ", ".join(SETTINGS))
            reporter.error(
                "E0501",
                f"there is no setting `{name}`, and nothing uses it as a variable",
                local.span,
                help=f"did you mean `{near}`?" if near else known,
            )
        elif local.what == "target" and not local.is_used and not body.unknown:  # a misspelled name may have been meant
            reporter.warning(
                "W0302",
                f"the target `{name}` of `{body.name}` is never used",
                local.span,
                help="read it in the loss or in a metric, or remove it",
            )
    if not home.module.damaged:
        required.check(item, misspelt, reporter)
