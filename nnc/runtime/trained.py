"""What a model's checkpoint holds, and where a run begins: the meaning of the tensors and the metadata of a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nnc.runtime import checkpoint
from nnc.runtime.callbacks import History
from nnc.runtime.data import did_you_mean
from nnc.runtime.errors import CheckpointError, UsageError

BEST = "best:"  # before the weights that early stopping keeps; no path holds a colon

if TYPE_CHECKING:
    from nnc.runtime.holder import Holder


def save(model: "Holder", path: str | Path, weights_only: bool = False) -> None:
    """Write the model as it is between two steps."""
    tensors = model.store.weights() if weights_only else model.store.named_tensors()
    about: dict[str, Any] = {"model": type(model).__name__, "source": list(model.source)}
    if not weights_only:
        place = asdict(model.place)
        place["sums"] = model.running.tolist() if model.running is not None else model.place.sums
        history = model.history or History()
        about |= {
            "seed": model.seed,
            "place": place,
            "history": {"history": history.history, "epoch": history.epoch},
        }
        tensors = {**tensors, **_best(model.best)}
    checkpoint.write(path, tensors, about)


def load(model: "Holder", path: str | Path, weights_only: bool = False) -> None:
    """Take a file's tensors and, unless weights_only, its place, seed and history. All or nothing."""
    tensors, about = checkpoint.read(path)
    best = {name: tensors.pop(name) for name in list(tensors) if about is not None and name.startswith(BEST)}
    if weights_only:
        wanted = model.store.weights()
        found = {name: tensor for name, tensor in tensors.items() if about is None or not _is_optimizer(name)}
    else:
        if about is None:
            raise CheckpointError(
                f"{path}: nnc did not write it; if its tensors are weights with this model's names, use load_weights"
            )
        wanted, found = model.store.named_tensors(), tensors
        if "place" not in about:
            raise CheckpointError(f"{path}: it holds weights only, and no optimizer or step; use load_weights")
    checkpoint.compare(path, wanted, found)
    for name, view in wanted.items():
        view.copy_(found[name])
    if not weights_only and about is not None:
        for name, value in about["place"].items():
            setattr(model.place, name, value)
        model.seed = int(about["seed"])
        model.kept.clear()  # they hold the seed that they were made with
        model.running = None
        model.best = {}
        for name, tensor in best.items():
            monitor, path_of = name.removeprefix(BEST).split("/", 1)
            model.best.setdefault(monitor, {})[path_of] = tensor
        model.history = History()
        model.history.history = about["history"]["history"]
        model.history.epoch = about["history"]["epoch"]


def _best(best: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The weights of the best epochs, by what early stopping watches and by path, as a file holds them."""
    return {f"{BEST}{monitor}/{path}": tensor for monitor, held in best.items() for path, tensor in held.items()}


def _is_optimizer(name: str) -> bool:
    return name.startswith("optimizer.") and "/" in name


def start(model: "Holder", agreed: Mapping[str, Any], resume: bool, initial_epoch: int) -> int:
    """The first epoch of a run; the model's place is made ready for it. `agreed` is what must not change within an
    epoch that is gone on with."""
    place = model.place
    if resume:
        if initial_epoch not in (0, place.epoch):
            raise UsageError(f"initial_epoch={initial_epoch}, and resume goes on in epoch {place.epoch}; leave it out")
        if place.batch and place.run != agreed:
            differing = ", ".join(
                f"{name} was {place.run.get(name)!r} and is {value!r}"
                for name, value in agreed.items()
                if place.run.get(name) != value
            )
            raise UsageError(f"resume within an epoch needs the arguments and data it began with: {differing}")
        if model.running is not None:
            place.sums = model.running.tolist()
    else:
        place.epoch, place.batch = initial_epoch, 0
        place.stopping, model.best = {}, {}
    place.run = dict(agreed)
    return place.epoch


def set_weights(views: Mapping[str, Tensor], given: Sequence[Any] | Mapping[str, Any]) -> None:
    """Copy arrays into views, all of them checked first."""
    if not isinstance(given, Mapping):
        if len(given) != len(views):
            raise UsageError(f"set_weights was given {len(given)} arrays, and the model has {len(views)}")
        given = dict(zip(views, given, strict=True))
    ready: dict[str, Tensor] = {}
    for path, value in given.items():
        if path not in views:
            raise UsageError(f"the model has no weight {path!r}; {did_you_mean(path, list(views))}")
        tensor = value.detach() if isinstance(value, Tensor) else _array_like(views[path], value)
        if tensor.shape != views[path].shape:
            raise UsageError(f"{path} is {list(views[path].shape)}, and was given {list(tensor.shape)}")
        ready[path] = tensor
    for path, tensor in ready.items():
        views[path].copy_(tensor)


def _array_like(view: Tensor, value: Any) -> Tensor:
    """A copy of an array in the element type of `view`."""
    return torch.from_numpy(np.array(value, dtype=np.empty(0, str(view.dtype).removeprefix("torch.")).dtype))
