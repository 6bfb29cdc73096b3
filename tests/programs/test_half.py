"""Training in f16: products and stored values are rounded, and a loss scale keeps small gradients from being lost."""

import os
from typing import Any

import numpy as np
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.language.programs import codes
from tests.programs.harness import imported, run_interpreted

TEXT = """model Net(x: float[6]) -> y: float[3] {
    hidden = x |> Dense(5, tanh)
    y      = hidden |> Dense(3)
}

train Net {
    target t: float[3]
    loss = SMALL * mean_squared_error(y, t)
    optimizer = Adam(0.05)
    precision = "PRECISION"
    loss_scale_factor = SCALE
}
"""


def made(precision: str, scale: str, small: str = "1") -> Any:
    text = TEXT.replace("PRECISION", precision).replace("SCALE", scale).replace("SMALL", small)
    return imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "Net")


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(21, 6)).astype(np.float32)
    return x, np.tanh(x[:, :3]) + x[:, 3:]


def check_gradients(backend: str) -> None:
    """Those of a loss of 1e-7 are below what f16 holds, and are there with a scale of 2^20."""
    x, t = data()
    exact = made("f32", "1")(seed=3, backend=backend).gradients(x, t)
    for scale, lost in (("1", True), ("1048576", False)):
        found = made("f16", scale, "1e-7")(seed=3, backend=backend).gradients(x, t)
        for path, wanted in exact.items():
            error = np.abs(found[path] * 1e7 - wanted).max() / np.abs(wanted).max()
            if not lost or path == "hidden.dense.kernel":  # others are made where nothing is stored
                assert (error > 0.05) == lost, f"{path} with a scale of {scale}: {error}"
    plain = made("f32", "1048576")(seed=3, backend=backend).gradients(x, t)
    for path, wanted in exact.items():  # a power of two changes no digit
        np.testing.assert_array_equal(plain[path], wanted)


def check_training(backend: str) -> None:
    x, t = data()
    curves = []
    for precision, scale in (("f32", "1"), ("f16", "1024")):
        model = made(precision, scale)(seed=3, backend=backend)
        curves.append(model.fit(x, t, epochs=8, batch_size=8, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=5e-3)
    assert curves[1] != curves[0]
    assert curves[1][-1] < 0.6 * curves[1][0]


def test_gradients() -> None:
    check_gradients("torch")


def test_training() -> None:
    check_training("torch")


def check_interpreted() -> None:
    assert os.environ["TRITON_INTERPRET"] == "1"
    check_gradients("triton")
    check_training("triton")


def test_kernels() -> None:
    run_interpreted("from tests.programs.test_half import check_interpreted\ncheck_interpreted()")


def test_operands_are_rounded() -> None:
    """A product in f16 is the product of rounded factors, in f32."""
    x, _ = data()
    model = made("f16", "1")(seed=3)
    kernel, bias, *_ = (model.parameters[f"hidden.dense.{name}"] for name in ("kernel", "bias"))
    rounded = torch.tensor(x).half().double() @ kernel.half().double() + bias.double()
    kernel_2, bias_2 = (model.parameters[f"y.dense.{name}"] for name in ("kernel", "bias"))
    wanted = torch.tanh(rounded).half().double() @ kernel_2.half().double() + bias_2.double()
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=2e-3, atol=1e-4)


def test_scales_that_are_none() -> None:
    for scale in ("0", "-2", "inf", "none"):
        text = TEXT.replace("PRECISION", "f16").replace("SCALE", scale).replace("SMALL", "1")
        assert codes(text) == ["E0505"]
