"""States that start at the training data, and states of other element types, on both paths."""

import numpy as np
import pytest
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from nnc.runtime.errors import CheckpointError, UsageError
from nnc.tensor.evaluate import evaluate
from tests.programs.harness import imported, run_interpreted

SAMPLES = 23
TRAIN = "train Net {\n    target t: float[2]\n    loss = mean_squared_error(y, t)\n    optimizer = SGD(1e-3)\n}\n"


def net(body: str, inputs: str = "x: float[3, 2]", layers: str = ""):
    """The class of a model, whose result is of two numbers."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"{layers}model Net({inputs}) -> y: float[2] {{\n{lines}}}\n{TRAIN}"
    return imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")


def data(*shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (SAMPLES, *shape)).astype(np.float32)
    x[..., 0] = 1.5  # a column that does not vary
    return x, rng.normal(size=(SAMPLES, 2)).astype(np.float32)


def fitted(cls, x, t, **more):
    model = cls(device="cpu", seed=1, _guard=True, **more)
    model.fit(x, t, epochs=1, batch_size=7, verbose=0)
    assert model.guards.overwritten() == []
    return model


FIRST = """layer First(x: u8[2], ids: index(3)) -> y {
    state least: i32[2] = min(i32(x), axis = [], batch = true)
    state most: float = max(float(x), batch = true) / 255
    state shares: float[3] = mean(one_hot(ids, 3), axis = [], batch = true)
    state total: i64 = sum(i64(x), batch = true)
    state seen: i64 = 16777216
    state ever: bool = false
    seen' = seen + 1
    ever' = not ever
    y = float(x) + most + sum(shares) + float(least)
}
"""


@pytest.mark.parametrize("backend", ["torch"])
def test_reductions_of_bytes_and_indices(backend):
    check_first(backend)


def check_first(backend):
    cls = net("y = First(x, ids)", "x: u8[2], ids: index(3)", FIRST)
    rng = np.random.default_rng(2)
    x, ids = rng.integers(3, 200, (SAMPLES, 2)).astype(np.uint8), rng.integers(0, 3, SAMPLES)
    t = rng.normal(size=(SAMPLES, 2)).astype(np.float32)
    model = fitted(cls, {"x": x, "ids": ids}, t, backend=backend)
    found = {path.rpartition(".")[2]: array.numpy() for path, array in model.states.items()}
    np.testing.assert_array_equal(found["least"], x.min(0))
    np.testing.assert_allclose(found["most"], x.max() / 255, rtol=1e-6)
    np.testing.assert_allclose(found["shares"], np.bincount(ids, minlength=3) / SAMPLES, rtol=1e-6)
    assert found["total"] == x.astype(int).sum()
    assert {name: str(array.dtype) for name, array in found.items()} == {
        "least": "int32", "most": "float32", "shares": "float32", "total": "int64", "seen": "int64", "ever": "bool"
    }  # fmt: skip
    assert found["seen"] == 2**24 + 4  # which float32 does not count
    assert not found["ever"]
    wanted = x + x.max() / 255 + 1 + x.min(0)
    np.testing.assert_allclose(model.predict({"x": x, "ids": ids}, verbose=0), wanted, rtol=1e-6)


POWER = """layer Spectral(x: float[D]) -> y: float[2] {
    param kernel: float[D, 2] = glorot_uniform
    state u: float[2] = ones
    v  = kernel @ u
    v2 = v / sqrt(sum(v ^ 2))
    w  = transpose(kernel) @ v2
    u' = stop_gradient(w / sqrt(sum(w ^ 2)))
    y  = x @ (kernel / sum(v2 * (kernel @ u')))
}
"""


def check_power(backend):
    """A state that is read, renewed, and read again by the gradient: one step of a power iteration."""
    cls = net("y = Spectral(x)", "x: float[3]", POWER)
    x, t = data(3)
    model = cls(device="cpu", seed=1, _guard=True, backend=backend)
    kernel = model.parameters["y.spectral.kernel"].double()
    u = model.states["y.spectral.u"].double()
    for _ in range(3):
        kernel.requires_grad_()
        v = kernel @ u
        v2 = v / v.norm()
        w = (kernel.T @ v2).detach()
        new = w / w.norm()
        y = torch.tensor(x).double() @ (kernel / (v2 * (kernel @ new)).sum())
        (gradient,) = torch.autograd.grad((y - torch.tensor(t)).square().mean(), kernel)
        kernel, u = (kernel - 1e-3 * gradient).detach(), new
        model.train_on_batch(x, t)
    np.testing.assert_allclose(model.states["y.spectral.u"], u, rtol=1e-5)
    np.testing.assert_allclose(model.parameters["y.spectral.kernel"], kernel, rtol=1e-5)
    assert model.guards.overwritten() == []


def test_a_power_iteration():
    check_power("torch")


def test_states_through_triton():
    run_interpreted("from tests.programs.test_adapt import *\ncheck_first('triton')\ncheck_power('triton')")


FORMS = """layer Odd(x: float[D]) -> y {
    state q: float[2, D] = stack([min(x, axis = [], batch = true), max(x, axis = [], batch = true)], axis = 0)
    state r: float[D] = sum(pad(x, [[1, 0]])[0:D], axis = [], batch = true)
    state v: float[D] = reverse(mean(tanh(x) ^ 2 % 3, axis = [], batch = true))
    state w: float = sum(where(x > 0.5, 1.0, 0.0), batch = true)
    state z: float[D, 2] = transpose(mean(concat([x[none, :], 2 * x[none, :]], axis = 0), axis = [], batch = true))
    state h: float[D] = log1p(exp(mean(floor(clip(x, -1, 1)) // 2, axis = [], batch = true)))
    state n: float = logsumexp(max(x, axis = [], batch = true)) + prod(mean(x, axis = [], batch = true))
    state p: float = float(argmax(mean(x, axis = [], batch = true))) + mean(float(all(x > -10)), batch = true)
    state u: float[1, D] = variance(x, axis = [], batch = true)[none] / variance(x, batch = true)
    y = x + sum(q) + r + v + w + z[:, 0] + h + n + p + u[0]
}
"""


def test_functions_of_the_data_mean_what_the_program_says():
    x, t = data(3, seed=4)
    text = f"{FORMS}model Net(x: float[3]) -> y {{\n    y = x |> Odd |> Dense(2)\n}}\n{TRAIN}"
    made = schedule(Source("net.nn", text), Options(), Reporter())
    model = fitted(imported(emission.run(made), "net"), x, t)
    for state in made.model.states:
        (wanted,) = evaluate(state.initializer, [x], SAMPLES)
        np.testing.assert_allclose(model.states[state.path], wanted, rtol=1e-6, err_msg=state.path)


# When they are computed -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simple():
    return net("n = x |> Normalization\ny = n[0] |> Dense(2)")


def means(model) -> np.ndarray:
    return model.states["n.normalization.adapt_mean"].numpy().copy()


def test_prediction_and_evaluation_want_training_first(simple):
    x, t = data(3, 2)
    model = simple(device="cpu")
    for call in (lambda: model.predict(x, verbose=0), lambda: model.evaluate(x, t, verbose=0)):
        with pytest.raises(UsageError, match=r"`?n\.normalization\.adapt_mean`? starts at the training data.*call fit"):
            call()
    model.gradients(x, t)
    assert np.isnan(means(model)).all(), "gradients leave the model as it is"
    model.train_on_batch(x[:5], t[:5])
    np.testing.assert_allclose(means(model), x[:5].mean((0, 1)), rtol=1e-5)
    model.predict(x, verbose=0)
    model.reset()
    with pytest.raises(UsageError, match="call fit"):
        model.predict(x, verbose=0)


def test_the_training_part_counts_and_only_once(simple, tmp_path):
    x, t = data(3, 2)
    model = simple(device="cpu", seed=1)
    model.fit(x, t, epochs=1, verbose=0, validation_split=0.5)
    first = means(model)
    held = SAMPLES // 2
    np.testing.assert_allclose(first, x[:held].mean((0, 1)), rtol=1e-5)
    more = x * np.float32([1, 2])
    model.fit(more, t, epochs=1, verbose=0)
    np.testing.assert_array_equal(means(model), first)
    model.save(tmp_path / "model.safetensors")
    for load in ("load", "load_weights"):
        other = simple(device="cpu")
        getattr(other, load)(tmp_path / "model.safetensors")
        other.fit(more, t, epochs=2, verbose=0, resume=load == "load")
        np.testing.assert_array_equal(means(other), first)


def test_an_untrained_model_is_saved_as_such(simple, tmp_path):
    x, _ = data(3, 2)
    simple(device="cpu").save(tmp_path / "new.safetensors")
    model = simple(device="cpu")
    model.load(tmp_path / "new.safetensors")
    with pytest.raises(UsageError, match="call fit"):
        model.predict(x, verbose=0)
    model.set_weights({path: np.ones(2) for path in model.states})
    model.predict(x, verbose=0)


def test_checkpoints_keep_element_types(tmp_path):
    counted = (
        "layer Count(x: float[2]) -> y {\n    state seen: i64 = 9007199254740993\n    seen' = seen + 1\n    y = x\n}\n"
    )
    cls = net("y = x |> Count |> Dense(2)", "x: float[2]", counted)
    x, t = data(2)
    model = fitted(cls, x, t)
    model.save(tmp_path / "model.safetensors")
    other = cls(device="cpu")
    other.load(tmp_path / "model.safetensors")
    assert int(other.states["y.count.seen"]) == 2**53 + 1 + 4
    other.set_weights(model.get_weights())
    assert int(other.states["y.count.seen"]) == 2**53 + 1 + 4
    plain = net("y = x |> Count |> Dense(2)", "x: float[2]", counted.replace("i64 = 9007199254740993", "float = 0"))
    with pytest.raises(CheckpointError, match=r"y\.count\.seen holds int64, not floats"):
        plain(device="cpu").load(tmp_path / "model.safetensors")
