"""Normalization beside what Keras's `adapt` makes of the same data. A column that does not vary is divided by 1e-7."""

import keras
import numpy as np
import pytest

from tests.programs.test_adapt import data, fitted, net

pytestmark = pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")  # of Keras's own doings


@pytest.mark.parametrize(
    ("axis", "of_keras"), [("-1", -1), ("0", 1), ("[0, 1]", (1, 2)), ("[-1]", (2,)), ("none", None)]
)
@pytest.mark.parametrize("invert", [False, True])
def test_normalization_adapts_as_keras_does(axis, of_keras, invert):
    x, t = data(3, 2)
    cls = net(f"n = x |> Normalization({axis}, invert = {str(invert).lower()})\ny = sum(n, axis = 0)")
    model = fitted(cls, x, t)
    layer = keras.layers.Normalization(axis=of_keras, invert=invert)
    layer.adapt(x)
    for found, wanted in zip(model.get_weights(), layer.get_weights(), strict=False):
        np.testing.assert_allclose(found, wanted.reshape(found.shape), rtol=2e-5, atol=1e-5)
    new, _ = data(3, 2, seed=1)
    wanted = np.asarray(layer(new).detach()).sum(1)
    np.testing.assert_allclose(model.predict(new, verbose=0), wanted, rtol=1e-4, atol=1e-4)


def test_normalization_of_a_vector_and_of_what_is_computed_from_inputs():
    x, t = data(2)
    x[:, 0] = x[::-1, 1]  # rounding 1.5 / 255 would show, divided by 1e-7
    layer = keras.layers.Normalization()
    layer.adapt(x / 255)
    model = fitted(net("y = x |> Rescaling(1 / 255) |> Normalization", "x: float[2]"), x, t)
    np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(layer(x / 255).detach()), rtol=1e-4, atol=1e-4)
