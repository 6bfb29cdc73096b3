"""What people write who come from Python, Keras or PyTorch: each told in one error, whose help is what to write."""

import pytest

from tests.syntax.test_errors import codes, found, in_layer

# a line of a layer that ends with `y = x`, the code, the text that is pointed at, the help, and the line mended by it
LINES = [
    ("f = lambda z: z * 2", "E0127", "lambda", "a function is `fn name(x) = ...`", "f = x"),
    ("h = g(lambda z: z * 2, x)", "E0127", "lambda", "a function is `fn name(x) = ...`", "h = g(double, x)"),
    (
        'assert D > 0, f"of {D}"',
        "E0101",
        'f"of {D}"',
        "leave the `f` out: values cannot be put into a string",
        'assert D > 0, "of D"',
    ),
    ('h = r"a"', "E0101", 'r"a"', "leave the `r` out: values cannot be put into a string", 'h = "a"'),
    ("h == x |> Dense(3)", "E0114", "==", "write `h = x |> Dense(3)`", "h = x |> Dense(3)"),
    ("h: 2 * x", "E0114", ":", "write `h = 2 * x`", "h = 2 * x"),
    ("h: float[3] = x", "E0114", ":", "write `h = x`", "h = x"),
    ("h = 2 * x,", "E0101", ",", "leave it out: a statement ends with its line", "h = 2 * x"),
    ("return 2 * x", "E0128", "return", "write `y = 2 * x`", "h = 2 * x"),
    ("if D > 3 {\n    }", "E0129", "if", "choose with `a if condition else b`", "h = x if D > 3 else -x"),
    ("for k in range(3):", "E0129", "for", None, "h = x"),
    (
        "h += x",
        "E0114",
        "+=",
        "give the new value a name of its own: `b = a + ...`; that of a state is `a' = a + ...`",
        "h' = h + x",
    ),
    ("h = f(units: 3)", "E0114", ":", "write `units = ...`", "h = f(units = 3)"),
    ("h = { loss = x }", "E0101", "=", "write `loss: ...`", "h = { loss: x }"),
    ('h = { "loss": x }', "E0101", '"loss"', "write loss", "h = { loss: x }"),
    ("h = x -> f", "E0115", "->", "a pipe is written `|>`", "h = x |> f"),
    ("h = x >> f", "E0115", ">>", "a pipe is written `|>`", "h = x |> f"),
    ("h = 2 * !x", "E0115", "!", "write `not`", "h = 2 * f(not x)"),
    ("h = D > 0 ? 1 : 2", "E0110", "?", None, "h = 1 if D > 0 else 2"),
]


@pytest.mark.parametrize(("line", "code", "place", "help", "mended"), LINES, ids=[line for line, *_ in LINES])
def test_a_line_of_another_language(line, code, place, help, mended):
    text = in_layer(line, "y = x")
    first = found(text).diagnostics[0]
    assert [each.code for each in found(text).diagnostics] == [code]
    assert first.primary.span.text == place
    assert help is None or first.help == help
    assert codes(in_layer(mended, "y = x")) == []


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("layer Block(x: float[D]) -> probs", "probs"),
        ("layer Block(x: float[D]) -> probs: float[..., D]", "probs"),
        ("layer Block(x: float[D])", "result"),
        ("fn double(x: float[...S]) -> float[...S]", "result"),
    ],
)
def test_return_names_the_result(signature, name):
    text = f"{signature} {{\n    return 2 * x\n}}\n"
    assert [each.help for each in found(text).diagnostics] == [f"write `{name} = 2 * x`"]
    assert codes(text.replace("return", f"{name} =")) == []


def test_a_name_alone():
    (error,) = found(in_layer("y = x", "hidden")).diagnostics
    assert (error.code, error.primary.span.text, error.help) == ("E0130", "hidden", "give it a value: `hidden = ...`")


def test_a_name_on_two_lines():
    (error,) = found(in_layer("hidden", "layer = 2 * x", "y = x")).diagnostics
    assert (error.code, error.primary.span.text) == ("E0130", "hidden")
    assert error.help == "give it a value: `hidden = ...`; if the two lines are one, join them: `hidden_layer = ...`"
    assert codes(in_layer("hidden_layer = 2 * x", "y = x")) == []


def test_sizes_in_parentheses():
    text = "model Net(x: float(28, 28)) -> y {\n    y = x\n}\n"
    (error,) = found(text).diagnostics
    assert (error.code, error.title, error.help) == ("E0101", "sizes stand in brackets", "write float[28, 28]")
    assert codes(text.replace("(28, 28)", "[28, 28]")) == []


def test_results_without_parentheses():
    text = "model Net(x: float[3]) -> a, b {\n    a = x\n    b = x\n}\n"
    (error,) = found(text).diagnostics
    assert (error.title, error.help) == ("several results stand in parentheses", "write -> (a, b)")
    assert codes(text.replace("a, b {", "(a, b) {")) == []


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("import torch", "leave it out: what the library has needs no import"),
        ("from keras import layers", "leave it out: what the library has needs no import"),
        ("import blocks", 'write "blocks.nn"'),
    ],
)
def test_imports_of_python(line, help):
    (error,) = found(f"{line}\n" + in_layer("y = x")).diagnostics
    assert (error.code, error.help) == ("E0138", help)
