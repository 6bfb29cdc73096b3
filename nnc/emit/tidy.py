"""The parts of a function's text that need no template: its `def` line, its docstring, and lines it can do without.

In and out: lines of text. It knows of Triton only which calls of `tl` do something besides giving a value.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from nnc.emit.writer import call, lay_out

WIDTH = 120
_INDENT = " " * 4
_CONVERSION = re.compile(r"\.to\([\w.]+\)$")
_EFFECTS = re.compile(r"tl\.(store|atomic_\w+|debug_barrier|device_\w+|static_\w+|inline_\w+)$")


def signature_lines(name: str, parameters: Sequence[str]) -> list[str]:
    """A `def` line, broken as the formatter breaks it."""
    joined = ", ".join(parameters)
    if len(f"def {name}({joined}):") <= WIDTH:
        return [f"def {name}({joined}):"]
    if len(_INDENT + joined) <= WIDTH:
        return [f"def {name}(", _INDENT + joined, "):"]
    return [f"def {name}(", *(f"{_INDENT}{parameter}," for parameter in parameters), "):"]


def docstring_lines(text: str) -> list[str]:
    """A docstring of the text, escaped where it must be, its lines indented alike."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return [_INDENT + row if row else "" for row in wrapped(f'"""{escaped}"""', len(_INDENT))]


def wrapped(text: str, indent: int = 0) -> list[str]:
    """The text's lines, those broken between words that are too long for the page at this indent."""
    return [part for row in text.split("\n") for part in textwrap.wrap(row.strip(), WIDTH - indent) or [""]]


def live_lines(lines: Sequence[str], head: int) -> list[str]:
    """The lines without assignments that nothing reads (nor the comments above them), without needless blank lines.

    `head` counts the lines down to the docstring's last; they stay as they are.
    """
    kept = list(lines)
    while True:
        function = parsed_function(kept)
        nodes = tuple(ast.walk(function))
        read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        dead = [node for node in nodes if isinstance(node, ast.stmt) and _is_dead(node, read)]
        if not dead:
            break
        blocks = {statement: block for node in nodes for block in _blocks(node) for statement in block}
        left = {id(block): len(block) for block in blocks.values()}
        for node in sorted(dead, key=lambda node: -node.lineno):  # from the last, so that places before it stay
            first = node.lineno - 1
            while first > head and kept[first - 1].lstrip().startswith("#"):
                first -= 1
            left[id(blocks[node])] -= 1
            is_last = left[id(blocks[node])] == 0
            kept[first : node.end_lineno] = [" " * node.col_offset + "pass"] if is_last else []
    body = [line for at, line in enumerate(kept) if at < head or line or (at > head and kept[at - 1])]
    body = [*body[:head], *(part for line in body[head:] for part in broken(line))]
    while not body[-1]:
        body.pop()
    return body if len(body) > head else [*body, _INDENT + "pass"]


def broken(line: str) -> list[str]:
    """A statement's line, broken within the last of its outermost calls if it is too long and there is one."""
    if len(line) <= WIDTH:
        return [line]
    text = line.lstrip()
    tail = _CONVERSION.search(text)
    end = tail.start() if tail else len(text)
    if text[:end][-1] != ")":
        return [line]
    depth, start, commas = 0, end - 1, [end - 1]
    for start in reversed(range(end)):
        depth += (text[start] in ")]}") - (text[start] in "([{")
        if depth == 0:
            break
        if text[start] == "," and depth == 1:
            commas.append(start)
    places = [start, *reversed(commas)]
    items = [text[a + 1 : b].strip() for a, b in pairwise(places)]
    indent = (len(line) - len(text)) // len(_INDENT)
    return lay_out(call(text[:start], *items), indent, text[end:])


def parsed_function(lines: Sequence[str]) -> ast.FunctionDef:
    """The one function that the lines are. Raises ValueError where they are no Python."""
    text = "\n".join(lines)
    try:
        node = ast.parse(text).body[0]
    except SyntaxError as error:
        raise ValueError(f"no Python ({error.msg}, line {error.lineno}):\n{text}") from error
    assert isinstance(node, ast.FunctionDef)
    return node


def _is_dead(node: ast.stmt, read: set[str]) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name not in read and _is_pure(value)
        case _:
            return False


def _is_pure(value: ast.expr) -> bool:
    """Whether nothing but its value is lost with an expression: calls are of `tl`'s functions without effect."""
    calls = [ast.unparse(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(
        not _EFFECTS.match(call) and (call.startswith("tl.") or call.endswith(".to") or call == "float")
        for call in calls
    )


def _blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """The statements within a node, a list for each branch."""
    found = (getattr(node, "body", None), getattr(node, "orelse", None))
    return [block for block in found if isinstance(block, list)]
