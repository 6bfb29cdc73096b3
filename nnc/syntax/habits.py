"""Mistakes of people who know Python, Keras or PyTorch: what they write there, where it is written otherwise here.

In: the place of an error. Out: one diagnostic, or None where it is no such habit. Nothing is recovered here.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.base.diagnostic import Diagnostic
from nnc.syntax.grammar import END
from nnc.syntax.operands import text_of
from nnc.syntax.situation import Situation, here, joined, make
from nnc.syntax.tokens import names

_DEFINITIONS: Mapping[str, str] = {
    "def": "a function is `fn name(x) = ...`, a layer `layer Name(x) -> y { ... }`",
    "function": "a function is `fn name(x) = ...`",
    "func": "a function is `fn name(x) = ...`",
    "class": "a layer is `layer Name(configuration)(x) -> y { ... }`",
    "let": "leave it out: `name = value`",
    "var": "leave it out: `name = value`; what changes is a `state`",
    "lambda": "a function is `fn name(x) = ...`",
}
_REPEAT = "repeat with `3 * Layer`, `[... for x in list]` or `scan`"
_CHOOSE = "choose with `a if condition else b`"
_PYTHON = frozenset(("torch", "keras", "tensorflow", "tf", "numpy", "np", "jax", "flax", "sklearn"))
_TYPES = frozenset(("float", "f32", "f16", "bf16", "u8", "i32", "i64", "bool"))


def other_language(s: Situation) -> Diagnostic | None:
    """A word at the start of a line that starts a definition or a statement elsewhere."""
    word, span = s.line.text, s.tokens.span(s.begins)
    after = s.tokens.items[min(s.begins + 1, len(s.tokens.items) - 1)]
    if s.line.kind == "NAME" and s.index <= s.begins + 1 and after.kind != "ASSIGN":
        if word in _DEFINITIONS:
            return make("E0127", span, "", _DEFINITIONS[word])
        if word == "return":
            value = text_of(s.tokens, s.begins + 1, _line_end(s, s.begins)) if not after.first else "..."
            return make("E0128", span, "", f"write `{_result(s)} = {value}`")
    if (
        s.index <= s.begins + 1
        and s.token.first is (s.index == s.begins)
        and (s.line.kind in ("FOR", "IF", "ELSE") or word in ("while", "elif", "match"))
    ):
        if after.kind == "ASSIGN" or (s.inside > s.block and s.tokens.partner[s.inside] >= 0):
            return None
        return make("E0129", span, "", _REPEAT if word in ("for", "while") else _CHOOSE)
    if s.block >= 0 and s.line.kind in ("IF", "FOR") and s.token.kind in ("LBRACE", "COLON") and s.inside == s.block:
        return make("E0129", span, "", _REPEAT if s.line.kind == "FOR" else _CHOOSE)
    return None


def _line_end(s: Situation, index: int) -> int:
    """The first token of the line after that of a token."""
    index += 1
    while not s.tokens.items[index].first:
        index += 1
    return index


def _result(s: Situation) -> str:
    """What the block around assigns as its result: the name behind `->`, `result` where there is none."""
    items = s.tokens.items
    for index in range(s.block - 1, 0, -1):
        if items[index].kind == "ARROW":
            is_named = index + 2 < len(items) and items[index + 2].kind in ("COLON", "LBRACE")
            return items[index + 1].text if is_named and s.tokens.is_word(index + 1) else "result"
        if s.tokens.starts_definition(index):
            break
    return "result"


def path(s: Situation) -> Diagnostic | None:
    """`import torch`, `import blocks`."""
    if s.line.kind not in ("IMPORT", "FROM") or s.index != s.begins + 1 or s.token.kind not in names():
        return None
    is_python = s.token.text in _PYTHON
    helps = "leave it out: what the library has needs no import" if is_python else f'write "{s.token.text}.nn"'
    return here(s, "E0138", help=helps)


def within_line(s: Situation) -> Diagnostic | None:
    """`f = lambda x: 2 * x`, `f"..."`."""
    before = s.previous
    if before is None or before.end > s.token.start:
        return None
    if before.text == "lambda":
        return make("E0127", s.tokens.span(s.index - 1), "", _DEFINITIONS["lambda"])
    if s.token.kind == "STRING" and before.end == s.token.start and before.kind == "NAME":
        helps = f"leave the `{before.text}` out: values cannot be put into a string"
        return make("E0101", joined(s, s.index - 1, s.index), "", helps, title="a string with letters before it")
    return None


def value_given(s: Situation) -> Diagnostic | None:
    """`name: value`, `name: type = value` and `name == value` where `name = value` is meant."""
    first = s.begins
    if s.block < 0 or s.inside != s.block or s.index != first + 1 or s.line.kind not in names():
        return None
    name, end = s.line.text, _line_end(s, first)
    if s.token.kind == "COLON":
        given = next((i for i in range(first, end) if s.tokens.items[i].kind == "ASSIGN"), -1)
        value = text_of(s.tokens, max(given, s.index) + 1, end)
        label = "" if given < 0 else "types are inferred"
        return here(s, "E0114", label, f"write `{name} = {value}`")
    if s.token.kind == "EQUAL" and not any(s.tokens.items[i].kind == "ASSIGN" for i in range(first, end)):
        return here(s, "E0114", "this compares", f"write `{name} = {text_of(s.tokens, first + 2, end)}`")
    return None


def named_value(s: Situation) -> Diagnostic | None:
    """`f(units: 3)`, `{ loss = x }`, `{ "loss": x }`."""
    items, bracket, before = s.tokens.items, s.inside, s.previous
    if bracket <= s.block or before is None:
        return None
    is_record, is_call = items[bracket].kind == "LBRACE", items[bracket].kind == "LPAR"
    starts = s.index >= 2 and items[s.index - 2].kind in ("COMMA", "LBRACE", "LPAR")
    if starts and before.kind in names() and is_call and s.token.kind == "COLON":
        return here(s, "E0114", help=f"write `{before.text} = ...`")
    if starts and before.kind in names() and is_record and s.token.kind == "ASSIGN":
        return make("E0101", s.tokens.span(s.index), "", f"write `{before.text}: ...`", title="a record has `:`")
    if is_record and s.token.kind == "STRING" and before.kind in ("LBRACE", "COMMA"):
        title = "the names of a record stand without quotes"
        return make("E0101", s.tokens.span(s.index), "", f"write {s.token.text[1:-1]}", title=title)
    return None


def other_pipe(s: Situation) -> Diagnostic | None:
    """`x -> f`, `x >> f`."""
    before = s.previous
    is_shift = s.token.kind == "GREATER" and before is not None and before.kind == "GREATER"
    if is_shift and before is not None and before.end == s.token.start:
        return make("E0115", joined(s, s.index - 1, s.index), "", "a pipe is written `|>`")
    if s.token.kind == "ARROW" and s.block >= 0 and s.block < s.index:
        return here(s, "E0115", help="a pipe is written `|>`")
    return None


def results_without_parentheses(s: Situation) -> Diagnostic | None:
    """`-> a, b {`."""
    items = s.tokens.items
    if s.token.kind != "COMMA" or "LBRACE" not in s.expected or s.block >= 0:
        return None
    start = next((i for i in range(s.index, 0, -1) if items[i].kind == "ARROW"), 0)
    end = next((i for i in range(s.index, len(items)) if items[i].kind in ("LBRACE", END)), s.index)
    if not start or items[end].kind == END:
        return None
    written = text_of(s.tokens, start + 1, end)
    return make(
        "E0101", s.tokens.span(s.index), "", f"write -> ({written})", title="several results stand in parentheses"
    )


def comma_at_end(s: Situation) -> Diagnostic | None:
    """`name = value,` in a block."""
    after = s.tokens.items[min(s.index + 1, len(s.tokens.items) - 1)]
    if s.token.kind != "COMMA" or s.block < 0 or s.inside != s.block or not after.first:
        return None
    helps = "leave it out: a statement ends with its line"
    return make("E0101", s.tokens.span(s.index), "", helps, title="a comma behind a statement")


def split_name(s: Situation) -> Diagnostic | None:
    """A name alone on a line, and the next line."""
    before = s.previous
    is_alone = before is not None and before.first and before.kind in names() and s.token.first
    if not is_alone or s.block < 0 or s.inside != s.block or "ASSIGN" not in s.expected or before is None:
        return None
    helps = f"give it a value: `{before.text} = ...`"
    if s.tokens.starts_statement(s.index):
        helps += f"; if the two lines are one, join them: `{before.text}_{s.token.text} = ...`"
    return make("E0130", s.tokens.span(s.index - 1), "", helps)


def sizes_in_parentheses(s: Situation) -> Diagnostic | None:
    """`x: float(28, 28)`."""
    items, bracket = s.tokens.items, s.inside
    if s.token.kind != "COMMA" or bracket < 2 or items[bracket].kind != "LPAR" or items[bracket - 2].kind != "COLON":
        return None
    if items[bracket - 1].text not in _TYPES or s.tokens.partner[bracket] < 0:
        return None
    written = text_of(s.tokens, bracket + 1, s.tokens.partner[bracket])
    title = "sizes stand in brackets"
    return make("E0101", s.tokens.span(bracket), "", f"write {items[bracket - 1].text}[{written}]", title=title)
