"""Initializers as a compiled module runs them: facts of what they draw."""

import keras
import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of
from tests.programs.harness import imported


def written(initializer: str, shape: tuple[int, ...]) -> str:
    return (
        f"layer Weight(x: float) -> y {{\n    param w: float{list(shape)} = {initializer}\n    y = x * sum(w)\n}}\n"
        "model Net(x: float) -> y {\n    y = x |> Weight\n}\n"
    )


def started(initializer: str, shape: tuple[int, ...], *seeds: int) -> list[np.ndarray]:
    """The parameter as modules of these seeds start it."""
    source = Source("net.nn", written(initializer, shape))
    cls = imported(emission.run(schedule(source, Options(), Reporter())), "net")
    return [cls(device="cpu", seed=seed).parameters["y.weight.w"].numpy().copy() for seed in seeds]


SHAPES = [(7, 3), (3, 7), (5, 5), (3, 2, 4), (2, 1, 9), (1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal(shape):
    first, again, other = started("orthogonal(1.5)", shape, 1, 1, 2)
    matrix = first.reshape(-1, shape[-1]) / 1.5
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6)
    np.testing.assert_allclose(first, again, atol=1e-6)
    assert shape == (1, 1) or not np.allclose(first, other, atol=1e-3)


def test_orthogonal_is_evenly_distributed():
    """Of Haar's measure the entries have mean 0 and variance 1 / n, and the diagonal has no sign of its own."""
    found = np.stack(started("orthogonal", (4, 4), *range(200)))
    assert np.abs(found.mean(0)).max() < 0.15
    np.testing.assert_allclose(found.var(0), np.full((4, 4), 0.25), atol=0.1)


def test_orthogonal_in_float64_is_a_qr_decomposition():
    (weight,) = model_of(written("orthogonal", (6, 4))).parameters
    (values,) = evaluate(weight.initializer, [], 1)
    np.testing.assert_allclose(values.T @ values, np.eye(4), atol=1e-12)


def test_orthogonal_wants_a_matrix():
    assert codes(written("orthogonal", (6,))) == ["E0414"]


@pytest.mark.parametrize("alpha", [0.5, 3.0])
def test_an_initializer_may_draw_from_each_distribution(alpha):
    """Two moments and a median of 20,000 numbers, within five standard deviations."""
    text = "fn drawn(shape, fan_in, fan_out) = CALL\n" + written("drawn", (20_000,))
    found = {}
    for call in (
        f"gamma(shape, {alpha}, 2)",
        "uniform(shape, 1, 3)",
        "normal(shape, 1, 2)",
        "float(bernoulli(shape, 0.3))",
    ):
        source = Source("net.nn", text.replace("CALL", call))
        cls = imported(emission.run(schedule(source, Options(), Reporter())), "net")
        found[call.removeprefix("float(").partition("(")[0]] = cls(seed=1).parameters["y.weight.w"].numpy()
    moments = {"gamma": (alpha / 2, alpha / 4), "uniform": (2, 1 / 3), "normal": (1, 4), "bernoulli": (0.3, 0.21)}
    for name, (mean, variance) in moments.items():
        assert found[name].mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / 20_000)), name
        assert found[name].var() == pytest.approx(variance, rel=0.12), name
    assert found["gamma"].min() > 0
    assert np.median(found["gamma"]) == pytest.approx({0.5: 0.2275 / 2, 3.0: 2.674 / 2}[alpha], rel=0.05)


def test_truncated_normal_draws_each_number_once():
    (values,) = started("truncated_normal(0.5, 2.0)", (200, 50), 3)
    scaled = (values - 0.5) / 2
    assert np.abs(scaled).max() <= 2
    np.testing.assert_allclose(scaled.std(), 0.87962566, rtol=0.02)
    assert abs(scaled.mean()) < 0.02


@pytest.mark.parametrize(("initializer", "expected"), [("identity(2.0)", 2 * np.eye(3, 4)), ("ones", np.ones((3, 4)))])
def test_without_draws(initializer, expected):
    (values,) = started(initializer, (3, 4), 3)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("written_as", "options", "shape"),
    [
        ("stft", ("real", np.hanning(9)), (9, 1, 5)),
        ('stft("imag", "hamming", "spectrum", true)', ("imag", np.hamming(9)[:8], "spectrum"), (8, 1, 3)),
        ('stft(window = "blackman", scaling = none)', ("real", np.blackman(1), None), (1, 1, 2)),
        ('stft(window = "blackman", scaling = none)', ("real", np.blackman(7), None), (7, 1, 4)),
        ("stft(window = none)", ("real", None), (4, 1, 4)),
    ],
)
def test_stft(written_as, options, shape):
    """Keras takes its windows from SciPy, or as arrays; NumPy has those here."""
    (values,) = started(written_as, shape, 0)
    wanted = keras.initializers.STFT(*options)(shape).detach().cpu().numpy()
    np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)
