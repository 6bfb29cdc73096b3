"""Formatting keeps the tree and the comments, and is done once."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.syntax import tree
from nnc.syntax.errors import EXPLANATIONS
from nnc.syntax.format import format_module
from nnc.syntax.parse import parse
from tests.syntax.examples import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]


def parsed(text: str) -> tree.Module:
    reporter = Reporter()
    module = parse(Source("a.nn", text), reporter)
    assert reporter.all == ()
    return module


def check(text: str) -> str:
    module = parsed(text)
    formatted = format_module(module)
    assert parsed(formatted) == module
    assert format_module(parsed(formatted)) == formatted
    comments = [line.rstrip() for line in re.findall(r"#[^\n]*", text)]
    assert [line.rstrip() for line in re.findall(r"#[^\n]*", formatted)] == comments
    return formatted


@pytest.mark.parametrize("text", [*EXAMPLES, *(each.fixed for each in EXPLANATIONS.values())])
def test_examples(text):
    check(text)


def test_layout():
    text = (
        "\n\n\nlayer   A ( k=1,\n b = [1,2 ] )\n(x:float[ ...,D ,...S])->y{ # first\n\n\n"
        "  # second\n  y=-x [0 : 3,...]+f( a = {b:1} )*- 2\n\n\n\n  z = g(h(\n1,\n2\n))\n"
        "  w = x\n|> f\n  penalty (x)\n}  \n\n\n# third   "
    )
    assert check(text) == (
        "layer A(k = 1,\n"
        "        b = [1, 2])\n"
        "       (x: float[..., D, ...S]) -> y {  # first\n"
        "    # second\n"
        "    y = -x[0:3, ...] + f(a = { b: 1 }) * -2\n"
        "\n"
        "    z = g(h(\n"
        "        1,\n"
        "        2\n"
        "    ))\n"
        "    w = x\n"
        "        |> f\n"
        "    penalty (x)\n"
        "}\n"
        "\n"
        "# third\n"
    )


@pytest.mark.parametrize("folder", ["samples", "nnc/library", "tests/programs", "benchmarks/programs"])
def test_programs_of_the_project_are_formatted(folder):
    """`nnc fmt` lays them out."""
    for path in sorted((ROOT / folder).rglob("*.nn")):
        text = path.read_text(encoding="utf-8")
        assert check(text) == text, path


TABLE = """model Net(a: float[4]) -> (y, z) {
    hidden = a |> Dense(3)
    y = hidden + 1
    z = (hidden,
    hidden) |> Add
    # apart
    first, second = split(a, 2)
    w = first

    v = second
    param k: float[4] = ones
    param bias: float = zeros
    state seen = 0
    much_longer_than_the_other = hidden
    u = v
}
fn f(a, b) {
    assert a > 0,
    "above"
    long = a
    result = g(b, {
    k: 1 }, h(
    2)) if a else
    long
}
fn g(a) =
a |> Dense(3)
"""


def test_models_are_set_as_tables():
    assert (
        check(TABLE)
        == """model Net(a: float[4]) -> (y, z) {
    hidden = a |> Dense(3)
    y      = hidden + 1
    z = (hidden,
         hidden) |> Add
    # apart
    first, second = split(a, 2)
    w = first

    v = second
    param k:    float[4] = ones
    param bias: float    = zeros
    state seen = 0
    much_longer_than_the_other = hidden
    u = v
}
fn f(a, b) {
    assert a > 0,
           "above"
    long = a
    result = g(b, {
        k: 1 }, h(
            2)) if a else
             long
}
fn g(a) =
    a |> Dense(3)
"""
    )


def test_a_damaged_module_stays_as_it_is():
    text = "const   x = (\n"
    assert format_module(parse(Source("a.nn", text), Reporter())) == text


NAMES = st.sampled_from(["x", "state", "model", "h'", "é_1", "with", "_", "inf"])
ATOMS = NAMES | st.sampled_from(["1", "2.5e-3", "10_000", "true", "none", '"a \\" b"', "()", "{}"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    space = st.sampled_from(["", " ", "\n", "  # note\n"])
    operator = st.sampled_from([" + ", "-", " @\n", "//", " ^ ", " and ", " not in ", "<="])
    wrapped = st.builds("({0}{1}{0})".format, space, inner)
    return st.one_of(
        st.builds("({}{}{})".format, wrapped, operator, wrapped),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} |> {} |> {} * {})".format, NAMES, NAMES, NAMES, NAMES),
        st.builds("{}({}, {} = {},)".format, NAMES, inner, NAMES, inner),
        st.builds("{}[{}:{}, ..., ::{}]".format, NAMES, inner, inner, inner),
        st.builds("[{} for {}, {} in {} if {}]".format, inner, NAMES, NAMES, wrapped, wrapped),
        st.builds("{{ {}.{}:{}, {} : {} }}".format, NAMES, NAMES, inner, NAMES, inner),
        st.builds("(- {})".format, wrapped),
        st.builds("(not {})".format, wrapped),
        st.builds("[{}, {}]".format, inner, inner),
    )


@settings(max_examples=100)
@given(st.recursive(ATOMS, _larger, max_leaves=12), st.sampled_from(["", "\n", "\n\n\n", " "]))
def test_any_program(value, gap):
    lines = [f"a, b = {value}", f"param k: float[n + 1, ...S] =\n{value}, option = {value}", f"penalty {value}"]
    check(
        f"const c = {value}\n{gap}layer A(k = {value})(x: float[...]) -> y {{{gap}\n"
        + f"\n{gap}".join(lines)
        + gap
        + "}"
    )
