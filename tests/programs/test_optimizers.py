"""Optimizers by part of the model, of optimizers, with constraints, norms, products and averages, beside autograd in
float64; gradients gathered over steps, and runs that go on; how many kernels an update takes."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from nnc.runtime import Callback, EarlyStopping
from nnc.runtime.random import Orders
from nnc.schedule.kernel import KernelKind
from tests.programs.harness import check_padding, imported, run_interpreted

DEFINITIONS = """
layer Scaled(gamma_constraint = none)(x: float[N]) -> y {
    param gamma: float[N] = ones, constraint = gamma_constraint
    y = x * gamma
}
layer Block(units, limit = none, edge = none)(x: float[N]) -> y {
    first = x |> Dense(units, tanh, kernel_constraint = limit)
    y = first |> Scaled(edge) |> Dense(units)
}
fn tight(w) = clip(w, 0.99, 1.005)
fn Halved(step) = 0.1 * 0.5 ^ step
optimizer Clipped(limit, inner = SGD(0.1)) {
    parameter' = inner(parameter, gradient * minimum(1, limit / global_norm))
}
optimizer Lookahead(inner = SGD(0.5), every = 2, share = 0.25) {
    state slow = parameter
    fast = inner(parameter, gradient)
    is_time = step % every == 0
    slow' = where(is_time, slow + share * (fast - slow), slow)
    parameter' = where(is_time, slow', fast)
}
optimizer Whitened(rate = 0.1, momentum = 0.5) {
    state velocity = zeros
    velocity' = momentum * velocity + gradient - mean(gradient, axis = [-1], keepdims = true)
    squared = einsum("ij,kj->ik", velocity', velocity') @ velocity' if len(shape(parameter)) == 2 else velocity'
    parameter' = parameter - rate * squared / (1 + sqrt(sum(squared ^ 2)))
}
optimizer Factored(rate = 0.1) {
    state sizes: float[shape(parameter)[-1]] = zeros
    sizes' = 0.5 * sizes + (sum(gradient ^ 2, axis = [0]) if len(shape(parameter)) == 2 else gradient ^ 2)
    parameter' = parameter - rate * gradient / (0.1 + sqrt(sizes'))
}
optimizer Averaged(inner = SGD(0.3), share = 0.3) {
    state mean = parameter
    parameter' = inner(parameter, gradient)
    mean' = mean + share * (parameter' - mean)
    result = mean
}
optimizer Restless(rate = 0.1) {
    state age = 0.5
    age' = age * 0.5 + 1
    parameter' = parameter * 0.9 + 0.01 - rate * gradient / age'
}
"""
MODEL = """model Net(x: float[5]) -> y: float[3] {{
    trunk = x |> Block(7{arguments})
    y = trunk |> Dense(3)
}}
train Net {{
    target wanted: float[3]
    loss = mean((y - wanted) ^ 2)
    optimizer = {optimizer}
    batch_size = {batch}
    gradient_accumulation_steps = {every}
}}
"""
SAMPLES, BATCH, EPOCHS, SEED = 17, 6, 2, 3

# A rule makes of a parameter, its gradient, the number of the update, the norm of all gradients of its optimizer and
# the parameter's slots, which it changes, the new parameter.
Rule = Callable[[Tensor, Tensor, int, Tensor, dict[str, Tensor]], Tensor]


def sgd(rate: float | Callable[[int], float], momentum: float = 0.0, decay: float = 0.0) -> Rule:
    def rule(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
        eta = rate(step - 1) if callable(rate) else rate
        slots["velocity"] = momentum * slots.get("velocity", torch.zeros_like(w)) - eta * g
        return w * (1 - decay * eta) + slots["velocity"]

    return rule


def adam(eta: float, decay: float = 0.0) -> Rule:
    def rule(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
        slots["m"] = 0.9 * slots.get("m", torch.zeros_like(w)) + 0.1 * g
        slots["v"] = 0.999 * slots.get("v", torch.zeros_like(w)) + 0.001 * g * g
        rate = eta * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
        return w * (1 - decay * eta) - rate * slots["m"] / (slots["v"].sqrt() + 1e-7)

    return rule


def clipped(limit: float, inner: Rule) -> Rule:
    return lambda w, g, step, norm, slots: inner(w, g * (limit / norm).clamp(max=1), step, norm, slots)


def lookahead(inner: Rule, every: int = 2, share: float = 0.25) -> Rule:
    def rule(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
        slow = slots.setdefault("slow", w)
        fast = inner(w, g, step, norm, slots)
        if step % every:
            return fast
        slots["slow"] = slow + share * (fast - slow)
        return slots["slow"]

    return rule


def whitened(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
    v = 0.5 * slots.get("v", torch.zeros_like(w)) + g - g.mean(-1, keepdim=True)
    slots["v"] = v
    squared = v @ v.T @ v if v.ndim == 2 else v
    return w - 0.1 * squared / (1 + squared.norm())


def factored(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
    sizes = g.square().sum(0) if w.ndim == 2 else g.square()
    slots["sizes"] = 0.5 * slots.get("sizes", torch.zeros_like(sizes)) + sizes
    return w - 0.1 * g / (0.1 + slots["sizes"].sqrt())


def averaged(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
    mean = slots.get("mean", w)
    new = w - 0.3 * g
    slots["mean"] = mean + 0.3 * (new - mean)
    return new


def restless(w: Tensor, g: Tensor, step: int, norm: Tensor, slots: dict[str, Tensor]) -> Tensor:
    slots["age"] = slots.get("age", torch.full_like(w, 0.5)) * 0.5 + 1
    return w * 0.9 + 0.01 - 0.1 * g / slots["age"]


def max_norm(limit: float) -> Callable[[Tensor], Tensor]:
    def held(w: Tensor) -> Tensor:
        length = w.norm(dim=0, keepdim=True)
        return w * length.clamp(max=limit) / (length + 1e-7)

    return held


@dataclass(frozen=True, slots=True)
class Case:
    """optimizer: as written. rules: of a parameter the last whose path it lies below. arguments: more of the block's.
    constraints: by path. every: steps whose mean gradient is applied."""

    optimizer: str
    rules: dict[str, Rule | None]
    arguments: str = ""
    constraints: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    every: int = 1
    updates: int = 1  # kernels of kind `update`: one for each pointwise rule, of which a constraint makes another


FIRST, GAMMA, LAST = "trunk.block.first.dense", "trunk.block.y.scaled.gamma", "trunk.block.y.dense"
HELD = {f"{FIRST}.kernel": max_norm(0.6), GAMMA: lambda w: w.clamp(0.99, 1.005)}
HOLDS = ", limit = max_norm(0.6), edge = tight"
CASES = {
    "parts": Case(
        "{ trunk: Adam(0.02), trunk.block.first: SGD(0.3, momentum = 0.9), y.dense.bias: none,\n"
        "        trunk.block.y.dense.bias: SGD(0.05, momentum = 0.9, weight_decay = 0.5), rest: SGD(Halved) }",
        {
            "": sgd(lambda n: 0.1 * 0.5**n),
            "trunk": adam(0.02),
            FIRST: sgd(0.3, 0.9),
            "y.dense.bias": None,
            f"{LAST}.bias": sgd(0.05, 0.9, 0.5),
        },
        updates=4,
    ),
    "nested": Case(
        "{ trunk: { block: { first.dense: { bias: none, rest: AdamW(0.02, weight_decay = 0.3) }, y: SGD(0.2) } },\n"
        "        rest: none }",
        {"": None, FIRST: adam(0.02, 0.3), f"{FIRST}.bias": None, "trunk.block.y": sgd(0.2)},
        updates=2,
    ),
    "held": Case("SGD(0.3, momentum = 0.5)", {"": sgd(0.3, 0.5)}, HOLDS, HELD, updates=2),
    "held_apart": Case(
        "{ trunk.block.first: AdamW(0.05, weight_decay = 0.5), rest: SGD(0.3) }",
        {"": sgd(0.3), FIRST: adam(0.05, 0.5)},
        HOLDS,
        HELD,
        updates=3,
    ),
    "clipped": Case("Clipped(0.02)", {"": clipped(0.02, sgd(0.1))}),
    "clipped_apart": Case(
        "{ trunk: Clipped(0.4, Adam(0.02)), y: Clipped(0.3, SGD(0.2)) }",
        {"trunk": clipped(0.4, adam(0.02)), "y": clipped(0.3, sgd(0.2))},
        updates=2,
    ),
    "levels": Case(
        "Lookahead(Clipped(0.5, AdamW(0.03, weight_decay = 0.2)))",
        {"": lookahead(clipped(0.5, adam(0.03, 0.2)))},
    ),
    "shaped": Case("{ y: Factored, rest: Whitened }", {"": whitened, "y": factored}, updates=0),
    "averaged": Case("Averaged", {"": averaged}),
    "restless": Case("{ y: SGD(0.1), rest: Lookahead(Restless) }", {"": lookahead(restless), "y": sgd(0.1)}, updates=2),
    "gathered": Case(
        "{ y: Clipped(0.3), trunk.block.first: Averaged, rest: Lookahead(Adam(0.02)) }",
        {"": lookahead(adam(0.02)), FIRST: averaged, "y": clipped(0.3, sgd(0.1))},
        HOLDS,
        HELD,
        every=3,
        updates=4,
    ),
}


def text_of(case: Case) -> str:
    return DEFINITIONS + MODEL.format(optimizer=case.optimizer, arguments=case.arguments, every=case.every, batch=BATCH)


def made(name: str) -> Any:
    return imported(emission.run(schedule(Source("net.nn", text_of(CASES[name])), Options(), Reporter())), name)


def data() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(SAMPLES, 5)), rng.normal(size=(SAMPLES, 3))
    return {"x": x.astype(np.float32)}, {"wanted": y.astype(np.float32)}


def arrays(model: Any) -> dict[str, np.ndarray]:
    return {path: view.numpy().copy() for path, view in model.parameters.items()}


def forward(p: dict[str, Tensor], x: Tensor) -> Tensor:
    first = (x @ p[f"{FIRST}.kernel"] + p[f"{FIRST}.bias"]).tanh() * p[GAMMA]
    trunk = first @ p[f"{LAST}.kernel"] + p[f"{LAST}.bias"]
    return trunk @ p["y.dense.kernel"] + p["y.dense.bias"]


def _part(case: Case, path: str) -> str:
    found = [part for part in case.rules if not part or path == part or path.startswith(part + ".")]
    return max(found, key=len)


def trained(case: Case, start: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Tensor]]]:
    """Parameters and slots after the epochs, in float64."""
    p = {path: torch.tensor(value).double().requires_grad_() for path, value in start.items()}
    x, y = (torch.tensor(next(iter(each.values()))).double() for each in data())
    slots: dict[str, dict[str, Tensor]] = {path: {} for path in p}
    gathered: list[tuple[Tensor, ...]] = []
    done = 0
    for epoch in range(EPOCHS):
        for rows in Orders(SEED).at(epoch, SAMPLES).split(BATCH):
            loss = (forward(p, x[rows]) - y[rows]).square().mean()
            gathered.append(torch.autograd.grad(loss, list(p.values())))
            if len(gathered) == case.every:
                means = [torch.stack(each).mean(0) for each in zip(*gathered, strict=True)]
                done += 1
                _apply(case, p, dict(zip(p, means, strict=True)), done, slots)
                gathered.clear()
            for path, constraint in case.constraints.items():  # after each step, also those that only gather
                p[path].data = constraint(p[path].data)
    return {path: value.detach().numpy() for path, value in p.items()}, slots


def _apply(
    case: Case, p: dict[str, Tensor], means: dict[str, Tensor], number: int, slots: dict[str, dict[str, Tensor]]
) -> None:
    with torch.no_grad():
        for path, value in p.items():
            part = _part(case, path)
            rule = case.rules[part]
            if rule is None:
                continue
            norm = torch.stack([g.norm() for other, g in means.items() if _part(case, other) == part]).norm()
            value.data = rule(value.detach().clone(), means[path], number, norm, slots[path])


def check_case(name: str, backend: str) -> None:
    case = CASES[name]
    model = made(name)(device="cpu", seed=SEED, backend=backend, _guard=True)
    start = arrays(model)
    x, y = data()
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    wanted, slots = trained(case, start)
    for path, value in arrays(model).items():
        np.testing.assert_allclose(value, wanted[path], rtol=0, atol=3e-6, err_msg=f"{name}: {path}")
        rule = case.rules[_part(case, path)]
        moved = not np.array_equal(value, start[path])
        assert moved == (rule is not None), f"{name}: {path}"
    used = {path: slots[path].get("mean", torch.tensor(value)).double() for path, value in wanted.items()}
    outcome = forward(used, torch.tensor(x["x"]).double())
    np.testing.assert_allclose(model.predict(x, verbose=0), outcome, rtol=0, atol=1e-5, err_msg=name)
    error = float((outcome - torch.tensor(y["wanted"])).square().mean())
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0)["loss"], error, rtol=1e-5, err_msg=name)
    check_padding(model)
    assert model.guards.overwritten() == [], name


@pytest.mark.parametrize("name", CASES)
def test_the_torch_path(name) -> None:
    check_case(name, "torch")


# Of each kind of update one, and both that gather.
INTERPRETED = ("parts", "held_apart", "clipped_apart", "levels", "shaped", "restless", "gathered")


def check_interpreted() -> None:
    for name in INTERPRETED:
        check_case(name, "triton")
    check_resumed("triton")


def test_kernels() -> None:
    run_interpreted("from tests.programs.test_optimizers import check_interpreted\ncheck_interpreted()")


class Interrupt(Callback):
    """Saves after a step, then ends the run."""

    def __init__(self, step: int, path: Path) -> None:
        super().__init__()
        self.step, self.path = step, path

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.place.step == self.step:
            self.model.save(self.path)
            raise InterruptedError


def check_resumed(backend: str, steps: tuple[int, ...] = (4,)) -> None:
    """Gathered gradients, averages and slow weights go on after an interruption as if there had been none."""
    cls, (x, y) = made("gathered"), data()
    given = {"batch_size": BATCH, "epochs": EPOCHS, "verbose": 0}
    whole = cls(device="cpu", seed=SEED, backend=backend)
    whole.fit(x, y, **given)
    for step in steps:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.safetensors"
            with pytest.raises(InterruptedError):
                cls(device="cpu", seed=SEED, backend=backend).fit(x, y, callbacks=[Interrupt(step, path)], **given)
            resumed = cls(device="cpu", seed=9, backend=backend)
            resumed.fit(x, y, resume=path, **given)
        for name, one, other in same_places(whole, resumed):
            assert torch.equal(one, other), f"{name}, from step {step}"
        np.testing.assert_array_equal(resumed.predict(x, verbose=0), whole.predict(x, verbose=0))


def same_places(one: Any, other: Any) -> list[tuple[str, Tensor, Tensor]]:
    """Parameters and slots of two models."""
    pairs = [(path, view, other.parameters[path]) for path, view in one.parameters.items()]
    slots = other.store.slot_views()
    return pairs + [(" of ".join(key), view, slots[key]) for key, view in one.store.slot_views().items()]


def test_runs_go_on() -> None:
    check_resumed("torch", (1, 2, 3, 4, 5))


def test_averages_are_saved(tmp_path) -> None:
    cls, (x, y) = made("averaged"), data()
    model = cls(seed=SEED, backend="torch")
    np.testing.assert_allclose(model.predict(x, verbose=0), forward_of(model, x), rtol=0, atol=1e-6)
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    predicted, lost = model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)
    assert np.abs(predicted - forward_of(model, x).numpy()).max() > 1e-2, "predictions are of the averages"
    model.save(tmp_path / "whole")
    again = cls(seed=9, backend="torch")
    again.load(tmp_path / "whole")
    np.testing.assert_array_equal(again.predict(x, verbose=0), predicted)
    assert again.evaluate(x, y, verbose=0) == lost


def test_the_best_averages_are_restored(tmp_path) -> None:
    """What evaluation reads comes back from the best epoch, averages too, also in a run that goes on from a file."""
    cls, (x, y) = made("averaged"), data()
    held = ({"x": -x["x"]}, {"wanted": y["wanted"] * 0.1})
    given = {"batch_size": BATCH, "epochs": 9, "verbose": 0, "validation_data": held}
    given |= {"callbacks": [EarlyStopping("val_loss", patience=9, restore_best_weights=True)]}
    model = cls(seed=SEED, backend="torch")
    losses = model.fit(x, y, **given, checkpoint=tmp_path / "whole").history["val_loss"]
    best = min(losses)
    assert best < losses[-1] - 1e-4, "the last epoch is the best, which says nothing"
    assert model.evaluate(*held, verbose=0)["loss"] == pytest.approx(best, rel=1e-12)
    again = cls(seed=9, backend="torch")
    again.load(tmp_path / "whole")
    assert again.evaluate(*held, verbose=0)["loss"] == pytest.approx(best, rel=1e-12)


def forward_of(model: Any, x: dict[str, np.ndarray]) -> Tensor:
    return forward({path: view.double() for path, view in model.parameters.items()}, torch.tensor(x["x"]).double())


@pytest.mark.parametrize("name", CASES)
def test_one_kernel_updates_all_of_a_rule(name) -> None:
    case = CASES[name]
    step = schedule(Source("net.nn", text_of(case)), Options(), Reporter()).train
    updates = [kernel for kernel in step.kernels if kernel.kind is KernelKind.UPDATE]
    assert len(updates) == case.updates
    assert name != "averaged" or len(step.kernels) == 10
