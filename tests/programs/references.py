"""What the programs here and the samples compute, written again in plain torch, in float64 with autograd; and data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nnc.base.source import Source

ROOT = Path(__file__).resolve().parents[2]
Tensors: TypeAlias = dict[str, Tensor]
Arrays: TypeAlias = dict[str, np.ndarray]
Draw: TypeAlias = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True, slots=True)
class Outcome:
    """loss and metrics: a row a sample, of any further shape, averaged over all entries under the samples' weights.
    penalty: a number that is added to the loss. states: their new values, by path."""

    results: Tensors
    loss: Tensor
    metrics: Tensors = field(default_factory=dict)
    penalty: Tensor | None = None
    states: Tensors = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """path: of the program. forward: from parameters, states and a batch's arrays. step: number, gradient and the
    parameter's slots, which it changes, to what is added. sizes: samples and batch of each training. inputs, targets:
    by name, with what draws them. inference: the forward outside training, where it is another."""

    path: Path
    forward: Callable[[Tensors, Tensors], Outcome]
    step: Callable[[int, Tensor, Tensors], Tensor]
    inputs: dict[str, Draw]
    targets: dict[str, Draw]
    sizes: tuple[tuple[int, int], ...]
    inference: Callable[[Tensors, Tensors], Outcome] | None = None
    together: bool = False  # its loss looks at the whole batch

    def data(self, samples: int, seed: int = 0) -> tuple[Arrays, Arrays, np.ndarray]:
        """Inputs, targets and weights."""
        generator = np.random.default_rng((seed, samples))
        inputs, targets = (
            {name: draw(generator, samples) for name, draw in draws.items()} for draws in (self.inputs, self.targets)
        )
        return inputs, targets, generator.uniform(0.1, 2.0, samples).astype(np.float32)


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


# ------------------------------------------------------------------------------------------------ programs


def digits(p: Tensors, d: Tensors) -> Outcome:
    logits = dense(p, "probs", dense(p, "hidden", d["pixels"]).relu())
    return Outcome({"probs": logits.softmax(-1)}, entropy(logits, d["digit"]), {"accuracy": hits(logits, d["digit"])})


def regression(p: Tensors, d: Tensors) -> Outcome:
    y = dense(p, "y", dense(p, "hidden", d["x"]).tanh())
    return Outcome({"y": y}, (y - d["wanted"]).square().mean(-1))


def wide(p: Tensors, d: Tensors) -> Outcome:
    narrow = dense(p, "narrow", dense(p, "broad", d["x"]).tanh()).relu()
    logits = dense(p, "probs", dense(p, "again", narrow).tanh())
    return Outcome({"probs": logits.softmax(-1)}, entropy(logits, d["label"]), {"accuracy": hits(logits, d["label"])})


def images(p: Tensors, d: Tensors) -> Outcome:
    hidden = dense(p, "hidden", (d["image"] / 16 - 0.5).flatten(1)).relu()
    kind, place = dense(p, "kind", hidden), dense(p, "place", hidden).tanh()
    error = (place - d["point"]).square().mean(-1)
    results = {"kind": kind.softmax(-1), "place": place}
    loss = entropy(kind, d["label"]) + 0.5 * error
    return Outcome(results, loss, {"accuracy": hits(kind, d["label"]), "error": error})


def sequence(p: Tensors, d: Tensors) -> Outcome:
    share = dense(p, "score", dense(p, "hidden", d["x"]).tanh()).softmax(1)
    return Outcome({"share": share}, (share - d["wanted"]).square().mean(-1))


def normalised(p: Tensors, path: str, x: Tensor, states: Tensors | None, momentum: float = 0.99) -> Tensor:
    """Batch normalisation of the last axis: in training, where `states` takes the new averages, by the batch's own."""
    path = f"{path}.batch_normalization"
    moments = {"moving_mean": p[f"{path}.moving_mean"], "moving_variance": p[f"{path}.moving_variance"]}
    if states is not None:
        rows = x.reshape(-1, x.shape[-1])
        current = {"moving_mean": rows.mean(0), "moving_variance": rows.var(0, correction=0)}
        states |= {f"{path}.{name}": momentum * moments[name] + (1 - momentum) * current[name] for name in moments}
        moments = current
    y = (x - moments["moving_mean"]) / (moments["moving_variance"] + 1e-3).sqrt()
    return y * p.get(f"{path}.gamma", torch.ones(())) + p.get(f"{path}.beta", torch.zeros(()))


def batch_normalised(p: Tensors, d: Tensors, training: bool) -> Outcome:
    states: Tensors | None = {} if training else None
    h = normalised(p, "h", d["x"] @ p["table.kernel"] + p["table.bias"], states, 0.9).relu()
    e = normalised(p, "e", dense(p, "e", h), states, 0.5)
    logits = dense(p, "probs", (h + e.relu()).flatten(1))
    penalty = 0.01 * p["table.kernel"].square().sum()
    results = {"probs": logits.softmax(-1)}
    hit = {"accuracy": hits(logits, d["digit"])}
    return Outcome(results, entropy(logits, d["digit"]), hit, penalty, states or {})


def together(p: Tensors, d: Tensors) -> Outcome:
    u, w = (torch.tanh(d[side] @ p["tower.kernel"] + p["tower.bias"]) for side in ("left", "right"))
    similarity = u @ w.T / 0.5
    row = torch.arange(len(u))
    alike = (d["kind"][:, None] == d["kind"][None, :]).double()
    distance = (u[:, None] - u[None, :]).square().mean(-1)
    pairs = (alike * distance + (1 - alike) * (0.3 - distance).clamp(min=0)).mean(-1)
    spread = 0.1 * distance.amax(-1) + 0.01 * (u - u.mean(0)).square().mean(-1)
    spread = spread + 0.1 * w.var(0, correction=0).sum()
    loss = entropy(similarity, row) + pairs + spread
    return Outcome({"u": u, "w": w}, loss, {"agree": hits(similarity, row)})


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


OWN = Path(__file__).resolve().parent
SIZES = ((300, 128), (1, 128), (37, 32), (130, 128), (97, 7))
REFERENCES = {
    "digits": Reference(
        ROOT / "samples" / "digits.nn",
        digits,
        rmsprop(1e-3),
        {"pixels": lambda generator, n: (generator.integers(0, 17, (n, 64)) / 16).astype(np.float32)},
        {"digit": labels(10)},
        SIZES,
    ),
    "regression": Reference(
        OWN / "regression.nn",
        regression,
        adam(3e-3),
        {"x": floats(13)},
        {"wanted": floats(3)},
        ((37, 16), (1, 32)),
    ),
    "wide": Reference(
        OWN / "wide.nn", wide, sgd(0.05, 0.9), {"x": floats(20)}, {"label": labels(5)}, ((37, 32), (70, 64))
    ),
    "images": Reference(
        OWN / "images.nn",
        images,
        sgd(0.1),
        {"image": floats(5, 7, scale=8.0)},
        {"label": labels(3), "point": floats(2)},
        ((37, 32), (13, 7)),
    ),
    "batch_normalised": Reference(
        OWN / "batch_normalised.nn",
        partial(batch_normalised, training=True),
        sgd(0.1, 0.9),
        {"x": floats(3, 6)},
        {"digit": labels(4)},
        ((43, 16), (1, 8), (33, 32)),
        partial(batch_normalised, training=False),
    ),
    "sequence": Reference(
        OWN / "sequence.nn", sequence, sgd(0.5), {"x": floats(6, 5)}, {"wanted": floats(6, 4)}, ((23, 16), (9, 2))
    ),
    "together": Reference(
        OWN / "together.nn",
        together,
        sgd(0.2),
        {"left": floats(6), "right": floats(6)},
        {"kind": labels(3)},
        ((37, 16), (1, 16), (23, 40)),
        together=True,
    ),
}


def in_precision(path: Path, precision: str) -> Source:
    """The program with that setting."""
    before = "    batch_size ="
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    return Source(path.name, text.replace(before, f'    precision  = "{precision}"\n{before}'))


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


def train(
    reference: Reference,
    start: Arrays,
    arrays: Arrays,
    weight: np.ndarray,
    batch: int,
    orders: list[Tensor],
    states: Arrays | None = None,
) -> tuple[Arrays, dict[str, list[float]]]:
    """The parameters and states after an epoch for each of `orders`, and each epoch's loss and metrics."""
    parameters = {path: value.requires_grad_() for path, value in in_double(start).items()}
    carried = in_double(states or {})
    slots: dict[str, Tensors] = {path: {} for path in parameters}
    data, weights = in_double(arrays), torch.tensor(weight).double()
    number, history = 0, {}
    for order in orders:
        sums: dict[str, float] = {}
        for part, w in batches(data, weights, order, batch):
            number += 1
            outcome = reference.forward(parameters | carried, part)
            penalty = 0.0 if outcome.penalty is None else outcome.penalty * len(w)
            total = weighted(outcome.loss, w) + penalty
            gradients = torch.autograd.grad(total / len(w), list(parameters.values()))
            with torch.no_grad():
                for (path, value), g in zip(parameters.items(), gradients, strict=True):
                    value += reference.step(number, g, slots[path])
            carried |= {path: value.detach() for path, value in outcome.states.items()}
            sums["loss"] = sums.get("loss", 0.0) + float(total.detach())
            for name, entries in outcome.metrics.items():
                sums[name] = sums.get(name, 0.0) + float(weighted(entries.detach(), w))
        for name, value in sums.items():
            over = len(weights) if name == "loss" else float(weights.sum())
            history.setdefault(name, []).append(value / over)
    return {path: value.detach().numpy() for path, value in (parameters | carried).items()}, history
