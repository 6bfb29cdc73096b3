"""The names of one body while it is read: bound, used, unknown.

In: the nodes of a definition or a training, in their order. Out: diagnostics, and for each name whether anything read
it. Nothing is evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from nnc.base.diagnostic import Label, Reporter
from nnc.base.source import Span
from nnc.language import elsewhere, library
from nnc.language.builtins import BUILTINS, CONSTANTS, PENDING
from nnc.language.files import FileScope
from nnc.language.settings import NAMES as SETTINGS
from nnc.language.statements import assigned
from nnc.syntax import tree


def _stands_again(name: str, text: str) -> bool:
    """Whether a source has a word more than once: one that it has once is defined nowhere in it."""
    return len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", text)) > 1


@dataclass(slots=True, eq=False)
class Local:
    span: Span
    what: str  # "input", "argument", "variable" ...; empty for what nobody need use
    is_used: bool = False


@dataclass(slots=True)
class Body:
    """One definition: its names in the order of binding. `later` are those that a statement further down binds."""

    home: FileScope
    reporter: Reporter
    name: str
    locals: dict[str, Local] = field(default_factory=dict)
    later: dict[str, Span] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    spread: set[str] = field(default_factory=set)  # those of axes in types, `...S`, which no signature may bind
    in_training: bool = False
    of_model: frozenset[str] = frozenset()  # variables of the model that is trained
    renewed: tuple[str, ...] = ()  # what an optimizer gives new values of, beside its states

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
                else f"the new value is written {name.text}' = ..."
                if name.text in self.renewed
                else "names are assigned once: choose another one",
            )
            return
        self.later.pop(name.text, None)
        self.locals[name.text] = Local(name.span, what)

    def use(self, node: object, inner: frozenset[str] = frozenset()) -> None:
        """Marks the names that an expression reads; `inner` are those of comprehensions around it."""
        match node:
            case tree.Name():
                self._name(node, inner)
            case tree.Call():
                self._order(node.arguments)
                if isinstance(node.function, tree.Name):
                    self._name(node.function, inner, is_called=True)
                else:
                    self.use(node.function, inner)
                self.use(node.arguments, inner)
            case tree.Argument():
                self.use(node.value, inner)
            case tree.Attribute():
                root = node.value
                while isinstance(root, tree.Attribute):
                    root = root.value
                if isinstance(root, tree.Name):
                    self._name(root, inner, member=node.name.text)
                else:
                    self.use(root, inner)
            case tree.RecordEntry():
                self.use(node.value, inner)
            case tree.TypeExpr():
                for size in (node.argument, *(node.dims or ())):
                    self._name(size, inner, is_size=True) if isinstance(size, tree.Name) else self.use(size, inner)
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

    def _name(
        self,
        name: tree.Name,
        inner: frozenset[str],
        is_called: bool = False,
        member: str = "",
        is_size: bool = False,
    ) -> None:
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
            self.locals[text] = Local(self.later[text], "")
            self._early(name)
            return
        if self._is_outside(text) or text in self.unknown or text in self.home.lost:
            return
        self.unknown.add(text)
        if self.home.module.damaged and _stands_again(text, self.home.source.text):
            return  # what could not be read may define it
        what = library.later_names().get(library.elsewhere(text) or text)
        if what is not None:
            helps = f"it comes with {what}; `nnc doc` lists what there is"
            self.reporter.error("E0901", f"`{text}` is not in the library yet", name.span, help=helps)
            return
        help = elsewhere.help_for_size(text) if is_size else None
        if text in self.of_model:
            help = f"it is a variable of the model: make it one of the results, -> (..., {text}: float[...])"
        help = help or elsewhere.help_for_name(text, member, self._in_scope(inner))
        if help is None and self.in_training and not is_called:
            help = f"declare it, if it comes with the data: target {text}: index(10)"
        self.reporter.error("E0301", f"`{text}` is not defined", name.span, help=help)

    def _order(self, arguments: Sequence[tree.Argument]) -> None:
        """Arguments by place come before those by name."""
        named = next((each for each in arguments if each.name is not None), None)
        if named is None:
            return
        for each in arguments[arguments.index(named) :]:
            if each.name is None:
                self.reporter.error(
                    "E0423",
                    "an argument by place after one by name",
                    each.span,
                    others=(Label(named.span, "by name"),),
                    help="put it before, or write its name: `name = " + each.span.text + "`",
                )
                return

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
                    self.locals[name.text] = Local(name.span, "")

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
