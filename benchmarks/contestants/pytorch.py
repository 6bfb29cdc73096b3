"""Plain PyTorch, and torch.compile, each written as one would who wants it fast on a CPU: the epoch's data gathered
once, weights and sums as tensors, no `.item()` within an epoch, the fused or foreach optimizer."""

from collections.abc import Callable
from itertools import pairwise
from types import FunctionType, MethodType

import torch
from torch import Tensor, nn

from benchmarks.workloads import BATCH, Workload


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Started as Keras starts it, so that losses compare."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def norm(units: int) -> nn.BatchNorm1d:
    """With Keras's defaults."""
    return nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """relu(x + norm(dense(dropout(relu(norm(dense(x)))))))."""

    def __init__(self, units: int) -> None:
        super().__init__()
        first = [linear(units, units), norm(units), nn.ReLU(), nn.Dropout(0.2)]
        self.inner = nn.Sequential(*first, linear(units, units), norm(units))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))


def network(workload: Workload) -> nn.Sequential:
    """The workload's layers; the loss takes logits."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(workload.sizes):
        layers += [linear(inputs, outputs), *([norm(outputs)] if workload.blocks else []), nn.ReLU()]
    last = 3 if workload.blocks else 2
    blocks = [Block(workload.sizes[1]) for _ in range(workload.blocks)]
    return nn.Sequential(*layers[:-last], *blocks, linear(*workload.sizes[-2:]))


def optimizer(name: str, model: nn.Module) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
    return torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7, foreach=True)


class PyTorch:
    """Eager PyTorch."""

    def __init__(self, workload: Workload) -> None:
        torch.manual_seed(0)
        self.workload = workload
        self.model = network(workload)
        self.optimizer = optimizer(workload.optimizer, self.model)
        self.x, self.y = torch.from_numpy(workload.x), torch.from_numpy(workload.y)
        self.weight = torch.ones(len(self.y))
        self.sums = torch.zeros(3)
        self.forward = self.make_forward()
        self.update: Callable[[], object] = self.make_update()

    def make_forward(self) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
        return self.loss

    def make_update(self) -> Callable[[], object]:
        return self.optimizer.step

    def loss(self, x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The batch's mean loss, and [loss, hits, weight] summed."""
        logits = self.model(x)
        loss = torch.dot(nn.functional.cross_entropy(logits, y, reduction="none"), weight)
        hits = torch.dot((logits.argmax(1) == y).float(), weight)
        return loss / len(y), torch.stack((loss.detach(), hits, weight.sum()))

    def epoch(self) -> float:
        order = torch.randperm(len(self.y))
        batches = zip(*(data[order].split(BATCH) for data in (self.x, self.y, self.weight)), strict=True)
        self.sums.zero_()
        for x, y, weight in batches:
            loss, terms = self.forward(x, y, weight)
            loss.backward()
            self.update()
            self.optimizer.zero_grad(set_to_none=True)
            self.sums += terms
        return float(self.sums[0] / self.sums[2])

    def fit(self, epochs: int) -> float:
        return [self.epoch() for _ in range(epochs)][-1]


class Compiled(PyTorch):
    """torch.compile of the model, the loss and the sums; the optimizer as it is, or compiled as well. Two graphs: the
    whole batch and the epoch's last."""

    mode: str | None = None
    with_optimizer = False

    def make_forward(self) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
        # A code object of its own: torch.compile keeps what it made by code object, and would search all contestants'.
        code = type(self).loss.__code__
        loss = FunctionType(code.replace(co_name=f"loss_{id(self)}"), globals())
        return torch.compile(MethodType(loss, self), mode=self.mode, dynamic=False)  # type: ignore[no-any-return]

    def make_update(self) -> Callable[[], object]:
        if not self.with_optimizer:
            return self.optimizer.step
        for group in self.optimizer.param_groups:  # a fused kernel would be called as it is
            group.update(fused=None, foreach=True)
        return torch.compile(self.optimizer.step, mode=self.mode)


class ReduceOverhead(Compiled):
    mode = "reduce-overhead"


class CompiledStep(Compiled):
    with_optimizer = True
