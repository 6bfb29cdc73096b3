"""What is trained: data and the shape of the network, the same for every contestant."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH = 128
CLASSES = 10


@dataclass(frozen=True, slots=True)
class Workload:
    """x: float32[samples, features], y: int64[samples]. `epochs` are trained at each turn of a contestant, so that what
    a call of `fit` costs once weighs as little as it does for who trains.

    sizes:  units of the dense layers in order, the inputs first; relu between them, softmax at the end.
    blocks: residual blocks after the only hidden layer, which is normalised too; each is
            relu(x + norm(dense(dropout(relu(norm(dense(x))))))), a fifth of the units dropped.
    """

    name: str
    title: str
    program: Path
    sizes: tuple[int, ...]
    optimizer: str  # "rmsprop" or "adam", at a rate of 1e-3
    x: np.ndarray
    y: np.ndarray
    epochs: int
    blocks: int = 0

    @property
    def products(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every dense layer."""
        pairs = list(pairwise(self.sizes))
        width = self.sizes[1]
        return [*pairs[:1], *[(width, width)] * (2 * self.blocks), *pairs[1:]]

    @property
    def steps(self) -> int:
        """Steps of an epoch, the last and smaller one counted."""
        return -(-len(self.x) // BATCH)


def digits() -> Workload:
    """The 1,617 training images of the digits sample."""
    with np.load(ROOT / "samples" / "data" / "digits.npz") as data:
        x, y = data["pixels"].astype(np.float32), data["digit"].astype(np.int64)
    program = ROOT / "benchmarks" / "programs" / "digits.nn"
    title = "digits: 64-32-10, RMSprop, batch 128"
    return Workload("digits", title, program, (64, 32, 10), "rmsprop", x.reshape(len(x), -1), y, epochs=20)


def images() -> tuple[np.ndarray, np.ndarray]:
    """12,800 images like MNIST's in size and in how many pixels are blank: ten prototypes under noise, a fifth of them
    under a label of their own, so that the loss stays away from zero."""
    random = np.random.default_rng(0)
    prototypes = random.random((CLASSES, 784)) * (random.random((CLASSES, 784)) < 0.2)
    y = random.integers(0, CLASSES, 12_800)
    x = np.clip(prototypes[y] + random.normal(0.0, 0.3, (len(y), 784)), 0.0, 1.0).astype(np.float32)
    y = np.where(random.random(len(y)) < 0.2, random.integers(0, CLASSES, len(y)), y)
    return x, y


def perceptron() -> Workload:
    x, y = images()
    program = ROOT / "benchmarks" / "programs" / "mlp.nn"
    title = "MLP: 784-512-256-10, Adam, batch 128"
    return Workload("mlp", title, program, (784, 512, 256, CLASSES), "adam", x, y, epochs=1)


def residual() -> Workload:
    """The perceptron's images through normalised layers, where what is not a product weighs more."""
    x, y = images()
    program = ROOT / "benchmarks" / "programs" / "residual.nn"
    title = "Residual MLP: 784-256, 4 blocks of 256-256 with BatchNormalization and Dropout, 10, Adam, batch 128"
    return Workload("residual", title, program, (784, 256, CLASSES), "adam", x, y, epochs=1, blocks=4)


WORKLOADS = {"digits": digits, "mlp": perceptron, "residual": residual}
