"""The circle loss, which looks at the whole batch, beside Keras's: in float64, and compiled, with a batch that is not
full and with samples that have no pair."""

from pathlib import Path

import numpy as np
import pytest
import torch
from keras.src.losses.losses import circle

from nnc.pipeline import compile
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Role
from nnc.tensor.step import gradient_step
from tests.language.programs import codes, model_of
from tests.library.rows import GRADIENTS
from tests.programs.harness import imported

TEXT = """model Net(x: float[3]) -> y: float[2] {{
    n = Dense(2)
    y = x |> n |> UnitNormalization
}}

train Net {{
    target t: {type}
    loss = {loss}(y, t)
    optimizer = SGD
    batch_size = 6
}}
"""
CASES = {
    "circle": {},
    "circle(20.0, 0.3)": {"gamma": 20.0, "margin": 0.3},
    "circle(gamma = 5.0, remove_diagonal = false)": {"gamma": 5.0, "remove_diagonal": False},
}


def reference(x: np.ndarray, t: np.ndarray, kernel: np.ndarray, bias: np.ndarray, options: dict[str, object]):
    weights = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (kernel, bias)]
    with torch.enable_grad():
        y = torch.nn.functional.normalize(torch.tensor(x, dtype=torch.float64) @ weights[0] + weights[1], dim=-1)
        losses = circle(torch.tensor(t), y, **options)
        loss = losses.mean()
    return loss.item(), [each.numpy() for each in torch.autograd.grad(loss, weights)]


@pytest.mark.parametrize("written", CASES)
@pytest.mark.parametrize("labels", [(0, 1, 0, 2, 1, 0), (0, 0, 0, 0, 0, 1)])
def test_circle_beside_keras(written: str, labels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    x, kernel, bias = rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    _, slopes = reference(x, np.array(labels), kernel, bias, CASES[written])
    program = gradient_step(model_of(TEXT.format(type="index(3)", loss=written)))
    arrays = {"x": x, "t": np.array(labels), "n.kernel": kernel, "n.bias": bias}
    given = [np.ones(6) if each.role is Role.WEIGHT else arrays[each.name] for each in program.inputs]
    results = evaluate(program.function, given, 6)
    found = {each.name: one for each, one in zip(program.outputs, results, strict=True) if each.role is Role.GRADIENT}
    for name, slope in zip(("n.kernel", "n.bias"), slopes, strict=True):
        np.testing.assert_allclose(found[name], slope, rtol=GRADIENTS, atol=0.1 * GRADIENTS)


def test_circle_of_a_batch_that_is_not_full(tmp_path: Path) -> None:
    path = tmp_path / "net.nn"
    path.write_text(TEXT.format(type="index(3)", loss="circle(gamma = 5.0)"), encoding="utf-8")
    model = imported(compile(path).text, "circle")(device="cpu", seed=1)
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(4, 3)).astype("f4"), np.array([0, 1, 0, 2])
    kernel, bias = (model.parameters[f"n.{name}"].numpy() for name in ("kernel", "bias"))
    wanted, _ = reference(x, t, kernel, bias, {"gamma": 5.0})
    np.testing.assert_allclose(model.evaluate(x, t, verbose=0)["loss"], wanted, rtol=1e-4)


def test_circle_takes_labels() -> None:
    assert codes(TEXT.format(type="float", loss="circle")) == ["E0414"]
    assert codes(TEXT.format(type="index(3)[2]", loss="circle")) == ["E0414"]
