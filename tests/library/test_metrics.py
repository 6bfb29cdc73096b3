"""Every metric of the library that holds state beside Keras's, streamed over uneven batches by a compiled module on the
torch path, with and without sample weights, over one sample and over many."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from nnc.pipeline import compile
from tests.language.programs import codes
from tests.library.metric_rows import GROUPS, Group, Metric
from tests.programs.harness import imported

# Said by Keras and by NumPy of Keras's own doings.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are passing weight as `float`:UserWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]
BATCH = 7
SAMPLES = (1, 7, 13, 29)


def program(group: Group) -> str:
    metrics = ",\n        ".join(f"m{place}: {row.written}" for place, row in enumerate(group.rows))
    return (
        f"model Net(x: {group.prediction}) -> a: {group.prediction} {{\n    a = x + 0\n}}\n"
        f"train Net {{\n    target b: {group.target}\n    loss = 0.0\n    optimizer = SGD\n"
        f"    metrics = {{\n        {metrics}\n    }}\n}}\n"
    )


@cache
def model_of(name: str) -> Any:
    path = Path(mkdtemp()) / f"{name}.nn"
    path.write_text(program(GROUPS[name]), encoding="utf-8")
    return imported(compile(path).text, f"metrics_{name}")(device="cpu")


@cache
def evaluated(name: str, samples: int, kind: str) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]:
    """What the module reports, and what of."""
    group = GROUPS[name]
    rng = np.random.default_rng(samples)
    a, b = group.draw_a(rng, samples), group.draw_b(rng, samples)
    weight = {
        "none": np.ones(samples),
        "whole": rng.integers(0, 3, samples),
        "fractions": rng.uniform(0.1, 2, samples),
    }[kind].astype(np.float32)
    weight[0] = 1
    target = b.astype(bool) if group.target.startswith("bool") else b
    found = model_of(name).evaluate(a, target, sample_weight=weight, batch_size=BATCH, verbose=0)
    return found, a, b, weight


def streamed(row: Metric, a: np.ndarray, b: np.ndarray, weight: np.ndarray, kind: str) -> np.ndarray:
    metric = row.keras()
    for start in range(0, len(a), BATCH):
        part = slice(start, start + BATCH)
        own = weight[part]
        if row.spread:
            own = np.broadcast_to(own.reshape(-1, *(1,) * (b.ndim - 1)), b[part].shape)
        weights = {} if kind == "none" else {"sample_weight": own}
        metric.update_state(row.truth(b[part]), a[part], **weights)
    return np.asarray(metric.result().detach().cpu())


ROWS = [(name, place) for name, group in GROUPS.items() for place in range(len(group.rows))]


@pytest.mark.parametrize(
    ("name", "place"), [pytest.param(*row, id=f"{row[0]}-{GROUPS[row[0]].rows[row[1]].written}") for row in ROWS]
)
def test_values(name: str, place: int) -> None:
    row = GROUPS[name].rows[place]
    for samples in SAMPLES:
        for kind in ("none", "whole", "fractions") if row.weighted else ("none", "whole"):
            found, a, b, weight = evaluated(name, samples, kind)
            wanted = streamed(row, a, b, weight, kind)
            message = f"{samples} samples, weights {kind}"
            np.testing.assert_allclose(found[f"m{place}"], wanted, rtol=1e-5, atol=2e-6, err_msg=message)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("Precision(y, wide)", ["E0414"]),
        ("Recall(y, y[0:2])", ["E0414"]),
        ('AUC(curve = "roc")(y, t)', ["E0414"]),
        ("AUC(num_thresholds = 1)(y, t)", ["E0414"]),
        ("AUC(num_labels = 2)(y, t)", ["E0414"]),
        ('F1Score("mean")(y, t)', ["E0414"]),
        ("FBetaScore(beta = 0)(y, t)", ["E0414"]),
        ("R2Score(y, wide)", ["E0204"]),
        ("RecallAtPrecision(1.5)(y, t)", ["E0414"]),
        ("SensitivityAtSpecificity(y, t)", ["E0402"]),
        ("MeanIoU(y, t)", ["E0402"]),
        ("Poisson(y)", ["E0402"]),
    ],
)
def test_misuse(metric: str, expected: list[str]) -> None:
    """One error each, whatever follows from it within the library."""
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3, sigmoid)\n}\n"
        "train Net {\n    target t: float[3]\n    target wide: index(5)\n    loss = mean_squared_error(y, t)\n"
        f"    optimizer = SGD\n    metrics = {{ m: {metric}, n: float(wide) }}\n}}\n"
    )
    assert [code for code in codes(text) if code[0] == "E"] == expected
