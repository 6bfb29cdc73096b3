"""Reductions of more than a tile holds: values and gradients on both paths, beside float64 autograd."""

from contextlib import ExitStack
from unittest import mock

import numpy as np
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.programs.harness import imported, run_interpreted

LONG, TALL, SAMPLES = 5_003, (3, 19, 17), 3
LIMITS = {"groups.COVERED": 256, "stages.COVERED": 256, "stages.CHUNK": 64, "stages.ACROSS": 8}  # for smaller tensors
TEXT = f"""layer Scaled(x: float[...S]) -> y {{
    param scale: float[...S] = ones
    penalty 0.01 * mean(scale ^ 2) + 0.1 * max(scale)
    y = x * scale
}}
model Net(x: float[{LONG}], image: float[{", ".join(map(str, TALL))}]) -> (row, plane) {{
    long = x |> Scaled
    tall = image |> Scaled
    row = stack([logsumexp(long), max(long), mean(long), 1000 * variance(long), float(i32(argmin(long)))], axis = 0)
    plane = stack([sum(tall, axis = [0, 2]) / 100, min(tall, axis = [0, 2]), variance(tall, axis = [0, 2])], axis = 0)
}}
train Net {{
    target wanted: float
    common = mean(sum(image, axis = 1, batch = true) ^ 2) + mean(max(image, axis = [], batch = true))
    loss = mean(row[0:4] ^ 2) + mean(plane ^ 2) + common - wanted - 1000 * pick(softmax(x), argmax(x))
    optimizer = SGD()
    batch_size = {SAMPLES}
}}
"""


def values(x: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    wide = image.transpose(1, 2).flatten(2)
    spread = 1000 * x.var(1, correction=0)
    row = [x.logsumexp(1), x.amax(1), x.mean(1), spread, x.argmin(1).double()]
    return torch.stack(row, 1), torch.stack([wide.sum(2) / 100, wide.amin(2), wide.var(2, correction=0)], 1)


def check(backend: str) -> None:
    with ExitStack() as limits:
        for name, size in LIMITS.items():
            limits.enter_context(mock.patch(f"nnc.schedule.{name}", size))
        cls = imported(emission.run(schedule(Source("net.nn", TEXT), Options(), Reporter())), "net")
    model = cls(device="cpu", backend=backend, _guard=True)
    rng = np.random.default_rng(0)
    inputs = {
        "x": rng.normal(size=(SAMPLES, LONG)).astype(np.float32),
        "image": rng.normal(size=(SAMPLES, *TALL)).astype(np.float32),
    }
    x, image = (torch.tensor(each, dtype=torch.float64) for each in inputs.values())
    scales = [torch.ones(LONG, dtype=torch.float64), torch.ones(TALL, dtype=torch.float64)]
    row, plane = values(x * scales[0].requires_grad_(), image * scales[1].requires_grad_())
    found = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(found["row"], row.detach(), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(found["plane"], plane.detach(), rtol=2e-6, atol=2e-6)

    common = (image.sum((0, 2)) ** 2).mean() + image.amax(0).mean()
    loss = (row[:, :4] ** 2).mean() + (plane**2).mean() + common - 1000 * x.softmax(1).amax(1).mean()
    loss = loss + sum(0.01 * (scale**2).mean() + 0.1 * scale.amax() for scale in scales)
    wanted = np.zeros(SAMPLES, np.float32)
    reports = model.evaluate(inputs, {"wanted": wanted}, verbose=0)
    np.testing.assert_allclose(reports["loss"], loss.detach(), rtol=1e-6)
    assert model.guards.overwritten() == []

    gradients = model.gradients(inputs, {"wanted": wanted})
    # the largest entry of a scale of ones is the first, which all of the gradient goes to; autograd shares it out
    exact = torch.autograd.grad(loss - sum(0.1 * scale.amax() for scale in scales), scales)
    for (path, gradient), expected in zip(gradients.items(), exact, strict=True):
        expected.view(-1)[0] += 0.1
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6 * expected.abs().max(), err_msg=path)


def test_in_stages() -> None:
    check("torch")


def test_in_stages_through_triton() -> None:
    run_interpreted("from tests.programs.test_stages import check\ncheck('triton')")


def test_a_hundred_thousand_classes() -> None:
    text = "model Net(x: float[100_003]) -> (p, k, s) { p = softmax(x)\n k = argmax(x)\n s = variance(x) }"
    model = imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")(device="cpu")
    x = np.random.default_rng(0).normal(size=(2, 100_003)).astype(np.float32)
    found = model.predict({"x": x}, verbose=0)
    expected = torch.tensor(x, dtype=torch.float64).softmax(1)
    np.testing.assert_allclose(found["p"], expected, rtol=1e-5)
    np.testing.assert_array_equal(found["k"], x.argmax(1))
    np.testing.assert_allclose(found["s"], x.astype(np.float64).var(1), rtol=1e-6)
