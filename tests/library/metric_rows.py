"""Metrics beside Keras's: how each is written, and the same in Keras.

A group of rows is of one prediction `a` and one target `b`, whose types and numbers it states.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.library.rows import losses, metrics

Array = np.ndarray
Draw = Callable[[np.random.Generator, int], Array]


@dataclass(frozen=True)
class Metric:
    """written: over `a` and `b`. keras: makes the metric. weighted: whether fractions of weights count in Keras too.
    truth: what Keras takes for the target. spread: whether Keras wants a weight for each entry."""

    written: str
    keras: Callable[[], Any]
    weighted: bool = True
    truth: Callable[[Array], Array] = field(default=lambda b: b)
    spread: bool = False


@dataclass(frozen=True)
class Group:
    prediction: str
    target: str
    draw_a: Draw
    draw_b: Draw
    rows: tuple[Metric, ...]


def _row(written: str, **configuration: Any) -> Metric:
    """`Precision(0.3)(a, b)`: Keras's of that name, with this configuration."""
    name = written.partition("(")[0]
    return Metric(written, lambda: getattr(metrics, name)(**configuration))


def _unit(*shape: int) -> Draw:
    """Numbers of 0 to 1, some of them at thresholds and at the ends."""

    def draw(rng: np.random.Generator, samples: int) -> Array:
        plain = rng.uniform(size=(samples, *shape))
        chosen = rng.choice([0.0, 1.0, 0.5, 1e-30, 0.25, 1 - 2**-24], (samples, *shape))
        return np.where(rng.uniform(size=plain.shape) < 0.2, chosen, plain).astype(np.float32)

    return draw


def _bits(*shape: int) -> Draw:
    return lambda rng, samples: rng.integers(0, 2, (samples, *shape)).astype(np.float32)


def _reals(*shape: int) -> Draw:
    return lambda rng, samples: (3 * rng.normal(size=(samples, *shape))).astype(np.float32)


def _shares(*shape: int) -> Draw:
    return lambda rng, samples: rng.dirichlet(np.ones(shape[-1]), (samples, *shape[:-1])).astype(np.float32)


def _labels(bound: int, *shape: int) -> Draw:
    return lambda rng, samples: rng.integers(0, bound, (samples, *shape))


def _one_hot(n: int) -> Callable[[Array], Array]:
    return lambda b: np.eye(n, dtype=np.float32)[b]


class _Mean(metrics.Mean):
    """Of the prediction alone."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_pred, sample_weight)


class _Sum(metrics.Sum):
    """Of the prediction alone."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_pred, sample_weight)


def _smoothed() -> Any:
    return metrics.CategoricalCrossentropy(label_smoothing=0.1)


_COUNTS = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
_CURVES = {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}
_ONE = {"num_thresholds": 1, "class_id": 2}
_CLASS = {"truth": _one_hot(4)}

# Whatever counts true and false entries: several entries a sample, one of them, one alone, and class labels.
BINARY = Group(
    "float[4]",
    "float[4]",
    _unit(4),
    _bits(4),
    (
        *(_row(f"{name}(a, b)") for name in (*_COUNTS, "Precision", "Recall", "BinaryAccuracy")),
        *(_row(f"{name}(0.25)(a, b)", thresholds=0.25) for name in (*_COUNTS, "Precision", "Recall")),
        *(_row(f"{name}(class_id = 1)(a, b)", class_id=1) for name in ("Precision", "Recall")),
        _row("BinaryAccuracy(0.3)(a, b)", threshold=0.3),
        *(_row(f"{name}(0.5)(a, b)", **{given: 0.5}) for name, given in _CURVES.items()),
        *(_row(f"{name}(0.9, 7)(a, b)", **{given: 0.9}, num_thresholds=7) for name, given in _CURVES.items()),
        *(_row(f"{name}(0.3, 1, 2)(a, b)", **{given: 0.3}, **_ONE) for name, given in _CURVES.items()),
        _row("AUC(a, b)"),
        _row("AUC(5)(a, b)", num_thresholds=5),
        *(
            _row(f'AUC(curve = "{curve}", summation_method = "{way}")(a, b)', curve=curve, summation_method=way)
            for curve in ("ROC", "PR")
            for way in ("interpolation", "minoring", "majoring")
        ),
        _row('AUC(21, "PRGAIN", "minoring")(a, b)', num_thresholds=21, curve="PRGAIN", summation_method="minoring"),
        _row("AUC(multi_label = true)(a, b)", multi_label=True),
        _row('AUC(curve = "PR", multi_label = true, num_labels = 4)(a, b)', curve="PR", multi_label=True, num_labels=4),
        _row("AUC(from_logits = true)(a, b)", from_logits=True),
        _row('F1Score("macro")(a, b)', average="macro"),
        _row('F1Score("micro", 0.4)(a, b)', average="micro", threshold=0.4),
        _row('F1Score("weighted")(a, b)', average="weighted"),
        _row("F1Score(a, b)"),
        _row('FBetaScore("weighted", 2.0, 0.3)(a, b)', average="weighted", beta=2.0, threshold=0.3),
        _row("FBetaScore(beta = 0.5)(a, b)", beta=0.5),
        Metric("BinaryIoU(a, b)", metrics.BinaryIoU, weighted=False, spread=True),
        Metric("BinaryIoU([1], 0.25)(a, b)", lambda: metrics.BinaryIoU([1], 0.25), weighted=False, spread=True),
    ),
)
# No two entries alike, of which Keras would choose one by chance; no 0 or 1, of which a log is infinite.
RANKED = Group(
    "float[5]",
    "float[5]",
    lambda rng, samples: rng.uniform(0.02, 0.98, (samples, 5)).astype(np.float32),
    _bits(5),
    (
        *(_row(f"{name}(top_k = 2)(a, b)", top_k=2) for name in ("Precision", "Recall")),
        *(_row(f"{name}(0.6, 3)(a, b)", thresholds=0.6, top_k=3) for name in ("Precision", "Recall")),
        _row("BinaryCrossentropy(0.2)(a, b)", label_smoothing=0.2),
    ),
)
SINGLE = Group(
    "float[1]",
    "float[1]",
    _unit(1),
    _bits(1),
    tuple(_row(f"{name}(a, b)") for name in (*_COUNTS, "Precision", "Recall", "AUC", "BinaryAccuracy")),
)
SCALAR = Group(
    "float",
    "bool",
    _unit(),
    _labels(2),
    tuple(_row(f"{name}(a, b)") for name in ("TruePositives", "TrueNegatives", "Precision", "Recall", "AUC")),
)
PICTURE = Group(
    "float[3, 2, 1]",
    "float[3, 2, 1]",
    _unit(3, 2, 1),
    _bits(3, 2, 1),
    (
        *(Metric(f"{name}(a, b)", getattr(metrics, name), spread=True) for name in ("Precision", "FalseNegatives")),
        Metric("BinaryIoU(a, b)", metrics.BinaryIoU, weighted=False, spread=True),
    ),
)
CLASSES = Group(
    "float[4]",
    "index(4)",
    _shares(4),
    _labels(4),
    (
        Metric("Precision(a, b)", metrics.Precision, **_CLASS),
        Metric("Recall(class_id = 2)(a, b)", lambda: metrics.Recall(class_id=2), **_CLASS),
        Metric("Recall(top_k = 2)(a, b)", lambda: metrics.Recall(top_k=2), **_CLASS),
        Metric("AUC(multi_label = true)(a, b)", lambda: metrics.AUC(multi_label=True), **_CLASS),
        Metric('F1Score("macro")(a, b)', lambda: metrics.F1Score("macro"), **_CLASS),
        Metric("CategoricalAccuracy(a, b)", metrics.CategoricalAccuracy, **_CLASS),
        Metric("CategoricalCrossentropy(0.1)(a, b)", _smoothed, **_CLASS),
        Metric("CategoricalHinge(a, b)", metrics.CategoricalHinge, **_CLASS),
        Metric("TopKCategoricalAccuracy(2)(a, b)", lambda: metrics.TopKCategoricalAccuracy(2), **_CLASS),
        _row("SparseCategoricalAccuracy(a, b)"),
        _row("SparseCategoricalCrossentropy(a, b)"),
        _row("SparseTopKCategoricalAccuracy(3)(a, b)", k=3),
        Metric("MeanIoU(4, sparse_y_pred = false)(a, b)", lambda: metrics.MeanIoU(4, sparse_y_pred=False), False),
        Metric(
            "IoU(4, [0, 2], ignore_class = 1, sparse_y_pred = false)(a, b)",
            lambda: metrics.IoU(4, [0, 2], ignore_class=1, sparse_y_pred=False),
            False,
        ),
    ),
)
VECTORS = Group(
    "float[5]",
    "float[5]",
    _shares(5),
    _shares(5),
    (
        *(_row(f"{name}(a, b)") for name in ("CategoricalAccuracy", "CategoricalCrossentropy", "KLDivergence")),
        _row("TopKCategoricalAccuracy(2)(a, b)", k=2),
        Metric("OneHotMeanIoU(5)(a, b)", lambda: metrics.OneHotMeanIoU(5), False),
        Metric("OneHotIoU(5, [1, 3], 0)(a, b)", lambda: metrics.OneHotIoU(5, [1, 3], ignore_class=0), False),
    ),
)
_MEANS = (
    *("MeanAbsoluteError", "MeanSquaredError", "MeanAbsolutePercentageError", "LogCoshError", "RootMeanSquaredError"),
    *("CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation", "Accuracy"),
)
NUMBERS = Group(
    "float[4]",
    "float[4]",
    _reals(4),
    _reals(4),
    (
        *(_row(f"{name}(a, b)") for name in _MEANS),
        Metric("Mean(a)", _Mean),
        Metric("Sum(a)", _Sum),
        _row("R2Score(a, b)"),
        _row('R2Score("variance_weighted_average")(a, b)', class_aggregation="variance_weighted_average"),
        _row("R2Score(none)(a, b)", class_aggregation=None),
        Metric("Hinge(a, sign(b))", metrics.Hinge, truth=np.sign),
        Metric("SquaredHinge(a, sign(b))", metrics.SquaredHinge, truth=np.sign),
        Metric(
            "MeanMetricWrapper(huber(0.5))(a, b)",
            lambda: metrics.MeanMetricWrapper(losses.huber, delta=0.5),
        ),
    ),
)
MATRICES = Group(
    "float[3, 4]",
    "float[3, 4]",
    _reals(3, 4),
    _reals(3, 4),
    (
        *(_row(f"{name}(a, b)") for name in ("MeanAbsoluteError", "RootMeanSquaredError", "PearsonCorrelation")),
        _row("CosineSimilarity(axis = 0)(a, b)", axis=1),
        _row("PearsonCorrelation(0)(a, b)", axis=1),
        _row("ConcordanceCorrelation(0)(a, b)", axis=1),
    ),
)
COUNTS = Group(
    "float[3]",
    "float[3]",
    lambda rng, samples: np.exp(rng.normal(size=(samples, 3))).astype(np.float32),
    lambda rng, samples: rng.poisson(2.0, (samples, 3)).astype(np.float32),
    (_row("Poisson(a, b)"), _row("MeanSquaredLogarithmicError(a, b)")),
)
GRID = Group(
    "float[3, 2]",
    "index(5)[3, 2]",
    lambda rng, samples: rng.integers(0, 6, (samples, 3, 2)).astype(np.float32),
    _labels(5, 3, 2),
    (
        Metric("MeanIoU(5)(a, b)", lambda: metrics.MeanIoU(5), False, spread=True),
        Metric("IoU(4, [1, 3])(a, b)", lambda: metrics.IoU(4, [1, 3]), False, spread=True),
    ),
)


# Functions that metrics share: what is wrong with one shows in the metrics that are made of it.
SHARED = (
    *("class_ids", "confusion_matrix", "curve_counts", "decisions", "intersection_over_union", "over_thresholds"),
    "truths",
)
GROUPS: Mapping[str, Group] = {
    "binary": BINARY,
    "ranked": RANKED,
    "single": SINGLE,
    "scalar": SCALAR,
    "picture": PICTURE,
    "classes": CLASSES,
    "vectors": VECTORS,
    "numbers": NUMBERS,
    "matrices": MATRICES,
    "counts": COUNTS,
    "grid": GRID,
}
