"""One kind of step (train, evaluate, predict) over one data set, on either path: what the loops drive.

In: a step of the generated module, a model's store, data. `begin` starts an epoch in an order, `run` takes batches;
`sums` holds the accumulators in float64. Knows nothing of epochs, callbacks, validation or checkpoints.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import Tensor

from nnc.runtime.accumulators import size_of
from nnc.runtime.arena import ELEMENTS, Arena, Guards, strided
from nnc.runtime.data import Data
from nnc.runtime.declarations import Accumulator, Draw, Port, Step, cdiv
from nnc.runtime.draws import DrawnRows
from nnc.runtime.store import Store
from nnc.runtime.subnormals import taken_as_zero

SEGMENT = 512  # batches whose namespaces and rows are made at once, on the torch path
GATHERED = 1 << 22  # bytes of rows gathered at once, if that is more than a batch: they stay in a processor's cache
FOREVER = math.inf
KINDS = ("train", "evaluate", "predict")


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a pass needs of its model."""

    store: Store
    accumulators: tuple[Accumulator, ...]
    results: tuple[Port, ...]  # to be filled: none but in prediction
    seed: int
    kind: str  # one of KINDS
    device: torch.device
    guards: Guards | None
    stop: list[int] = field(default_factory=list)  # holds something when the run is to stop after this batch
    attributes: Mapping[str, str] = field(default_factory=dict)  # of ports that steps know by other names

    def source(self, data: Data) -> dict[str, Tensor]:
        """The data's arrays by their names in the step's namespace, on the device."""
        named = {self.attributes.get(name, name): array for name, array in data.arrays.items()} | data.weights
        return {name: array.to(self.device) for name, array in named.items()}

    def outputs(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The results' memory by their names in the step's namespace."""
        return {self.attributes.get(name, name): output for name, output in outputs.items()}


class Batches(Protocol):
    """What both paths offer."""

    samples: int
    batch: int
    count: int  # batches of a whole epoch
    sums: Tensor
    outputs: dict[str, Tensor]

    def begin(self, order: Tensor | None, first: int, step: int, number: int) -> None:
        """Start at batch `first` of an epoch in that order, None being the data's; `step` is the first batch's,
        `number` that of the pass over the data, which random draws are keyed by."""

    def run(self, first: int, last: int, deadline: float) -> int:
        """Run batches first .. last - 1; return the next one's number, which is less than `last` only when the
        deadline (of perf_counter) passed, the run is to stop, or the loss was seen to be no finite number."""


def _batches_at_once(source: Mapping[str, Tensor], draws: Sequence[DrawnRows], batch: int) -> int:
    """How many batches of shuffled rows, and of random numbers, are gathered together."""
    row = sum(array[0].numel() * array.element_size() for array in source.values()) + sum(4 * d.size for d in draws)
    return min(SEGMENT, max(1, GATHERED // (row * batch)))


def _held_draws(draw: Draw, rows: int, device: torch.device) -> Tensor:
    """Memory for the random numbers of a segment."""
    is_bool = draw.distribution == "bernoulli" and draw.values is None
    return torch.empty((rows, *draw.shape), dtype=torch.bool if is_bool else torch.float32, device=device)


def make_sums(setting: Setting) -> Tensor:
    size = max(1, size_of(setting.accumulators))
    if setting.guards is None:
        return torch.zeros(size, dtype=torch.float64, device=setting.device)
    return setting.guards.empty("sums", (size,), "f64", setting.device).zero_()


def _shared(tensor: Tensor) -> Any:
    """A tensor's memory, as NumPy sees it."""
    return tensor.numpy()


def make_outputs(setting: Setting, rows: int) -> dict[str, Tensor]:
    outputs = {}
    for port in setting.results:
        shape = (rows, *port.shape)
        if setting.guards is None:
            outputs[port.name] = torch.empty(shape, dtype=ELEMENTS[port.element], device=setting.device)
        else:
            outputs[port.name] = setting.guards.empty(f"result {port.name}", shape, port.element, setting.device)
    return outputs


class TorchBatches:
    """The torch path: each batch has a namespace of its own, bound once and used again in every epoch."""

    def __init__(self, setting: Setting, step: Step, data: Data, batch: int, shuffled: bool) -> None:
        self.samples, self.batch = data.samples, batch
        self.count = cdiv(data.samples, batch)
        self.sums = make_sums(setting)
        self.outputs = make_outputs(setting, data.samples)
        self._function = step.function
        self._stop = setting.stop
        device = setting.device
        self._device = device
        self._source = setting.source(data)
        self._filled = setting.outputs(self.outputs)
        self._draws = [DrawnRows(draw, data.samples, setting.seed, KINDS.index(setting.kind)) for draw in step.draws]
        self._each = _batches_at_once(self._source, self._draws, batch) if shuffled or step.draws else SEGMENT
        self._segments = cdiv(self.count, self._each)
        self._copies = shuffled or self._segments > 1
        rows = min(data.samples, self._each * batch)
        self._held = (
            {
                name: torch.empty((rows, *array.shape[1:]), dtype=array.dtype, device=device)
                for name, array in self._source.items()
            }
            if self._copies
            else self._source
        )
        self._results = (
            self._filled
            if self._segments == 1
            else {
                name: torch.empty((rows, *output.shape[1:]), dtype=output.dtype, device=device)
                for name, output in self._filled.items()
            }
        )
        self._drawn = {each.draw.name: _held_draws(each.draw, rows, device) for each in self._draws}
        self._order: Tensor | None = None
        self._segment = -1
        self._step = 1
        self._stride = int(setting.kind == "train")  # evaluation and prediction stand at one step
        self._setting_of_threads = taken_as_zero if setting.kind == "train" and device.type == "cpu" else nullcontext
        self._first = 0
        # A memory view reads a number in 30 ns, without a call to torch; on a GPU the loop looks now and then.
        seen = memoryview(_shared(self.sums)) if device.type == "cpu" else None
        self._loss: Sequence[float] = (0.0,) if seen is None else seen
        with torch.inference_mode():
            self._bind(setting, step, rows)

    def _bind(self, setting: Setting, step: Step, rows: int) -> None:
        arena = Arena(step.arena, self.batch, setting.device, setting.guards)
        common: dict[str, Any] = {**setting.store.namespace(), "batch": self.batch, "sums": self.sums, "step": 1.0}
        by_count: dict[int, dict[str, Any]] = {}
        rows_of = {**self._held, **self._results, **self._drawn}
        moving = set(rows_of)  # what lies elsewhere for each batch; all else is bound once for each size
        for view in step.views:
            if view.of in moving:
                moving.add(view.name)
        own = [view for view in step.views if view.name in moving]
        shared = [view for view in step.views if view.name not in moving]

        def namespace(first: int, count: int) -> SimpleNamespace:
            if count not in by_count:
                named = {**common, **arena.at(count), "count": float(count)}
                by_count[count] = {**named, **strided(shared, named, count)}
            named = {**by_count[count], **{name: array[first : first + count] for name, array in rows_of.items()}}
            return SimpleNamespace(**named, **strided(own, named, count))

        self._bound = [namespace(first, min(self.batch, rows - first)) for first in range(0, rows, self.batch)]
        # The last segment of several ends with a batch of its own size, at a place where another has a full one.
        self._tail_place = (self.count - 1) % self._each
        tail = self.samples - (self.count - 1) * self.batch
        self._tail = self._bound[-1] if self._segments == 1 else namespace(self._tail_place * self.batch, tail)

    def begin(self, order: Tensor | None, first: int, step: int, number: int) -> None:
        self._order, self._segment = None if order is None else order.to(self._device), -1
        self._first, self._step = first, step
        for each in self._draws:
            each.begin(number)

    def _load(self, segment: int) -> None:
        """Gather a segment's rows, where the namespaces do not look at the data themselves, and its random numbers."""
        self._segment = segment
        start = segment * self._each * self.batch
        end = min(self.samples, start + self._each * self.batch)
        for each in self._draws:
            rows = None if self._order is None else self._order[start:end].cpu()
            each.fill(start, rows, self._drawn[each.draw.name][: end - start])
        if not self._copies:
            return
        for name, array in self._source.items():
            held = self._held[name][: end - start]
            if self._order is None:
                held.copy_(array[start:end])
            else:
                torch.index_select(array, 0, self._order[start:end], out=held)

    def _unload(self, segment: int) -> None:
        """Carry a segment's results to the outputs."""
        if self._segments == 1:
            return
        start = segment * self._each * self.batch
        for name, output in self._filled.items():
            part = output[start : start + self._each * self.batch]
            part.copy_(self._results[name][: part.shape[0]])

    def run(self, first: int, last: int, deadline: float) -> int:
        following = first
        with torch.inference_mode(), self._setting_of_threads():
            while following < last:
                segment = following // self._each
                if segment != self._segment:
                    self._load(segment)
                start = segment * self._each
                end = min(last, start + self._each)
                bound = self._bound[following - start : end - start]
                if end == self.count:
                    bound[-1] = self._tail
                reached = following + self._run_bound(
                    bound, self._step + (following - self._first) * self._stride, deadline
                )
                if self.outputs:
                    self._unload(segment)
                following = reached
                if reached < end or self._stop or perf_counter() >= deadline:
                    break
        return following

    def _run_bound(self, bound: Sequence[SimpleNamespace], step: int, deadline: float) -> int:
        """The hot loop: a step, its number, a look at the running loss and at the flag. Returns how many it ran."""
        function, loss, stop, finite, now = self._function, self._loss, self._stop, math.isfinite, perf_counter
        stride = self._stride
        taken = 0
        if deadline == FOREVER:
            for v in bound:
                v.step = float(step)
                function(v)
                step += stride
                taken += 1
                if stop or not finite(loss[0]):
                    break
        else:
            for v in bound:
                v.step = float(step)
                function(v)
                step += stride
                taken += 1
                if stop or not finite(loss[0]) or now() >= deadline:
                    break
        return taken


class TritonBatches:
    """The triton path: one list of launches for every batch; what changes lies in device memory."""

    def __init__(
        self,
        setting: Setting,
        step: Step,
        data: Data,
        batch: int,
        make_player: Callable[[Sequence[Any], Callable[[], Callable[[], None]]], Any],
    ) -> None:
        device = setting.device
        self.samples, self.batch = data.samples, batch
        self.count = cdiv(data.samples, batch)
        self.sums = make_sums(setting)
        self.outputs = make_outputs(setting, data.samples)
        self._setting = setting
        self._identity = torch.arange(data.samples)
        self._order = torch.empty(data.samples, dtype=torch.int64, device=device)
        self._control = torch.zeros(8, dtype=torch.int64, device=device)
        self._memory = Arena(step.arena, batch, device, setting.guards)
        named: dict[str, Any] = {
            **setting.store.namespace(),
            **setting.source(data),
            **self._memory.at(batch),
            **setting.outputs(self.outputs),
            "order": self._order,
            "control": self._control,
            "sums": self.sums,
            "batch": batch,
            "count": float(batch),
        }
        self._namespace = SimpleNamespace(**named, **strided(step.views, named, batch))
        self._player = make_player(step.function(self._namespace), self._keep)

    def _keep(self) -> Callable[[], None]:
        """Take copies of all that a step changes; the result puts them back."""
        store = self._setting.store
        kept = {name: flat.cpu() for name, flat in store.flat.items()}
        small = [(tensor, tensor.clone()) for tensor in (self._control, self.sums)]

        def restore() -> None:
            for name, flat in store.flat.items():
                flat.copy_(kept[name])
            for tensor, copy in small:
                tensor.copy_(copy)

        return restore

    def begin(self, order: Tensor | None, first: int, step: int, number: int) -> None:
        self._order.copy_(self._identity if order is None else order)
        cursor = first * self.batch
        numbers = [step, cursor, min(self.batch, self.samples - cursor), self.batch, self.samples]
        self._control.copy_(torch.tensor([*numbers, self._setting.seed, number, KINDS.index(self._setting.kind)]))

    def run(self, first: int, last: int, deadline: float) -> int:
        following: int = self._player.run(first, last, deadline, self.sums, self._setting.stop)
        return following
