"""Helpers of kernels/pointwise.py and kernels/random.py that kernels call, copied into the module: those that are used,
each once, and what they call in turn, before what calls them."""

from __future__ import annotations

import ast
import importlib.resources
import re
from collections.abc import Sequence
from functools import cache


@cache
def _library() -> dict[str, str]:
    """Each helper's text, decorators included, by name."""
    found = {}
    for file in ("pointwise.py", "random.py"):
        text = importlib.resources.files("nnc.kernels").joinpath(file).read_text(encoding="utf-8")
        lines = text.split("\n")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found[node.name] = "\n".join(lines[first - 1 : node.end_lineno]) + "\n"
    return found


def names() -> tuple[str, ...]:
    """What a kernel may call, and so must name nothing of its own."""
    return tuple(_library())


def _called(text: str) -> set[str]:
    known = _library().keys() & set(re.findall(r"\w+", text))
    if not known:
        return set()
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} & known


def needed(bodies: Sequence[str]) -> list[str]:
    """Texts of the helpers that `bodies` call, in an order in which each stands before what calls it."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        for inner in sorted(_called(_library()[name]) - {name}):
            visit(inner)
        order.append(name)

    for body in bodies:
        for name in sorted(_called(body)) if body else ():
            visit(name)
    return [_library()[name] for name in order]
