"""Modules of programs, trained on either path and compared with the reference, in this process or one of their own."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnc.base.diagnostic import Reporter
from nnc.emit import module as emission
from nnc.pipeline import Options, compile, schedule
from nnc.runtime import Callback
from nnc.runtime.random import Orders
from tests.programs.autograd import SEED, Arrays, Reference, in_double, means, sums, train
from tests.programs.references import REFERENCES, ROOT, in_precision

EPOCHS = 2


def imported(text: str, name: str) -> Any:
    """The class of a module's text. Kernels must lie in a file, which stays until the process ends."""
    folder = tempfile.mkdtemp(prefix="nnc-programs-")
    place = Path(folder) / f"{name}.py"
    place.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"emitted_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    (model,) = (value for value in vars(module).values() if isinstance(value, type) and "steps" in vars(value))
    return model


def model_of(name: str, precision: str = "f32") -> Any:
    if precision == "f32":
        return imported(compile(REFERENCES[name].path).text, name)
    source = in_precision(REFERENCES[name].path, precision)
    return imported(emission.run(schedule(source, Options(), Reporter())), f"{name}_{precision}")


class Curve(Callback):
    """The mean loss of an epoch so far, after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(logs["loss"])


def fitted(
    cls: Any,
    reference: Reference,
    samples: int,
    batch: int,
    backend: str,
    guard: bool,
    device: str = "cpu",
    curve: Curve | None = None,
    epochs: int = EPOCHS,
) -> Any:
    """A trained model, which keeps the bits of its guards."""
    inputs, targets, weight = reference.data(samples)
    model = cls(device=device, seed=SEED, backend=backend, _guard=guard)
    callbacks = [] if curve is None else [curve]
    model.fit(
        inputs, targets or None, batch_size=batch, epochs=epochs, verbose=0, sample_weight=weight, callbacks=callbacks
    )
    return model


def parameters(model: Any) -> Arrays:
    return {path: view.cpu().numpy().copy() for path, view in model.parameters.items()}


def carried(model: Any) -> Arrays:
    """The states."""
    return {path: view.cpu().numpy().copy() for path, view in model.states.items()}


def check_padding(model: Any) -> None:
    """What lies between the tensors of a flat buffer is zero."""
    places = {"parameter": model.parameters_table, "gradient": model.parameters_table}
    places |= {slot.name: slot.places for slot in model.slots}
    for name, entries in places.items():
        flat = model.store.flat[name].cpu().clone()
        for entry in entries:
            flat[entry.offset : entry.offset + int(np.prod(entry.shape))] = 0
        assert not flat.any(), f"the padding of {name}"


def check_against_float64(
    reference: Reference,
    cls: Any,
    model: Any,
    samples: int,
    batch: int,
    curve: Curve | None = None,
    epochs: int = EPOCHS,
) -> None:
    inputs, targets, weight = reference.data(samples)
    fresh = cls(device="cpu", seed=SEED, backend="torch")
    orders = [Orders(SEED).at(epoch, samples) for epoch in range(epochs)]
    states = carried(fresh) | reference.adapted(inputs)
    weight = reference.weighed(targets, weight)
    trained = train(reference, parameters(fresh), inputs | targets, weight, batch, orders, states)
    wanted = trained.arrays
    for path, array in (parameters(model) | carried(model)).items():
        error = np.abs(array - wanted[path]).max() / max(1.0, np.abs(wanted[path]).max())
        assert error <= reference.tolerance, f"{reference.path.stem}, {samples} by {batch}: {path} is off by {error}"
    for report, values in trained.history.items():
        np.testing.assert_allclose(model.history.history[report], values, rtol=1e-5, atol=1e-6, err_msg=report)
    if curve is not None:
        np.testing.assert_allclose(curve.losses, trained.curve, rtol=1e-5, atol=1e-6, err_msg="after each step")
    check_padding(model)
    if model.guards is not None:
        assert model.guards.overwritten() == []


def check_results(reference: Reference, model: Any, samples: int, batch: int) -> None:
    """What a trained model predicts and how it is evaluated, beside float64."""
    inputs, targets, _ = reference.data(samples, seed=1)
    batch = samples if reference.together else batch
    forward = reference.inference or reference.forward
    outcome = forward(in_double(parameters(model) | carried(model)), in_double(inputs | targets))
    found = model.predict(inputs, batch_size=batch, verbose=0)
    found = found if isinstance(found, dict) else {next(iter(outcome.results)): found}
    for result, wanted in outcome.results.items():
        np.testing.assert_allclose(found[result], wanted, rtol=1e-5, atol=1e-5, err_msg=result)
    reports = model.evaluate(inputs, targets or None, batch_size=batch, verbose=0)
    totals = sums(outcome, torch.ones(samples))
    assert reports.keys() == totals.keys()
    for report, value in means(totals, outcome).items():
        np.testing.assert_allclose(reports[report], value, rtol=1e-5, atol=1e-6, err_msg=report)
    if model.guards is not None:
        assert model.guards.overwritten() == []


def check_interpreted(name: str) -> None:
    """All of a program's sizes through Triton's interpreter; run where TRITON_INTERPRET is set."""
    from nnc.runtime.backend import reversed_grids  # noqa: PLC0415 (only a process that interprets has them)

    check_kernels(name, "cpu", reversed_grids())


def check_kernels(name: str, device: str, backwards: AbstractContextManager[None] | None = None) -> None:
    """The Triton path from its launch list: beside float64 and the torch path, under guard, with the loss after each
    step of the first size; the same bits with the grids of the last size reversed, and with the same seed."""
    reference, cls = REFERENCES[name], model_of(name)
    for number, (samples, batch) in enumerate(reference.sizes):
        curve = Curve() if number == 0 else None
        model = fitted(cls, reference, samples, batch, "triton", True, device, curve)
        check_against_float64(reference, cls, model, samples, batch, curve)
        beside = parameters(fitted(cls, reference, samples, batch, "torch", False))
        for path, array in parameters(model).items():
            np.testing.assert_allclose(array, beside[path], rtol=0, atol=2 * reference.tolerance, err_msg=path)
        if number == 0:
            check_results(reference, model, samples // 2 + 1, max(2, batch // 3))
        if number == len(reference.sizes) - 1:
            with backwards or nullcontext():
                again = parameters(fitted(cls, reference, samples, batch, "triton", True, device))
            assert all(np.array_equal(array, again[path]) for path, array in parameters(model).items())


def check_precision(name: str, precision: str, backend: str, device: str = "cpu") -> None:
    """Gradients and the loss after an epoch beside float64, to what the precision's rounding allows."""
    reference, cls = REFERENCES[name], model_of(name, precision)
    samples, batch = reference.sizes[0]
    inputs, targets, weight = reference.data(samples)
    model = cls(device=device, seed=SEED, backend=backend, _guard=True)
    held = {path: value.requires_grad_() for path, value in in_double(parameters(model)).items()}
    outcome = reference.forward(held, in_double(inputs | targets))
    wanted = torch.autograd.grad(outcome.loss.mean(), list(held.values()))
    found = model.gradients(inputs, targets)
    for (path, array), exact in zip(found.items(), wanted, strict=True):
        # as a whole, not by element: rounding turns single units of a ReLU on or off, for all that feeds them
        error, size = float(np.linalg.norm(array - exact.numpy())), float(exact.norm())
        assert error <= 2e-2 * size + 1e-8, f"{name} in {precision}: the gradient of {path} is off by {error / size}"
    model.fit(inputs, targets or None, batch_size=batch, epochs=EPOCHS, verbose=0, sample_weight=weight)
    orders = [Orders(SEED).at(epoch, samples) for epoch in range(EPOCHS)]
    start = {path: value.detach().numpy() for path, value in held.items()}
    trained = train(reference, start, inputs | targets, weight, batch, orders)
    np.testing.assert_allclose(model.history.history["loss"], trained.history["loss"], rtol=2e-2)
    check_padding(model)
    assert model.guards.overwritten() == []


def check_extreme(cls: Any, backend: str, device: str = "cpu") -> None:
    """Logits of 1e5 of both signs: loss and weights stay finite, and the gradients are float64's."""
    model = cls(device=device, seed=SEED, backend=backend, _guard=True)
    reference = REFERENCES["digits"]
    inputs, targets, _ = reference.data(12)
    with torch.no_grad():
        kernel = model.parameters["probs.dense.kernel"]
        kernel.copy_(torch.linspace(-1e5, 1e5, kernel.numel()).reshape(kernel.shape))
    logits = in_double(inputs)["pixels"] @ model.parameters["hidden.dense.kernel"].cpu().double()
    assert logits.relu().max() > 0.5, "the example does not reach 1e5"
    found = model.gradients(inputs, targets)
    held = {path: value.requires_grad_() for path, value in in_double(parameters(model)).items()}
    outcome = reference.forward(held, in_double(inputs | targets))
    wanted = torch.autograd.grad(outcome.loss.mean(), list(held.values()))
    for (path, array), exact in zip(found.items(), wanted, strict=True):
        scale = float(exact.abs().max()) + 1.0
        np.testing.assert_allclose(array / scale, exact / scale, rtol=0, atol=1e-4, err_msg=path)
    model.fit(inputs, targets, batch_size=5, epochs=1, verbose=0)
    assert np.isfinite(model.history.history["loss"][0])
    assert all(np.isfinite(array).all() for array in parameters(model).values())
    probabilities = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, rtol=1e-5)


def run_interpreted(code: str) -> None:
    """Runs code in a process in which Triton interprets. What it prints last must be `checked`."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    whole = f"{code}\nprint('checked')"
    done = subprocess.run(
        [sys.executable, "-c", whole], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("checked\n"), done.stdout[-2000:] + done.stderr[-6000:]
