"""Epochs, batches, validation: what `fit`, `evaluate` and `predict` do once their arguments are checked.

In: batches that are bound to data, callbacks, a progress row, the model's place in its training, which it moves on.
Checks no argument.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from nnc.runtime.accumulators import clear, reported
from nnc.runtime.batches import FOREVER, Batches
from nnc.runtime.callbacks import Callbacks, History
from nnc.runtime.errors import NonFiniteLoss
from nnc.runtime.progress import Progress
from nnc.runtime.random import Orders


@dataclass(slots=True)
class Place:
    """Where a model's training stands; kept in checkpoints."""

    step: int = 0  # steps taken, ever
    epochs: int = 0  # epochs finished, ever: with the seed, this is the next order's key
    passes: int = 0  # epochs and single batches trained on, ever: random draws are keyed by it
    looks: int = 0  # evaluations and predictions, ever: the same for draws outside of training
    epoch: int = 0  # the epoch of the run under way, or to come
    batch: int = 0  # how many of its batches were taken
    run: dict[str, Any] = field(default_factory=dict)  # what must be the same to go on within an epoch
    sums: list[float] = field(default_factory=list)  # the running sums, within an epoch
    stopping: dict[str, dict[str, Any]] = field(default_factory=dict)  # what early stopping remembers, by its monitor


@dataclass(frozen=True, slots=True)
class Validation:
    batches: Batches
    steps: int
    frequency: int


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `fit`."""

    batches: Batches
    steps: int
    first_epoch: int
    epochs: int
    orders: Orders | None  # None: the data's own order
    validation: Validation | None
    save: Callable[[], None]  # writes the checkpoint, where one was asked for


@contextmanager
def interrupts(stop: list[int]) -> Iterator[None]:
    """Let Ctrl-C end the run between two steps: it is noted in `stop`. A second one interrupts at once."""

    def note(number: int, frame: Any) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.append(number)

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    stop.clear()
    if is_ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        stop.clear()
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class Loop:
    """Runs batches for a model. The model gives `place`, `stop_training`, and the names of its numbers."""

    def __init__(self, model: Any, callbacks: Callbacks, progress: Progress, stop: list[int]) -> None:
        self._model = model
        self._callbacks = callbacks
        self._progress = progress
        self._stop = stop
        self._is_torn = False  # interrupted within a step: nothing to be saved

    def means(self, batches: Batches) -> dict[str, float]:
        return reported(batches.sums, self._model.accumulators, self._model.reports)

    # ------------------------------------------------------------------------------------------- training

    def fit(self, run: Run, history: History) -> None:
        model, call = self._model, self._callbacks.call
        logs: dict[str, float] = {}
        call("on_train_begin")
        with interrupts(self._stop):
            try:
                for epoch in range(run.first_epoch, run.epochs):
                    if model.stop_training:
                        break
                    logs = self._epoch(run, epoch, history)
                    run.save()
            except KeyboardInterrupt:
                self._progress.abandon()
                if not self._is_torn:
                    run.save()
                raise
            except BaseException:
                self._progress.abandon()
                raise
        call("on_train_end", logs)
        if self._callbacks.has("on_train_end"):  # which may have changed the weights
            run.save()

    def _epoch(self, run: Run, epoch: int, history: History) -> dict[str, float]:
        model, batches, place = self._model, run.batches, self._model.place
        first = place.batch
        self._callbacks.call("on_epoch_begin", epoch)
        self._progress.begin(run.steps, f"Epoch {epoch + 1}/{run.epochs}", first)
        order = run.orders.at(place.epochs, batches.samples) if run.orders is not None else None
        if first:
            batches.sums.copy_(torch.tensor(place.sums, dtype=torch.float64))
        else:
            clear(batches.sums, model.accumulators)
        model.running = batches.sums
        place.epoch = epoch
        batches.begin(order, first, place.step + 1, place.passes)
        self._train(run, epoch, first)
        logs = self.means(batches)
        self._check(logs, run, epoch, place.step)
        validation = run.validation
        if validation is not None and (epoch + 1) % validation.frequency == 0:
            found = self.evaluate(validation.batches, validation.steps)
            logs |= {f"val_{name}": value for name, value in found.items()}
        taken = place.batch
        place.epochs, place.passes = place.epochs + 1, place.passes + 1
        place.epoch, place.batch = epoch + 1, 0
        model.running = None
        self._progress.end(taken, logs)
        history.on_epoch_end(epoch, logs)
        self._callbacks.call("on_epoch_end", epoch, logs)
        return logs

    def _train(self, run: Run, epoch: int, first: int) -> None:
        has_hooks = self._callbacks.has_batches("train")
        following = first
        while following < run.steps and not self._model.stop_training:
            if has_hooks:
                self._callbacks.call("on_train_batch_begin", following)
            start = self._model.place.step
            following = self._advance(run, following, following + 1 if has_hooks else run.steps)
            if has_hooks or self._progress.is_due():
                logs = self.means(run.batches)
                self._check(logs, run, epoch, start + 1)
                if self._progress.is_due():
                    self._progress.update(following, logs)
                if has_hooks:
                    self._callbacks.call("on_train_batch_end", following - 1, logs)
            elif following < run.steps:
                self._check(self.means(run.batches), run, epoch, start + 1)
            if self._stop:
                raise KeyboardInterrupt

    def _advance(self, run: Run, first: int, last: int) -> int:
        place = self._model.place
        try:
            following = run.batches.run(first, last, self._progress.deadline)
        except KeyboardInterrupt:
            self._is_torn = True
            raise
        place.step += following - first
        place.batch = following
        return following

    def _check(self, logs: dict[str, float], run: Run, epoch: int, looked: int) -> None:
        """Refuse a loss that is no finite number; `looked` is the first step that was not looked at before."""
        broken = next((name for name, value in logs.items() if name == "loss" and not math.isfinite(value)), None)
        if broken is None:
            return
        place = self._model.place
        last = place.step
        first = last if run.batches.sums.device.type == "cpu" else min(looked, last)
        where = f"step {last}" if first == last else f"one of the steps {first} to {last}"
        raise NonFiniteLoss(
            f"the loss became {logs[broken]} in epoch {epoch + 1} of {run.epochs}, at {where} (batch {place.batch} of "
            f"{run.steps} in the epoch); lower the learning rate, or look for extreme values in the data. The weights "
            "hold that step's update: load an earlier checkpoint",
            epoch,
            first,
            last,
        )

    # -------------------------------------------------------------------------------- evaluation, prediction

    def evaluate(self, batches: Batches, steps: int, shows: bool = False) -> dict[str, float]:
        """The reported numbers over the first `steps` batches."""
        clear(batches.sums, self._model.accumulators)
        self._pass("test", batches, steps, shows)
        return self.means(batches)

    def predict(self, batches: Batches, steps: int) -> None:
        """Fill the batches' outputs."""
        self._pass("predict", batches, steps, True)

    def _pass(self, kind: str, batches: Batches, steps: int, shows: bool) -> None:
        call = self._callbacks.call
        has_hooks = self._callbacks.has_batches(kind)
        call(f"on_{kind}_begin")
        place = self._model.place
        batches.begin(None, 0, place.step + 1, place.looks)
        place.looks += 1
        if shows:
            self._progress.begin(steps)
        following = 0
        while following < steps:
            if has_hooks:
                call(f"on_{kind}_batch_begin", following)
            last = following + 1 if has_hooks else steps
            reached = batches.run(following, last, self._progress.deadline if shows else FOREVER)
            if self._stop:
                raise KeyboardInterrupt
            # A loss that is no finite number ends a run of batches early; here it is only a result.
            following = max(reached, following + 1)
            logs = self.means(batches) if kind == "test" and (has_hooks or shows) else {}
            if shows and self._progress.is_due():
                self._progress.update(following, logs)
            if has_hooks:
                call(f"on_{kind}_batch_end", following - 1, logs)
        logs = self.means(batches) if kind == "test" else {}
        if shows:
            self._progress.end(steps, logs)
        call(f"on_{kind}_end", logs) if kind == "test" else call(f"on_{kind}_end")
