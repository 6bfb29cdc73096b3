"""Layers that draw, in training: values and gradients beside plain torch on the same draws."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.simplify import simplify
from nnc.tensor.streams import Streams
from tests.language.programs import tried

BATCH = 5
STREAMS = Streams(seed=3, number=4, rows=(7, 0, 2, 9, 1))

Drawn = Callable[[str, str, tuple[int, ...], tuple[float, ...]], torch.Tensor]


def drawn(path: str, name: str, shape: tuple[int, ...], numbers: tuple[float, ...]) -> torch.Tensor:
    """The first draw of the first application of the layer at `path`, keyed as the reference of the language says."""
    key = int.from_bytes(hashlib.sha256(f"{path}/1/0".encode()).digest()[:8], "little")
    return torch.tensor(STREAMS.draw(name, key, shape, numbers, BATCH))


def dropped(a: torch.Tensor, draw: Drawn, path: str, rate: float, shape: tuple[int, ...]) -> torch.Tensor:
    return a * draw(path, "bernoulli", shape, (1 - rate,)) / (1 - rate)


def alpha_dropped(a: torch.Tensor, draw: Drawn, rate: float, shape: tuple[int, ...]) -> torch.Tensor:
    low = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
    slope = ((1 - rate) * (1 + rate * low**2)) ** -0.5
    keep = draw("y.alpha_dropout", "bernoulli", shape, (1 - rate,))
    return slope * torch.where(keep, a, low) - slope * low * rate


ROWS = {
    "Dropout(0.3)": lambda a, draw: dropped(a, draw, "y.dropout", 0.3, (3, 7)),
    "Dropout(0.0)": lambda a, draw: a,
    "Dropout(1)": lambda a, draw: a * 0,
    "Dropout(0.5, [3, 1])": lambda a, draw: dropped(a, draw, "y.dropout", 0.5, (3, 1)),
    "SpatialDropout1D(0.4)": lambda a, draw: dropped(a, draw, "y.spatial_dropout1d.y.dropout", 0.4, (1, 7)),
    "GaussianNoise(0.7)": lambda a, draw: a + draw("y.gaussian_noise", "normal", (3, 7), (0.0, 0.7)),
    "GaussianDropout(0.2)": lambda a, draw: a * draw("y.gaussian_dropout", "normal", (3, 7), (1.0, 0.5)),
    "AlphaDropout(0.25)": lambda a, draw: alpha_dropped(a, draw, 0.25, (3, 7)),
    "AlphaDropout(0.4, noise_shape = [3, 1])": lambda a, draw: alpha_dropped(a, draw, 0.4, (3, 1)),
}


@pytest.mark.parametrize("written", ROWS)
def test_training(written: str) -> None:
    model, _ = tried(  # which warns that nothing is trained
        f"model Net(a: float[3, 7]) -> y {{\n    y = a |> {written}\n}}\n"
        "train Net {\n    target c: float[3, 7]\n    loss = y * c\n    optimizer = SGD\n}\n"
    )
    assert model is not None
    assert model.train is not None
    assert model.loss is not None
    forward = simplify(replace(model.train.function, results=(model.loss,)))
    a, c = (value for value in forward.parameters if value.hint in ("a", "c"))
    function = simplify(gradient(forward, forward.results[0], [a]), erase_stops=True)
    rng = np.random.default_rng(1)
    numbers = {value: rng.normal(size=(BATCH, *value.type.shape)) for value in (a, c)}
    given = [numbers.get(value, np.ones(BATCH)) for value in function.parameters]
    loss, slope = evaluate(function, given, BATCH, STREAMS)
    x = torch.tensor(numbers[a], requires_grad=True)
    wanted = (ROWS[written](x, drawn) * torch.tensor(numbers[c])).mean()
    wanted.backward()
    assert x.grad is not None
    np.testing.assert_allclose(loss, wanted.detach(), rtol=1e-12)
    np.testing.assert_allclose(slope, x.grad, rtol=1e-9, atol=1e-15)
