"""Subnormal numbers are zero to every thread that trains, and only while it trains."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from nnc.runtime import batches
from nnc.runtime.subnormals import taken_as_zero
from tests.runtime import reference
from tests.runtime.handmade import Handmade

SUBNORMAL = 1e-41
MANY = 1 << 18  # elements: torch shares them out to all of its threads
VALUES = torch.full((MANY,), SUBNORMAL)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.ones(MANY).mul_(0.5)  # threads that are there already have their own settings
    yield request.param
    torch.set_num_threads(before)


def kept() -> int:
    """How many of many subnormal products are no zeros."""
    return int(((VALUES * 0.9).view(torch.int32) != 0).sum())


@pytest.mark.usefixtures("threads")
def test_within_they_are_zero_in_every_thread_and_afterwards_they_are_not():
    assert kept() == MANY
    with taken_as_zero():
        assert kept() == 0
    assert kept() == MANY


@pytest.mark.usefixtures("threads")
def test_an_error_leaves_the_settings_as_they_were():
    with pytest.raises(ValueError, match="within"), taken_as_zero():
        raise ValueError("within")
    assert kept() == MANY


def test_a_mean_of_gradients_does_not_stay_subnormal():
    x, y = reference.data(16)
    x[:, 0] = 0.0  # no gradient reaches its weights
    model = Handmade(seed=0)
    squares = model.store.slot_views()["square", "hidden.dense.kernel"]
    squares[0] = SUBNORMAL
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    assert (squares[0] == 0).all()
    assert (squares[1:] > 0).all()


def test_evaluation_computes_with_them(monkeypatch):
    entered = []

    @contextmanager
    def noted() -> Iterator[None]:
        entered.append(True)
        yield

    monkeypatch.setattr(batches, "taken_as_zero", noted)
    x, y = reference.data(16)
    model = Handmade(seed=0)
    model.evaluate(x, y, batch_size=8)
    model.predict(x)
    assert not entered
    model.train_on_batch(x, y)
    assert entered
