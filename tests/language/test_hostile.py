"""Whatever is written, elaboration ends, soon, with a model or with errors."""

import random

import pytest

from tests.language.programs import codes, tried
from tests.language.test_errors import DIGITS

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
        "optimizer O() {\n    parameter' = sum(parameter)\n}\n"
        + NET.replace("BODY", "y = x |> Dense(2)")
        + "train Net {\n    loss = y\n    optimizer = O\n}\n",
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
