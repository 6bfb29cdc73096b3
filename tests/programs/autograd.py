"""Training in plain torch, in float64 with autograd: what a reference is, its data, parts of models, optimizers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Tensors: TypeAlias = dict[str, Tensor]
Arrays: TypeAlias = dict[str, np.ndarray]
Draw: TypeAlias = Callable[[np.random.Generator, int], np.ndarray]

SEED = 3  # of the models that are compared


@dataclass(frozen=True, slots=True)
class Outcome:
    """loss, metrics, terms of the loss: a row a sample, of any further shape, averaged over all entries under the
    samples' weights. penalty: a number that is added to the loss. states: their new values, by path. shares: of each,
    two numbers or rows a sample, whose sums under the weights are divided, by `least` at least, and then averaged."""

    results: Tensors
    loss: Tensor
    metrics: Tensors = field(default_factory=dict)
    penalty: Tensor | None = None
    states: Tensors = field(default_factory=dict)
    terms: Tensors = field(default_factory=dict)
    shares: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    least: float = 1.0


@dataclass(frozen=True, slots=True)
class Reference:
    """path: of the program. forward: from parameters, states and a batch's arrays. step: number, gradient and the
    parameter's slots, which it changes, to what is added. sizes: samples and batch of each training. inputs, targets:
    by name, with what draws them. inference: the forward outside training, where it is another. adapted: the states
    that the inputs give before the first step. draws: by a pass's number and its samples, what it draws
    for each, which `forward` gets beside the inputs. classes: the weights of the only target's classes."""

    path: Path
    forward: Callable[[Tensors, Tensors], Outcome]
    step: Callable[[int, Tensor, Tensors], Tensor]
    inputs: dict[str, Draw]
    targets: dict[str, Draw]
    sizes: tuple[tuple[int, int], ...]
    inference: Callable[[Tensors, Tensors], Outcome] | None = None
    together: bool = False  # its loss looks at the whole batch
    adapted: Callable[[Arrays], Arrays] = lambda inputs: {}
    draws: Callable[[int, int], Arrays] = lambda number, samples: {}
    classes: tuple[float, ...] = ()
    tolerance: float = 1e-6  # of parameters and states after two epochs, over the largest of them or 1

    def data(self, samples: int, seed: int = 0) -> tuple[Arrays, Arrays, np.ndarray]:
        """Inputs, targets and weights."""
        generator = np.random.default_rng((seed, samples))
        inputs, targets = (
            {name: draw(generator, samples) for name, draw in draws.items()} for draws in (self.inputs, self.targets)
        )
        return inputs, targets, generator.uniform(0.1, 2.0, samples).astype(np.float32)

    def weighed(self, targets: Arrays, weight: np.ndarray) -> np.ndarray:
        """The samples' weights times those of their classes."""
        return weight * np.array(self.classes)[next(iter(targets.values()))] if self.classes else weight


def floats(*shape: int, scale: float = 1.0) -> Draw:
    return lambda generator, samples: generator.normal(scale=scale, size=(samples, *shape)).astype(np.float32)


def labels(bound: int) -> Draw:
    return lambda generator, samples: generator.integers(0, bound, samples)


def dense(parameters: Tensors, path: str, x: Tensor) -> Tensor:
    bias = parameters.get(f"{path}.dense.bias")
    y = x @ parameters[f"{path}.dense.kernel"]
    return y if bias is None else y + bias


def entropy(logits: Tensor, label: Tensor) -> Tensor:
    return functional.cross_entropy(logits, label, reduction="none")


def hits(scores: Tensor, label: Tensor) -> Tensor:
    return (scores.argmax(-1) == label).double()


def normalised(
    p: Tensors, path: str, x: Tensor, states: Tensors | None, momentum: float, epsilon: float = 1e-3
) -> Tensor:
    """Batch normalisation of the last axis: in training, where `states` takes the new averages, by the batch's own."""
    path = f"{path}.batch_normalization"
    moments = {"moving_mean": p[f"{path}.moving_mean"], "moving_variance": p[f"{path}.moving_variance"]}
    if states is not None:
        rows = x.reshape(-1, x.shape[-1])
        current = {"moving_mean": rows.mean(0), "moving_variance": rows.var(0, correction=0)}
        states |= {f"{path}.{name}": momentum * moments[name] + (1 - momentum) * current[name] for name in moments}
        moments = current
    y = (x - moments["moving_mean"]) / (moments["moving_variance"] + epsilon).sqrt()
    return y * p.get(f"{path}.gamma", torch.ones(())) + p.get(f"{path}.beta", torch.zeros(()))


# ------------------------------------------------------------------------------------------------ optimizers


def slot(slots: Tensors, name: str, like: Tensor) -> Tensor:
    return slots.setdefault(name, torch.zeros_like(like))


def sgd(rate: float, momentum: float = 0.0) -> Callable[[int, Tensor, Tensors], Tensor]:
    def step(number: int, g: Tensor, slots: Tensors) -> Tensor:
        slots["velocity"] = momentum * slot(slots, "velocity", g) - rate * g
        return slots["velocity"]

    return step


def rmsprop(rate: float) -> Callable[[int, Tensor, Tensors], Tensor]:
    def step(number: int, g: Tensor, slots: Tensors) -> Tensor:
        slots["square"] = 0.9 * slot(slots, "square", g) + 0.1 * g * g
        return -rate * g / (slots["square"] + 1e-7).sqrt()

    return step


def adam(rate: float) -> Callable[[int, Tensor, Tensors], Tensor]:
    def step(number: int, g: Tensor, slots: Tensors) -> Tensor:
        slots["m"] = 0.9 * slot(slots, "m", g) + 0.1 * g
        slots["v"] = 0.999 * slot(slots, "v", g) + 0.001 * g * g
        m, v = slots["m"] / (1 - 0.9**number), slots["v"] / (1 - 0.999**number)
        # epsilon as in the formula before section 2.1 of the paper: it stands beside the uncorrected root
        return -rate * m / (v.sqrt() + 1e-7 / (1 - 0.999**number) ** 0.5)

    return step


# ------------------------------------------------------------------------------------------------ training


def in_double(arrays: Arrays) -> Tensors:
    return {
        name: torch.tensor(array).double() if array.dtype.kind == "f" else torch.tensor(array)
        for name, array in arrays.items()
    }


def batches(arrays: Tensors, weight: Tensor, order: Tensor, batch: int) -> Iterator[tuple[Tensors, Tensor]]:
    for rows in order.split(batch):
        yield {name: array[rows] for name, array in arrays.items()}, weight[rows]


def weighted(entries: Tensor, weight: Tensor) -> Tensor:
    """The sum of entries under their samples' weights, over how many entries a sample has."""
    return (entries.reshape(len(weight), -1).mean(1) * weight).sum()


def sums(outcome: Outcome, weight: Tensor) -> dict[str, np.ndarray]:
    """Of each report its sum over a batch and what that is divided by."""
    count, weights = len(weight), float(weight.sum())
    penalty = 0.0 if outcome.penalty is None else outcome.penalty.detach() * count
    losses = {"loss": outcome.loss} | {f"{name}_loss": entries for name, entries in outcome.terms.items()}
    found = {name: (weighted(entries.detach(), weight), count) for name, entries in losses.items()}
    found["loss"] = (found["loss"][0] + penalty, count)
    found |= {name: (weighted(entries.detach(), weight), weights) for name, entries in outcome.metrics.items()}
    found |= {
        name: tuple(torch.einsum("n...,n->...", each, weight.to(each)) for each in pair)
        for name, pair in outcome.shares.items()
    }
    return {name: np.array([np.asarray(each) for each in pair]) for name, pair in found.items()}


def means(totals: dict[str, np.ndarray], outcome: Outcome) -> dict[str, float]:
    """What is reported of such sums."""
    return {
        name: float(np.mean(part / np.maximum(of, outcome.least if name in outcome.shares else 0)))
        for name, (part, of) in totals.items()
    }


@dataclass(frozen=True, slots=True)
class Trained:
    """arrays: parameters and states. history: each epoch's loss and metrics. curve: the mean loss of an epoch so far,
    after each step."""

    arrays: Arrays
    history: dict[str, list[float]]
    curve: list[float]


def train(
    reference: Reference,
    start: Arrays,
    arrays: Arrays,
    weight: np.ndarray,
    batch: int,
    orders: list[Tensor],
    states: Arrays | None = None,
) -> Trained:
    """An epoch for each of `orders`."""
    parameters = {path: value.requires_grad_() for path, value in in_double(start).items()}
    carried = in_double(states or {})
    slots: dict[str, Tensors] = {path: {} for path in parameters}
    weights = torch.tensor(weight).double()
    number, history, curve = 0, {}, []
    for epoch, order in enumerate(orders):
        data = in_double(arrays | reference.draws(epoch, len(weight)))
        totals: dict[str, np.ndarray] = {}
        for part, w in batches(data, weights, order, batch):
            number += 1
            outcome = reference.forward(parameters | carried, part)
            penalty = 0.0 if outcome.penalty is None else outcome.penalty * len(w)
            total = weighted(outcome.loss, w) + penalty
            gradients = torch.autograd.grad(total / len(w), list(parameters.values()), materialize_grads=True)
            with torch.no_grad():
                for (path, value), g in zip(parameters.items(), gradients, strict=True):
                    value += reference.step(number, g, slots[path])
            carried |= {path: value.detach() for path, value in outcome.states.items()}
            totals = {name: totals.get(name, 0.0) + pair for name, pair in sums(outcome, w).items()}
            curve.append(totals["loss"][0] / totals["loss"][1])
        for name, value in means(totals, outcome).items():
            history.setdefault(name, []).append(value)
    trained = {path: value.detach().numpy() for path, value in (parameters | carried).items()}
    return Trained(trained, history, curve)
