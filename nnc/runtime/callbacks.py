"""Callbacks with Keras's hooks, the list that calls them in Keras's order, and History.

A Keras callback, or any object with some of these methods, serves as well: a hook is called where it exists.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nnc.runtime.errors import UsageError

Logs = Mapping[str, float] | None
KINDS = ("train", "test", "predict")


class Callback:
    """Override what you need. `self.model` is the model, `self.params` holds `epochs`, `steps`, `verbose`,
    and in `fit` `validates`, whether there is validation data.

    `logs` holds the running means by name; setting `self.model.stop_training = True` ends the training after the
    batch or epoch. Hooks of batches make every batch's numbers be read, which a GPU has to be waited for.
    """

    model: Any = None
    params: Any = None

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None: ...
    def on_train_begin(self, logs: Logs = None) -> None: ...
    def on_train_end(self, logs: Logs = None) -> None: ...
    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None: ...
    def on_test_begin(self, logs: Logs = None) -> None: ...
    def on_test_end(self, logs: Logs = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_begin(self, logs: Logs = None) -> None: ...
    def on_predict_end(self, logs: Logs = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None: ...


class History(Callback):
    """`history`: the numbers of each epoch by name; `epoch`: their numbers, from 0."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


def overrides(callback: Any, hook: str) -> bool:
    """Whether a callback does something at that hook: the base class of ours, and of Keras, does nothing."""
    if hook in getattr(callback, "__dict__", {}):
        return True
    owner = next((base for base in type(callback).__mro__ if hook in vars(base)), None)
    return owner is not None and owner.__name__ != "Callback"


class Callbacks:
    """Several callbacks as one. `has_batches(kind)` tells whether any looks at single batches."""

    def __init__(self, callbacks: Any, model: Any, **params: Any) -> None:
        self.members = as_list(callbacks)
        hooks = [f"on_{kind}_{place}" for kind in KINDS for place in ("begin", "end", "batch_begin", "batch_end")]
        self._hooks = {
            hook: [getattr(member, hook) for member in self.members if overrides(member, hook)]
            for hook in (*hooks, "on_epoch_begin", "on_epoch_end")
        }
        # Keras's old names of the training batch's hooks, which its base class calls from the new ones.
        for place in ("begin", "end"):
            self._hooks[f"on_train_batch_{place}"] += [
                getattr(member, f"on_batch_{place}")
                for member in self.members
                if overrides(member, f"on_batch_{place}") and not overrides(member, f"on_train_batch_{place}")
            ]
        for member in self.members:
            if hasattr(member, "set_params"):
                member.set_params(params)
            if hasattr(member, "set_model"):
                member.set_model(model)

    def has(self, hook: str) -> bool:
        """Whether any does something at that hook."""
        return bool(self._hooks[hook])

    def has_batches(self, kind: str) -> bool:
        return self.has(f"on_{kind}_batch_begin") or self.has(f"on_{kind}_batch_end")

    def call(self, hook: str, *args: Any) -> None:
        """`call("on_epoch_end", epoch, logs)`. Each gets a dict of its own: what one adds, the others do not see."""
        for function in self._hooks[hook]:
            function(*(dict(arg) if isinstance(arg, Mapping) else arg for arg in args))


def as_list(callbacks: Any) -> list[Any]:
    """None, one callback, or several."""
    if callbacks is None:
        return []
    members: Sequence[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for member in members:
        if isinstance(member, type):
            raise UsageError(f"callbacks holds the class {member.__name__}; make one: {member.__name__}()")
        if not any(name.startswith("on_") for name in dir(member)):
            raise UsageError(f"callbacks holds {member!r}, which has no method that is called, such as on_epoch_end")
    return list(members)
