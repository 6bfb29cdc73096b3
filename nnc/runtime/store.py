"""A model's flat buffers (parameters, gradients, optimizer slots, states) and the views of them by path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nnc.runtime.arena import Guards
from nnc.runtime.declarations import Parameter
from nnc.runtime.random import Draws


def attribute(path: str) -> str:
    """The name in a step's namespace: `hidden.dense.kernel` is `hidden_dense_kernel`."""
    return path.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Copies of every flat buffer, to go back to."""

    copies: dict[str, Tensor]


@dataclass(slots=True)
class Store:
    """The flat buffers, float32, by name: `parameter`, `gradient`, `state` and each slot."""

    parameters: Sequence[Parameter]
    states: Sequence[Parameter]
    slots: Sequence[tuple[str, float]]
    flat: dict[str, Tensor] = field(default_factory=dict)

    def allocate(self, size: int, state_size: int, device: torch.device, guards: Guards | None) -> None:
        for name in ("parameter", "gradient", *(slot for slot, _ in self.slots), "state"):
            length = state_size if name == "state" else size
            if guards is None:
                self.flat[name] = torch.zeros(length, device=device)
            else:
                self.flat[name] = guards.empty(f"flat {name}", (length,), "f32", device).zero_()

    def initialize(self, seed: int) -> None:
        """Start every tensor from the seed and its path; padding is zero."""
        for flat in self.flat.values():
            flat.zero_()
        for entry in self.parameters:
            self._start(self.view("parameter", entry), entry, seed)
        for entry in self.states:
            self._start(self.view("state", entry), entry, seed)
        for slot, value in self.slots:
            for entry in self.parameters:
                self.view(slot, entry).fill_(value)

    @staticmethod
    def _start(view: Tensor, entry: Parameter, seed: int) -> None:
        value = entry.initializer(Draws(seed, entry.path))
        view.copy_(torch.as_tensor(value).expand(entry.shape))

    def view(self, flat: str, entry: Parameter) -> Tensor:
        """The entry's part of a flat buffer, in its shape."""
        size = 1
        for length in entry.shape:
            size *= length
        return self.flat[flat][entry.offset : entry.offset + size].view(entry.shape)

    def views(self, flat: str) -> dict[str, Tensor]:
        """The views of one flat buffer by path."""
        entries = self.states if flat == "state" else self.parameters
        return {entry.path: self.view(flat, entry) for entry in entries}

    def namespace(self) -> dict[str, Tensor]:
        """All that a step sees of this: flat buffers by name, views by attribute, `d_` and `SLOT_` before it."""
        names = dict(self.flat)
        prefixes = {"parameter": "", "gradient": "d_", "state": ""} | {slot: f"{slot}_" for slot, _ in self.slots}
        for flat, prefix in prefixes.items():
            names.update({prefix + attribute(path): view for path, view in self.views(flat).items()})
        return names

    def snapshot(self) -> Snapshot:
        return Snapshot({name: flat.clone() for name, flat in self.flat.items()})

    def restore(self, snapshot: Snapshot) -> None:
        for name, flat in self.flat.items():
            flat.copy_(snapshot.copies[name])

    def named_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds: weights and states by path, slots as `optimizer.SLOT/PATH`."""
        tensors = {**self.views("parameter"), **self.views("state")}
        for slot, _ in self.slots:
            tensors.update({f"optimizer.{slot}/{path}": view for path, view in self.views(slot).items()})
        return tensors

    def weights(self) -> Mapping[str, Tensor]:
        return {**self.views("parameter"), **self.views("state")}
