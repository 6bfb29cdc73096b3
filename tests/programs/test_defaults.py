"""Inputs and targets with defaults: filled in where the data lack them, or not asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnc
from nnc.runtime import DataError
from tests.language.programs import tried

TEXT = """model Net(x: float[4], mask: bool[4] = none, scale: float = 2, again: float[4] = x, keep: bool = true,
          kind: index(3) = 1) -> y: float[2] {
    h = x if mask == none else where(mask, x, 0)
    y = (h * scale + again * where(keep, 1, 0) + sum(one_hot(kind, 3) * [1, 2, 4])) |> Dense(2)
}

train Net {
    target t: float[2]
    target u: float[2] = 0.5
    loss = mean_squared_error(y, t) + mean_squared_error(y, u)
    optimizer = SGD
    data = "some.npz"
}
"""
X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
T = X[:, :2].copy()
ONES = np.ones(7, dtype=np.float32)
DEFAULTS: dict[str, Any] = {"scale": 2 * ONES, "keep": ONES == 1, "kind": np.ones(7, dtype=np.int64)}


@pytest.fixture
def net(tmp_path: Path) -> Any:
    path = tmp_path / "net.nn"
    path.write_text(TEXT, encoding="utf-8")
    np.savez(tmp_path / "some.npz", x=X, t=T)
    return nnc.load(path)


def test_what_data_lack_has_its_default(net: Any) -> None:
    model = net()
    kernel, bias = (view.numpy() for view in model.parameters.values())
    wanted = (X * 2 + X + 2) @ kernel + bias
    np.testing.assert_allclose(model.predict(X, verbose=0), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict({"x": X, **DEFAULTS}, verbose=0), wanted, rtol=1e-5, atol=1e-6)
    other = {"x": X, "scale": 3 * ONES, "keep": ONES == 0, "kind": np.zeros(7, dtype=np.int64)}
    np.testing.assert_allclose(model.predict(other, verbose=0), (X * 3 + 1) @ kernel + bias, rtol=1e-5, atol=1e-6)
    some = model.predict((X, 3 * ONES), verbose=0)
    np.testing.assert_allclose(some, (X * 3 + X + 2) @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_training_takes_defaults_of_targets(net: Any) -> None:
    weights = []
    half = np.full((7, 2), 0.5, dtype=np.float32)
    for x, y in ((None, None), (X, T), (X, {"t": T}), ({"x": X, **DEFAULTS}, {"t": T, "u": half})):
        model = net(seed=1)
        history = model.fit(x, y, verbose=0).history["loss"]
        weights.append([*model.get_weights(), np.array(history)])
    for others in weights[1:]:
        for one, other in zip(weights[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_is_refused(net: Any) -> None:
    for given, message in (
        ({"x": X, "mask": X > 0}, "x holds 'mask', which the program does not declare"),
        ((X,) * 5, "x is 5 arrays, and the program declares 4"),
        ({"scale": ONES}, "x lacks 'x'"),
        ((X, ONES[:3]), "x holds 7, scale holds 3"),
    ):
        with pytest.raises(DataError, match=message):
            net().predict(given, verbose=0)


@pytest.mark.parametrize(
    ("declared", "title"),
    [
        ("keep: bool = 1", "`keep` is bool, and its default is the integer 1"),
        ("keep: bool = 0.5", "`keep` is bool, and its default is the number 0.5"),
        ("keep: float = true", "`keep` is float, and its default is true"),
        ("keep: index(3) = 3", "`keep` is index(3), and its default is the integer 3"),
        ("keep: i32 = 0.5", "`keep` is i32, and its default is the number 0.5"),
    ],
)
def test_defaults_of_another_type(declared: str, title: str) -> None:
    text = TEXT.replace("keep: bool = true", declared)
    _, reporter = tried(text)
    assert [(each.code, each.title) for each in reporter.all] == [("E0404", title)]
