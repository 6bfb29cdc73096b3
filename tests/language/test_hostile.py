"""Whatever is written, elaboration ends, soon, with a model or with errors."""

import random
import re
from pathlib import Path

import pytest

from tests.language.hostile import DECLARATIONS, EXPRESSIONS
from tests.language.programs import codes, tried
from tests.language.test_errors import DIGITS

ROOT = Path(__file__).resolve().parents[2]
NET = "model Net(x: float[2]) -> y {\n    BODY\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "const A = B\nconst B = A\n" + NET.replace("BODY", "y = x * A"),
        "fn f(x) = g(x)\nfn g(x) = f(x)\n" + NET.replace("BODY", "y = f(x)"),
        "layer L(x: float[D]) -> y {\n    y = x |> L |> L\n}\n" + NET.replace("BODY", "y = x |> L"),
        NET.replace("BODY", "y = x |> 1000000000 * Dense(2)"),
        NET.replace("BODY", "y = x |> 99999 * relu"),
        NET.replace("BODY", "n = [[i for i in range(9999)] for j in range(9999)]\n    y = x * len(n)"),
        NET.replace("BODY", "y = x * len(range(10 ^ 15))"),
        NET.replace("BODY", "y = x * 9 ^ 9 ^ 9 ^ 9"),
        NET.replace("BODY", "\n    ".join(["a = [1, 2]", *("a = a + a" for _ in range(3)), "y = x"])),
        NET.replace(
            "BODY",
            "\n    ".join(["a0 = [1, 2]", *(f"a{i + 1} = a{i} + a{i}" for i in range(40)), "y = x * len(a40)"]),
        ),
        NET.replace("BODY", "f = Net\n    y = f(x)"),
        NET.replace("float[2]", "float[99999999999]").replace("BODY", "y = x"),
        NET.replace("float[2]", "float[T <= 9]").replace("BODY", "y = x"),
        NET.replace("float[2]", "float[x]").replace("BODY", "y = x"),
        NET.replace("float[2]", "int").replace("BODY", "y = x"),
        NET.replace("float[2]", "index").replace("BODY", "y = x"),
        NET.replace(": float[2]", "").replace("BODY", "y = x"),
        NET.replace("BODY", "y = 3"),
        NET.replace("BODY", "y = Dense"),
        NET.replace("BODY", "y = x\n    y = x"),
        NET.replace("BODY", "state s = s\n    s' = s + 1\n    y = x"),
        NET.replace("BODY", "state s = x\n    s' = s' + 1\n    y = x"),
        NET.replace("BODY", "scan h over x with h: float = zeros {\n        h' = h\n    }\n    y = x"),
        NET + "train Net {\n}\n",
        NET + "train Net {\n    loss = Net\n    optimizer = Net\n    metrics = Net\n}\n",
        "optimizer O() {\n    parameter' = sum(parameter, axis = 7)\n}\n"
        + NET.replace("BODY", "y = x |> Dense(2)")
        + "train Net {\n    loss = y\n    optimizer = O\n}\n",
        "layer S(x = float[..., D]) -> y {\n    state s: float[D] = zeros\n    s' = x * s\n    y = x + s\n}\n"
        + NET.replace("BODY", "f = S(0.5)\n    y = x |> f |> f"),
        "metric M(a, b) {\n    state s = 0\n    s' = s + a\n    result = s\n}\n"
        + NET.replace("BODY", "y = x |> Dense(2)")
        + "train Net {\n    loss = y\n    optimizer = SGD\n    metrics = { m: M(y, x) }\n}\n",
    ],
)
def test_ends_without_a_traceback(text):
    model, reporter = tried(text)
    assert (model is None) == reporter.has_errors
    assert model is None


@pytest.mark.parametrize(
    "body",
    [
        "y = " + "(" * 150 + "x" + ")" * 150,
        "y = " + "-" * 150 + "x",
        "y = x[none, " + "none, " * 60 + "0]",
        "y = broadcast(x[:, none], [2, 2000000000]) @ broadcast(x[0], [2000000000, 2])",
    ],
)
def test_odd_but_valid(body):
    assert codes(NET.replace("BODY", body)) == []


@pytest.mark.parametrize("where", ["y = {}", "_ = {}\n    y = x", "y = x * ({})", "y = f({})", "y = x if {} else -x"])
def test_hostile_expressions(where):
    """A diagnostic or a model, whatever the construct is given."""
    for each in EXPRESSIONS:
        codes("fn f(x) = x\n" + NET.replace("float[2]", "float[2, 4]").replace("BODY", where.format(each)))


@pytest.mark.parametrize(
    "where", ["loss = {}", "loss = sum(y)\n    metrics = {{ m: {} }}", "loss = y * ({})", "target t: float[{}]"]
)
def test_hostile_trainings(where):
    net = NET.replace("float[2]", "float[2, 4]").replace("BODY", "y = x |> Dense(3)")
    for each in EXPRESSIONS:
        codes(net + f"train Net {{\n    optimizer = SGD\n    {where.format(each)}\n}}\n")


def test_hostile_states():
    for each in DECLARATIONS:
        name = "s' = s + 1\n    y = x"
        codes(NET.replace("float[2]", "float[2, 4]").replace("BODY", f"state {each}\n    {name}"))
        codes(
            f"metric M(x) {{\n    state {each}\n    s' = s + sum(x)\n    result = s'\n}}\n"
            + trained("metrics = { m: M(y) }")
        )
        codes(f"optimizer O() {{\n    state {each}\n    s' = s + 1\n    parameter' = s\n}}\n" + trained("", "O"))


def trained(line, optimizer="SGD"):
    net = NET.replace("BODY", "y = x |> Dense(3)")
    return f"{net}train Net {{\n    loss = sum(y)\n    optimizer = {optimizer}\n    {line}\n}}\n"


@pytest.mark.parametrize("path", sorted((ROOT / "samples").glob("*.nn")), ids=lambda path: path.stem)
def test_mutilated_samples(path):
    rng = random.Random(path.stem)
    tokens = re.findall(r"\s+|\w+'?|[^\w\s]", path.read_text(encoding="utf-8"))
    words = [place for place, token in enumerate(tokens) if token.strip()]
    for _ in range(40):
        mutant = list(tokens)
        for _ in range(rng.randint(1, 3)):
            place = rng.choice(words)
            other = rng.choice(
                (tokens[rng.choice(words)], rng.choice(EXPRESSIONS), "", f"{mutant[place]} {tokens[rng.choice(words)]}")
            )
            mutant[place] = other
        codes("".join(mutant))


@pytest.mark.parametrize(
    ("type", "expected"),
    [("float[classes]", ["E0211"]), ("index(classes)", ["E0211"]), ("float[y]", ["E0211"]), ("float[SIZE]", [])],
)
def test_types_of_targets_are_read_first(type, expected):
    text = "const SIZE = 3\n" + trained("_ = SIZE").replace(
        "loss = sum(y)", "classes = 3\n    loss = sum(y * t) * classes"
    )
    text = text.replace("classes = 3\n", f"classes = 3\n    target t: {type}\n")
    assert codes(text) == expected


def test_mutilated_programs():
    rng = random.Random(7)
    words = DIGITS.split(" ")
    for _ in range(150):
        mutant = list(words)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(mutant))
            action = rng.randrange(3)
            if action == 0:
                del mutant[place]
            elif action == 1:
                mutant[place] = rng.choice(words)
            else:
                mutant.insert(place, rng.choice(words))
        codes(" ".join(mutant))


def test_recursion_through_deep_expressions():
    body = "fn f(x) = " + "-" * 150 + "f(x)\n" + NET.replace("BODY", "y = f(x)")
    assert codes(body) == ["E0216"]
