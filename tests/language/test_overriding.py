"""Values for a model's configuration that are given from outside, `--set` and the arguments of `load`."""

import pytest
from click.testing import CliRunner

from nnc.cli import cli
from tests.language.programs import model_of, tried

TEXT = """const WIDTH = 7
fn mine(x) = x * 2
model Net(units = 3, rate: number = 0.5, deep = false, act: function = relu, kind = "plain", sizes: list = [4, 5],
          inner: layer = Dense(2), maybe = none, wide: int = 2 * units, name: string = "a")(x: float[4]) -> y {
    h = x |> Sequential([Dense(size, act) for size in sizes]) |> inner
    g = h if maybe == none else h * maybe
    y = (g * rate if deep else g) |> Dense(wide) if kind == "plain" and name == "a" else x
}
"""


def shapes(**settings: object) -> dict[str, tuple[int, ...]]:
    return {each.path: each.type.shape for each in model_of(TEXT, settings=settings).parameters}


@pytest.mark.parametrize(
    ("settings", "path", "shape"),
    [
        ({"units": "5"}, "y.dense.kernel", (2, 10)),
        ({"units": 5}, "y.dense.kernel", (2, 10)),
        ({"units": "WIDTH // 2 + 1"}, "y.dense.kernel", (2, 8)),
        ({"wide": "units"}, "y.dense.kernel", (2, 3)),
        ({"units": "2", "wide": "3 * units"}, "y.dense.kernel", (2, 6)),
        ({"sizes": "[3, 2]"}, "h.dense_2.kernel", (3, 2)),
        ({"sizes": [6]}, "h.dense.kernel", (4, 6)),
        ({"sizes": "[]"}, "inner.kernel", (4, 2)),
        ({"inner": "Dense(6, tanh)"}, "inner.kernel", (5, 6)),
        ({"inner": "Sequential([Dense(6), relu, Dense(1)])"}, "inner.dense_2.kernel", (6, 1)),
    ],
)
def test_values_are_expressions_of_the_file(settings, path, shape):
    assert shapes(**settings)[path] == shape


@pytest.mark.parametrize(
    ("settings", "primitive"),
    [
        ({"act": "tanh"}, "tanh"),
        ({"act": "elu(0.5)"}, "expm1"),
        ({"deep": "true", "rate": "-1e-3"}, "mul"),
        ({"maybe": "3"}, "mul"),
        ({"maybe": 2.5}, "mul"),
        ({"act": "mine"}, "mul"),
    ],
)
def test_what_they_make(settings, primitive):
    plain, set = (
        [op.primitive for op in model_of(TEXT, settings=each).predict.function.ops] for each in ({}, settings)
    )
    assert set.count(primitive) > plain.count(primitive)


@pytest.mark.parametrize("value", ["other", "a b", "5", "none", '"other"', "C:\\x", 'it"s', None])
@pytest.mark.parametrize("name", ["kind", "name"])
def test_text_may_stand_without_quotes_where_a_string_is_wanted(name, value):
    if (name, value) in (("name", "none"), ("name", None)):
        assert [each.code for each in tried(TEXT, settings={name: value})[1].all] == ["E0404"]
    else:
        assert shapes(**{name: value}).keys() == {f"h.dense{n}.{p}" for n in ("", "_2") for p in ("kernel", "bias")} | {
            "inner.kernel",
            "inner.bias",
        }


@pytest.mark.parametrize("value", ["plain", '"plain"'])
def test_a_string_is_the_same_with_quotes(value):
    assert "y.dense.kernel" in shapes(kind=value)


@pytest.mark.parametrize(
    ("settings", "code", "title", "help"),
    [
        ({"units": "true"}, "E0404", "`units` of `Net` is a number, and this is true", None),
        ({"wide": "2.5"}, "E0404", "`wide` of `Net` is an integer", "`//`"),
        ({"wide": 2.0}, "E0404", "`wide` of `Net` is an integer", "write 2"),
        ({"deep": "1"}, "E0404", "`deep` of `Net` is true or false", None),
        ({"act": '"relu"'}, "E0404", "`act` of `Net` is a function", "without quotes: relu"),
        ({"act": "rellu"}, "E0301", "`rellu` is not defined", "`relu`"),
        ({"units": "wide"}, "E0301", "`wide` is not defined", None),
        ({"sizes": "3"}, "E0404", "`sizes` of `Net` is a list", None),
        ({"inner": "none"}, "E0404", "`inner` of `Net` is a layer or function", None),
        ({"unit": "3"}, "E0401", "`Net` has no configuration `unit`", "`units`"),
        ({"units": ""}, "E0124", "an operand is missing", None),
        ({"units": "3\nconst B = 4"}, "E0404", "one expression is wanted", None),
        ({"units": "(3"}, "E0102", None, None),
    ],
)
def test_mistakes(settings, code, title, help):
    _, reporter = tried(TEXT, settings=settings)
    found = [each for each in reporter.all if each.level == "error"]
    assert len(found) == 1
    if title is not None:
        assert (found[0].code, title in found[0].title, (help or "") in (found[0].help or "")) == (code, True, True), (
            found
        )
    (name,) = settings
    assert found[0].primary.span.source.path == ("program.nn" if code == "E0401" else f"--set {name}")


def test_the_shell_gives_them(tmp_path):
    path = tmp_path / "net.nn"
    path.write_text(TEXT, encoding="utf-8")
    given = ["--set", "sizes = [9]", "--set", "act=leaky_relu(0.1)"]
    shown = CliRunner().invoke(cli, ["summary", str(path), *given])
    assert shown.exit_code == 0, shown.output
    assert "float[9]" in shown.output
    wrong = CliRunner().invoke(cli, ["build", str(path), "--set", "sizes=[9"])
    assert wrong.exit_code == 1
    assert "--set sizes:1:15" in str(wrong.exception)
