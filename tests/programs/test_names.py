"""Names that a program gives to different things: buffers of a module are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nnc

PROGRAM = """
layer Scale(x: float[N]) -> y: float[N] {
    param gamma: float[N] = ones
    y = x * gamma
}
model Same(x: float[5]) -> y: float[3] {
    order = x |> Dense(8) |> Scale
    count = order |> Dense(4) |> Scale
    y = count |> Dense(3, softmax)
}
train Same {
    target label: index(3)
    loss = categorical_crossentropy(y, label)
    optimizer = SGD(learning_rate = 0.1)
}
"""


def test_a_value_named_as_a_result_or_as_the_runtime_names_things(tmp_path: Path) -> None:
    path = tmp_path / "same.nn"
    path.write_text(PROGRAM, encoding="utf-8")
    model = nnc.load(path)(seed=1, backend="torch")
    rng = np.random.default_rng(0)
    x, labels = rng.random((37, 5), np.float32), rng.integers(0, 3, 37)
    first = model.evaluate(x, labels, verbose=0)["loss"]
    model.fit(x, labels, batch_size=8, epochs=3, verbose=0)
    w = {path: value.numpy().astype(np.float64) for path, value in model.parameters.items()}
    h = (x @ w["order.dense.kernel"] + w["order.dense.bias"]) * w["order.scale.gamma"]
    h = (h @ w["count.dense.kernel"] + w["count.dense.bias"]) * w["count.scale.gamma"]
    z = np.exp(h @ w["y.dense.kernel"] + w["y.dense.bias"])
    np.testing.assert_allclose(model.predict(x, verbose=0), z / z.sum(1, keepdims=True), rtol=1e-5, atol=1e-6)
    assert model.evaluate(x, labels, verbose=0)["loss"] < first
