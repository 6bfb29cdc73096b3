"""The parser's tables as data, and how they are found.

In: `nn.lark` and `tables.json` of the grammar's folder. Out: `Tables`. Lark itself is loaded only where the two do not
belong together, as while the grammar is being changed: importing it takes longer than checking a program.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

END = "$END"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A kind of token: a regular expression, or with `literal` the text itself."""

    name: str
    pattern: str
    literal: bool
    ignored: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """`origin` is made of `length` symbols.

    `action` names the constructor, or is empty where the one child stands for the whole. `plan` says which symbols are
    its children: `k` the k-th, `-1` an absent optional one, `-2 - k` the list that the k-th symbol is. `helper` marks
    the rules of repetition, which give lists.
    """

    origin: str
    action: str
    length: int
    plan: tuple[int, ...]
    helper: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """An LALR(1) automaton. In a state, a symbol maps to the next state `s >= 0`, or to `-1 - r`: reduce by
    rule `r`.
    """

    grammar: str
    terminals: tuple[Terminal, ...]
    rules: tuple[Rule, ...]
    states: tuple[Mapping[str, int], ...]
    start: int
    end: int


def fingerprint(grammar: str) -> str:
    """What ties tables to the grammar that they were made from."""
    return sha256(grammar.encode()).hexdigest()


def folder() -> Path:
    """Where the grammar lies: inside the installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "grammar"
    return inside if (inside / "nn.lark").is_file() else package.parent / "grammar"


def dumps(tables: Tables) -> str:
    """Tables as text, one state a line."""
    data: dict[str, Any] = asdict(tables)
    states = ",\n".join(json.dumps(state, separators=(",", ":"), sort_keys=True) for state in data.pop("states"))
    rules = ",\n".join(json.dumps(list(rule.values()), separators=(",", ":")) for rule in data.pop("rules"))
    terminals = ",\n".join(json.dumps(list(each.values()), separators=(",", ":")) for each in data.pop("terminals"))
    rest = json.dumps(data, separators=(",", ":"))[1:-1]
    return f'{{{rest},\n"terminals":[\n{terminals}],\n"rules":[\n{rules}],\n"states":[\n{states}]}}\n'


def loads(text: str) -> Tables:
    """The inverse of `dumps`; raises ValueError, KeyError or TypeError for what is none."""
    data = json.loads(text)
    return Tables(
        data["grammar"],
        tuple(Terminal(*each) for each in data["terminals"]),
        tuple(
            Rule(origin, action, length, tuple(plan), helper) for origin, action, length, plan, helper in data["rules"]
        ),
        tuple(data["states"]),
        data["start"],
        data["end"],
    )


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables of the grammar: those that ship, or, where they are missing or older than it, fresh ones."""
    grammar = (folder() / "nn.lark").read_text(encoding="utf-8")
    try:
        shipped = loads((folder() / "tables.json").read_text(encoding="utf-8"))
        if shipped.grammar == fingerprint(grammar):
            return shipped
    except (OSError, ValueError, KeyError, TypeError):
        pass  # made anew below
    built: Tables = importlib.import_module("nnc.syntax.tables").build(grammar)
    return built
