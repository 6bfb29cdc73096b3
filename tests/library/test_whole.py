"""Programs made of the library, a family each, from text to numbers: predictions, loss and gradients of the emitted
module beside the tensor evaluator in float64, on the torch path and, for a few, through Triton's interpreter."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.language.elaborate import elaborate
from nnc.pipeline import compile
from nnc.syntax.parse import parse
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Binding, Role
from nnc.tensor.step import forward_step, gradient_step
from tests.programs.harness import imported, run_interpreted

SAMPLES = 7
NUMBERS = "target t: float[3]"

# A program's name, its inputs and their types, what it computes, its train block's target and loss.
PROGRAMS: dict[str, tuple[str, str, str, str]] = {
    "activations": (
        "x: float[6]",
        "x |> Dense(5, gelu) |> Dense(4, mish) |> LeakyReLU |> Dense(5, selu) |> PReLU |> Dense(3, hard_silu)",
        NUMBERS,
        "huber(y, t)",
    ),
    "classes": (
        "x: float[6]",
        "x |> LayerNormalization |> Dense(5, swish) |> UnitNormalization |> Dense(3, softmax)",
        "target t: index(3)",
        "categorical_crossentropy(y, t, label_smoothing = 0.1)",
    ),
    "tokens": (
        "x: index(9)[4]",
        "x |> Embedding(9, 5) |> RMSNormalization |> Permute([1, 0]) |> Flatten |> Dense(3, sigmoid)",
        "target t: index(2)[3]",
        "binary_crossentropy(y, t)",
    ),
    "merged": (
        "x: float[6]",
        "(x |> Dense(3, tanh), x |> Dense(3, elu), x |> Dense(3, softsign)) |> Add",
        NUMBERS,
        "log_cosh(y, t) + l2(1e-2)(y)",
    ),
    "joined": (
        "x: float[6]",
        "(x |> Reshape([2, 3]) |> Dense(2), x |> Dense(4) |> Reshape([2, 2])) |> Concatenate |> Flatten |> Dense(3)",
        NUMBERS,
        "mean_absolute_error(y, t)",
    ),
    "slices": (
        "x: float[6]",
        "[[s @ t for t in x |> Reshape([3, 2])] |> Dense(5, tanh) for s in x |> Reshape([3, 2]) |> TimeDistributed("
        "Dense(2))] |> TimeDistributed(Dense(2)) |> Flatten |> Dense(3)",
        NUMBERS,
        "mean_squared_error(y, t)",
    ),
    "ordered": (
        "x: float[6]",
        "x |> Reshape([3, 2]) |> Dense(5) |> sort |> Dense(7) |> cumsum(axis = 0) |> top_k(3) |> largest "
        "|> Dense(1) |> Flatten",
        NUMBERS,
        "mean_squared_error(y, t)",
    ),
    "moved": (
        "x: float[6]",
        'x |> Dense(6) |> tile(2) |> roll(5) |> rearrange("(a b) -> b a", a = 3) |> pad_to(5) |> repeat(2) |> cumsum '
        "|> sort(axis = 0) |> Dense(3) |> last",
        NUMBERS,
        "mean_squared_error(y, t)",
    ),
    "groups": (
        "x: float[2, 6]",
        "x |> GroupNormalization(3) |> Flatten |> Dense(3, log_softmax)",
        NUMBERS,
        "cosine_similarity(y, t)",
    ),
    "twins": ("x: float[6]", "(x |> Dense(3), x |> Dense(3)) |> Add", NUMBERS, "mean_squared_error(y, t)"),
    "bounded": (
        "x: float[6]",
        "(x |> SpectralNormalization(Dense(6, tanh), 2) |> Reshape([2, 3]), "
        "x |> Dense(6, activity_regularizer = l1(1e-2)) |> Reshape([3, 2])) |> Dot([1, 0], true) |> Flatten "
        "|> Dense(3, kernel_regularizer = l2(0.1))",
        NUMBERS,
        "mean_squared_error(y, t)",
    ),
}
INTERPRETED = "activations", "classes", "tokens", "slices", "ordered", "moved", "bounded", "twins"
LARGEST = "fn largest(both: list) = both[0]\n"


def written(name: str) -> str:
    inputs, body, target, loss = PROGRAMS[name]
    return (
        f"{LARGEST if 'largest' in body else ''}model Net({inputs}) -> y: float[3] {{\n    y = {body}\n}}\n"
        f"train Net {{\n    {target}\n    loss = {loss}\n    optimizer = AdamW(1e-2)\n}}\n"
    )


def drawn(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.integers(0, 9, (SAMPLES, 4)) if name == "tokens" else rng.normal(size=(SAMPLES, 2, 6))
    x = x[:, 0] if name not in ("tokens", "groups") else x
    if "index" not in PROGRAMS[name][2]:
        return x, rng.normal(size=(SAMPLES, 3))
    return x, rng.integers(0, 3, SAMPLES) if name == "classes" else rng.integers(0, 2, (SAMPLES, 3))


def computed(text: str, given: dict[str, np.ndarray]) -> dict[Binding, np.ndarray]:
    """Predictions and gradients of the program in float64."""
    reporter = Reporter()
    model = elaborate(parse(Source("net.nn", text), reporter), reporter)
    assert model is not None, reporter.all
    found: dict[Binding, np.ndarray] = {}
    for program in (forward_step(model.predict), gradient_step(model)):
        arguments = [given.get(binding.name, np.ones(SAMPLES)) for binding in program.inputs]
        found |= zip(program.outputs, evaluate(program.function, arguments, SAMPLES), strict=True)
    return found


def check(name: str, backend: str) -> None:
    """A program's emitted module beside the evaluator. Raises AssertionError."""
    text = written(name)
    x, t = drawn(name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.nn"
        path.write_text(text, encoding="utf-8")
        cls: Any = imported(compile(path).text, f"library_{name}_{backend}")
    model = cls(device="cpu", seed=3, backend=backend)
    weights = {path: view.cpu().numpy().copy() for path, view in model.parameters.items()}
    weights |= {path: view.cpu().numpy().copy() for path, view in model.states.items()}
    wanted = computed(text, {"x": x, "t": t} | weights)
    inputs = x if name == "tokens" else x.astype(np.float32)
    target = t if t.dtype.kind == "i" else t.astype(np.float32)
    np.testing.assert_allclose(
        model.predict(inputs, verbose=0), wanted[Binding(Role.OUTPUT, "y")], rtol=1e-5, atol=1e-5
    )
    gradients = model.gradients(inputs, target)
    assert gradients.keys() == {binding.name for binding in wanted if binding.role is Role.GRADIENT}
    for path, array in gradients.items():
        np.testing.assert_allclose(array, wanted[Binding(Role.GRADIENT, path)], rtol=1e-4, atol=1e-5, err_msg=path)
    history = model.fit(inputs, target, epochs=3, verbose=0, batch_size=3)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("name", PROGRAMS)
def test_torch_path(name: str) -> None:
    check(name, "torch")


def test_kernels() -> None:
    code = f"from tests.library.test_whole import check\nfor name in {INTERPRETED}:\n    check(name, 'triton')"
    run_interpreted(code)
