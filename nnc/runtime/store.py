"""A model's flat buffers (parameters, gradients, optimizer slots, states) and the views of them by path.

States that start at the training data hold NaN, integers their smallest number, until `adapt` has seen it: that goes
into checkpoints and comes back from them as any value does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from types import SimpleNamespace

import torch
from torch import Tensor

from nnc.runtime.arena import ELEMENTS, Guards
from nnc.runtime.declarations import Parameter, Place, Slot, State, cdiv
from nnc.runtime.random import Draws

ALIGNMENT = 32  # elements: each tensor of a flat buffer starts on 128 bytes


def attribute(path: str) -> str:
    """The name in a step's namespace: `hidden.dense.kernel` is `hidden_dense_kernel`."""
    return path.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Copies of every flat buffer, to go back to."""

    copies: dict[str, Tensor]


def _flat_of(state: State) -> str:
    """The flat buffer that a state lies in."""
    return "state" if state.element == "f32" else f"state {state.element}"


def _unknown(view: Tensor) -> float:
    """What stands in a state that was not computed yet."""
    return float("nan") if view.is_floating_point() else torch.iinfo(view.dtype).min


@dataclass(slots=True)
class Store:
    """The flat buffers by name: `parameter`, `gradient`, `state` and each slot, float32; and one for the states of each
    other element type, `state i64`."""

    parameters: Sequence[Parameter]
    states: Sequence[State]
    slots: Sequence[Slot]
    marked: bool = False  # whether steps ask where parameters lie: an update that moves zero leaves the padding alone
    flat: dict[str, Tensor] = field(default_factory=dict)
    occupied: Tensor | None = None

    def allocate(self, size: int, device: torch.device, guards: Guards | None) -> None:
        """Make the flat buffers; `size` is that of the parameters' in elements."""
        sizes = {"parameter": (size, "f32"), "gradient": (size, "f32"), "state": (0, "f32")}
        for slot in self.slots:
            end = max(place.offset + cdiv(prod(place.shape), ALIGNMENT) * ALIGNMENT for place in slot.places)
            held, _ = sizes.get(slot.name, (0, ""))
            sizes[slot.name] = (max(end, held), "f32")
        for state in self.states:
            held, _ = sizes.get(_flat_of(state), (0, ""))
            sizes[_flat_of(state)] = (max(held, state.offset + prod(state.shape)), state.element)
        for name, (length, element) in sizes.items():
            if guards is None:
                self.flat[name] = torch.zeros(length, dtype=ELEMENTS[element], device=device)
            else:
                self.flat[name] = guards.empty(f"flat {name}", (length,), element, device).zero_()
        if self.marked:
            self.occupied = torch.zeros(size, dtype=torch.bool, device=device)
            for entry in self.parameters:
                self.occupied[entry.offset : entry.offset + prod(entry.shape)] = True

    def initialize(self, seed: int) -> None:
        """Start every tensor from the seed and its path; padding is zero."""
        for flat in self.flat.values():
            flat.zero_()
        for entry in self.parameters:
            self._start(self.view("parameter", entry), entry, seed)
        for state in self.states:
            self._start(self.view(_flat_of(state), state), state, seed)
        for slot in self.slots:
            for place in slot.places:
                self.view(slot.name, place).fill_(slot.initial)

    @staticmethod
    def _start(view: Tensor, entry: Parameter | State, seed: int) -> None:
        value = entry.initializer(Draws(seed, entry.path)) if entry.initializer is not None else _unknown(view)
        view.copy_(torch.as_tensor(value).expand(entry.shape))

    def unadapted(self) -> list[str]:
        """Paths of the states that start at the training data and were not computed, nor set, yet."""
        found = []
        for state in self.states:
            if state.adapt is not None:
                view = self.view(_flat_of(state), state)
                missing = view.isnan() if view.is_floating_point() else view == _unknown(view)
                if bool(missing.any()):
                    found.append(state.path)
        return found

    def adapt(self, arrays: Mapping[str, Tensor]) -> None:
        """Start those states that were not computed yet at all these samples, [samples, ...] by name."""
        waiting = set(self.unadapted())
        for state in self.states:
            if state.adapt is not None and state.path in waiting:
                value = torch.as_tensor(state.adapt(SimpleNamespace(**arrays)))
                self.view(_flat_of(state), state).copy_(value.expand(state.shape))

    def view(self, flat: str, entry: Parameter | State | Place) -> Tensor:
        """The entry's part of a flat buffer, in its shape."""
        return self.flat[flat][entry.offset : entry.offset + prod(entry.shape)].view(entry.shape)

    def views(self, flat: str) -> dict[str, Tensor]:
        """The views of one flat buffer by path; of `state`, those of all states."""
        if flat == "state":
            return {state.path: self.view(_flat_of(state), state) for state in self.states}
        return {entry.path: self.view(flat, entry) for entry in self.parameters}

    def slot_views(self) -> dict[tuple[str, str], Tensor]:
        """The views of the optimizers' slots by name and path."""
        return {(slot.name, place.path): self.view(slot.name, place) for slot in self.slots for place in slot.places}

    def namespace(self) -> dict[str, Tensor]:
        """All that a step sees of this: flat buffers by name, views by attribute, `d_` and `SLOT_` before it."""
        names = dict(self.flat) if self.occupied is None else {**self.flat, "occupied": self.occupied}
        for flat, prefix in {"parameter": "", "gradient": "d_", "state": ""}.items():
            names.update({prefix + attribute(path): view for path, view in self.views(flat).items()})
        names.update({f"{slot}_{attribute(path)}": view for (slot, path), view in self.slot_views().items()})
        return names

    def snapshot(self) -> Snapshot:
        return Snapshot({name: flat.clone() for name, flat in self.flat.items()})

    def restore(self, snapshot: Snapshot) -> None:
        for name, flat in self.flat.items():
            flat.copy_(snapshot.copies[name])

    def named_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds: weights and states by path, slots as `optimizer.SLOT/PATH`."""
        tensors = {**self.views("parameter"), **self.views("state")}
        tensors.update({f"optimizer.{slot}/{path}": view for (slot, path), view in self.slot_views().items()})
        return tensors

    def evaluated(self) -> dict[str, Tensor]:
        """All that evaluation and prediction read: weights, and slots where an optimizer has them read others."""
        read = {slot.name for slot in self.slots if slot.read}
        slots = {f"optimizer.{slot}/{path}": view for (slot, path), view in self.slot_views().items() if slot in read}
        return {**self.weights(), **slots}

    def weights(self) -> Mapping[str, Tensor]:
        return {**self.views("parameter"), **self.views("state")}
