"""Types that are written, and what is put where a type is meant."""

import pytest

from tests.language.programs import tried

NET = """model Net(x: TYPE) -> y: float[4] {
    y = x |> Dense(4)
}

train Net {
    target t: float[4]
    loss = mean_squared_error(y, t)
    optimizer = Step
}

optimizer Step(rate = 0.1) {
    parameter' = NEW
}
"""


@pytest.mark.parametrize(
    ("type", "new", "code", "title", "help"),
    [
        ("float(8)", "parameter", "E0412", "`float` takes sizes in brackets", "write float[8] for sizes"),
        ("f32(8)[2]", "parameter", "E0412", "`f32` takes sizes in brackets", "write f32[8] for sizes"),
        ("float[8]", "gradient > 0", "E0418", "`parameter` is float, and its new value is bool", ""),
    ],
)
def test_mistakes(type: str, new: str, code: str, title: str, help: str) -> None:
    _, reporter = tried(NET.replace("TYPE", type).replace("NEW", f"parameter - rate * gradient if false else {new}"))
    found = next(each for each in reporter.all if each.level == "error")
    assert (found.code, title in found.title, help in (found.help or "")) == (code, True, True), found


def test_a_layer_of_a_type_with_a_range() -> None:
    layer = "layer Odd(x: float(3)) -> y {\n    y = x\n}\n"
    text = layer + NET.replace("TYPE", "float[8]").replace("NEW", "parameter").replace("x |> D", "x |> Odd |> D")
    assert next(each.code for each in tried(text)[1].all if each.level == "error") == "E0412"


@pytest.mark.parametrize("type", ["i32[D]", "f16[D]", "bool[D]", "index(3)[D]"])
def test_a_parameter_is_float(type: str) -> None:
    layer = f"layer Odd(x: float[D]) -> y {{\n    param k: {type} = ones\n    y = x * float(k)\n}}\n"
    text = layer + NET.replace("TYPE", "float[8]").replace("NEW", "parameter - rate").replace("x |> D", "x |> Odd |> D")
    errors = [each for each in tried(text)[1].all if each.level == "error"]
    assert [(each.code, each.title) for each in errors] == [
        ("E0412", f"a parameter is float, and `k` is {type.replace('D', '8')}")
    ]


def test_results_feed_a_list() -> None:
    two = "layer Two(x: float[D]) -> (a: float[4], b: float[4]) {\n    a = x |> Dense(4)\n    b = x |> Dense(4)\n}\n"
    text = two + NET.replace("TYPE", "float[8]").replace("NEW", "parameter - rate * gradient")
    for body in ("x |> Two |> Add", "(x, x * 2) |> Add |> Dense(4)", "[x, x] |> Add |> Dense(4)"):
        _, reporter = tried(text.replace("x |> Dense(4)\n}\n\ntrain", f"{body}\n}}\n\ntrain"))
        assert not reporter.has_errors, reporter.all


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('assert rate > 0, "it is above 0"', None),
        ('assert rate < 0, "it is below 0"', "E0414"),
        ("penalty rate", "E0408"),
        ("param w: float = zeros", "E0408"),
        ("target q: float", "E0506"),
    ],
)
def test_statements_of_an_optimizer(statement: str, code: str | None) -> None:
    text = NET.replace("TYPE", "float[8]").replace(
        "parameter' = NEW", f"{statement}\n    parameter' = parameter - rate"
    )
    _, reporter = tried(text)
    assert [each.code for each in reporter.all if each.level == "error"] == ([code] if code else [])
