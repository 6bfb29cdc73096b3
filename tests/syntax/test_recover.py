"""Malformed programs: a report, never an exception, and an end."""

import random
import re

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.render import as_json, as_sarif, render
from nnc.base.source import Source
from nnc.syntax.format import format_module
from nnc.syntax.parse import parse
from tests.syntax.examples import EXAMPLES

PIECES = re.findall(r"\w+'?|\|>|->|[^\w\s]|\s+", "".join(EXAMPLES)) + list("$?'\"\\\t\0;&|!é\u201c\ud800")


def survives(text: str) -> bool:
    reporter = Reporter()
    module = parse(Source("a.nn", text), reporter)
    found = reporter.diagnostics
    assert module.damaged == reporter.has_errors
    assert len(found) <= 20
    assert all(0 <= each.primary.span.start <= each.primary.span.end <= len(text) for each in found)
    assert bool(render(found)) == bool(found)
    as_json(found)
    as_sarif(found)
    format_module(module)
    return module.damaged


def mutated(chance: random.Random) -> str:
    pieces = re.findall(r"\w+'?|\|>|->|[^\w\s]|\s+", chance.choice(EXAMPLES))
    for _ in range(chance.randint(1, 4)):
        place, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        match chance.randrange(4):
            case 0:
                pieces[place] = ""
            case 1:
                pieces[place] = chance.choice(PIECES)
            case 2:
                pieces.insert(place, chance.choice(PIECES))
            case _:
                pieces[place], pieces[other] = pieces[other], pieces[place]
    return "".join(pieces)


@pytest.mark.parametrize("seed", range(10))
def test_mutations_of_good_programs(seed):
    chance = random.Random(seed)
    assert sum(survives(mutated(chance)) for _ in range(100)) > 50


@pytest.mark.parametrize("seed", range(5))
def test_soup_of_tokens(seed):
    chance = random.Random(seed)
    assert sum(survives("".join(chance.choices(PIECES, k=chance.randint(1, 120)))) for _ in range(100)) > 50


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_beginning_of_a_program(text):
    for end in range(0, len(text), max(len(text) // 120, 1)):
        survives(text[:end])


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        ")" * 20_000,
        "const x = " + "-" * 20_000 + "x",
        "const x = x" + " + x" * 5_000,
        "? " * 5_000,
        "layer A(x) -> y {\n" * 3_000,
        "layer A(x) -> y {\n y = f(" + "a, " * 20_000 + "}",
        "layer A(x) -> y {\n" + " a = \n" * 5_000 + "}",
        "layer A(x) -> y {\n" + " y = x )\n" * 5_000 + "}",
        "layer A(x) -> y {\n y = x" + " + x |> f" * 5_000 + "}",
        "layer A(x) -> y {\n " + "a, " * 20_000 + "\n}",
        "const x = {" + "a: {" * 500,
        '"' * 10_001,
        "x" * 100_000,
        "const x = " + "1" * 100_000,
        "const x = [" + "1, " * 20_000 + "] ]",
        "\0" * 100,
    ],
)
def test_hostile(text):
    assert survives(text)
