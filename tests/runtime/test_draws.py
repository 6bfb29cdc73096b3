"""A step's draws on the torch path: the reference's numbers, for whatever rows are asked."""

import numpy as np
import pytest
import torch

from nnc.runtime import Draw, draws
from nnc.tensor.streams import Streams

KEY = 0xF123_4567_89AB_CDEF
NUMBERS = {"bernoulli": (0.3,), "uniform": (-1.0, 2.0), "normal": (0.5, 2.0), "gamma": (0.7, 2.0)}
SAMPLES = 11


def filled(draw: Draw, order: torch.Tensor | None, number: int, step: int = 4) -> torch.Tensor:
    """All rows of a pass in that order, `step` at a time."""
    rows = draws.DrawnRows(draw, SAMPLES, seed=9, kind=2)
    rows.begin(number)
    dtype = torch.bool if draw.distribution == "bernoulli" and draw.values is None else torch.float32
    out = torch.empty((SAMPLES, *draw.shape), dtype=dtype)
    for start in range(0, SAMPLES, step):
        rows.fill(start, None if order is None else order[start : start + step], out[start : start + step])
    return out


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("shape", [(), (3,), (16,), (5, 7)])
@pytest.mark.parametrize("name", NUMBERS)
def test_is_the_reference(name: str, shape: tuple[int, ...], whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not whole:
        monkeypatch.setattr(draws, "WHOLE", 0)
        monkeypatch.setattr(draws, "CHUNK", 8)
    order = torch.tensor([3, 4, 5, 0, 10, 9, 8, 7, 1, 2, 6])
    wanted = Streams(9, 6, 2).draw(name, KEY, shape, NUMBERS[name], SAMPLES)
    draw = Draw("d", name, shape, KEY, NUMBERS[name])
    for found, exact in ((filled(draw, None, 6), wanted), (filled(draw, order, 6), wanted[order.numpy()])):
        np.testing.assert_allclose(found.numpy(), exact, rtol=0 if name == "bernoulli" else 1e-5, atol=2e-6)
    assert not np.array_equal(filled(draw, None, 7).numpy(), filled(draw, None, 6).numpy())


@pytest.mark.parametrize("values", [(0.0, 2.0), (0.0, 1.0), (-1.5, 0.25)])
def test_truths_as_numbers(values: tuple[float, float]) -> None:
    kept = filled(Draw("d", "bernoulli", (5,), KEY, (0.4,)), None, 0)
    found = filled(Draw("d", "bernoulli", (5,), KEY, (0.4,), values), None, 0)
    np.testing.assert_array_equal(found.numpy(), np.where(kept.numpy(), *reversed(values)).astype(np.float32))


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain(p: float) -> None:
    assert (filled(Draw("d", "bernoulli", (5,), KEY, (p,)), None, 0) == bool(p)).all()
