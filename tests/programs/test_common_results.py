"""Numbers of the batch as a whole: as a loss, as a metric and as a result of predict, on both paths."""

import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.programs.harness import imported, run_interpreted

# The loss and its metric are made in one kernel from what the batch leaves, and added to the running sums by another.
TEXT = """layer Scaled(x: float[...S]) -> y {
    param scale: float[...S] = ones
    y = x * scale
}
model Net(x: float[2, 3]) -> (wide, spread, top: float[3]) {
    y = x |> Scaled
    wide = logsumexp(y, axis = -1, keepdims = true, batch = true)
    spread = variance(y, batch = true)
    top = max(y, axis = 0, batch = true)
}
train Net {
    loss = mean(wide) + spread
    optimizer = SGD(0.0)
    metrics = { same: mean(wide) + spread, largest: max(top), twice: 2 * mean(wide) }
    batch_size = 4
}
"""


def check(backend: str) -> None:
    cls = imported(emission.run(schedule(Source("net.nn", TEXT), Options(), Reporter())), "net")
    model = cls(device="cpu", backend=backend, _guard=True)
    x = np.random.default_rng(6).normal(size=(4, 2, 3)).astype(np.float32)
    exact = x.astype(np.float64)
    wide = np.log(np.exp(exact).sum((0, 2)))[:, None]
    found = model.predict({"x": x}, verbose=0)
    np.testing.assert_allclose(found["wide"], np.tile(wide, (4, 1, 1)), rtol=1e-6)
    np.testing.assert_allclose(found["spread"], np.full(4, exact.var()), rtol=1e-6)
    np.testing.assert_array_equal(found["top"], np.tile(x.max((0, 1)), (4, 1)))
    loss = wide.mean() + exact.var()
    wanted = {"loss": loss, "same": loss, "largest": x.max(), "twice": 2 * wide.mean()}
    assert model.evaluate({"x": x}, verbose=0) == pytest.approx(wanted, rel=1e-6)
    model.fit({"x": x}, epochs=2, verbose=0)
    for name, each in wanted.items():
        assert model.history.history[name] == pytest.approx([each, each], rel=1e-6)
    assert model.guards.overwritten() == []


def test_on_torch() -> None:
    check("torch")


def test_through_triton() -> None:
    run_interpreted("from tests.programs.test_common_results import check\ncheck('triton')")


# Integers of more than one width meet: an index is i64 in the data, i32 in arithmetic, and i64 again as a result.
INTEGERS = {
    "abs(k)": lambda k, u, n: k,
    "relu(k - 1)": lambda k, u, n: np.maximum(k - 1, 0),
    "sign(k)": lambda k, u, n: np.sign(k),
    "maximum(k, n)": lambda k, u, n: np.maximum(k, n),
    "maximum(argmax(k), argmax(k))": lambda k, u, n: k.argmax(-1),
    "max(argsort(k))": lambda k, u, n: np.full(len(k), 2),
    "pick(argsort(n), k[0])": lambda k, u, n: np.take_along_axis(n.argsort(-1, kind="stable"), k[:, :1], 1)[:, 0],
    "max(where(k > 0, k, 2))": lambda k, u, n: np.where(k > 0, k, 2).max(-1),
    "where(n > 0, n, k)": lambda k, u, n: np.where(n > 0, n, k),
    "sum(u)": lambda k, u, n: u.astype(int).sum(-1),
    "prod(u, axis = [], batch = true)": lambda k, u, n: np.tile(u.astype(int).prod(0), (len(u), 1)),
    "concat([k, argsort(n)])": lambda k, u, n: np.concatenate([k, n.argsort(-1, kind="stable")], -1),
    "k // 2 + n % 3": lambda k, u, n: k // 2 + n % 3,
    "n // k": lambda k, u, n: np.where(k == 0, 0, n // np.maximum(k, 1)),
    "n % k": lambda k, u, n: np.where(k == 0, 0, n % np.maximum(k, 1)),
    "7 // (n - n)": lambda k, u, n: n * 0,
}


def check_integers(backend: str) -> None:
    body = "\n".join(f"    r{i} = {expression}" for i, expression in enumerate(INTEGERS))
    results = ", ".join(f"r{i}" for i in range(len(INTEGERS)))
    text = f"model Net(k: index(3)[3], u: u8[3], n: i32[3]) -> ({results}) {{\n{body}\n}}\n"
    cls = imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")
    rng = np.random.default_rng(7)
    k, u = rng.integers(0, 3, (5, 3)), rng.integers(1, 5, (5, 3)).astype(np.uint8)
    u[0] = 200
    n = rng.integers(-4, 5, (5, 3)).astype(np.int32)
    found = cls(device="cpu", backend=backend, _guard=True).predict({"k": k, "u": u, "n": n}, verbose=0)
    for i, (expression, reference) in enumerate(INTEGERS.items()):
        np.testing.assert_array_equal(found[f"r{i}"], reference(k, u, n), err_msg=expression)


def test_integers_on_torch() -> None:
    check_integers("torch")


def test_integers_through_triton() -> None:
    run_interpreted("from tests.programs.test_common_results import check_integers\ncheck_integers('triton')")


# What is alike along an axis that a reduction over the batch keeps goes to each of its places.
ALIKE = """model Net(x: float[2], z: float) -> (a, b, c, d) {
    wide = x[:, none] + [0, 0, 0]
    spread = broadcast(z, [3, 5])
    a = mean(wide, axis = 0, batch = true)
    b = argmin(spread, axis = [], batch = true)
    c = variance(spread, axis = 1, batch = true)
    d = max(broadcast(spread, [2, 3, 5]), axis = [0], batch = true)
}
"""


def check_alike(backend: str) -> None:
    cls = imported(emission.run(schedule(Source("net.nn", ALIKE), Options(), Reporter())), "net")
    rng = np.random.default_rng(8)
    x, z = rng.normal(size=(4, 2)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    found = cls(device="cpu", backend=backend, _guard=True).predict({"x": x, "z": z}, verbose=0)
    np.testing.assert_allclose(found["a"], np.full((4, 3), x.mean()), rtol=1e-5)
    np.testing.assert_array_equal(found["b"], np.full((4, 3, 5), z.argmin()))
    np.testing.assert_allclose(found["c"], np.full((4, 3), z.astype(np.float64).var()), rtol=1e-6)
    np.testing.assert_array_equal(found["d"], np.full((4, 3, 5), z.max()))


def test_alike_on_torch() -> None:
    check_alike("torch")


def test_alike_through_triton() -> None:
    run_interpreted("from tests.programs.test_common_results import check_alike\ncheck_alike('triton')")
