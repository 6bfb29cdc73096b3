"""The numbers of training: both paths against float64 autograd; memory under guard; the same bits each time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nnc.runtime import NonFiniteLoss, batches
from nnc.runtime.arena import Guards
from nnc.runtime.batches import SEGMENT
from nnc.runtime.random import Draws, Orders
from tests.runtime import reference
from tests.runtime.handmade import Handmade

SIZES = [(300, 128), (1, 128), (37, 32), (130, 128), (97, 7)]
ROOT = Path(__file__).resolve().parents[2]


def check_against_float64(samples: int, batch: int, backend: str, guard: bool = False) -> dict[str, np.ndarray]:
    x, y = reference.data(samples)
    given = np.random.default_rng(1).uniform(0.1, 2.0, samples)
    model = Handmade(seed=3, backend=backend, _guard=guard)
    start = {path: view.numpy().copy() for path, view in model.parameters.items()}
    history = model.fit(
        x, y, batch_size=batch, epochs=2, verbose=0, sample_weight=given, class_weight={1: 0.5, np.int64(2): 2}
    )
    weight = given.astype(np.float32) * np.array([1.0, 0.5, 2.0], dtype=np.float32)[y]
    orders = Orders(3)
    wanted, loss, accuracy = reference.train(
        start, x, y, weight, batch, 2, lambda epoch: orders.at(epoch, samples).numpy()
    )
    for path, view in model.parameters.items():
        np.testing.assert_allclose(view.numpy(), wanted[path], rtol=0, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], loss, rtol=1e-6)
    np.testing.assert_allclose(history.history["accuracy"], accuracy, rtol=1e-6)
    assert model.states["seen.total"].item() == 2 * samples
    padding = torch.ones(model.size, dtype=torch.bool)
    for entry in model.parameters_table:
        padding[entry.offset : entry.offset + int(np.prod(entry.shape))] = False
    assert not model.store.flat["gradient"][padding].any()
    assert not model.store.flat["parameter"][padding].any()
    if guard:
        assert model.guards is not None
        assert model.guards.overwritten() == []
    return {path: view.numpy().copy() for path, view in model.parameters.items()}


@pytest.mark.parametrize("guard", [False, True])
@pytest.mark.parametrize(("samples", "batch"), SIZES)
def test_torch_path_is_float64_autograd(samples: int, batch: int, guard: bool) -> None:
    check_against_float64(samples, batch, "torch", guard)


TRITON = """
from tests.runtime.test_training import SIZES, check_triton
check_triton()
print("checked")
"""


def check_triton() -> None:
    """Run in a process of its own: TRITON_INTERPRET is read when a kernel is decorated."""
    from nnc.runtime.backend import reversed_grids  # noqa: PLC0415

    for samples, batch in [*SIZES[:4], (50, 7)]:
        forward = check_against_float64(samples, batch, "triton", guard=True)
        with reversed_grids():
            backward = check_against_float64(samples, batch, "triton", guard=True)
        assert all(np.array_equal(forward[path], backward[path]) for path in forward)
    x, y = reference.data(45)
    kernels, torch_path = Handmade(backend="triton", _guard=True), Handmade(backend="torch")
    np.testing.assert_allclose(
        kernels.predict(x, batch_size=20, verbose=0), torch_path.predict(x, batch_size=20, verbose=0), atol=1e-6
    )
    for found in (kernels.evaluate(x, y, 20, verbose=0), kernels.test_on_batch(x, y)):
        assert found == pytest.approx(torch_path.evaluate(x, y, 20, verbose=0), rel=1e-6)
    wanted = torch_path.gradients(x, y)
    for path, gradient in kernels.gradients(x, y).items():
        np.testing.assert_allclose(gradient, wanted[path], atol=1e-6)


def test_triton_path_is_float64_autograd() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", TRITON], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "checked\n", done.stderr[-3000:]


def test_more_batches_than_a_segment() -> None:
    x, y = reference.data(2 * SEGMENT + 1)
    one, other = Handmade(), Handmade()
    one.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)
    for row in range(len(x)):
        other.train_on_batch(x[row : row + 1], y[row : row + 1])
    assert all(torch.equal(view, other.parameters[path]) for path, view in one.parameters.items())
    assert one.place.step == 2 * SEGMENT + 1
    np.testing.assert_array_equal(
        one.predict(x, batch_size=1, verbose=0)[-3:], one.predict(x[-3:], batch_size=1, verbose=0)
    )
    wide, narrow = one.predict(x, batch_size=2048, verbose=0), one.predict(x, batch_size=2, verbose=0)
    np.testing.assert_allclose(wide, narrow, atol=1e-6)
    found = one.evaluate(x, y, batch_size=1, verbose=0)
    assert found["loss"] == pytest.approx(one.evaluate(x, y, batch_size=2048, verbose=0)["loss"], rel=1e-6)


def test_segments_are_shuffled_like_one_epoch() -> None:
    samples = SEGMENT + 3
    x, y = reference.data(samples)
    model, other = Handmade(seed=9), Handmade(seed=9)
    model.fit(x, y, batch_size=1, epochs=1, verbose=0)
    order = Orders(9).at(0, samples).numpy()
    other.fit(x[order], y[order], batch_size=1, epochs=1, shuffle=False, verbose=0)
    assert all(torch.equal(view, other.parameters[path]) for path, view in model.parameters.items())


def test_rows_gathered_in_small_parts_are_the_same_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last part of fewer batches, and a last batch of fewer rows; two epochs, so that parts are gathered again."""
    x, y = reference.data(83)
    whole, parts = Handmade(seed=3), Handmade(seed=3)
    whole.fit(x, y, batch_size=4, epochs=2, verbose=0)
    row = x[0].nbytes + y[:1].astype(np.int64).nbytes + 4
    monkeypatch.setattr(batches, "GATHERED", 3 * 4 * row)
    parts.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert all(torch.equal(view, parts.parameters[path]) for path, view in whole.parameters.items())


def test_same_seed_same_bits_and_another_seed_others() -> None:
    x, y = reference.data(70)
    weights = []
    for seed in (5, 5, 6):
        model = Handmade(seed=seed)
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        weights.append(torch.cat([view.flatten() for view in model.parameters.values()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_gradients_leave_no_trace() -> None:
    x, y = reference.data(40)
    model = Handmade()
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    before = {name: flat.clone() for name, flat in model.store.flat.items()}
    place = model.place.step
    gradients = model.gradients(x, y)
    assert all(torch.equal(flat, before[name]) for name, flat in model.store.flat.items())
    assert model.place.step == place
    step = 1e-3
    kernel = model.parameters["hidden.dense.kernel"]
    kernel[1, 2] += step
    above = model.evaluate(x, y, verbose=0)["loss"]
    kernel[1, 2] -= 2 * step
    below = model.evaluate(x, y, verbose=0)["loss"]
    assert gradients["hidden.dense.kernel"][1, 2] == pytest.approx((above - below) / (2 * step), abs=2e-4)


def test_a_loss_that_is_no_number_stops_at_its_step() -> None:
    x, y = reference.data(64)
    model = Handmade()
    x[:] = 0.0
    x[40] = 1e3
    model.parameters["hidden.dense.kernel"][:] = 4.0
    model.parameters["probs.dense.kernel"][:, 0] = 2e38  # times four ones: infinite in any order
    with pytest.raises(NonFiniteLoss, match=r"became nan in epoch 1 of 2, at step 6 \(batch 6 of 8") as caught:
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert (caught.value.epoch, caught.value.first, caught.value.last) == (0, 6, 6)
    assert model.place.step == 6


def test_guards_find_what_is_written_beside_and_not_at_all() -> None:
    guards = Guards()
    tensor = guards.empty("hidden", (3, 5), "f32", torch.device("cpu"))
    assert tensor.isnan().all()
    assert guards.unwritten() == {"hidden": 60}
    tensor.zero_()
    assert (guards.overwritten(), guards.unwritten()) == ([], {})
    torch.as_strided(tensor, (1,), (1,), tensor.storage_offset() + 15).zero_()
    assert guards.overwritten() == ["hidden"]


def test_guards_find_a_step_that_writes_beside_its_buffer_and_leaves_a_result() -> None:
    class Faulty(Handmade):
        pass

    def overrun(v: object) -> None:
        hidden = v.hidden  # type: ignore[attr-defined]
        torch.as_strided(hidden, (1,), (1,), hidden.storage_offset() + hidden.numel()).fill_(1.0)
        v.probs[:-1].zero_()  # type: ignore[attr-defined]

    step = Handmade.steps["torch"]["predict"]
    Faulty.steps = {"torch": {**Handmade.steps["torch"], "predict": type(step)(overrun, step.arena, step.views)}}
    model = Faulty(_guard=True)
    result = model.predict(reference.data(8)[0], verbose=0)
    assert model.guards is not None
    assert model.guards.overwritten() == ["hidden"]
    assert model.guards.unwritten()["result probs"] == 12
    assert np.isnan(result[-1]).all()


def test_draws_depend_on_seed_and_path_only() -> None:
    assert torch.equal(Draws(1, "a").uniform((3, 4)), Draws(1, "a").uniform((3, 4)))
    assert not torch.equal(Draws(1, "a").uniform((3, 4)), Draws(1, "b").uniform((3, 4)))
    assert not torch.equal(Draws(1, "a").uniform((3, 4)), Draws(2, "a").uniform((3, 4)))
    uniform, normal = Draws(0, "u").uniform((100_000,), -2.0, 3.0), Draws(0, "n").normal((100_000,), 1.0, 2.0)
    assert uniform.min() >= -2
    assert uniform.max() < 3
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert (normal.mean().item(), normal.std().item()) == pytest.approx((1.0, 2.0), abs=0.02)
    assert (normal - 1).pow(4).mean().item() == pytest.approx(3 * 16, rel=0.05)
    assert Draws(0, "b").bernoulli((100_000,), 0.3).mean().item() == pytest.approx(0.3, abs=0.01)


def test_orders_are_permutations_that_depend_on_seed_and_epoch() -> None:
    orders = Orders(4)
    first, second = orders.at(0, 100), orders.at(1, 100)
    assert sorted(first.tolist()) == list(range(100))
    assert not torch.equal(first, second)
    assert torch.equal(Orders(4).at(1, 100), second)
    assert torch.equal(orders.at(0, 100), first)
    assert not torch.equal(Orders(5).at(0, 100), first)
