"""Metrics with states in a whole program: each kind of fold, through `fit`, `evaluate` and validation, on both paths,
beside NumPy in float64 over all samples at once."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, compile, schedule
from tests.emit.lint import lint
from tests.programs.harness import imported, run_interpreted

PROGRAM = Path(__file__).parent / "metrics.nn"
SCREENING = PROGRAM.with_name("screening.nn")
NAMES = ("accuracy", "curve", "agreement", "spread", "share")


def data(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, labels and weights, whole numbers, some of which are zero."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 3, samples).astype(np.float32)
    weight[0] = 1
    return rng.normal(size=(samples, 5)).astype(np.float32), rng.integers(0, 4, samples), weight


def expected(probs: np.ndarray, label: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    p, w = probs.astype(np.float64), weight.astype(np.float64)
    right = p.argmax(1) == label
    at = (np.arange(7, dtype=np.float32) / np.float32(6)).astype(np.float64)
    calls = ((p[:, None, :] > at[:, None]).sum(2) * w[:, None]).sum(0)
    hits = ((p[np.arange(len(p)), label][:, None] > at) * w[:, None]).sum(0)
    matrix = np.zeros((4, 4))
    np.add.at(matrix, (label, p.argmax(1)), w)
    both = np.diag(matrix)
    seen = p[w > 0]
    return {
        "accuracy": (w * right).sum() / w.sum(),
        "curve": (hits / np.maximum(calls, 1)).mean(),
        "agreement": (both / np.maximum(matrix.sum(0) + matrix.sum(1) - both, 1)).mean(),
        "spread": seen.max() - np.minimum(seen[:, :2].min(0), 0.125).mean(),
        "share": (w * right).sum() / (3 + w.sum()),
    }


def check(cls: Any, backend: str, samples: int, batch: int) -> None:
    """What is reported over uneven batches; an extreme counts no sample without weight."""
    model = cls(device="cpu", seed=1, backend=backend, _guard=True)
    x, label, weight = data(samples)
    model.fit(x, label, sample_weight=weight, batch_size=batch, epochs=1, verbose=0, shuffle=False)
    for weights in (weight, np.ones(samples, dtype=np.float32)):
        wanted = expected(model.predict(x, batch_size=batch, verbose=0), label, weights)
        for _ in range(2):  # the second time starts anew
            found = model.evaluate(x, label, sample_weight=weights, batch_size=batch, verbose=0)
            np.testing.assert_allclose([found[n] for n in NAMES], [wanted[n] for n in NAMES], rtol=1e-6)
    assert model.guards.overwritten() == []


def screening(backend: str) -> dict[str, float]:
    """What the library's metrics of a single probability come to, of known weights."""
    model = imported(compile(SCREENING).text, "screening")(device="cpu", seed=1, backend=backend, _guard=True)
    rng = np.random.default_rng(4)
    x = rng.normal(size=(37, 5)).astype(np.float32)
    sick = (x.sum(1, keepdims=True) + rng.normal(size=(37, 1)) > 0).astype(np.float32)
    weight = rng.integers(0, 3, 37).astype(np.float32)
    found = model.evaluate(x, sick, sample_weight=weight, batch_size=16, verbose=0)
    assert model.guards.overwritten() == []
    return found


def check_interpreted() -> None:
    cls = imported(compile(PROGRAM).text, "metrics")
    check(cls, "triton", 37, 16)
    check(cls, "triton", 1, 4)
    kernels, plain = screening("triton"), screening("torch")
    assert 0 < plain["auc"] < 1, "the example says nothing"
    for name, value in plain.items():
        np.testing.assert_allclose(kernels[name], value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("path", [PROGRAM, SCREENING], ids=lambda path: path.stem)
def test_lint(path: Path) -> None:
    assert lint(compile(path).text) == []


def test_metrics_share_the_kernel_of_the_loss() -> None:
    """All but the two curves, whose thresholds are an axis of their own: those store no row for each sample."""
    text = compile(SCREENING).text
    launches = re.findall(
        r"Launch\(\s*(\w+)", text[text.index("def train_step(v)") : text.index("def train_step_torch")]
    )
    assert [name for name in launches if "loss" in name or "metrics" in name] == ["prob_loss", "metrics", "metrics_2"]
    for state in ("precision_hits", "recall_misses", "accuracy", "loss"):
        assert state in text[text.index("def prob_loss(") : text.index("def prob_loss_torch(")]
    arena = text[text.index("ARENA = (") : text.index("ARENA_TORCH")]
    assert "BATCH, 200" not in arena
    assert "BATCH, 20)" not in arena


@pytest.mark.parametrize(("samples", "batch"), [(37, 16), (13, 5), (1, 4)])
def test_torch_path(samples: int, batch: int) -> None:
    check(imported(compile(PROGRAM).text, "metrics"), "torch", samples, batch)


def test_kernels() -> None:
    run_interpreted("from tests.programs.test_metrics import check_interpreted\ncheck_interpreted()")


def test_history_and_validation() -> None:
    """Before the first update the epoch's numbers are those of the initial weights; validation has names of its own."""
    model = imported(compile(PROGRAM).text, "metrics")(device="cpu", seed=2)
    x, label, weight = data(9)
    first = expected(model.predict(x, verbose=0), label, weight)
    held = data(11, seed=5)
    history = model.fit(x, label, sample_weight=weight, batch_size=9, epochs=2, verbose=0, validation_data=held).history
    assert set(history) == {*NAMES, "loss", *(f"val_{name}" for name in (*NAMES, "loss"))}
    last = expected(model.predict(held[0], verbose=0), *held[1:])
    for name in NAMES:
        np.testing.assert_allclose(history[name][0], first[name], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(history[f"val_{name}"][-1], last[name], rtol=1e-6, err_msg=name)


def test_equal_states_are_kept_once() -> None:
    """Metrics that count the same share what they count, whatever each makes of it."""
    text = """model Net(x: float[5]) -> p: float[1] {
    p = x |> Dense(1, sigmoid)
}
train Net {
    target t: float[1]
    loss = mean_squared_error(p, t)
    optimizer = SGD
    metrics = { error: mean_squared_error(p, t), precision: Precision()(p, t), again: Precision()(p, t), other: \
Precision(0.4)(p, t), recall: Recall()(p, t) }
}
"""
    reporter = Reporter()
    made = schedule(Source("net.nn", text), Options(), reporter)
    assert reporter.all == ()
    names = [row.name for row in made.accumulators]
    states = ["precision_hits", "precision_calls", "other_hits", "other_calls", "recall_misses"]
    assert sorted(names) == sorted(["loss", *states, "count", "weight"])
    model = imported(emission.run(made), "sharing")(device="cpu", seed=3)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(23, 5)).astype(np.float32), rng.integers(0, 2, (23, 1)).astype(np.float32)
    p, found = model.predict(x, verbose=0), model.evaluate(x, t, batch_size=7, verbose=0)
    hits, calls = ((p > 0.5) * t).sum(), (p > 0.5).sum()
    wanted = {"error": ((p - t) ** 2).mean(), "precision": hits / calls, "again": hits / calls}
    wanted |= {"loss": wanted["error"], "other": ((p > 0.4) * t).sum() / (p > 0.4).sum(), "recall": hits / t.sum()}
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)
