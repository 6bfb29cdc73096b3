"""What is wrong at an unexpected token, in the user's terms.

In: the tokens, the place of the error and what could stand there. Out: one diagnostic, of the first mistake in the
table that fits. Nothing is recovered here.
"""

from __future__ import annotations

from collections.abc import Callable

from nnc.base.diagnostic import Diagnostic, Label
from nnc.syntax import habits
from nnc.syntax.grammar import END
from nnc.syntax.operands import (
    OPERATORS,
    expression_end,
    expression_start,
    operand_start,
    primary_end,
    stage_end,
    text_of,
)
from nnc.syntax.situation import COMPARISONS, NEEDS_OPERAND, Situation, here, joined, make
from nnc.syntax.tokens import CLOSING, DEFINING, OPENING, RESERVED, Token, names
from nnc.syntax.unexpected import unexpected


def _missing_brace(s: Situation) -> Diagnostic | None:
    place = next((i for i in (s.index, s.begins) if s.tokens.starts_in_column_1(i)), -1)
    if s.block < 0 or (s.token.kind != END and place < 0) or (place < 0 and s.inside > s.block):
        return None
    others = (Label(s.tokens.span(place), "it must come before this"),) if place >= 0 else ()
    return make("E0120", s.tokens.span(s.block), "this `{` is never closed", "put a `}` behind the block", others)


def _nested_definition(s: Situation) -> Diagnostic | None:
    if s.block < 0 or not s.tokens.starts_definition(s.begins):
        return None
    return make("E0134", s.tokens.span(s.begins), "", "move it out of the block")


def _open_bracket(s: Situation) -> Diagnostic | None:
    bracket = s.inside
    if bracket <= s.block or s.tokens.partner[bracket] >= 0 or s.tokens.items[bracket].kind == "LBRACE":
        return None
    if s.token.kind not in CLOSING | {END} and not s.token.first:
        return None
    closing = ")" if s.tokens.items[bracket].kind == "LPAR" else "]"
    return make("E0121", s.tokens.span(bracket), "opened here", f"close it with `{closing}`")


def _stray_bracket(s: Situation) -> Diagnostic | None:
    if s.token.kind not in CLOSING or s.tokens.partner[s.index] >= 0:
        return None
    return here(s, "E0122", help="leave it out")


def _comment(s: Situation) -> Diagnostic | None:
    if s.token.kind in ("DOUBLE_SLASH", "SLASH") and s.token.first:
        return here(s, "E0139", help="write `#`")
    return None


def trailing_operator(s: Situation) -> Diagnostic | None:
    """An operator at the end of a line or before a closing bracket; the next line may have been read as its operand."""
    first = s.begins
    follows = (
        0 < first < s.index
        and _lacks_operand(s.tokens.items[first - 1])
        and (s.tokens.starts_statement(first) or s.tokens.starts_in_column_1(first))
    )
    if follows and (s.inside <= s.block or s.tokens.partner[s.inside] < 0):
        return _operand(s, first - 1)
    if s.previous is None or not _lacks_operand(s.previous):
        return None
    if (
        s.token.kind in CLOSING
        or s.token.kind in (END, "COMMA", "PIPE")
        or s.token.kind in OPERATORS - {"NOT", "MINUS"}
    ):
        return _operand(s, s.index - 1)
    return None


def _lacks_operand(token: Token) -> bool:
    return token.kind in NEEDS_OPERAND


def _operand(s: Situation, index: int) -> Diagnostic:
    token = s.tokens.items[index]
    return make(
        "E0124",
        s.tokens.span(index),
        f"nothing follows this `{token.text}`",
        f"leave out the `{token.text}` or complete it",
    )


def _left_operand(s: Situation) -> Diagnostic | None:
    kind = s.token.kind
    if kind not in OPERATORS | {"PIPE"} or kind in ("NOT", "MINUS") or s.previous is None:
        return None
    if s.previous.kind in OPENING and s.previous.kind != "LBRACE":
        return here(s, "E0124", f"nothing stands before this `{s.token.text}`")
    return None


def _pipe(s: Situation) -> Diagnostic | None:
    tokens = s.tokens
    if s.token.kind == "PIPE":
        start, operand = expression_start(tokens, s.index), operand_start(tokens, s.index - 1)
        if start >= operand:
            return None
        stage = stage_end(tokens, s.index)
        left, right, chain = (
            text_of(tokens, *where) for where in ((start, s.index), (start, operand), (operand, stage))
        )
        first, second = f"({left}) {text_of(tokens, s.index, stage)}", f"{right} ({chain})"
    elif s.token.kind in OPERATORS and tokens.items[s.index - 1].kind != "PIPE":
        start = expression_start(tokens, s.index)
        pipe = next((i for i in range(s.index - 1, start, -1) if tokens.items[i].kind == "PIPE"), -1)
        if pipe < 0:
            return None
        operand, end = operand_start(tokens, s.index - 1), primary_end(tokens, s.index + 1)
        first = f"({text_of(tokens, start, s.index)}) {text_of(tokens, s.index, end)}"
        second = f"{text_of(tokens, start, operand)} ({text_of(tokens, operand, end)})"
    else:
        return None
    return make("E0125", tokens.span(s.index), "two readings", f"write `{first}`\n   or `{second}`")


def _chained(s: Situation) -> Diagnostic | None:
    if s.token.kind not in COMPARISONS:
        return None
    start = expression_start(s.tokens, s.index)
    if any(s.tokens.items[i].kind in COMPARISONS for i in range(start, s.index)):
        return here(s, "E0132", help="join two comparisons with `and`")
    return None


def _assigned(s: Situation) -> Diagnostic | None:
    if s.token.kind != "ASSIGN":
        return None
    start = expression_start(s.tokens, s.index)
    before = s.tokens.items[start - 1] if start else None
    if start == s.index:
        return None
    fresh = s.tokens.items[start].first and s.inside == s.block and s.token.first is False
    if fresh and start < s.index - 1 and start == s.begins:
        return make("E0131", joined(s, start, s.index - 1), "", "give the whole new value a name")
    if before is not None and (
        before.kind in ("IF", "ELSE", "ASSIGN", *OPENING) or before.kind in ("ASSERT", "PENALTY", "COMMA")
    ):
        return here(s, "E0123", help="write `==`")
    return None


def _unused_value(s: Situation) -> Diagnostic | None:
    """A line of a block that is an expression and nothing else."""
    first = s.begins
    if (
        s.block < 0
        or s.tokens.enclosing[first] != s.block
        or s.index > first + 1
        or s.token.kind in RESERVED - {"NONE"}
    ):
        return None
    if s.index == first + 1 and s.line.kind in names() and s.token.kind in ("LPAR", "LSQB", "DOT", "PIPE", *OPERATORS):
        end = expression_end(s.tokens, first)
        if s.tokens.items[end].kind == "ASSIGN":
            return make("E0131", joined(s, first, end - 1), "", "give the whole new value a name")
        return make("E0130", joined(s, first, end - 1), "", "give it a name: `y = ...`")
    if (s.index == first + 1 and s.token.first and s.line.kind in names()) or s.token.kind == "RBRACE":
        return make("E0130", s.tokens.span(s.index - 1), "", "give it a name: `y = ...`")
    if s.index == first and s.token.kind in ("STRING", "NUMBER", "LPAR", "LSQB", "MINUS", "TRUE", "FALSE", "NONE"):
        helps = (
            "documentation is written in `##` lines above a definition"
            if s.token.kind == "STRING"
            else "give it a name: `y = ...`"
        )
        return here(s, "E0130", help=helps)
    return None


def _reserved(s: Situation) -> Diagnostic | None:
    after = s.tokens.items[s.index + 1].kind if s.token.kind != END else END
    if s.token.kind in RESERVED and "NAME" in s.expected and ("NUMBER" not in s.expected or after == "ASSIGN"):
        return here(s, "E0133", help=f"choose another name, as `{s.token.text}_`")
    if s.token.kind in RESERVED and s.token.first and after == "ASSIGN":
        return here(s, "E0133", help=f"choose another name, as `{s.token.text}_`")
    return None


def _outside(s: Situation) -> Diagnostic | None:
    if s.block >= 0 or s.inside >= 0 or not s.tokens.items[s.begins].first or s.begins != s.index:
        return None
    if s.previous is not None and s.previous.kind in NEEDS_OPERAND | DEFINING:
        return None
    if s.tokens.is_word(s.index) or s.token.kind == "STRING":
        is_value = s.tokens.items[s.index + 1].kind == "ASSIGN"
        return here(s, "E0135", help="a constant of the file is `const name = value`" if is_value else None)
    return None


def _no_else(s: Situation) -> Diagnostic | None:
    if "ELSE" in s.expected and (s.token.first or s.token.kind in CLOSING | {"COMMA", END}):
        start = s.index
        while start and s.tokens.items[start].kind != "IF":
            start -= 1
        return make("E0136", s.tokens.span(start), "", "add `else` and the other value")
    return None


def _no_type(s: Situation) -> Diagnostic | None:
    if s.token.kind in ("ASSIGN", "COMMA") and s.line.kind in ("PARAM", "TARGET") and s.index == s.begins + 2:
        return make(
            "E0137",
            s.tokens.span(s.index - 1),
            "",
            f"write `{s.line.text} {s.previous and s.previous.text}: float[...] = ...`",
        )
    return None


def _no_start(s: Situation) -> Diagnostic | None:
    """`param w: float[n]` and nothing more."""
    if not s.token.first or "ASSIGN" not in s.expected:
        return None
    first = s.index - 1
    while first and not s.tokens.items[first].first:
        first -= 1
    if s.tokens.items[first].kind not in ("PARAM", "STATE"):
        return None
    text = text_of(s.tokens, first, s.index)
    return make("E0142", joined(s, first, s.index - 1), "", f"write `{text} = zeros`, or any other initializer")


def _no_list(s: Situation) -> Diagnostic | None:
    if (
        s.index == s.begins + 2
        and s.line.kind in DEFINING
        and "LPAR" in s.expected
        and s.token.kind in ("ARROW", "LBRACE", "ASSIGN")
    ):
        return here(s, "E0140", help=f"write `{s.previous and s.previous.text}(...)`")
    return None


def _digits(s: Situation) -> Diagnostic | None:
    after = s.tokens.items[s.index + 1] if s.token.kind != END else s.token
    if s.token.kind == "DOT" and after.kind == "NUMBER" and after.start == s.token.end:
        return make("E0141", joined(s, s.index, s.index + 1), "", f"write `0.{after.text}`")
    if (
        s.previous is not None
        and s.previous.kind == "DOT"
        and s.index > 1
        and s.tokens.items[s.index - 2].kind == "NUMBER"
    ):
        number = s.tokens.items[s.index - 2]
        if number.end == s.previous.start:
            return make("E0141", joined(s, s.index - 2, s.index - 1), "", f"write `{number.text}.0`")
    return None


MISTAKES: tuple[Callable[[Situation], Diagnostic | None], ...] = (
    _stray_bracket,
    _missing_brace,
    _nested_definition,
    habits.path,
    habits.other_language,
    habits.sizes_in_parentheses,
    habits.results_without_parentheses,
    habits.named_value,
    habits.other_pipe,
    _comment,
    _digits,
    _pipe,
    _chained,
    _no_type,
    _no_start,
    _no_list,
    _reserved,
    trailing_operator,
    _open_bracket,
    _no_else,
    _left_operand,
    habits.within_line,
    habits.value_given,
    habits.split_name,
    _unused_value,
    _assigned,
    habits.comma_at_end,
    _outside,
)


def diagnose(situation: Situation) -> Diagnostic:
    """The diagnostic of an unexpected token."""
    for mistake in MISTAKES:
        found = mistake(situation)
        if found is not None:
            return found
    return unexpected(situation)
