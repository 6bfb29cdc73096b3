"""Sorting and running sums of what is hard to order, on both paths: NaN, infinities, both zeros, equals."""

import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.programs.harness import imported, run_interpreted

HARD = np.array([1.0, np.nan, -0.0, 0.0, np.inf, -np.inf, 1.0, np.nan, -2.0], np.float32)
TEXT = """layer Held(x: float[2, 9]) -> (up, down, sorted, total) {
    param w: float[9] = zeros
    param v: float[9] = ones
    up = argsort(w + x)
    down = argsort(w + x, descending = true)
    sorted = sort(x + w, descending = true)
    total = cumsum(v + x) + cumsum(reverse(v + x, axis = 0), axis = 0)
}
model Net(x: float[2, 9], ids: index(4)[5]) -> (up, down, sorted, total, ordered) {
    up, down, sorted, total = Held(x)
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
    np.testing.assert_array_equal(found["ordered"], np.sort(ids))
    assert model.guards.overwritten() == []


def test_through_triton():
    run_interpreted("from tests.programs.test_ordering import check\ncheck('triton')")
