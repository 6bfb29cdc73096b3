"""The codes of syntax errors, E01xx: what each means, a program that fails with it and the same program mended.

Data, and `report`, which takes an error's title from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.base.diagnostic import Explanation, Label, Reporter
from nnc.base.source import Span


def _in_layer(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"layer Block(x: float[D]) -> y {{\n{body}}}\n"


def _pair(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    return Explanation(code, title, explanation, failing, fixed)


def _line(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example that is one statement of a layer."""
    return Explanation(code, title, explanation, _in_layer(failing), _in_layer(fixed))


_TABLE = (
    _line(
        "E0101",
        "unexpected syntax",
        "The text cannot go on like this. The message names what may stand there.",
        "y = f(x y)",
        "y = f(x, y)",
    ),
    _pair(
        "E0102",
        "this file is too large",
        "A source may have 1 MiB and 150,000 words and signs. Move parts into files and import them.",
        "",
        "",
    ),
    _pair("E0103", "this file is not UTF-8", "Sources are UTF-8 text. Save the file in that encoding.", "", ""),
    _line(
        "E0104",
        "nested too deeply",
        "Brackets, blocks and operators may be nested 200 deep. Give inner parts names of their own. A sum of "
        "hundreds of terms is nested too: take the `sum` of a list.",
        "y = " + "(" * 201 + "x" + ")" * 201,
        "y = x",
    ),
    _line(
        "E0105",
        "this number is too long",
        "A number may have 300 characters, and a fraction must be below 1.8e308.",
        "y = x * 1e999",
        "y = x * 1e99",
    ),
    _line(
        "E0110",
        "unknown character",
        "Outside strings and comments this character means nothing.",
        "y = x ? 2",
        "y = x + 2",
    ),
    _line(
        "E0111",
        "this string has no end",
        'A string stands between two `"` on one line.',
        'y = rearrange(x, "d -> 1 d)',
        'y = rearrange(x, "d -> 1 d")',
    ),
    _line(
        "E0112",
        "unknown escape in a string",
        'In strings a backslash stands only before `"` or another backslash.',
        r'assert D > 0, "no\way"',
        r'assert D > 0, "no\\way"',
    ),
    _line(
        "E0113", "strings have double quotes", "A single `'` only ends names.", "y = f(x, 'same')", 'y = f(x, "same")'
    ),
    _line(
        "E0114",
        "values are given with `=`",
        "There is one assignment, `=`, and a name is assigned once. The new value "
        "of a state or a carry is `name' = ...`.",
        "y := 2 * x",
        "y = 2 * x",
    ),
    _line(
        "E0115",
        "an operator of another language",
        "Section 5 of the reference lists the operators.",
        "y = x ** 2",
        "y = x ^ 2",
    ),
    _pair(
        "E0120",
        "a `}` is missing",
        "Every `{` has its `}`. Here a definition starts, or the file ends, while a block is open.",
        "layer Block(x) -> y {\n    y = x\n\nfn twice(x) = 2 * x\n",
        "layer Block(x) -> y {\n    y = x\n}\n\nfn twice(x) = 2 * x\n",
    ),
    _line(
        "E0121",
        "a bracket is not closed",
        "Every `(`, `[` and `{` has its partner.",
        "y = f(x, (2 + 3) * 4",
        "y = f(x, (2 + 3) * 4)",
    ),
    _line("E0122", "this bracket closes nothing", "There is no open bracket of its kind.", "y = f(x))", "y = f(x)"),
    _line(
        "E0123",
        "`=` does not compare",
        "`=` gives a name its value, `==` compares.",
        "y = x if D = 3 else 2 * x",
        "y = x if D == 3 else 2 * x",
    ),
    _line(
        "E0124",
        "an operand is missing",
        "An operator stands between two operands, `=` and a comma before one.",
        "y = x +",
        "y = x + 1",
    ),
    _line(
        "E0125",
        "a pipe beside a bare operator",
        "`|>` binds neither weaker nor tighter than other operators: parentheses must say what is meant.",
        "y = x + x |> Norm",
        "y = x + (x |> Norm)",
    ),
    _line(
        "E0126",
        "a statement starts in the middle of a line",
        "Each statement and each definition starts on a line of its own. A product is written with `*`.",
        "a = 2 b = 3",
        "a = 2\n    b = 3",
    ),
    _pair(
        "E0127",
        "a definition of another language",
        "Definitions start with `fn`, `layer`, `model`, `metric`, `optimizer`, `train` or `const`.",
        "def twice(x):\n    return 2 * x\n",
        "fn twice(x) = 2 * x\n",
    ),
    _pair(
        "E0128",
        "there is no `return`",
        "The value of a function's block is its `result`; layers and models assign the names after `->`.",
        "fn twice(x) {\n    return 2 * x\n}\n",
        "fn twice(x) {\n    result = 2 * x\n}\n",
    ),
    _line(
        "E0129",
        "there are no loops and branches of statements",
        "Repeat with `3 * Layer`, with a list `[... for x in list]` or with `scan`; "
        "choose with `a if condition else b`.",
        "if D > 3 { y = x }",
        "y = x if D > 3 else 2 * x",
    ),
    _line(
        "E0130",
        "a value that nobody takes",
        "A statement gives a value a name, or is a `param`, `state`, `target`, `penalty`, `assert` or `scan`.",
        "Dense(3)(x)",
        "y = Dense(3)(x)",
    ),
    _line(
        "E0131",
        "only names can be assigned",
        "Values never change in place: an entry or an attribute cannot be assigned.",
        "x[0] = 1",
        "y = concat([[1], x[1:]])",
    ),
    _line(
        "E0132",
        "comparisons do not chain",
        "`a < b < c` is written `a < b and b < c`.",
        "assert 0 < D < 9",
        "assert 0 < D and D < 9",
    ),
    _line(
        "E0133",
        "a reserved word is no name",
        "Reserved are: if else for in and or not true false none.",
        "in = 2 * x",
        "inner = 2 * x",
    ),
    _pair(
        "E0134",
        "definitions do not nest",
        "Layers, functions and the like are defined in the file, not in a block.",
        "layer Block(x) -> y {\n    fn twice(x) = 2 * x\n    y = twice(x)\n}\n",
        "fn twice(x) = 2 * x\n\nlayer Block(x) -> y {\n    y = twice(x)\n}\n",
    ),
    _pair(
        "E0135",
        "a statement outside a definition",
        "A file holds imports, constants and definitions; statements stand in their blocks.",
        "width = 3\n",
        "const width = 3\n",
    ),
    _line(
        "E0136",
        "`else` is missing",
        "`a if condition else b` is a value and needs both.",
        "y = x if D > 3",
        "y = x if D > 3 else 2 * x",
    ),
    _line(
        "E0137",
        "a type is missing",
        "A `param` and a `target` have a type: `param name: float[D] = zeros`.",
        "param bias = zeros",
        "param bias: float[D] = zeros",
    ),
    _pair(
        "E0138",
        "a path stands in quotes",
        "A file is imported by its path, relative to this file.",
        "import blocks\n",
        'import "blocks.nn"\n',
    ),
    _line("E0139", "comments start with `#`", "`//` divides and rounds down.", "// the result", "# the result"),
    _pair(
        "E0140",
        "a definition without its tensors",
        "A definition has a list in parentheses after its name, which may be empty.",
        "layer Block -> y {\n    y = 3\n}\n",
        "layer Block() -> y {\n    y = 3\n}\n",
    ),
    _line("E0141", "a number needs digits on both sides", "Write `0.5` and `2.0`.", "y = .5 * x", "y = 0.5 * x"),
    _line(
        "E0142",
        "a value to start at is missing",
        "A `param` and a `state` start at an initializer, a value or `none`.",
        "param bias: float[D]",
        "param bias: float[D] = zeros",
    ),
)

EXPLANATIONS: Mapping[str, Explanation] = {each.code: each for each in _TABLE}


def report(
    reporter: Reporter,
    code: str,
    span: Span,
    label: str = "",
    *,
    title: str | None = None,
    others: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: str | None = None,
) -> None:
    """Reports a syntax error under its title, unless a more telling one is given."""
    reporter.error(code, title or EXPLANATIONS[code].title, span, label, others=others, notes=notes, help=help)
