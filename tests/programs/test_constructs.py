"""Constructs within one another, on both paths: results, gradients and states beside plain torch in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch

import nnc
from tests.programs.harness import run_interpreted

PROGRAM = Path(__file__).with_name("constructs.nn")
RNG = np.random.default_rng(3)
X, I = RNG.normal(size=(5, 3, 4)).astype(np.float32), RNG.integers(0, 7, (5, 3))
AVERAGE = "kept.average"
Tensors = dict[str, torch.Tensor]


def dense(p: Tensors, path: str, x: torch.Tensor) -> torch.Tensor:
    return x @ p[f"{path}.kernel"] + p[f"{path}.bias"]


def deep(p: Tensors, path: str, depth: int, x: torch.Tensor) -> torch.Tensor:
    if depth == 0:
        return 2 * x
    inner = dense(p, f"{path}.h.fc", torch.tanh(dense(p, f"{path}.inner", x)))
    return x + deep(p, f"{path}.h.deep", depth - 1, inner)


def tower(p: Tensors, path: str, x: torch.Tensor, depth: int) -> torch.Tensor:
    for name in ("tied", "tied_2"):
        table = f"{path}.{name}.table"
        x = torch.nn.functional.leaky_relu(dense(p, table, x), 0.3) @ p[f"{table}.kernel"].T
    return deep(p, f"{path}.deep", depth, x)


def forward(p: Tensors, average: torch.Tensor, is_training: bool, depth: int) -> Tensors:
    """The results, the loss and the state that the program leaves."""
    x, table = torch.tensor(X).double(), p["table.embeddings"]
    e = table[torch.tensor(I)]
    h = tower(p, "tower", x + e + 0.5 * e, depth)
    after = 0.75 * average + 0.25 * h.mean((0, 1)) if is_training else average
    again = tower(p, "h", h - average, depth)
    last = 0.75 * after + 0.25 * again.mean((0, 1))
    held = tower({path: value.detach() for path, value in p.items()}, "tower", x, depth)
    g = again - after.detach() + held * torch.tensor([1.0, 0, 1, 0]) / (2 if is_training else 3)
    tied = 2 * e
    y = g + 0.1 * (g @ tied.transpose(1, 2)) @ tied
    rows = 2 * y.sum(-1) + 2
    loss = (dense(p, "head", y)[..., 0] ** 2).mean() + ((rows - 1) ** 2).mean()
    best = (g.reshape(5, -1).argmax(1) + g.argmin()).double()
    return {"y": y, "best": best, "rows": rows, "loss": loss, AVERAGE: last}


def check(backend: str, depth: int) -> None:
    """Of an untrained model, and after a step."""
    model = nnc.load(PROGRAM, depth=depth)(seed=2, device="cpu", backend=backend)
    given = {"x": X, "i": I}
    for _ in range(2):
        p = {path: value.double().requires_grad_() for path, value in model.parameters.items()}
        average = model.states[AVERAGE].double()
        wanted, trained = (forward(p, average, is_training, depth) for is_training in (False, True))
        for name, value in model.predict(given, verbose=0).items():
            np.testing.assert_allclose(value, wanted[name].detach(), rtol=1e-5, atol=1e-5, err_msg=name)
        gradients = torch.autograd.grad(trained["loss"], list(p.values()))
        found = model.gradients(given, None)
        for path, exact in zip(p, gradients, strict=True):
            np.testing.assert_allclose(found[path], exact, rtol=1e-4, atol=1e-4, err_msg=path)
        np.testing.assert_allclose(model.evaluate(given, None, verbose=0)["loss"], wanted["loss"].detach(), rtol=1e-5)
        np.testing.assert_allclose(model.train_on_batch(given, None)["loss"], trained["loss"].detach(), rtol=1e-5)
        np.testing.assert_allclose(model.states[AVERAGE], trained[AVERAGE].detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("depth", [0, 2])
def test_on_the_torch_path(depth: int) -> None:
    check("torch", depth)


def test_in_kernels() -> None:
    run_interpreted("from tests.programs.test_constructs import check\ncheck('triton', 1)")
