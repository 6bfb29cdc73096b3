"""Rows of the comparison with Keras: activations, losses, metrics, regularizers, constraints."""

import keras
import torch

from tests.library.rows import Row, activations, losses, metrics, several

ONE = [("float[3, 7]",), ("float[1]",), ("float",), ("float[2, 1, 5]",)]
AXES = [("float[3, 7]",), ("float[1]",), ("float[2, 1, 5]",)]


def _plain(name: str, **configuration: float | None) -> list[Row]:
    """An activation by its name, with its defaults, and with some configuration."""
    call = getattr(activations, name)
    rows = list(several(f"{name}(a)", call, ONE))
    if configuration:
        values = ", ".join(f"{key} = {'none' if value is None else value}" for key, value in configuration.items())
        rows += several(f"{name}({values})(a)", lambda a: call(a, **configuration), ONE)
    return rows


PLAIN = (
    *("exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "linear", "log_sigmoid", "mish"),
    *("relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "swish", "tanh"),
    "tanh_shrink",
)
POINTWISE: dict[str, dict[str, float | None]] = {
    **{name: {} for name in PLAIN},
    "celu": {"alpha": 0.7},
    "elu": {"alpha": 1.7},
    "hard_shrink": {"threshold": 1.1},
    "leaky_relu": {"negative_slope": 0.35},
    "relu": {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.3},
    "soft_shrink": {"threshold": 1.1},
    "squareplus": {"b": 2.5},
}

ACTIVATIONS: dict[str, list[Row]] = {
    **{name: _plain(name, **configuration) for name, configuration in POINTWISE.items()},
    "glu": [
        Row("glu(a)", activations.glu, ("float[3, 8]",)),
        Row("glu(axis = 0)(a)", lambda a: activations.glu(a, axis=1), ("float[2, 3]",)),
    ],
    "threshold": list(several("threshold(0.3, -2.0)(a)", lambda a: activations.threshold(a, 0.3, -2.0), ONE)),
}
ACTIVATIONS["gelu"] += several("gelu(true)(a)", lambda a: activations.gelu(a, approximate=True), ONE)
ACTIVATIONS["relu"] += several("relu(max_value = 6.0)(a)", lambda a: activations.relu(a, max_value=6.0), ONE)
for _name in ("softmax", "log_softmax"):
    _call = getattr(activations, _name)
    ACTIVATIONS[_name] = [
        *several(f"{_name}(a)", _call, AXES),
        Row(f"{_name}(axis = 0)(a)", lambda a, call=_call: call(a, axis=1), ("float[3, 5]",)),
    ]


def _rows(a: torch.Tensor) -> torch.Tensor:
    """The paper's algorithm along the last axis. Keras adds the support's running sums where the last one is meant, and
    its numbers then do not sum to 1."""
    ordered = a.sort(dim=-1, descending=True).values
    sums, places = ordered.cumsum(-1), torch.arange(1, a.shape[-1] + 1)
    count = (1 + places * ordered > sums).sum(-1, keepdim=True)
    return torch.relu(a - (sums.gather(-1, count - 1) - 1) / count)


ACTIVATIONS["sparsemax"] = [
    *several("sparsemax(a)", _rows, AXES),
    Row("sparsemax(axis = 0)(a)", lambda a: _rows(a.transpose(1, 2)).transpose(1, 2), ("float[3, 5]",)),
]

PAIRS = [("float[3, 7]", "float[3, 7]"), ("float[1]", "float[1]"), ("float[2, 1, 5]", "float[2, 1, 5]")]


def _given(domain: str, other: str, shapes: tuple[str, ...] = ("[3, 7]", "[1]", "[2, 1, 5]")) -> list[tuple[str, ...]]:
    return [(f"float{shape}: {domain}".removesuffix(": "), f"float{shape}: {other}") for shape in shapes]


BITS = [*_given("", "zero or one"), ("float[3]", "bool[3]"), ("float[4, 1]", "index(2)[4, 1]")]


def _labels(y: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(y, classes).double()


def _entropy(a: torch.Tensor, b: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    return losses.binary_crossentropy(b, a, from_logits=True, label_smoothing=smoothing)


def _classes(a: torch.Tensor, b: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    y = b if b.dtype == torch.float64 else _labels(b, a.shape[-1])
    return losses.categorical_crossentropy(y, a, from_logits=True, label_smoothing=smoothing)


def _swapped(name: str, **configuration: object) -> object:
    """Keras takes the target first."""
    return lambda a, b: getattr(losses, name)(b, a, **configuration)


SHARES = [*_given("", "shares"), ("float[3, 7]", "index(7)[3]"), ("float[2]", "index(2)")]
# The crossentropies of Keras that have no form of their own for logits clip: compared where they do not.
FOCAL = [*_given("unit", "zero or one"), ("float[3]: unit", "bool[3]")]
TRUE_SHARES = [*_given("shares", "shares", ("[3, 7]", "[2, 1, 5]")), ("float[3, 7]: shares", "index(7)[3]")]

LOSSES: dict[str, list[Row]] = {
    name: list(several(f"{name}(a, b)", _swapped(name), PAIRS))
    for name in ("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "huber", "log_cosh")
} | {
    "binary_crossentropy": [
        *several("binary_crossentropy(sigmoid(a), b)", _entropy, BITS),
        *several("binary_crossentropy(0.2)(sigmoid(a), b)", lambda a, b: _entropy(a, b, 0.2), BITS),
    ],
    "binary_focal_crossentropy": [
        *several("binary_focal_crossentropy(a, b)", _swapped("binary_focal_crossentropy"), FOCAL),
        *several(
            "binary_focal_crossentropy(true, 0.3, 1.5, 0.1)(a, b)",
            _swapped(
                "binary_focal_crossentropy", apply_class_balancing=True, alpha=0.3, gamma=1.5, label_smoothing=0.1
            ),
            FOCAL,
        ),
    ],
    "categorical_crossentropy": [
        *several("categorical_crossentropy(softmax(a), b)", _classes, SHARES),
        *several("categorical_crossentropy(0.3)(softmax(a), b)", lambda a, b: _classes(a, b, 0.3), SHARES),
    ],
    "categorical_focal_crossentropy": [
        several(
            f"categorical_focal_crossentropy({written})(a / sum(a, axis = -1, keepdims = true), b)",
            lambda a, b, more=more: losses.categorical_focal_crossentropy(
                b if b.dtype == torch.float64 else _labels(b, a.shape[-1]), a, **more
            ),
            TRUE_SHARES,
        )
        for written, more in (("", {}), ("0.4, 3.0, 0.1", {"alpha": 0.4, "gamma": 3.0, "label_smoothing": 0.1}))
    ],
    "categorical_generalized_cross_entropy": [
        Row(
            f"categorical_generalized_cross_entropy{'' if q == 0.5 else f'({q})'}(a, b)",
            _swapped("categorical_generalized_cross_entropy", q=q),
            types,
        )
        for q in (0.5, 0.8)
        for types in (("float[7]: shares", "index(7)"), ("float[3, 2]: shares", "index(2)[3]"))
    ],
    "sparse_categorical_crossentropy": list(
        several("sparse_categorical_crossentropy(softmax(a), b)", _classes, SHARES[-2:])
    ),
    "mean_squared_logarithmic_error": list(
        several(
            "mean_squared_logarithmic_error(a, b)",
            _swapped("mean_squared_logarithmic_error"),
            [*_given("positive", "positive"), *_given("", "positive")],
        )
    ),
    "hinge": [
        *several("hinge(a, b)", _swapped("hinge"), _given("", "sign")),
        *several("hinge(a, b)", lambda a, b: losses.hinge(2.0 * b - 1, a), [("float[3]", "bool[3]")]),
        *several("hinge(a, b)", lambda a, b: losses.hinge(2.0 * b - 1, a), [("float[1]", "index(2)[1]")]),
    ],
    "squared_hinge": [
        *several("squared_hinge(a, b)", _swapped("squared_hinge"), _given("", "sign")),
        *several("squared_hinge(a, b)", lambda a, b: losses.squared_hinge(2.0 * b - 1, a), [("float[3]", "bool[3]")]),
    ],
    "categorical_hinge": [
        *several("categorical_hinge(a, b)", _swapped("categorical_hinge"), _given("", "shares")),
        Row(
            "categorical_hinge(a, b)",
            lambda a, b: losses.categorical_hinge(_labels(b, 7), a),
            ("float[3, 7]", "index(7)[3]"),
        ),
    ],
    "kl_divergence": list(
        several(
            "kl_divergence(a, b)",
            _swapped("kl_divergence"),
            [*_given("unit", "unit"), *_given("shares", "shares", ("[3, 7]", "[2, 1, 5]"))],
        )
    ),
    "poisson": list(several("poisson(a, b)", _swapped("poisson"), _given("positive", "positive"))),
    "cosine_similarity": [
        *several("cosine_similarity(a, b)", _swapped("cosine_similarity"), PAIRS),
        Row("cosine_similarity(axis = 0)(a, b)", _swapped("cosine_similarity", axis=1), PAIRS[0]),
    ],
    "dice": [
        *several("dice(a, b)", _swapped("dice"), _given("unit", "zero or one")),
        Row("dice(axis = [0, 1])(a, b)", _swapped("dice", axis=(1, 2)), _given("unit", "zero or one")[0]),
    ],
    "tversky": [
        *several("tversky(a, b)", _swapped("tversky"), _given("unit", "zero or one")),
        Row(
            "tversky(0.3, 0.6, [1])(a, b)",
            _swapped("tversky", alpha=0.3, beta=0.6, axis=2),
            _given("unit", "zero or one")[0],
        ),
    ],
}
LOSSES["categorical_focal_crossentropy"] = [row for rows in LOSSES["categorical_focal_crossentropy"] for row in rows]
LOSSES["huber"] += several("huber(a, b, delta = 0.4)", _swapped("huber", delta=0.4), PAIRS)


def _metric(name: str, **configuration: object) -> object:
    return lambda a, b: getattr(metrics, name)(b, a, **configuration)


def _among_top(k: int) -> object:
    """Where the k largest entries are."""

    def call(a: torch.Tensor) -> torch.Tensor:
        places = keras.ops.top_k(a, k)[1]
        return keras.ops.sum(keras.ops.one_hot(places, a.shape[-1]), axis=-2)

    return call


TOP = [("float[9]", "float[9]"), ("float[3, 7]", "float[3, 7]"), ("float[1]", "float[1]")]
METRICS: dict[str, list[Row]] = {
    "divide_no_nan": [
        *several("divide_no_nan(a, b)", keras.ops.divide_no_nan, _given("", "zero or one"), extreme=False),
        *several("divide_no_nan(a, b)", keras.ops.divide_no_nan, PAIRS),
    ],
    "in_top_k": [
        Row("float(in_top_k(2)(a))", _among_top(2), ("float[3, 7]",), extreme=False),
        Row("float(in_top_k(a))", _among_top(5), ("float[9]",), extreme=False),
        Row("float(in_top_k(1)(a))", _among_top(1), ("float[1]",), extreme=False),
    ],
    "accuracy": [
        Row("accuracy(a, b)", _metric("sparse_categorical_accuracy"), ("float[3, 7]", "index(7)[3]")),
        Row("accuracy(a, b)", _metric("categorical_accuracy"), ("float[3, 7]", "float[3, 7]")),
        Row("accuracy(a, b)", _metric("binary_accuracy"), ("float[1]: unit", "float[1]: zero or one")),
    ],
    "binary_accuracy": [
        *several("binary_accuracy(a, b)", _metric("binary_accuracy"), _given("unit", "zero or one")),
        *several("binary_accuracy(0.3)(a, b)", _metric("binary_accuracy", threshold=0.3), _given("", "zero or one")),
        Row("binary_accuracy(a, b)", lambda a, b: metrics.binary_accuracy(b * 1.0, a), ("float[5]", "bool[5]")),
    ],
    "categorical_accuracy": list(several("categorical_accuracy(a, b)", _metric("categorical_accuracy"), TOP)),
    "sparse_categorical_accuracy": list(
        several(
            "sparse_categorical_accuracy(a, b)",
            _metric("sparse_categorical_accuracy"),
            [("float[7]", "index(7)"), ("float[3, 2]", "index(2)[3]")],
        )
    ),
    "top_k_categorical_accuracy": [
        *several("top_k_categorical_accuracy(a, b)", _metric("top_k_categorical_accuracy"), TOP[:2], extreme=False),
        *several(
            "top_k_categorical_accuracy(2)(a, b)", _metric("top_k_categorical_accuracy", k=2), TOP[:2], extreme=False
        ),
    ],
    "sparse_top_k_categorical_accuracy": [
        Row(
            "sparse_top_k_categorical_accuracy(3)(a, b)",
            _metric("sparse_top_k_categorical_accuracy", k=3),
            ("float[3, 7]", "index(7)[3]"),
        ),
        Row(
            "sparse_top_k_categorical_accuracy(a, b)",
            _metric("sparse_top_k_categorical_accuracy"),
            ("float[9]", "index(9)"),
        ),
    ],
}

regularizers, constraints = keras.regularizers, keras.constraints


def _shared(call: object) -> object:
    """A function of one weight, here of each sample's."""
    return lambda a: torch.stack([call(one) for one in a])


WEIGHTS = [("float[3, 7]",), ("float[1, 1]",), ("float[2, 3, 4]",)]
REGULARIZERS: dict[str, list[Row]] = {
    "l1": list(several("l1()(a)", _shared(regularizers.L1()), WEIGHTS)),
    "l2": list(several("l2(0.3)(a)", _shared(regularizers.L2(0.3)), WEIGHTS)),
    "l1_l2": list(several("l1_l2(0.2, 0.3)(a)", _shared(regularizers.L1L2(0.2, 0.3)), WEIGHTS)),
    "orthogonal_regularizer": [
        Row("orthogonal_regularizer(a)", _shared(regularizers.OrthogonalRegularizer()), ("float[3, 7]",)),
        Row(
            'orthogonal_regularizer(0.4, "columns")(a)',
            _shared(regularizers.OrthogonalRegularizer(0.4, "columns")),
            ("float[3, 2]",),
        ),
    ],
}
CONSTRAINTS: dict[str, list[Row]] = {
    "max_norm": [
        *several("max_norm(a)", _shared(constraints.MaxNorm()), WEIGHTS),
        Row("max_norm(0.7, [0, 1])(a)", _shared(constraints.MaxNorm(0.7, [0, 1])), ("float[2, 3, 4]",)),
    ],
    "min_max_norm": [
        *several("min_max_norm(a)", _shared(constraints.MinMaxNorm()), WEIGHTS),
        Row(
            "min_max_norm(0.5, 2.0, 0.8, 1)(a)",
            _shared(constraints.MinMaxNorm(0.5, 2.0, 0.8, 1)),
            ("float[2, 3]",),
        ),
    ],
    "non_neg": list(several("non_neg(a)", _shared(constraints.NonNeg()), WEIGHTS)),
    "unit_norm": list(several("unit_norm(a)", _shared(constraints.UnitNorm()), WEIGHTS)),
}
