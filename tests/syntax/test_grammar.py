"""The grammar has no conflicts, and the tables that ship are those of the grammar."""

import subprocess
import sys

import pytest
from lark.exceptions import GrammarError

from nnc.syntax import grammar, tables
from nnc.syntax.build import ACTIONS
from nnc.syntax.tokens import RESERVED, names

TEXT = (grammar.folder() / "nn.lark").read_text(encoding="utf-8")


def test_shipped_tables_are_those_of_the_grammar():
    shipped = (grammar.folder() / "tables.json").read_text(encoding="utf-8")
    assert grammar.loads(shipped).grammar == grammar.fingerprint(TEXT)
    assert shipped == grammar.dumps(tables.build(TEXT)), "run `python -m nnc.syntax.tables`"


@pytest.mark.parametrize("rule", ["?sum: sum PLUS sum\n| product", "?sum: product | unary\n | sum PLUS product"])
def test_a_conflict_is_refused(rule):
    start = TEXT.index("?sum: product")
    end = TEXT.index("?product:")
    with pytest.raises(GrammarError):
        tables.build(TEXT[:start] + rule + "\n" + TEXT[end:])


def test_stale_and_missing_tables_are_made_anew(tmp_path, monkeypatch):
    changed = TEXT + "\n// changed\n"
    (tmp_path / "nn.lark").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(grammar, "folder", lambda: tmp_path)
    for shipped in (None, "{}", "no json", grammar.dumps(tables.build(TEXT))):
        if shipped is not None:
            (tmp_path / "tables.json").write_text(shipped, encoding="utf-8")
        grammar.tables.cache_clear()
        assert grammar.tables().grammar == grammar.fingerprint(changed)
    grammar.tables.cache_clear()


def test_every_action_has_a_constructor_and_none_is_left_over():
    assert {rule.action for rule in grammar.tables().rules if not rule.helper} - {""} == set(ACTIONS)


def test_words_that_may_be_names_are_those_of_the_rule():
    data = grammar.tables()
    words = {each.name for each in data.terminals if each.literal and each.pattern.isidentifier()} | {"NAME"}
    assert {each.pattern for each in data.terminals if each.name in RESERVED} == {
        "if",
        "else",
        "for",
        "in",
        "and",
        "or",
        "not",
        "true",
        "false",
        "none",
    }
    assert names() == words - RESERVED


def test_lark_is_not_loaded_to_parse():
    program = """
import sys
from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.syntax.parse import parse
assert parse(Source("a.nn", "const x = 1"), Reporter()).items
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("lark", "torch", "triton")))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
