"""Names, before anything is evaluated: unknown, used too early, assigned twice, never assigned, never used.

In: a file's definitions. Out: diagnostics. Every definition is looked at, also one that nothing applies; the
evaluator then takes an unknown name for reported. The library is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from nnc.base.diagnostic import Label, Reporter
from nnc.base.source import Span
from nnc.language import library, required, twice
from nnc.language.builtins import BUILTINS, CONSTANTS, PENDING
from nnc.language.files import FileScope
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
    _Body(home, reporter, "", {param.name.text: _Local(param.span, "") for param in before}).use(value)


def _item(home: FileScope, reporter: Reporter, item: tree.Item) -> None:
    match item:
        case tree.Const():
            _Body(home, reporter, item.name.text).use(item.value)
        case tree.FunctionDef() | tree.Definition():
            _definition(home, reporter, item)
        case tree.Train():
            _train(home, reporter, item)
        case tree.Import() | tree.FromImport():
            pass


@dataclass(slots=True, eq=False)
class _Local:
    span: Span
    what: str  # "input", "argument", "variable" ...; empty for what nobody need use
    is_used: bool = False


@dataclass(slots=True)
class _Body:
    """One definition: its names in the order of binding. `later` are those that a statement further down binds."""

    home: FileScope
    reporter: Reporter
    name: str
    locals: dict[str, _Local] = field(default_factory=dict)
    later: dict[str, Span] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    spread: set[str] = field(default_factory=set)  # those of axes in types, `...S`, which no signature may bind
    in_training: bool = False

    def bind(self, name: tree.Name, what: str) -> None:
        if name.text == "_":
            return
        known = self.locals.get(name.text)
        if known is not None:
            self.reporter.error(
                "E0303",
                f"`{name.text}` is assigned twice",
                name.span,
                others=(Label(known.span, "bound here first"),),
                help=f"a state's new value is written {name.text}' = ..."
                if known.what == "state"
                else "names are assigned once: choose another one",
            )
            return
        self.later.pop(name.text, None)
        self.locals[name.text] = _Local(name.span, what)

    def use(self, node: object, inner: frozenset[str] = frozenset()) -> None:
        """Marks the names that an expression reads; `inner` are those of comprehensions around it."""
        match node:
            case tree.Name():
                self._name(node, inner)
            case tree.Call(function=tree.Name() as function):
                self._name(function, inner, is_called=True)
                self.use(node.arguments, inner)
            case tree.Argument():
                self.use(node.value, inner)
            case tree.Attribute():
                self.use(node.value, inner)
            case tree.RecordEntry():
                self.use(node.value, inner)
            case tree.TypeExpr():
                self.use(node.argument, inner)
                self.use(node.dims, inner)
            case tree.Rest():
                if node.name is not None:
                    self.spread.add(node.name.text)
            case tree.Ragged():
                self.use(node.bound, inner)
            case tree.Comprehension():
                for clause in node.clauses:
                    self.use(clause.iterable, inner)
                    inner = inner | {name.text for name in clause.names}
                    self.use(clause.condition, inner)
                self.use(node.body, inner)
            case tuple():
                for each in node:
                    self.use(each, inner)
            case _ if isinstance(node, tree.Expression | tree.Slice):
                for each_field in fields(node):
                    if each_field.name != "span":
                        self.use(getattr(node, each_field.name), inner)
            case _:
                pass

    def _name(self, name: tree.Name, inner: frozenset[str], is_called: bool = False) -> None:
        text = name.text
        if text in inner:
            return
        local = self.locals.get(text)
        if self.in_training and text in SETTINGS and (text in self.later or (local and local.what == "setting")):
            self._setting(name)
            return
        if text in self.locals:
            self.locals[text].is_used = True
            return
        if text in self.later:
            self.locals[text] = _Local(self.later[text], "")
            self._early(name)
            return
        if self._is_outside(text) or text in self.unknown or text in self.home.lost:
            return
        self.unknown.add(text)
        if self.home.module.damaged:
            return
        near = nearest(text, self._in_scope(inner))
        if near is None and self.in_training and not is_called:
            help: str | None = f"declare it, if it comes with the data: target {text}: index(10)"
        else:
            help = f"did you mean `{near}`?" if near else None
        self.reporter.error("E0301", f"`{text}` is not defined", name.span, help=help)

    def _setting(self, name: tree.Name) -> None:
        self.reporter.error(
            "E0301",
            f"`{name.text}` is a setting of the training, and no variable",
            name.span,
            help="give the value a name of its own, and both use that",
        )
        self.unknown.add(name.text)

    def _early(self, name: tree.Name) -> None:
        self.reporter.error(
            "E0302",
            f"`{name.text}` is used before it is assigned",
            name.span,
            others=(Label(self.later.pop(name.text), "assigned here"),),
            help="move the assignment up",
        )
        self.unknown.add(name.text)
        del self.locals[name.text]

    def _is_outside(self, text: str) -> bool:
        known = text in CONSTANTS or text in BUILTINS or text in PENDING or text in self.home.names()
        return known or library.defines(text)

    def _in_scope(self, inner: frozenset[str]) -> Iterator[str]:
        yield from inner
        yield from self.locals
        yield from self.home.names()
        yield from library.names()
        yield from BUILTINS
        yield from CONSTANTS

    # Statements -----------------------------------------------------------------------------------------------------

    def run(self, block: tree.Block, what: str = "variable") -> None:
        for statement in block.statements:
            for name in assigned(statement):
                self.later.setdefault(name.text, name.span)
        for statement in block.statements:
            self._statement(statement, what)

    def _statement(self, statement: tree.Statement, what: str) -> None:
        match statement:
            case tree.Assign():
                self.use(statement.value)
                for name in statement.names:
                    self.bind(name, "" if name.primed else what)
            case tree.ParamStmt():
                self.use(statement.type)
                self.use(statement.value)
                self.use(statement.options)
                self.bind(statement.name, "parameter")
            case tree.StateStmt():
                self.use(statement.type)
                self.use(statement.value)
                self.bind(statement.name, "state")
            case tree.TargetStmt():
                self.use(statement.type)
                self.use(statement.default)
                self.bind(statement.name, "target" if self.in_training else "")
            case tree.Penalty():
                self.use(statement.value)
            case tree.Assert():
                self.use(statement.condition)
                self.use(statement.message)
            case tree.Scan():
                self._scan(statement)

    def _scan(self, statement: tree.Scan) -> None:
        self.use(statement.sequences)
        for carry in statement.carries:
            self.use(carry.type)
            self.use(carry.default)
        for name in (*statement.names, *(carry.name for carry in statement.carries)):
            self.bind(name, "")
        self.run(statement.body)

    def dimensions(self, types: Sequence[tree.TypeExpr | None]) -> None:
        """Binds the plain names of a signature's dimensions."""
        for written in types:
            for dim in (*(written.dims or ()), written.argument) if written is not None else ():
                name = dim.name if isinstance(dim, tree.Rest | tree.Ragged) else dim
                if isinstance(name, tree.Name) and name.text not in self.locals and name.text not in self.home.items:
                    self.locals[name.text] = _Local(name.span, "")

    def warn_unused(self) -> None:
        if self.unknown:
            return  # a misspelled name may have been meant
        for name, local in self.locals.items():
            if local.is_used or local.what in ("", "state") or name.startswith("_") or name in self.spread:
                continue
            code = "W0301" if local.what == "variable" else "W0302"
            self.reporter.warning(
                code,
                f"the {local.what} `{name}` of `{self.name}` is never used",
                local.span,
                help="remove it" + (", or call it `_`" if code == "W0301" else ""),
            )


def _signature(body: _Body, signature: tree.Signature, is_function: bool, binds_dimensions: bool) -> None:
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
    body = _Body(home, reporter, item.name.text)
    is_function = isinstance(item, tree.FunctionDef)
    kind = "fn" if isinstance(item, tree.FunctionDef) else item.kind
    if kind == "optimizer":
        for name in OPTIMIZER_NAMES:
            body.locals[name] = _Local(item.name.span, "")
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


def _results(body: _Body, item: tree.FunctionDef | tree.Definition, kind: str) -> None:
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
        near = nearest(name, variables)
        body.reporter.error(
            "E0304",
            f"the result `{name}` of `{item.name.text}` is never assigned",
            span,
            help=f"did you mean `{name} = ...` where `{near}` is assigned?" if near else f"assign it: {name} = ...",
        )


def _train(home: FileScope, reporter: Reporter, item: tree.Train) -> None:
    body = _Body(home, reporter, (item.alias or item.model).text, in_training=True)
    model = home.items.get(item.model.text)
    if not isinstance(model, tree.Definition):
        return
    for param in (*model.signature.configuration, *model.signature.tensors):
        body.locals[param.name.text] = _Local(param.span, "")
    for result in model.signature.results:
        if result.name is not None:
            body.locals[result.name.text] = _Local(result.span, "")
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
        elif local.what == "target" and not local.is_used:
            reporter.warning(
                "W0302", f"the target `{name}` of `{body.name}` is never used", local.span, help="remove it"
            )
    if not home.module.damaged:
        required.check(item, misspelt, reporter)
