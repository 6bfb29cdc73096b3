"""Names that a program gives to different things: buffers of a module are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nnc
from nnc.pipeline import compile
from tests.programs.harness import run_interpreted
from tests.programs.test_random_nets import check_format

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


PLACES = """
model {0}({1}: float[4]) -> {2}: float[3] {{
    {3} = {1} |> Dense(6, relu)
    {2} = ({3} * 2) |> Dense(3, softmax)
}}
train {0} {{
    target {4}: index(3)
    loss = categorical_crossentropy({2}, {4})
    metrics = {{ {5}: accuracy({2}, {4}) }}
    optimizer = SGD(0.1)
}}
"""
# what modules import, define and call
MODELS = "cdiv torch tl triton float largest finish update Model"
NAMES = (
    "half tiles cdiv View Step Slot moment_step_ BATCH Buffer Model Parameter STEPS DEFAULTS PARAMETERS SIZE SLOTS "
    "HALF finish update train_step torch triton tl largest power random float range"
)


def trained(folder: Path, backend: str) -> None:
    """Programs that call their models so, and an input, a tensor, a result, a target and a metric by these names."""
    names = NAMES.split()
    for number, name in enumerate(MODELS.split()):
        path = folder / f"program_{number}.nn"
        others = (names[(3 * number + i) % len(names)] for i in range(5))
        path.write_text(PLACES.format(name, *others), encoding="utf-8")
        model = nnc.load(path)(seed=1, device="cpu", backend=backend)
        x, labels = np.random.default_rng(0).random((7, 4), np.float32), np.arange(7) % 3
        history = model.fit(x, labels, batch_size=7, epochs=3, verbose=0).history["loss"]
        assert history[-1] < history[0], name
        assert model.predict(x, verbose=0).shape == (7, 3)


def test_names_that_the_module_has(tmp_path: Path) -> None:
    trained(tmp_path, "torch")
    modules = tmp_path / "modules"
    modules.mkdir()
    for path in tmp_path.glob("*.nn"):
        (modules / f"{path.stem}.py").write_text(compile(path).text, encoding="utf-8")
    check_format(str(modules))


def test_names_that_the_module_has_in_kernels(tmp_path: Path) -> None:
    calls = f"trained(Path({str(tmp_path)!r}), 'triton')"
    run_interpreted(f"from pathlib import Path\nfrom tests.programs.test_names import trained\n{calls}")
