"""What text becomes which tree."""

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source, Span
from nnc.syntax import tree
from nnc.syntax.parse import parse, read
from tests.syntax.examples import EXAMPLES


def parsed(text: str) -> tree.Module:
    reporter = Reporter()
    module = parse(Source("a.nn", text), reporter)
    assert reporter.all == ()
    assert not module.damaged
    return module


def show(node: object) -> str:
    """An expression with all its parentheses, as an independent reading of the tree."""
    match node:
        case tree.Name(text) | tree.Number(_, text):
            return text
        case tree.Binary(sign, left, right) | tree.Logical(sign, left, right) | tree.Compare(sign, left, right):
            return f"({show(left)} {sign} {show(right)})"
        case tree.Unary(sign, operand):
            return f"({sign} {show(operand)})"
        case tree.Conditional(value, condition, otherwise):
            return f"({show(value)} if {show(condition)} else {show(otherwise)})"
        case tree.Chain(value, stages):
            return "(" + " |> ".join(show(each) for each in (value, *stages)) + ")"
        case tree.Times(count, layer):
            return f"<{show(count)} * {show(layer)}>"
        case tree.Call(function, arguments):
            return f"{show(function)}({', '.join(show(each) for each in arguments)})"
        case tree.Argument(name, value):
            return f"{name.text}={show(value)}" if name else show(value)
        case tree.Subscript(value, items):
            return f"{show(value)}[{', '.join(show(each) for each in items)}]"
        case tree.Slice(start, stop, step):
            return ":".join("" if each is None else show(each) for each in (start, stop, step))
        case tree.Ellipsis_():
            return "..."
        case tree.Attribute(value, name):
            return f"{show(value)}.{name.text}"
        case tree.ListExpr(items):
            return "[" + ", ".join(show(each) for each in items) + "]"
        case tree.NoneLiteral():
            return "none"
        case tree.Boolean(value):
            return str(value).lower()
    raise AssertionError(node)


def value_of(text: str) -> tree.Expression:
    (item,) = parsed(f"const x = {text}").items
    assert isinstance(item, tree.Const)
    return item.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("-a ^ -b ^ c", "(- (a ^ (- (b ^ c))))"),
        ("a @ b / c // d % e", "((((a @ b) / c) // d) % e)"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a not in b", "(a not in b)"),
        ("a if b else c if d else e", "(a if b else (c if d else e))"),
        ("x |> f |> 3 * g(1) |> n * h.k", "(x |> f |> <3 * g(1)> |> <n * h.k>)"),
        ("x + (x |> f)", "(x + (x |> f))"),
        ("x |> f if c else y", "((x |> f) if c else y)"),
        ("f(a, k = b)(c)[..., 1:, ::2, :3:, none].y", "f(a, k=b)(c)[..., 1::, ::2, :3:, none].y"),
        ("f(\n a,\n)", "f(a)"),
        ("()", "[]"),
        ("(a,)", "[a]"),
        ("(a)", "a"),
        ("[a, b,]", "[a, b]"),
        ("model(state, with = over)", "model(state, with=over)"),
        ("h' * true", "(h' * true)"),
    ],
)
def test_precedence(text, expected):
    assert show(value_of(text)) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("10_000", 10_000), ("0.5", 0.5), ("1e-3", 1e-3), ("1_0.2_5E+2", 1025.0), ("1e3", 1000.0), ("007", 7)],
)
def test_numbers(text, value):
    found = value_of(text)
    assert isinstance(found, tree.Number)
    assert found.value == value
    assert type(found.value) is type(value)
    assert found.text == text


def test_strings():
    assert value_of(r'"a \"b\" \\n # no comment"') == tree.String(r'a "b" \n # no comment', value_of("1").span)


def test_no_text_is_an_empty_module():
    for text in ("", "\n\n", "# only a comment", "\ufeff"[1:]):
        assert parsed(text).items == ()


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text):
    assert parsed(text).items


def test_words_of_statements_are_names():
    words = (
        "layer model fn metric optimizer train const import from as param state target penalty assert scan over with"
    )
    body = "".join(f"    {word} = {word}({word} = {word}.{word})\n" for word in words.split())
    (item,) = parsed(f"fn layer(model, state: fn[train]) {{\n{body}}}\n").items
    assert isinstance(item, tree.FunctionDef)
    assert isinstance(item.body, tree.Block)
    assert [each.names[0].text for each in item.body.statements if isinstance(each, tree.Assign)] == words.split()


def test_signatures():
    layer, sole, optimizer, none, function = parsed(
        "layer A(k = 1)(x: float[..., D]) -> (y: float[...S], z) { y = x }\n"
        "metric B(x, y) { result = x }\n"
        "optimizer C(rate = 1) { parameter' = rate }\n"
        "fn d()(x: index(3)[T <= 4]) -> float = x\n"
        "fn e(x) -> float[] { result = x }\n"
    ).items
    assert isinstance(layer, tree.Definition)
    signature = layer.signature
    assert [each.name.text for each in signature.configuration] == ["k"]
    assert [each.name.text for each in signature.tensors] == ["x"]
    assert (signature.has_configuration, signature.has_tensors) == (True, True)
    assert [each.name.text for each in signature.results if each.name] == ["y", "z"]
    assert isinstance(sole, tree.Definition)
    assert (sole.signature.has_configuration, len(sole.signature.tensors)) == (False, 2)
    assert isinstance(optimizer, tree.Definition)
    assert (len(optimizer.signature.configuration), optimizer.signature.has_tensors) == (1, False)
    assert isinstance(none, tree.FunctionDef)
    assert none.signature.has_configuration
    kind = none.signature.tensors[0].type
    assert kind is not None
    assert kind.dims is not None
    assert isinstance(kind.dims[0], tree.Ragged)
    assert none.signature.results[0].name is None
    assert none.signature.results[0].type is not None
    assert none.signature.results[0].type.dims is None
    assert isinstance(function, tree.FunctionDef)
    assert function.signature.results[0].type is not None
    assert function.signature.results[0].type.dims == ()


def test_documentation_is_the_run_of_lines_right_above():
    first, second, third = parsed(
        "## lost\n\n## One\n##  two\nconst a = 1 ## no\n\n# no\nconst b = 2\n## three\nfn c(x) = x"
    ).items
    assert isinstance(first, tree.Const)
    assert first.documentation == "One\n two"
    assert isinstance(second, tree.Const)
    assert second.documentation == ""
    assert isinstance(third, tree.FunctionDef)
    assert third.documentation == "three"


def test_spans_cover_what_was_written():
    text = "const x = (a + b) * f(c)  # d\n"
    (item,) = parsed(text).items
    assert isinstance(item, tree.Const)
    assert item.span.text == "const x = (a + b) * f(c)"
    assert item.value.span.text == "(a + b) * f(c)"
    assert isinstance(item.value, tree.Binary)
    assert item.value.left.span.text == "a + b"
    assert (item.value.right.span.line, item.value.right.span.column) == (1, 21)


def test_white_space_means_nothing_more():
    assert parsed("const x = f(a) + b").items == parsed("const\r\n\tx = f\n(\ta )\n\n + b\r\n").items


def test_files_that_are_no_utf8_are_reported():
    reporter = Reporter()
    source = read("a.nn", b"\xef\xbb\xbfconst x = 1\n# caf\xe9\n", reporter)
    (found,) = reporter.all
    assert (found.code, found.primary.span.line, found.primary.span.column) == ("E0103", 2, 6)
    assert read("a.nn", "\ufeff# é".encode(), Reporter()).text == "# é"
    assert isinstance(source, Source)
    assert found.primary.span == Span(source, found.primary.span.start, found.primary.span.end)


@pytest.mark.parametrize(
    ("text", "lost", "kept"),
    [
        ("const a = 1\nfn b(x) = \nfn c(x) = x\n", ["b"], ["a", "c"]),
        ("layer A(x) -> y {\n    y = = x\n}\nfn c(x) = x\n", ["A"], ["c"]),
        ("layer A(x: float[) -> y {\n    y = x\n}\nfn c(x) = x\n", ["A"], ["c"]),
    ],
)
def test_damaged_definitions_are_named_and_left_out(text, lost, kept):
    module = parse(Source("a.nn", text), Reporter())
    assert module.damaged
    assert [name.text for name in module.lost] == lost
    assert [item.name.text for item in module.items if isinstance(item, tree.Const | tree.FunctionDef)] == kept
