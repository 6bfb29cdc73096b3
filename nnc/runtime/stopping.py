"""`EarlyStopping`: ends a training whose numbers no longer get better, as Keras's callback of that name does.

What it remembers lies in the model's place, and so in its checkpoints: a run that is resumed stops where one that was
never interrupted does.
"""

from typing import Any

from nnc.runtime.callbacks import Callback, Logs
from nnc.runtime.data import did_you_mean
from nnc.runtime.errors import UsageError
from nnc.runtime.trained import set_weights

VALIDATION = "val_"


class EarlyStopping(Callback):
    """Ends the training once `monitor` has not improved for `patience` epochs.

    monitor               a number of the logs: "loss", a metric, or `val_` and one of them
    min_delta             less than this is no improvement
    mode                  "min" or "max": which is better; "auto" is "min", and knows losses only
    baseline              what the number must be better than for the wait to begin anew
    restore_best_weights  at the end take the weights of the best epoch, and not of the last
    start_from_epoch      as many epochs are not looked at
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise UsageError(f'mode={mode!r}: it takes "min", "max" or "auto"')
        if mode == "auto" and not monitor.endswith("loss"):
            raise UsageError(f'EarlyStopping watches {monitor}: say mode="max" where more is better, or mode="min"')
        self.monitor, self.patience, self.baseline = monitor, patience, baseline
        self.verbose, self.start_from_epoch = verbose, start_from_epoch
        self.restore_best_weights = restore_best_weights
        self._sign = -1.0 if mode == "max" else 1.0
        self._min_delta = abs(min_delta)

    def on_train_begin(self, logs: Logs = None) -> None:
        known = [report.name for report in self.model.reports]
        if self.params.get("validates"):
            known += [VALIDATION + name for name in known]
        elif self.monitor.startswith(VALIDATION):
            raise UsageError(
                f"early stopping watches {self.monitor}, and there is no validation data; give validation_data or "
                f"validation_split, or watch {self.monitor.removeprefix(VALIDATION)}"
            )
        if self.monitor not in known:
            raise UsageError(f"early stopping watches {self.monitor!r}; {did_you_mean(self.monitor, known)}")
        self._state: dict[str, Any] = self.model.place.stopping.setdefault(
            self.monitor, {"wait": 0, "best": None, "best_epoch": 0, "stopped": None}
        )
        self.model.stop_training = self.model.stop_training or self._state["stopped"] is not None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        value = (logs or {}).get(self.monitor)
        if value is None or epoch < self.start_from_epoch:
            return
        state = self._state
        state["wait"] += 1
        if state["best"] is None or self._is_better(value, state["best"]):
            state["best"], state["best_epoch"] = value, epoch
            if self.baseline is None or self._is_better(value, self.baseline):
                state["wait"] = 0
            if self.restore_best_weights:
                views = self.model.store.evaluated()
                self.model.best[self.monitor] = {path: view.clone() for path, view in views.items()}
        elif state["wait"] >= self.patience and epoch > 0:
            state["stopped"], self.model.stop_training = epoch, True

    def on_train_end(self, logs: Logs = None) -> None:
        best = self.model.best.get(self.monitor)
        if self.verbose and self._state["stopped"] is not None:
            print(f"Epoch {self._state['stopped'] + 1}: early stopping")
        if best is not None and self.restore_best_weights:
            if self.verbose:
                print(f"The weights are those of epoch {self._state['best_epoch'] + 1}, the best.")
            set_weights(self.model.store.evaluated(), best)

    def _is_better(self, value: float, other: float) -> bool:
        return self._sign * value + self._min_delta < self._sign * other
