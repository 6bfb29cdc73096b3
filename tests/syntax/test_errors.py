"""Every code has a program that gives it, with its exact text, and a mended twin that parses."""

from pathlib import Path

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.render import render
from nnc.base.source import Source
from nnc.syntax.errors import EXPLANATIONS
from nnc.syntax.parse import MAXIMUM_BYTES, parse, read

GOLDENS = Path(__file__).parent / "goldens"
WITH_EXAMPLE = sorted(code for code, each in EXPLANATIONS.items() if each.failing)


def found(text: str) -> Reporter:
    reporter = Reporter()
    module = parse(Source("program.nn", text), reporter)
    assert module.damaged == reporter.has_errors
    return reporter


def codes(text: str) -> list[str]:
    return [each.code for each in found(text).diagnostics]


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_failing_example(code, golden):
    reporter = found(EXPLANATIONS[code].failing)
    assert [each.code for each in reporter.diagnostics] == [code]
    golden(GOLDENS / f"{code}.txt", render(reporter.diagnostics))


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_fixed_example(code):
    assert codes(EXPLANATIONS[code].fixed) == []


def test_examples_too_large_to_print():
    assert set(EXPLANATIONS) - set(WITH_EXAMPLE) == {"E0102", "E0103"}
    assert codes("#" + "x" * MAXIMUM_BYTES) == ["E0102"]
    assert codes("#" + "x" * (MAXIMUM_BYTES - 1)) == []
    assert codes("#" + "é" * (MAXIMUM_BYTES // 2)) == ["E0102"]
    assert codes("fn f(x) = [" + "x, " * 80_000 + "x]") == ["E0102"]
    reporter = Reporter()
    read("program.nn", b"const x = 1 # \xff", reporter)
    assert [each.code for each in reporter.all] == ["E0103"]


def in_layer(*lines: str) -> str:
    return "layer Block(x: float[D]) -> y {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a = 2 x", "b = 3"], ["E0126"]),
        (["a = x +", "b = 3", "y = b"], ["E0124"]),
        (["a = x |>", "param k: float = ones", "y = k"], ["E0124"]),
        (["a = ", "b = 3"], ["E0124"]),
        (["a = f(x,", "b = 3", "y = 4"], ["E0121"]),
        (["a = f(x", "b = 3", "y = 4"], ["E0121"]),
        (["y = x |> f + x"], ["E0125"]),
        (["y = not x |> f"], ["E0125"]),
        (["y = x * 2 |> f(3) |> 2 * g"], ["E0125"]),
        (["y = |> f"], ["E0124"]),
        (["x.y = 3"], ["E0131"]),
        (["for i in x { y = i }"], ["E0129"]),
        (["while x { y = i }"], ["E0129"]),
        (["return x"], ["E0128"]),
        (["let y = x"], ["E0127"]),
        (["y += x"], ["E0114"]),
        (["y = x && x"], ["E0115"]),
        (["y = x;"], ["E0115"]),
        (["y = \u201cx\u201d"], ["E0110", "E0110"]),
        (["y = 5. * x"], ["E0141"]),
        (["param w: float[D]", "y = x * w"], ["E0142"]),
        (["param w: float[D]", "state s: float[D]", "y = x * w + s"], ["E0142", "E0142"]),
        (["assert D = 3"], ["E0123"]),
        (["y = f(x, in = 3)"], ["E0133"]),
        (['"""text"""', "y = x"], ["E0130"]),
    ],
)
def test_common_mistakes(lines, expected):
    assert codes(in_layer(*lines)) == expected


def test_three_mistakes_give_three_errors():
    text = in_layer("a := 2", "b = x +", "c = f(x))", "y = x") + "fn g(x) = x ** 2\n"
    assert codes(text) == ["E0114", "E0124", "E0122", "E0115"]


def test_errors_in_a_scan_and_after_it():
    text = in_layer("scan z over x with h = 0 {", "    h' = h z", "    q = z +", "}", "y = = h", "w = h")
    assert codes(text) == ["E0126", "E0124", "E0101"]


def test_at_most_twenty():
    assert len(codes(in_layer(*(f"a{i} = )" for i in range(50))))) == 20


def test_depth_is_bounded_however_it_is_written():
    for deep in (
        "(" * 201,
        "-" * 300 + "x",
        "x" + " + x" * 300,
        "f" + "(x)" * 300,
        "x if y else " * 300 + "z",
        "a" + ".b" * 300,
    ):
        assert codes(f"const x = {deep}") == ["E0104"]
    for fine in ("[" * 200 + "]" * 200, "x" + " + x" * 199, "[" + "x, " * 5000 + "]"):
        assert codes(f"const x = {fine}") == []
