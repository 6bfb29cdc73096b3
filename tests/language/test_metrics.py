"""Metrics with states: their sums, what is made of them, and what is no fold."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from nnc.base.render import render
from nnc.pipeline import compile, imported_now
from nnc.tensor.evaluate import evaluate
from nnc.tensor.show import show
from tests.language.programs import codes, model_of, run, tried

PRECISION = """metric Precision(threshold = 0.5)(y_pred, y_true) {
    state hits = 0
    state calls = 0
    hits' = hits + sum(where(y_pred > threshold and y_true == 1, 1, 0))
    calls' = calls + sum(where(y_pred > threshold, 1, 0))
    result = hits' / maximum(calls', 1)
}
metric Spread(y_pred) {
    state count = 0
    state total = 0
    state squares = zeros
    count' = count + 1
    total' = mean(y_pred) + total
    squares' = squares + mean(y_pred) ^ 2
    average = total' / count'
    result = sqrt(maximum(squares' / count' - average ^ 2, 0))
}
"""
BATCH = 6


def net(metrics: str, definitions: str = PRECISION) -> str:
    return (
        f"{definitions}model Net(x: float[3]) -> y: float[2] {{\n    y = x |> Dense(2, sigmoid)\n}}\n"
        "train Net {\n    target goal: float[2]\n    loss = mean_squared_error(y, goal)\n    optimizer = SGD(0.1)\n"
        f"    metrics = {metrics}\n}}\n"
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(y, goal, weight, threshold):
    calls = (weight * (y > threshold).sum(1)).sum()
    average = (weight * y.mean(1)).sum() / weight.sum()
    spread = (weight * (y.mean(1) - average) ** 2).sum() / weight.sum()
    return (weight * ((y > threshold) & (goal == 1)).sum(1)).sum() / max(calls, 1), np.sqrt(spread)


def data(samples: int):
    rng = np.random.default_rng(5)
    goal = rng.integers(0, 2, (samples, 2)).astype(np.float32)
    return rng.normal(size=(samples, 3)).astype(np.float32), goal, rng.uniform(0.5, 2, samples).astype(np.float32)


METRICS = "{ precision: Precision(0.4)(y, goal), spread: Spread(y) }"


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_results_are_made_of_weighted_sums(mode):
    model = model_of(net(METRICS))
    x, goal, weight = data(BATCH)
    rng = np.random.default_rng(0)
    given = {"y.dense.kernel": rng.normal(size=(3, 2)), "y.dense.bias": np.zeros(2)}
    found = run(getattr(model, mode), given | {"x": x, "goal": goal, "weight": weight}, BATCH)
    expected = reference(sigmoid(x @ given["y.dense.kernel"]), goal, weight, 0.4)
    assert [report.name for report in model.reports] == ["loss", "precision", "spread"]
    for report, wanted in zip(model.reports[1:], expected, strict=True):
        sums = [found[name] for name in report.states]
        np.testing.assert_allclose(evaluate(report.result, sums, 1)[0], wanted, rtol=1e-6)


def test_a_module_reports_them():
    model = _compiled(net(METRICS))(device="cpu", seed=1)
    x, goal, weight = data(37)
    history = model.fit(x, goal, sample_weight=weight, batch_size=8, epochs=2, verbose=0).history
    assert set(history) == {"loss", "precision", "spread"}
    found = model.evaluate(x, goal, sample_weight=weight, batch_size=8, verbose=0)
    expected = reference(model.predict(x, verbose=0), goal, weight, 0.4)
    np.testing.assert_allclose([found["precision"], found["spread"]], expected, rtol=1e-4)


def _compiled(text: str):
    path = Path(tempfile.mkdtemp()) / "net.nn"
    path.write_text(text)
    return imported_now(compile(path), path)


def test_a_state_that_does_not_start_at_zero():
    metric = "metric M(y) {\n    state s = 3\n    s' = s + sum(y)\n    result = s'\n}\n"
    model = model_of(net("{ m: M(y) }", metric))
    assert evaluate(model.reports[1].result, [np.float64(4)], 1)[0] == 7


@pytest.mark.parametrize(
    ("fold", "first", "after", "wanted"),
    [("maximum", 3, 2, 3), ("maximum", "-inf", 2, 2), ("minimum", 3, 2, 2), ("minimum", "inf", 5, 5)],
)
def test_an_extreme_and_where_it_starts(fold, first, after, wanted):
    metric = f"metric M(y) {{\n    state s = {first}\n    s' = {fold}(s, sum(y))\n    result = s'\n}}\n"
    model = model_of(net("{ m: M(y) }", metric))
    assert evaluate(model.reports[1].result, [np.float64(after)], 1)[0] == wanted
    bound = {binding.name: binding.fold for binding in model.evaluate.outputs}
    assert bound["m_s"] == {"maximum": "max", "minimum": "min"}[fold]


def test_an_extreme_skips_samples_without_weight():
    metric = "metric M(y) {\n    state s: float[2] = -inf\n    s' = maximum(s, y)\n    result = sum(s')\n}\n"
    model = model_of(net("{ m: M(y) }", metric))
    x, goal, weight = data(BATCH)
    weight[2] = 0
    given = {"y.dense.kernel": np.ones((3, 2)), "y.dense.bias": np.zeros(2)}
    found = run(model.evaluate, given | {"x": x, "goal": goal, "weight": weight}, BATCH)
    np.testing.assert_allclose(found["m_s"], np.delete(sigmoid(x @ given["y.dense.kernel"]), 2, 0).max(0))


def test_a_metric_without_states_is_averaged():
    metric = "metric M(share = 2)(y) {\n    result = share * sum(y)\n}\n"
    assert model_of(net("{ m: M(y) }", metric)).reports[1].total == "m"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s' = s * 2 + sum(y)", ["E0514"]),
        ("s' = s + s + sum(y)", ["E0514"]),
        ("s' = s + sum(y) - s", ["E0514"]),
        ("s' = sum(y)", ["E0514"]),
        ("s' = s + y", ["E0514"]),
        ("s' = s + sum(y) + 2", []),
        ("s' = maximum(s, sum(y))", []),
        ("s' = minimum(sum(y), s)", []),
        ("s' = maximum(s, sum(y)) + 1", ["E0514"]),
        ("s' = maximum(s, minimum(s, sum(y)))", ["E0514"]),
        ("s' = maximum(s, sum(y), 1)", ["E0514"]),
        ("_ = y", ["E0514"]),
        ("t' = s + sum(y)", ["E0416", "E0514"]),
        ('s\' = s + ("one" if len(shape(y)) == 1 else 0)', ["E0514"]),
    ],
)
def test_mistakes(body, expected):
    new = "s'" if body.startswith("s'") else "1"
    metric = f"metric M(y) {{\n    state s = 0\n    {body}\n    result = {new}\n}}\n"
    assert codes(net("{ m: M(y) }", metric)) == expected


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        ("state s: float[3] = 0; s' = s + y; result = sum(s')", ["E0530"], "float[3]"),
        ("state s: float[2] = 0; s' = s + y; result = sum(s')", [], ""),
        ("state s: float[2] = 0; s' = s + sum(y); result = s'", [], ""),
        ("state s: float[2, 2] = 0; s' = s + y[..., none] * y; result = s'", ["E0515"], "result = s'"),
        ("state s: bool = 0; s' = s + sum(y); result = s'", ["E0530"], "float or i64"),
        ("state s: index(3) = 0; s' = s + sum(y); result = s'", ["E0530"], "float or i64"),
        ("state s: i64 = 0; s' = s + sum(y); result = s'", ["E0530"], "i64(...)"),
        ("state s: i64 = 0; s' = s + i64(sum(y) > 1); result = s'", [], ""),
        ("state s: float[D] = 0; s' = s + sum(y); result = sum(s')", ["E0301"], "`D`"),
        ("state s: float[0.5] = 0; s' = s + sum(y); result = sum(s')", ["E0211"], ""),
        ("state s = none; s' = s + sum(y); result = s'", ["E0418"], "none"),
        ("state s = 0; state t = 0; s' = s + sum(y); t' = t + s'; result = t'", ["E0514"], "depend on the batches"),
        ("state s = 0; s' = s + sum(y); result = s", ["E0514"], "s' is what it is"),
        ("state s = 0; state t = 0; s' = s + sum(y) * t; t' = t + 1; result = s'", ["E0514"], "before it is folded"),
        ("state s = 0; s' = s + sum(y)", ["E0304"], "result"),
        ("state s = 0; s' = s + sum(y); result = s' / sum(y, batch = true)", ["E0515"], "result = s'"),
        ("state s = 0; s' = s + sum(y); s' = s + 2; result = s'", ["E0303"], "twice"),
        ("state s = 0; s' = maximum(s, sum(y)) + 1; result = s'", ["E0514"], "a state for each"),
    ],
)
def test_mistakes_of_states(body, expected, words):
    metric = "metric M(y) {\n" + "\n".join(f"    {line}" for line in body.split("; ")) + "\n}\n"
    _, reporter = tried(net("{ m: M(y) }", metric))
    assert [each.code for each in reporter.all] == expected
    assert words in render(reporter.all)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("{ m: Spread(y) + 1 }", ["E0210"]),
        ("{ loss: Spread(y) }", ["E0511"]),
        ("{ m: Spread }", ["E0510"]),
        ("{ m: Spread(y, y) }", ["E0403"]),
        ("{ m: Spread(y), m_count: sum(y) }", ["E0511"]),
    ],
)
def test_mistakes_in_use(metrics, expected):
    assert [code for code in codes(net(metrics)) if code[0] == "E"] == expected


def test_a_metric_is_no_loss():
    text = net("{ m: Spread(y) }").replace("loss = mean_squared_error(y, goal)", "loss = Spread(y)")
    assert [code for code in codes(text) if code[0] == "E"] == ["E0507"]


def test_empty_configuration_waits_for_tensors():
    """As of a metric that has configuration: `MeanSquaredError()` is applied later."""
    text = (
        "model Net(x: float[3]) -> y: float[3] {{\n    y = x |> Dense(3)\n}}\n"
        "train Net {{\n    loss = sum(y)\n    optimizer = SGD\n    metrics = {{ m: {} }}\n}}\n"
    )
    called, waiting = (model_of(text.format(f"MeanSquaredError{each}")) for each in ("(y, x)", "()(y, x)"))
    assert show(called.evaluate.function) == show(waiting.evaluate.function)
    assert codes(text.format("MeanSquaredError()")) == ["E0510"]
