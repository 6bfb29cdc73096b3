"""Sorting and running sums of what is hard to order, on both paths: NaN, infinities, both zeros, equals."""

import numpy as np
import pytest
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.programs.harness import imported, run_interpreted

HARD = np.array([1.0, np.nan, -0.0, 0.0, np.inf, -np.inf, 1.0, np.nan, -2.0], np.float32)
TEXT = """layer Held(x: float[2, 9]) -> (up, down, sorted, total, product) {
    param w: float[9] = zeros
    param v: float[9] = ones
    up = argsort(w + x)
    down = argsort(w + x, descending = true)
    sorted = sort(x + w, descending = true)
    total = cumsum(v + x) + cumsum(reverse(v + x, axis = 0), axis = 0)
    product = cumprod(cumsum(v + x))
}
model Net(x: float[2, 9], ids: index(4)[5]) -> (up, down, sorted, total, product, ordered) {
    up, down, sorted, total, product = Held(x)
    ordered = sort(ids)
}
"""


@pytest.mark.parametrize("backend", ["torch"])
def test_hard_to_order(backend):
    check(backend)


def check(backend, device="cpu"):
    cls = imported(emission.run(schedule(Source("net.nn", TEXT), Options(), Reporter())), "net")
    model = cls(device=device, backend=backend, _guard=True)
    (w,) = (view for path, view in model.parameters.items() if path.endswith("w"))
    w.copy_(type(w)(HARD))
    x, ids = np.zeros((3, 2, 9), np.float32), np.random.default_rng(1).integers(0, 4, (3, 5))
    found = model.predict({"x": x, "ids": ids}, verbose=0)
    expected = {"up": [5, 8, 2, 3, 0, 6, 4, 1, 7], "down": [1, 7, 4, 0, 6, 2, 3, 8, 5]}
    for name, order in expected.items():
        np.testing.assert_array_equal(found[name], np.broadcast_to(order, (3, 2, 9)))
    np.testing.assert_array_equal(found["sorted"], np.broadcast_to(HARD[expected["down"]], (3, 2, 9)))
    rows = np.broadcast_to(np.arange(1, 10) + np.array([[1], [2]]), (3, 2, 9))
    np.testing.assert_array_equal(found["total"], rows)
    factorials = np.broadcast_to(np.cumprod(np.arange(1.0, 10.0)), (3, 2, 9))
    np.testing.assert_array_equal(found["product"], factorials)
    np.testing.assert_array_equal(found["ordered"], np.sort(ids))
    assert model.guards.overwritten() == []


def test_through_triton():
    run_interpreted("from tests.programs.test_ordering import check\ncheck('triton')")


ZEROS = """layer Held(x: float[4, 5]) -> y {
    param w: float[4, 5] = ones
    y = cumprod(w * x)
}
model Net(x: float[4, 5]) -> (y: float[4, 5], top, place, first, other) {
    y = Held(x)
    top = logsumexp(x, axis = 0, batch = true)
    place = argmax(x, axis = [], batch = true)
    first = argmax(x, axis = 0, batch = true)
    other = argmin(x, batch = true)
}
train Net {
    target t: float[4, 5]
    loss = sum(y * t)
    optimizer = SGD()
}
"""


def check_zeros(backend):
    """Products with no zero, one and several; and reductions over the batch that are made of others."""
    cls = imported(emission.run(schedule(Source("net.nn", ZEROS), Options(), Reporter())), "net")
    rng = np.random.default_rng(4)
    x, t = (rng.normal(size=(3, 4, 5)).astype(np.float32) for _ in range(2))
    x[0, 1, 2] = x[1, 2, 0] = x[2, 3, 4] = x[1, 0, 1] = x[1, 0, 3] = x[:, 3, 3] = 0.0
    model = cls(device="cpu", backend=backend, _guard=True)
    found = model.predict({"x": x}, verbose=0)
    np.testing.assert_allclose(found["y"], np.cumprod(x.astype(np.float64), -1), rtol=1e-6)
    np.testing.assert_allclose(
        found["top"], np.tile(np.log(np.exp(x.astype(np.float64)).sum((0, 1))), (3, 1)), rtol=1e-6
    )
    np.testing.assert_array_equal(found["place"], np.tile(x.argmax(0), (3, 1, 1)))
    np.testing.assert_array_equal(found["first"], np.tile(x.reshape(12, 5).argmax(0), (3, 1)))
    np.testing.assert_array_equal(found["other"], np.full(3, x.argmin()))
    w = torch.ones(4, 5, dtype=torch.float64, requires_grad=True)
    loss = (torch.cumprod(w * torch.tensor(x).double(), -1) * torch.tensor(t)).sum() / 3
    (exact,) = torch.autograd.grad(loss, w)
    ((_, gradient),) = model.gradients({"x": x}, {"t": t}).items()
    np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=1e-6)


def test_running_products_of_zeros():
    check_zeros("torch")


def test_running_products_of_zeros_through_triton():
    run_interpreted("from tests.programs.test_ordering import check_zeros\ncheck_zeros('triton')")
