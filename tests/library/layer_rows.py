"""Rows of the comparison with Keras: layers."""

import keras
import torch

from tests.library.rows import Row, layer, layers

D = {"dtype": "float64"}
MERGED = (("float[3, 7]", "float[3, 7]"), ("float[1]", "float[1]"), ("float[2, 1, 5]", "float[2, 1, 5]"))


def _merging(name: str, count: int = 3) -> list[Row]:
    letters = ", ".join("abc"[:count])
    return [
        layer(f"({letters}) |> {name}", lambda: getattr(layers, name)(**D), *(first,) * count) for first, _ in MERGED
    ]


class Reversed:
    """A reversible embedding, applied backwards."""

    def __init__(self, layer: layers.ReversibleEmbedding) -> None:
        self.layer = layer
        layer.build(())

    @property
    def weights(self) -> list[keras.Variable]:
        return self.layer.weights

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        return self.layer(given, reverse=True)


LAYERS: dict[str, list[Row]] = {
    **{name: _merging(name) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Sequential": [
        Row(
            "a |> Sequential([tanh, sigmoid, tanh])", lambda a: torch.tanh(torch.sigmoid(torch.tanh(a))), ("float[3]",)
        ),
        Row("a |> Sequential([])", lambda a: a, ("float[3]",)),
    ],
    "Subtract": _merging("Subtract", 2),
    "Concatenate": [
        layer("(a, b) |> Concatenate", lambda: layers.Concatenate(**D), "float[3, 7]", "float[3, 1]"),
        layer("(a, b, c) |> Concatenate(axis = 0)", lambda: layers.Concatenate(1, **D), *("float[2]",) * 3),
        layer("(a, b) |> Concatenate(axis = 0)", lambda: layers.Concatenate(1, **D), "float[1, 4]", "float[3, 4]"),
    ],
    "Dense": [
        layer("Dense(3)(a)", lambda: layers.Dense(3, **D), "float[5, 7]"),
        layer("Dense(1, tanh, false)(a)", lambda: layers.Dense(1, "tanh", False, **D), "float[1]"),
    ],
    "EinsumDense": [
        layer(
            'EinsumDense("ab,bc->ac", [5, 3])(a)', lambda: layers.EinsumDense("nab,bc->nac", (5, 3), **D), "float[5, 7]"
        ),
        layer(
            'EinsumDense("b,bc->c", 3, tanh, "c")(a)',
            lambda: layers.EinsumDense("nb,bc->nc", 3, "tanh", "c", **D),
            "float[7]",
        ),
        layer(
            'EinsumDense("...b,bcd->...cd", [2, 3], bias_axes = "cd")(a)',
            lambda: layers.EinsumDense("...b,bcd->...cd", (2, 3), bias_axes="cd", **D),
            "float[5, 7]",
        ),
        layer(
            'EinsumDense("tbc,bdc->tdb", [none, 4, none], bias_axes = "t")(a)',
            lambda: layers.EinsumDense("ntbc,bdc->ntdb", (5, 4, 3), bias_axes="t", **D),
            "float[5, 3, 2]",
        ),
        layer(
            'EinsumDense("a...,ab->b...", 4, bias_axes = "b")(a)',
            lambda: layers.EinsumDense("na...,ab->nb...", 4, bias_axes="b", **D),
            "float[5, 3]",
        ),
    ],
    "Embedding": [
        layer("Embedding(7, 3)(a)", lambda: layers.Embedding(7, 3, **D), "index(7)[5]"),
        layer("Embedding(1, 1)(a)", lambda: layers.Embedding(1, 1, **D), "index(1)"),
    ],
    "Flatten": [layer("a |> Flatten", lambda: layers.Flatten(**D), type) for type in ("float[3, 1, 7]", "float")],
    "Rescaling": [
        layer("Rescaling(0.5, -1)(a)", lambda: layers.Rescaling(0.5, -1, **D), "float[3, 7]"),
        layer("Rescaling(1 / 255)(a)", lambda: layers.Rescaling(1 / 255, **D), "u8[3]"),
    ],
    "TimeDistributed": [
        layer(
            "a |> TimeDistributed(Dense(3))", lambda: layers.TimeDistributed(layers.Dense(3, **D), **D), "float[5, 7]"
        ),
        layer(
            "a |> TimeDistributed(Flatten |> LayerNormalization |> Dense(2, tanh))",
            lambda: layers.TimeDistributed(
                keras.Sequential([layers.Flatten(**D), layers.LayerNormalization(**D), layers.Dense(2, "tanh", **D)]),
                **D,
            ),
            "float[3, 2, 4]",
        ),
        layer(
            "a |> TimeDistributed(TimeDistributed(Dense(2)))",
            lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(2, **D), **D), **D),
            "float[2, 3, 2, 2]",
        ),
    ],
    "Normalization": [  # what it computes of the data is in test_normalization.py
        layer(
            "Normalization(mean = 0.5, variance = 4.0)(a)", lambda: layers.Normalization(-1, 0.5, 4.0, **D), "float[3]"
        ),
        layer(
            "Normalization(none, 0.5, 0.0, true)(a)",
            lambda: layers.Normalization(None, 0.5, 0.0, True, **D),
            "float[3, 2]",
        ),
    ],
    "ActivityRegularization": [  # what it adds to the loss is in test_regularized.py
        layer("a |> ActivityRegularization(0.1, 0.2)", lambda: layers.ActivityRegularization(**D), "float[3, 7]")
    ],
    "Discretization": [
        Row(
            f'float(a |> Discretization([-1.5, 0.0, 0.75, 30.0], "{mode}"))',
            lambda a, mode=mode: layers.Discretization([-1.5, 0.0, 0.75, 30.0], output_mode=mode)(a),
            (f"float{shape}",),
        )
        for mode, shape in (
            ("int", "[3, 7]"),
            ("one_hot", "[3, 2]"),
            ("one_hot", "[1]"),
            ("multi_hot", "[7]"),
            ("count", "[7]"),
        )
    ],
    "Dot": [
        layer("(a, b) |> Dot(0)", lambda: layers.Dot(1, **D), "float[7]", "float[7]"),
        layer("(a, b) |> Dot(-1, true)", lambda: layers.Dot(-1, True, **D), "float[7]", "float[7]"),
        layer("(a, b) |> Dot([1, 0])", lambda: layers.Dot((2, 1), **D), "float[2, 3]", "float[3, 5]"),
        layer("(a, b) |> Dot([0, 1], true)", lambda: layers.Dot((1, 2), True, **D), "float[3, 2, 1]", "float[5, 3]"),
        layer("(a, b) |> Dot(-1)", lambda: layers.Dot(-1, **D), "float[3]", "float[2, 5, 3]"),
    ],
    "ReversibleEmbedding": [
        layer("ReversibleEmbedding(7, 3)(a)", lambda: layers.ReversibleEmbedding(7, 3, **D), "index(7)[5]"),
        *(
            layer(
                f"ReversibleEmbedding(7, 3{written})(a)",
                lambda more=more: Reversed(layers.ReversibleEmbedding(7, 3, **more, **D)),
                "float[5, 3]",
            )
            for written, more in (
                ("", {}),
                (", false", {"tie_weights": False}),
                (", logit_soft_cap = 2.0", {"logit_soft_cap": 2.0}),
            )
        ),
    ],
    "Identity": [layer("a |> Identity", lambda: layers.Identity(**D), "float[3, 7]")],
    "Reshape": [
        layer("a |> Reshape([7, 3])", lambda: layers.Reshape((7, 3), **D), "float[3, 7]"),
        layer("a |> Reshape([-1, 2])", lambda: layers.Reshape((-1, 2), **D), "float[3, 4]"),
    ],
    "Permute": [
        layer("a |> Permute([1, 0])", lambda: layers.Permute((2, 1), **D), "float[3, 7]"),
        layer("a |> Permute([2, 0, 1])", lambda: layers.Permute((3, 1, 2), **D), "float[2, 1, 5]"),
    ],
    "RepeatVector": [
        layer("a |> RepeatVector(3)", lambda: layers.RepeatVector(3, **D), "float[7]"),
        layer("a |> RepeatVector(1)", lambda: layers.RepeatVector(1, **D), "float[1]"),
    ],
    "Activation": [layer("a |> Activation(tanh)", lambda: layers.Activation("tanh", **D), "float[3, 7]")],
    "ReLU": [
        layer("a |> ReLU", lambda: layers.ReLU(**D), "float[3, 7]"),
        layer("a |> ReLU(1.5, 0.1, 0.3)", lambda: layers.ReLU(1.5, 0.1, 0.3, **D), "float[3, 7]"),
    ],
    "LeakyReLU": [
        layer("a |> LeakyReLU", lambda: layers.LeakyReLU(**D), "float[3, 7]"),
        layer("a |> LeakyReLU(0.05)", lambda: layers.LeakyReLU(0.05, **D), "float[1]"),
    ],
    "ELU": [layer("a |> ELU(0.7)", lambda: layers.ELU(0.7, **D), "float[3, 7]")],
    "Softmax": [
        layer("a |> Softmax", lambda: layers.Softmax(**D), "float[3, 7]"),
        layer("a |> Softmax(axis = 0)", lambda: layers.Softmax(1, **D), "float[3, 7]"),
        layer("a |> Softmax([0, 1])", lambda: layers.Softmax((1, 2), **D), "float[3, 2]"),
        Row("(a, b) |> Softmax", lambda a, b: layers.Softmax(**D)(a, b), ("float[3, 7]", "bool[3, 7]")),
    ],
    "PReLU": [
        layer("a |> PReLU", lambda: layers.PReLU(**D), "float[3, 7]"),
        layer("a |> PReLU(shared_axes = [0, -1])", lambda: layers.PReLU(shared_axes=[1, 3], **D), "float[2, 3, 5]"),
    ],
    # outside training; in it, beside Keras, in test_batch_normalization.py
    "BatchNormalization": [
        layer("a |> BatchNormalization", lambda: layers.BatchNormalization(**D), "float[7]"),
        layer(
            "a |> BatchNormalization(0, epsilon = 0.1)",
            lambda: layers.BatchNormalization(1, epsilon=0.1, **D),
            "float[3, 7]",
        ),
        layer(
            "a |> BatchNormalization(center = false, scale = false)",
            lambda: layers.BatchNormalization(center=False, scale=False, **D),
            "float[2, 3, 5]",
        ),
    ],
    "LayerNormalization": [
        layer("a |> LayerNormalization", lambda: layers.LayerNormalization(**D), "float[3, 7]"),
        layer(
            "a |> LayerNormalization([0, 2], 1e-5)",
            lambda: layers.LayerNormalization([1, 3], 1e-5, **D),
            "float[2, 3, 5]",
        ),
        layer(
            "a |> LayerNormalization([0, 1], center = false)",
            lambda: layers.LayerNormalization([1, 2], center=False, **D),
            "float[4, 2]",
        ),
        layer(
            "a |> LayerNormalization(axis = -1, scale = false)",
            lambda: layers.LayerNormalization(scale=False, **D),
            "float[1]",
        ),
    ],
    "RMSNormalization": [
        layer("a |> RMSNormalization", lambda: layers.RMSNormalization(**D), "float[3, 7]"),
        layer("a |> RMSNormalization([0, 1], 1e-3)", lambda: layers.RMSNormalization([1, 2], 1e-3, **D), "float[2, 3]"),
        layer("a |> RMSNormalization(-1)", lambda: layers.RMSNormalization(-1, **D), "float[1]"),
    ],
    "UnitNormalization": [
        layer("a |> UnitNormalization", lambda: layers.UnitNormalization(**D), "float[3, 7]"),
        layer("a |> UnitNormalization([0, 1])", lambda: layers.UnitNormalization([1, 2], **D), "float[2, 3]"),
    ],
    "GroupNormalization": [
        layer("a |> GroupNormalization(2)", lambda: layers.GroupNormalization(2, **D), "float[3, 5, 6]"),
        layer("a |> GroupNormalization(3, 0)", lambda: layers.GroupNormalization(3, 1, **D), "float[6, 5, 2]"),
        layer(
            "a |> GroupNormalization(-1, -1, 1e-4, false, false)",
            lambda: layers.GroupNormalization(-1, -1, 1e-4, False, False, **D),
            "float[4, 3]",
        ),
        layer("a |> GroupNormalization(1)", lambda: layers.GroupNormalization(1, **D), "float[4]"),
    ],
    # Outside of training, where nothing is drawn; test_noise.py has the rest.
    "Dropout": [layer("a |> Dropout(0.4)", lambda: layers.Dropout(0.4, **D), "float[3, 7]")],
    "GaussianNoise": [layer("a |> GaussianNoise(0.4)", lambda: layers.GaussianNoise(0.4, **D), "float[3, 7]")],
    "GaussianDropout": [layer("a |> GaussianDropout(0.4)", lambda: layers.GaussianDropout(0.4, **D), "float[7]")],
    "AlphaDropout": [layer("a |> AlphaDropout(0.4)", lambda: layers.AlphaDropout(0.4, **D), "float[3, 7]")],
    "SpatialDropout1D": [layer("a |> SpatialDropout1D(0.4)", lambda: layers.SpatialDropout1D(0.4, **D), "float[3, 7]")],
    "SpatialDropout2D": [
        layer("a |> SpatialDropout2D(0.4)", lambda: layers.SpatialDropout2D(0.4, **D), "float[3, 2, 5]")
    ],
    "SpatialDropout3D": [
        layer("a |> SpatialDropout3D(0.4)", lambda: layers.SpatialDropout3D(0.4, **D), "float[3, 2, 1, 5]")
    ],
    "CategoryEncoding": [
        Row(
            f'a |> CategoryEncoding(5, "{mode}")',
            lambda a, mode=mode: keras.layers.CategoryEncoding(5, mode)(a),
            ("index(5)[3]",),
        )
        for mode in ("multi_hot", "count")
    ]
    + [
        Row(
            'a |> CategoryEncoding(5, "one_hot")',
            lambda a: keras.layers.CategoryEncoding(5, "one_hot")(a),
            (type,),
        )
        for type in ("index(5)", "index(5)[1]", "index(5)[3]", "index(5)[2, 1]")
    ]
    + [
        Row(
            'CategoryEncoding(5, "count")(a, b)',
            lambda a, b: layers.CategoryEncoding(5, "count")(a, count_weights=b),
            ("index(5)[3]", "float[3]"),
        )
    ],
    "encoded": [
        Row('encoded("count")(a)', lambda a: a.sum(-2), ("float[3, 7]",)),
        Row('encoded("multi_hot")(a)', lambda a: a.amax(-2), ("float[2, 3, 7]",)),
        Row('encoded("one_hot")(a)', lambda a: a[:, :, 0], ("float[2, 1, 7]",)),
        Row('encoded("count")(a)', lambda a: a, ("float[7]",)),
    ],
}
