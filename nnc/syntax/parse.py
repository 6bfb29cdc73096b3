"""From a source to its tree.

In: a `Source`. Out: a `Module`, always; errors go to a reporter. Names, shapes and values are not looked at. The
automaton is driven here, not by Lark, since recovery must see its stack; chains of rules that only pass their child
on, a dozen for every operand, are walked once and remembered.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import isinf
from typing import Any

from nnc.base.diagnostic import Label, Reporter
from nnc.base.source import Source, Span
from nnc.syntax import tree
from nnc.syntax.build import ACTIONS
from nnc.syntax.errors import report
from nnc.syntax.grammar import END, Tables, tables
from nnc.syntax.habits import comma_at_end, within_line
from nnc.syntax.mistakes import diagnose, trailing_operator
from nnc.syntax.recover import open_block, resume
from nnc.syntax.situation import Situation
from nnc.syntax.tokens import DEFINING, ERROR, MAXIMUM_ERRORS, MAXIMUM_NESTING, MAXIMUM_TOKENS, Tokens, scan

MAXIMUM_BYTES = 1 << 20


def parse(source: Source, reporter: Reporter) -> tree.Module:
    """The tree of a source. Definitions with a mistake in them are left out of it and named in `lost`."""
    whole = Span(source, 0, len(source.text))
    if len(source.text) > MAXIMUM_BYTES or len(source.text.encode(errors="replace")) > MAXIMUM_BYTES:
        report(reporter, "E0102", Span(source, 0, 0), help="split it and `import` the parts")
        return tree.Module((), (), True, whole)
    found = Reporter()
    tokens = scan(source, found)
    if len(tokens.items) > MAXIMUM_TOKENS:
        report(reporter, "E0102", Span(source, 0, 0), help="split it and `import` the parts")
        return tree.Module((), (), True, whole)
    module = tree.Module((), (), True, whole) if tokens.is_too_deep else _Parser(tokens, found).run()
    for diagnostic in found.all:
        reporter.add(diagnostic)
    if not found.has_errors:
        return module
    places = [each.primary.span for each in found.all]
    good = tuple(item for item in module.items if not any(_meets(item.span, place) for place in places))
    kept = {item.name.span.start for item in good if isinstance(item, tree.Const | tree.FunctionDef | tree.Definition)}
    lost = tuple(name for name in _headed(tokens) if name.span.start not in kept)
    return replace(module, items=good, lost=lost, damaged=True)


def read(path: str, data: bytes, reporter: Reporter) -> Source:
    """The source that the bytes of a file are; reports what is no UTF-8, and replaces it."""
    data = data.removeprefix(BOM_UTF8)
    try:
        return Source(path, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        source = Source(path, data.decode("utf-8", errors="replace"))
        offset = len(data[: error.start].decode("utf-8", errors="replace"))
        report(reporter, "E0103", Span(source, offset, offset + 1), f"byte 0x{data[error.start]:02x}")
        return source


def _meets(span: Span, place: Span) -> bool:
    return span.start <= place.start <= span.end


def _headed(tokens: Tokens) -> Iterator[tree.Name]:
    """The names that definitions give, told from their first words alone."""
    for index, token in enumerate(tokens.items):
        if token.kind in DEFINING - {"TRAIN", "IMPORT", "FROM"} and tokens.starts_definition(index):
            yield tree.Name(tokens.items[index + 1].text, tokens.span(index + 1))


@lru_cache(maxsize=1)
def _shortcuts() -> dict[tuple[int, int, str], int]:
    """Filled as programs are parsed: state below, state, next token -> the state after all rules that pass a
    child on.
    """
    return {}


class _Parser:
    """One run over the tokens. The four lists are the stack: states, values, first token and tree depth of
    each entry.
    """

    def __init__(self, tokens: Tokens, reporter: Reporter) -> None:
        self.tables: Tables = tables()
        self.tokens = tokens
        self.reporter = reporter
        self.states = [self.tables.start]
        self.values: list[Any] = [None]
        self.starts = [0]
        self.depths = [0]
        self.last = -1  # the last token that was shifted
        self.floor = 0  # recovery must not go back behind this
        self.errors = 0

    def run(self) -> tree.Module:
        """Parses to the end of the tokens, over all errors."""
        index = 0
        while True:
            token = self.tokens.items[index]
            action = self.tables.states[self.states[-1]].get(token.kind)
            if action is None:
                index = self.recover(index)
                if index < 0:
                    return self.partial()
            elif action >= 0:
                self.push(action, token, index, 0)
                self.last = index
                index += 1
            elif not self.reduce(-1 - action, token.kind, index):
                index = self.recover(index, is_reported=True)
                if index < 0:
                    return self.partial()
            elif token.kind == END and self.states[-1] == self.tables.end:
                return self.finish(self.values[-1])

    def push(self, state: int, value: Any, start: int, depth: int) -> None:
        self.states.append(state)
        self.values.append(value)
        self.starts.append(start)
        self.depths.append(depth)

    def reduce(self, number: int, kind: str, index: int) -> bool:
        """One reduction, or a chain of those that pass their child on. False: an error that was reported."""
        rule = self.tables.rules[number]
        if not rule.action and rule.length == 1:
            return self.pass_on(kind, index)
        size = rule.length
        first = len(self.states) - size
        start = self.starts[first] if size else index
        below = self.values[first:]
        depth = max(self.depths[first:], default=0)
        children: list[Any] = []
        for step in rule.plan:
            if step >= 0:
                children.append(below[step])
            elif step == -1:
                children.append(None)
            else:
                children = below[-2 - step] if not children else children + below[-2 - step]
        if rule.helper:
            value: Any = children
        elif not rule.action:
            value = children[0]
        else:
            depth += rule.action in _DEEPER
            value = ACTIONS[rule.action](children, self.span(start, size))
        del self.states[first:], self.values[first:], self.starts[first:], self.depths[first:]
        self.push(self.tables.states[self.states[-1]][rule.origin], value, start, depth)
        return self.check(rule.action, value, depth) and self.check_line(rule.origin, index)

    def pass_on(self, kind: str, index: int) -> bool:
        below, state = self.states[-2], self.states[-1]
        known = _shortcuts().get((below, state, kind))
        if known is None:
            known = state
            while (action := self.tables.states[known].get(kind)) is not None and action < 0:
                rule = self.tables.rules[-1 - action]
                if rule.action or rule.length != 1 or rule.helper:
                    break
                known = self.tables.states[below][rule.origin]
                if rule.origin in ("statement", "item"):
                    break
            _shortcuts()[below, state, kind] = known
        self.states[-1] = known
        origin = "statement" if "statement" in self.tables.states[below] else "item"
        return self.tables.states[below].get(origin) != known or self.check_line(origin, index)

    def span(self, start: int, size: int) -> Span:
        items = self.tokens.items
        if not size:
            return Span(self.tokens.source, items[start].start, items[start].start)
        return Span(self.tokens.source, items[start].start, items[self.last].end)

    def check(self, action: str, value: Any, depth: int) -> bool:
        """The limits on what was just built."""
        if action == "number" and isinstance(value.value, float) and isinf(value.value):
            report(self.reporter, "E0105", value.span, "too large for a float", help="`inf` is a constant")
        if depth > MAXIMUM_NESTING and action in _DEEPER:
            label = f"{depth} levels"
            report(self.reporter, "E0104", Span(value.span.source, value.span.start, value.span.start + 1), label)
            return False
        return True

    def check_line(self, origin: str, index: int) -> bool:
        """A statement or definition that is complete must be followed by a new line, or by what closes the block."""
        token = self.tokens.items[index]
        if origin not in ("statement", "item") or token.first or token.kind in ("RBRACE", END):
            return True
        self.errors += 1
        block = open_block(self.tables, self.states, self.starts, self.tokens)
        situation = Situation(self.tokens, index, frozenset(), block)
        known = trailing_operator(situation) or within_line(situation) or comma_at_end(situation)
        if known is not None:
            self.reporter.add(known)
            return False
        previous = self.tokens.items[index - 1]
        if self.tokens.starts_statement(index) or self.tokens.starts_definition(index):
            helps = "put it on a line of its own"
        else:
            helps = f"for a product, write `{previous.text} * {token.text}`; a statement needs a line of its own"
        report(self.reporter, "E0126", self.tokens.span(index), help=helps)
        return self.tokens.starts_statement(index) and origin == "statement"

    def recover(self, index: int, is_reported: bool = False) -> int:
        """Reports the error at a token unless that was done, cuts the stack, and gives the token to go on
        with, or -1.
        """
        brace = open_block(self.tables, self.states, self.starts, self.tokens)
        token = self.tokens.items[index]
        is_reported = is_reported or self.is_told(index)
        if not is_reported and token.kind != ERROR:
            expected = frozenset(s for s in self.tables.states[self.states[-1]] if s.isupper() or s == END)
            self.reporter.add(diagnose(Situation(self.tokens, index, expected, brace)))
        self.errors += 1
        to = resume(self.tables, self.states, self.starts, self.tokens, index, self.floor)
        if to.unclosed >= 0 and not self.is_reported_near(index, to.index):
            self.report_unclosed(to.unclosed, to.index)
        for stack in (self.states, self.values, self.starts, self.depths):
            del stack[to.depth :]
        self.floor = to.index + 1
        if self.errors > MAXIMUM_ERRORS or (token.kind == END and to.index == index and to.depth <= 1 and index == 0):
            return -1
        return to.index

    def is_told(self, index: int) -> bool:
        """Whether the token itself was reported: it is a sign of another language."""
        span = self.tokens.span(index)
        return any(found.primary.span == span for found in self.reporter.all)

    def is_reported_near(self, index: int, to: int) -> bool:
        """Whether the missing `}` was the error itself."""
        return (
            any(found.code == "E0120" for found in self.reporter.all if found.primary.span.start >= 0) and index == to
        )

    def report_unclosed(self, brace: int, index: int) -> None:
        where = self.tokens.span(index)
        others = (Label(where, "it must come before this"),) if self.tokens.items[index].kind != END else ()
        report(self.reporter, "E0120", self.tokens.span(brace), "this `{` is never closed", others=others)

    def finish(self, module: tree.Module) -> tree.Module:
        items = tuple(_documented(item, self.tokens) for item in module.items)
        return replace(module, items=items)

    def partial(self) -> tree.Module:
        """What was understood before giving up."""
        items = self.values[1] if len(self.values) > 1 and isinstance(self.values[1], list) else []
        whole = Span(self.tokens.source, 0, len(self.tokens.source.text))
        return tree.Module(tuple(_documented(item, self.tokens) for item in items), (), True, whole)


_DEEPER = frozenset(
    {
        "conditional",
        "chain",
        "times",
        "logical",
        "compare",
        "binary",
        "unary",
        "call",
        "subscript",
        "attribute",
        "list",
        "comprehension",
        "record",
        "block",
        "type",
    }
)
"""Actions that make the tree one level deeper."""


def _documented(item: tree.Item, tokens: Tokens) -> tree.Item:
    """A definition with the `##` lines right above it."""
    if isinstance(item, tree.Import | tree.FromImport):
        return item
    line = item.span.line - 1
    lines: list[str] = []
    while line >= 1 and (text := tokens.source.line_text(line).strip()).startswith("##"):
        lines.append(text[2:].removeprefix(" ").rstrip())
        line -= 1
    return replace(item, documentation="\n".join(reversed(lines))) if lines else item
