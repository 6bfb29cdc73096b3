"""What the handmade module computes, in float64 with autograd, and the data it is tried on."""

from collections.abc import Callable

import numpy as np
import torch


def data(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """features float32[samples, 5] and label int64[samples] that depends on them."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, 5)).astype(np.float32)
    y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(np.int64) + (x[:, 2] > 0.7)
    return x, y.astype(np.int64)


def train(
    start: dict[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    batch: int,
    epochs: int,
    order: Callable[[int], np.ndarray],
) -> tuple[dict[str, np.ndarray], list[float], list[float]]:
    """The parameters after training, and each epoch's loss and accuracy."""
    parameters = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in start.items()}
    squares = {name: torch.full_like(value, 0.25) for name, value in parameters.items()}
    features, label, w = torch.tensor(x).double(), torch.tensor(y), torch.tensor(weight).double()
    step, losses, accuracies = 0, [], []
    for epoch in range(epochs):
        total = hits = weights = 0.0
        for rows in torch.tensor(order(epoch)).split(batch):
            step += 1
            hidden = torch.tanh(features[rows] @ parameters["hidden.dense.kernel"] + parameters["hidden.dense.bias"])
            logits = hidden @ parameters["probs.dense.kernel"] + parameters["probs.dense.bias"]
            each = torch.nn.functional.cross_entropy(logits, label[rows], reduction="none") * w[rows]
            gradients = torch.autograd.grad(each.sum() / len(rows), list(parameters.values()))
            with torch.no_grad():
                for (name, value), g in zip(parameters.items(), gradients, strict=True):
                    squares[name] = 0.9 * squares[name] + 0.1 * g * g
                    value -= 0.01 / step**0.5 * g / (squares[name] + 1e-7).sqrt()
            total += each.sum().item()
            hits += float(((logits.argmax(1) == label[rows]) * w[rows]).sum())
            weights += float(w[rows].sum())
        losses.append(total / len(y))
        accuracies.append(hits / weights)
    return {name: value.detach().numpy() for name, value in parameters.items()}, losses, accuracies
