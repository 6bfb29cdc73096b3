"""A program that looks at the whole batch takes no larger one than it was compiled for."""

import pytest

from nnc.runtime.errors import UsageError
from tests.programs.harness import model_of
from tests.programs.references import REFERENCES


def test_larger_batches_are_refused() -> None:
    inputs, targets, _ = REFERENCES["together"].data(200)
    model = model_of("together")(device="cpu", seed=0)
    with pytest.raises(UsageError, match=r"129 samples in a batch: together\.nn .* at most 128; set batch_size = 129"):
        model.fit(inputs, targets, batch_size=129, verbose=0)
    with pytest.raises(UsageError, match="200 samples"):
        model.train_on_batch(inputs, targets)
    with pytest.raises(UsageError, match="150 samples"):
        model.evaluate(inputs, targets, batch_size=150, verbose=0)
    assert model.predict(inputs, batch_size=200, verbose=0)["u"].shape == (200, 5)
