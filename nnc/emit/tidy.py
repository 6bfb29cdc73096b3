"""The parts of a function's text that need no template: its `def` line, its docstring, and lines it can do without.

In and out: lines of text. It knows of Triton only which calls of `tl` do something besides giving a value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

WIDTH = 120
_INDENT = " " * 4
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
    first, *rest = f'"""{escaped}"""'.split("\n")
    return [_INDENT + first, *(_INDENT + line.strip() if line.strip() else "" for line in rest)]


def live_lines(lines: Sequence[str], head: int) -> list[str]:
    """The lines without assignments that nothing reads (nor the comments above them), without needless blank lines.

    `head` counts the lines down to the docstring's last; they stay as they are.
    """
    kept = list(lines)
    while True:
        function = parsed_function(kept)
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        statements = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
        dead = [node for node in statements if _is_dead(node, read)]
        if not dead:
            break
        last = max(dead, key=lambda node: node.lineno)  # one at a time: it may leave its block empty
        first = last.lineno - 1
        while first > head and kept[first - 1].lstrip().startswith("#"):
            first -= 1
        kept[first : last.end_lineno] = [] if _has_siblings(function, last) else [" " * last.col_offset + "pass"]
    body = [line for at, line in enumerate(kept) if at < head or line or (at > head and kept[at - 1])]
    while not body[-1]:
        body.pop()
    return body if len(body) > head else [*body, _INDENT + "pass"]


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


def _has_siblings(function: ast.FunctionDef, statement: ast.AST) -> bool:
    """Whether the statement's block holds anything else."""
    for node in ast.walk(function):
        for block in (getattr(node, "body", ()), getattr(node, "orelse", ())):
            if isinstance(block, list) and statement in block:
                return len(block) > 1
    return True
