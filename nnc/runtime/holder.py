"""`Holder`: what a model declares and holds (weights, states, the optimizer, its place in training), and the files
that they go to."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnc.runtime import arguments, trained
from nnc.runtime.arena import Guards
from nnc.runtime.backend import choose
from nnc.runtime.batches import Batches
from nnc.runtime.callbacks import History
from nnc.runtime.data import Data
from nnc.runtime.declarations import Accumulator, Parameter, Port, Report, Slot, State, Step, Weight
from nnc.runtime.errors import UsageError
from nnc.runtime.loop import Place
from nnc.runtime.store import Store


class Holder:
    """The declarations of a generated module's class, and the tensors that an instance makes of them."""

    source: ClassVar[tuple[str, str]]
    inputs: ClassVar[tuple[Port, ...]]
    targets: ClassVar[tuple[Port, ...]] = ()
    weights: ClassVar[tuple[Weight, ...]] = ()  # of the terms of a loss that is a record
    results: ClassVar[tuple[Port, ...]]
    parameters_table: ClassVar[tuple[Parameter, ...]]
    size: ClassVar[int]
    slots: ClassVar[tuple[Slot, ...]] = ()
    states_table: ClassVar[tuple[State, ...]] = ()
    accumulators: ClassVar[tuple[Accumulator, ...]] = ()
    reports: ClassVar[tuple[Report, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}
    marked: ClassVar[bool] = False  # whether an update asks where in the flat buffers parameters lie
    largest_batch: ClassVar[int | None] = None  # of a program that looks at the whole batch
    steps: ClassVar[Mapping[str, Mapping[str, Step]]]

    def __init__(
        self,
        device: str | torch.device | None = None,
        seed: int | None = None,
        backend: str | None = None,
        *,
        _guard: bool = False,
    ) -> None:
        self.device, self.backend = choose(device, backend)
        given = seed if seed is not None else self.defaults.get("seed")
        self.seed = arguments.whole("seed", given if given is not None else 0, 0)
        if self.seed >= 2**63:
            raise UsageError(f"seed={self.seed}: the largest is 2^63 - 1")
        self.stop_training = False
        self.history: History | None = None
        self.place = Place()
        self.running: Tensor | None = None  # the sums of the epoch under way
        self.guards = Guards() if _guard else None
        self.store = Store(self.parameters_table, self.states_table, self.slots, self.marked)
        self.store.allocate(self.size, self.device, self.guards)
        self.best: dict[str, dict[str, Tensor]] = {}  # weights of the best epochs, by what early stopping watches
        self.missing: Path | None = None  # the file that training was to start from
        self._begin()
        self._stop: list[int] = []
        self.kept: dict[str, tuple[Data, Batches]] = {}  # of the last single batch of each kind

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The trained tensors by path: views, so that writing into them changes the model."""
        return self.store.views("parameter")

    @property
    def states(self) -> dict[str, Tensor]:
        """The tensors that are carried and not trained, by path: views."""
        return self.store.views("state")

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters, then all states, in the order of `summary`."""
        return [view.cpu().numpy().copy() for view in self.store.weights().values()]

    def set_weights(self, weights: Sequence[Any] | Mapping[str, Any]) -> None:
        """Take weights as `get_weights` gives them, or a dict by path, which may hold some of them only."""
        trained.set_weights(self.store.weights(), weights)
        self.missing = None

    def count_params(self) -> int:
        """How many numbers the parameters and the states hold."""
        return sum(view.numel() for view in self.store.weights().values())

    def reset(self) -> None:
        """Go back to the initial weights, optimizer and step."""
        self._begin()
        self.place, self.running = Place(), None

    def _begin(self) -> None:
        """The initial weights: drawn, or those of the file that the `weights` setting names."""
        self.store.initialize(self.seed)
        given: str | None = self.defaults.get("weights")
        if given is not None:
            path = self.beside(given)
            if path.is_file():
                self.load_weights(path)
            else:
                self.missing = path

    @classmethod
    def beside(cls, given: str) -> Path:
        """A path that the program names, which is relative to the .nn file."""
        module = getattr(sys.modules.get(cls.__module__), "__file__", None)
        folder = Path(module).parent if module else Path()
        return folder / Path(cls.source[0]).parent / given

    def save(self, path: str | Path) -> None:
        """Write weights, states, optimizer, step, seed and, within an epoch, the place in it, to one file."""
        trained.save(self, path)

    def load(self, path: str | Path) -> None:
        """Take everything that `save` wrote. The file is checked whole before anything changes."""
        trained.load(self, path)
        self.missing = None

    def save_weights(self, path: str | Path) -> None:
        """Write parameters and states only."""
        trained.save(self, path, weights_only=True)

    def load_weights(self, path: str | Path) -> None:
        """Take parameters and states from a checkpoint, or from any safetensors file with the same names."""
        trained.load(self, path, weights_only=True)
        self.missing = None
