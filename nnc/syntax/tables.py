"""Makes the parser's tables from the grammar with Lark: `python -m nnc.syntax.tables` writes them beside it.

In: the grammar's text. Out: `Tables`, numbered the same on every run. A grammar with a conflict raises Lark's
GrammarError, shift/reduce conflicts included, which Lark would settle in silence otherwise. Nothing here is needed to
parse a program.
"""

from __future__ import annotations

from typing import Any

from lark import Lark
from lark.parsers.lalr_analysis import LALR_Analyzer, Shift

from nnc.syntax.grammar import Rule, Tables, Terminal, dumps, fingerprint, folder


def build(grammar: str) -> Tables:
    """The automaton of a grammar whose start is `module`."""
    lark = Lark(grammar, parser="lalr", lexer="basic", start="module", maybe_placeholders=True)
    configuration: Any = lark.parser.parser_conf
    analyzer: Any = LALR_Analyzer(configuration, strict=True)
    analyzer.compute_lalr()
    table: Any = analyzer.parse_table
    order = _order(table)
    number = {rule: index for index, rule in enumerate(configuration.rules)}

    def entry(kind: Any, argument: Any) -> int:
        return order[argument] if kind is Shift else -1 - number[argument]

    states = [{symbol: entry(*action) for symbol, action in table.states[state].items()} for state in order]
    return Tables(
        fingerprint(grammar),
        tuple(
            Terminal(each.name, each.pattern.value, each.pattern.type == "str", each.name in lark.ignore_tokens)
            for each in sorted(lark.terminals, key=lambda each: each.name)
        ),
        tuple(_rule(rule) for rule in configuration.rules),
        tuple(states),
        order[table.start_states["module"]],
        order[table.end_states["module"]],
    )


def _order(table: Any) -> dict[Any, int]:
    """Numbers the states in the order in which a walk from the start meets them."""
    start = table.start_states["module"]
    order = {start: 0}
    waiting = [start]
    for state in waiting:
        for _, (kind, argument) in sorted(table.states[state].items()):
            if kind is Shift and argument not in order:
                order[argument] = len(order)
                waiting.append(argument)
    return order


def _rule(rule: Any) -> Rule:
    origin = str(rule.origin.name)
    options = rule.options
    absent = options.empty_indices or [False] * len(rule.expansion)
    plan: list[int] = []
    position = 0
    for is_absent in absent:
        if is_absent:
            plan.append(-1)
            continue
        symbol = rule.expansion[position]
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            plan.append(-2 - position if not symbol.is_term and symbol.name.startswith("_") else position)
        position += 1
    stands_for_child = options.expand1 and not rule.alias and len(plan) == 1 and plan[0] >= 0
    action = "" if stands_for_child else str(rule.alias or origin)
    return Rule(origin, action, len(rule.expansion), tuple(plan), origin.startswith("_"))


def main() -> None:
    """Writes `tables.json` beside the grammar."""
    grammar = (folder() / "nn.lark").read_text(encoding="utf-8")
    (folder() / "tables.json").write_text(dumps(build(grammar)), encoding="utf-8")


if __name__ == "__main__":
    main()
