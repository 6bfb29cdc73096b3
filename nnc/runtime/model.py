"""`Model`, the base class of every generated module's class: Keras's methods over the module's declarations.

It checks arguments and hands them on: batches.py runs steps, loop.py epochs, checkpoint.py writes files.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnc.runtime import arguments, shell, summary, trained
from nnc.runtime.accumulators import clear
from nnc.runtime.batches import FOREVER, Batches, Setting, TorchBatches, TritonBatches
from nnc.runtime.callbacks import Callbacks, History, as_list
from nnc.runtime.capture import player
from nnc.runtime.data import Data
from nnc.runtime.errors import DataError, UsageError
from nnc.runtime.holder import Holder
from nnc.runtime.loop import Loop, Run, Validation
from nnc.runtime.npz import load_data
from nnc.runtime.progress import Progress
from nnc.runtime.random import Orders
from nnc.runtime.split import split_tail
from nnc.runtime.stopping import EarlyStopping


class Model(Holder):
    """A compiled model. A generated module's class adds the declarations below and nothing else.

    device   "cpu", "cuda" or "cuda:N"; by default CUDA where there is one
    seed     of the initial weights, the order of the samples and all else that is random; by default the program's
    backend  "torch" or "triton"; by default triton on CUDA and torch on a CPU
    """

    # ------------------------------------------------------------------------------------------ training

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float | None = None,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, Any] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        *,
        checkpoint: str | Path | None = None,
        resume: bool | str | Path = False,
    ) -> History:
        """Train, as Keras's `fit` does; what is left out is as the `train` block has it.

        Without `x`, the `data` of the `train` block is read. The last, partial batch is trained on like any other;
        `steps_per_epoch` takes that many batches of each epoch's order. The order depends on the seed and on how many
        epochs the model was trained before. A loss that is NaN or infinite raises `NonFiniteLoss`.

        checkpoint  a file that is written after each epoch, and on Ctrl-C
        resume      True: go on where this model's training, or the checkpoint it was loaded from, stands, within an
                    epoch too, with `epochs` in all; a path: load that file first. With the same data and arguments the
                    weights become, to the last bit, those of a run that was never interrupted.
        """
        if not isinstance(resume, bool):
            self.load(resume)
        batch = arguments.whole("batch_size", self._setting("batch_size", batch_size, 32), 1)
        last = arguments.whole("epochs", self._setting("epochs", epochs, 1), 0)
        fraction = self._setting("validation_split", validation_split, 0.0)
        class_weight = self._setting("class_weight", class_weight, None)
        if shuffle not in (True, False):
            raise UsageError(f"shuffle={shuffle!r}: it takes True or False")
        data, held = self._training_data(x, y, sample_weight, class_weight, validation_data, fraction)
        self.store.adapt(data.arrays)
        batches = self._batches("train", data, min(batch, data.samples), shuffled=bool(shuffle))
        steps = arguments.steps_of("steps_per_epoch", steps_per_epoch, batches.count, data.samples, batch)
        size = batch if validation_batch_size is None else validation_batch_size
        validation = self._validation(held, size, validation_steps, validation_freq)
        agreed = {"batch_size": batch, "samples": data.samples, "shuffle": bool(shuffle), "steps": steps}
        first = trained.start(self, agreed, bool(resume), arguments.whole("initial_epoch", initial_epoch, 0))
        self.stop_training = False
        history = self.history if resume and self.history is not None else History()
        members = self._with_stopping(callbacks)
        loop = self._loop(members, verbose, steps, last, validates=validation is not None)
        history.params = {"epochs": last, "steps": steps, "verbose": verbose}
        history.model, self.history = self, history
        orders = Orders(self.seed) if shuffle else None
        save = partial(self.save, checkpoint) if checkpoint is not None else nothing
        loop.fit(Run(batches, steps, first, last, orders, validation, save), history)
        return history

    def _training_data(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, validation_data: Any, fraction: Any
    ) -> tuple[Data, Data | None]:
        """What to train on and what to validate on, from the arguments or the program's `data` setting."""
        if x is None and y is None:
            loaded = load_data(self.data_path(), self.inputs, self.targets, terms=self.weights)
            x, y = loaded.x, loaded.y
            sample_weight = loaded.sample_weight if sample_weight is None else sample_weight
            validation_data = loaded.validation if validation_data is None else validation_data
        data, held = arguments.data_of(self.inputs, self.targets, x, y, sample_weight, self.weights), None
        if validation_data is not None:
            held = arguments.validation_of(self.inputs, self.targets, validation_data, self.weights)
        elif fraction:
            data, held = split_tail(data, fraction, self.targets)
        return arguments.classed(data, class_weight, self.targets, self.weights), held  # of training alone, as Keras's

    def _validation(self, data: Data | None, batch_size: int, steps: int | None, frequency: int) -> Validation | None:
        if data is None:
            return None
        batch = arguments.whole("validation_batch_size", batch_size, 1)
        batches = self._batches("evaluate", data, min(batch, data.samples))
        taken = arguments.steps_of("validation_steps", steps, batches.count, data.samples, batch)
        return Validation(batches, taken, arguments.whole("validation_freq", frequency, 1))

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Mapping[Any, Any] | None = None
    ) -> dict[str, float]:
        """One step on all of the samples; this batch's loss and metrics."""
        data = self._data(x, y, sample_weight, class_weight)
        self.store.adapt(data.arrays)
        batches = self._single("train", data)
        batches.begin(None, 0, self.place.step + 1, self.place.passes)
        self.place.step += batches.run(0, 1, FOREVER)
        self.place.passes += 1
        return self._loop().means(batches)

    def gradients(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Mapping[Any, Any] | None = None
    ) -> dict[str, np.ndarray]:
        """The gradient of the mean loss of these samples by parameter path; the model stays as it is."""
        data = self._data(x, y, sample_weight, class_weight)
        batches = self._single("train", data)
        kept = self.store.snapshot()
        try:
            self.store.adapt(data.arrays)
            batches.begin(None, 0, self.place.step + 1, self.place.passes)
            batches.run(0, 1, FOREVER)
            return {path: view.cpu().numpy().copy() for path, view in self.store.views("gradient").items()}
        finally:
            self.store.restore(kept)

    # -------------------------------------------------------------------------------- evaluation, prediction

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> dict[str, float]:
        """The loss and the metrics over the data, by name; without `x`, over the program's validation data."""
        if x is None and y is None:
            loaded = load_data(self.data_path(), self.inputs, self.targets, terms=self.weights)
            x, y, *rest = loaded.validation or (loaded.x, loaded.y, loaded.sample_weight)
            sample_weight = rest[0] if rest and sample_weight is None else sample_weight
        data = self._data(x, y, sample_weight)
        batch = arguments.whole("batch_size", self._setting("batch_size", batch_size, 32), 1)
        batches = self._batches("evaluate", data, min(batch, data.samples))
        taken = arguments.steps_of("steps", steps, batches.count, data.samples, batch)
        return self._loop(callbacks, verbose, taken).evaluate(batches, taken, shows=True)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None) -> dict[str, float]:
        """The loss and the metrics of these samples, as one batch."""
        data = self._data(x, y, sample_weight)
        return self._loop().evaluate(self._single("evaluate", data), 1)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The results for every sample: an array, or a dict by name where the model has several."""
        data = arguments.inputs_of(self.inputs, x)
        batch = arguments.whole("batch_size", self._setting("batch_size", batch_size, 32), 1)
        batches = self._batches("predict", data, min(batch, data.samples))
        taken = arguments.steps_of("steps", steps, batches.count, data.samples, batch)
        self._loop(callbacks, verbose, taken).predict(batches, taken)
        rows = min(data.samples, taken * batch)
        found = {name: _array(output[:rows]) for name, output in batches.outputs.items()}
        return found if len(found) > 1 else next(iter(found.values()))

    def predict_on_batch(self, x: Any) -> Any:
        """The results for these samples, as one batch."""
        data = arguments.inputs_of(self.inputs, x)
        return self.predict(x, batch_size=data.samples, verbose=0)

    # --------------------------------------------------------------------------------------------- the rest

    def summary(self, print_fn: Any = None) -> None:
        """Print parameters and states with their shapes and sizes."""
        (print_fn or print)(summary.text(self))

    @classmethod
    def data_path(cls) -> Path:
        """The file that the program's `data` setting names, which is relative to the .nn file."""
        given: str | None = cls.defaults.get("data")
        if given is None:
            raise DataError("x is missing, and the program's train block has no `data` setting to take its place")
        return cls.beside(given)

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> int:
        """The module's own shell: train, evaluate, predict, info. Returns the exit code."""
        return shell.main(cls, arguments)

    def _data(self, x: Any, y: Any, sample_weight: Any, class_weight: Any = None) -> Data:
        data = arguments.data_of(self.inputs, self.targets, x, y, sample_weight, self.weights)
        return arguments.classed(data, class_weight, self.targets, self.weights)

    def _setting(self, name: str, given: Any, otherwise: Any) -> Any:
        return given if given is not None else self.defaults.get(name, otherwise)

    def _with_stopping(self, callbacks: Any) -> list[Any]:
        """The callbacks, after the `early_stopping` of the train block where they hold none."""
        members = as_list(callbacks)
        given = self.defaults.get("early_stopping")
        if given is None or any(isinstance(member, EarlyStopping) for member in members):
            return members
        return [EarlyStopping(**given), *members]

    def _loop(
        self, callbacks: Any = None, verbose: str | int = 0, steps: int = 1, epochs: int = 1, **params: bool
    ) -> Loop:
        members = Callbacks(callbacks, self, epochs=epochs, steps=steps, verbose=verbose, **params)
        return Loop(self, members, Progress(verbose), self._stop)

    def _single(self, kind: str, data: Data) -> Batches:
        """Batches of one batch, kept, that one of the same size can be copied in; their sums are cleared."""
        kept = self.kept.get(kind)
        if kept is None or kept[0].samples != data.samples or self.backend != "torch":
            arrays, terms = ({k: v.clone() for k, v in held.items()} for held in (data.arrays, data.terms))
            owned = Data(arrays, data.weight.clone(), data.samples, terms)
            kept = self.kept[kind] = (owned, self._batches(kind, owned, data.samples))
        else:
            for name, array in data.arrays.items():
                kept[0].arrays[name].copy_(array)
            for name, weight in data.weights.items():
                kept[0].weights[name].copy_(weight)
        clear(kept[1].sums, self.accumulators)
        return kept[1]

    def _batches(self, kind: str, data: Data, batch: int, shuffled: bool = False) -> Batches:
        """The module's step of that kind over that data."""
        step = self.steps[self.backend].get(kind)
        if step is None:
            raise UsageError(f"{self.source[0]} has no train block, so this model can only predict")
        if self.missing is not None:
            raise DataError(
                f"{self.missing}: there is no such file, and the `weights` setting of {self.source[0]} names it; "
                "train and save that model first, or load other weights"
            )
        waiting = self.store.unadapted() if kind != "train" else []
        if waiting:
            raise UsageError(
                f"the state {waiting[0]} starts at the training data, and the model has seen none yet; "
                "call fit, or load a checkpoint, first"
            )
        arguments.fits(batch, None if kind == "predict" else self.largest_batch, self.source[0])
        outputs = self.results if kind == "predict" else ()
        ports = (*self.inputs, *self.targets, *self.results)
        renamed = {port.name: port.attribute for port in ports if port.attribute}
        setting = Setting(
            self.store, self.accumulators, outputs, self.seed, kind, self.device, self.guards, self._stop, renamed
        )
        if self.backend == "torch":
            return TorchBatches(setting, step, data, batch, shuffled)
        count = -(-data.samples // batch)
        return TritonBatches(setting, step, data, batch, lambda run, keep: player(run, keep, self.device, count))


def nothing() -> None:
    """Saves nothing: no checkpoint was asked for."""


def _array(tensor: Tensor) -> np.ndarray:
    """A NumPy array, which knows no bfloat16."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
