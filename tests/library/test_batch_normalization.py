"""Layers that normalise by the batch, in training: beside Keras in float64, step after step.

There Keras sums float64 in float32: hence small means."""

import keras
import numpy as np
import pytest
import torch

from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Role
from nnc.tensor.step import gradient_step
from tests.language.programs import model_of

CASES = {
    "vectors": ("float[7]", (7,), "", -1, {}),
    "sequences": ("float[3, 5]", (3, 5), "momentum = 0.6, epsilon = 0.1", -1, {"momentum": 0.6, "epsilon": 0.1}),
    "images": ("float[2, 3, 5]", (2, 3, 5), "center = false", -1, {"center": False}),
    "the first axis": ("float[4, 3]", (4, 3), "0, scale = false", 1, {"scale": False}),
    "one number": ("float[1]", (1,), "0, 0.5", 1, {"momentum": 0.5}),
}


@pytest.mark.parametrize("name", CASES)
def test_batch_normalization_in_training(name: str) -> None:
    type, shape, written, axis, options = CASES[name]
    text = (
        f"model Net(x: {type}) -> y {{\n    n = BatchNormalization({written})\n    y = n(x)\n}}\n"
        f"train Net {{\n    target t: {type}\n    loss = mean_squared_error(sin(y), t)\n    optimizer = SGD\n}}\n"
    )
    step = gradient_step(model_of(text))
    layer = keras.layers.BatchNormalization(axis, dtype="float64", **options)
    layer.build((None, *shape))
    rng = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    states = {f"n.{each.name}": each.value.detach().numpy() for each in layer.non_trainable_variables}
    for batch in (6, 1, 5):
        x, t = (1 + 2 * rng.normal(size=(batch, *shape)) for _ in "xt")
        weights = {f"n.{each.name}": each.value.detach().numpy() for each in layer.trainable_variables}
        given = {"x": x, "t": t, "weight": np.ones(batch)} | weights | states
        arguments = [given[binding.name] for binding in step.inputs]
        found = dict(zip(step.outputs, evaluate(step.function, arguments, batch), strict=True))
        with torch.enable_grad():
            y = layer(torch.tensor(x), training=True)
            loss = (torch.sin(y) - torch.tensor(t)).square().mean()
            trained = [each.value for each in layer.trainable_variables]
            slopes = torch.autograd.grad(loss, trained) if trained else ()
        for each, slope in zip(layer.trainable_variables, slopes, strict=True):
            (mine,) = [array for b, array in found.items() if (b.role, b.name) == (Role.GRADIENT, f"n.{each.name}")]
            np.testing.assert_allclose(mine, slope.numpy(), rtol=1e-4, atol=1e-5, err_msg=each.name)
        states = {b.name: array for b, array in found.items() if b.role is Role.STATE}
        for each in layer.non_trainable_variables:
            np.testing.assert_allclose(
                states[f"n.{each.name}"], each.value.detach().numpy(), rtol=1e-5, err_msg=each.name
            )
