"""Draws: types, ranges and moments of the reference; a place draws the same again."""

import numpy as np
import pytest

from nnc.tensor.build import Builder, infer
from nnc.tensor.evaluate import evaluate
from nnc.tensor.types import TensorType, TypeMismatch


def draw(name: str, batch: int = 1, **attributes: object) -> np.ndarray:
    builder = Builder("draw")
    return evaluate(builder.finish([builder.op(name, **attributes)]), [], batch)[0]  # type: ignore[arg-type]


def test_uniform() -> None:
    found = draw("uniform", shape=(100, 101), low=-1.0, high=3.0)
    assert found.shape == (100, 101)
    assert -1 <= found.min() < -0.99
    assert 2.99 < found.max() < 3
    assert abs(found.mean() - 1) < 0.05


def test_normal() -> None:
    found = draw("normal", shape=(20000,), mean=2.0, stddev=0.5)
    assert abs(found.mean() - 2) < 0.02
    assert abs(found.std() - 0.5) < 0.02


def test_bernoulli() -> None:
    found = draw("bernoulli", batch=20000, shape=(), batched=True, p=0.25)
    assert found.shape == (20000,)
    assert found.dtype == bool
    assert abs(found.mean() - 0.25) < 0.02


def test_places_draw_apart_and_again_the_same() -> None:
    first, again, other = (draw("uniform", shape=(5,), place=place) for place in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("uniform", {"shape": (), "low": 1.0, "high": 0.0}, "`uniform` expects low <= high, found 1.0 and 0.0"),
        ("normal", {"shape": (), "stddev": -1.0}, "`normal` expects stddev >= 0, found -1.0"),
        ("bernoulli", {"shape": (), "p": 1.5}, "`bernoulli` expects a probability, found 1.5"),
    ],
)
def test_refusals(name: str, attributes: dict, message: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        infer(name, [], attributes)
    assert str(caught.value) == message
    assert infer("uniform", [], {"shape": (2,), "batched": True}) == (TensorType("f32", (2,), True),)
