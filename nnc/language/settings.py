"""The settings of a `train` block: their names, their kinds, and what they may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nnc.base.source import Span
from nnc.language.values import Anything, is_number
from nnc.tensor.program import Settings

PRECISIONS = ("f32", "tf32", "bf16")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that is a plain value: what it must be, in words and as a test."""

    wanted: str
    accepts: Callable[[Anything], bool]


def _counts(value: Anything) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_seed(value: Anything) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_share(value: Anything) -> bool:
    return is_number(value) and 0 <= value < 1


ACCUMULATION = "gradient_accumulation_steps"  # of the optimizers' programs, not of the run

PLAIN: dict[str, Setting] = {
    "batch_size": Setting("an integer of at least 1", lambda v: _counts(v) and isinstance(v, int) and v < 2**31),
    "epochs": Setting("an integer of at least 1", _counts),
    ACCUMULATION: Setting("an integer of at least 1", _counts),
    "seed": Setting("an integer of at least 0", _is_seed),
    "precision": Setting("one of " + ", ".join(f'"{each}"' for each in PRECISIONS), lambda v: v in PRECISIONS),
    "data": Setting('the path of a data set, "digits.npz"', lambda v: isinstance(v, str) and bool(v)),
    "validation_split": Setting("a number of at least 0 and below 1", _is_share),
}
LOSS, OPTIMIZER, METRICS, BATCH_SIZE = "loss", "optimizer", "metrics", "batch_size"
PENDING = (
    "weights",
    "early_stopping",
    "class_weight",
    "sample_weight",
    "validation_data",
)
NAMES = (LOSS, OPTIMIZER, METRICS, *PLAIN, *PENDING)


def settings_of(values: Mapping[str, Anything], spans: dict[str, Span]) -> Settings:
    """The settings as data; what is not set has its default."""
    default = Settings()

    def integer(name: str, otherwise: int) -> int:
        value = values.get(name)
        return value if isinstance(value, int) else otherwise

    precision, data, split = values.get("precision"), values.get("data"), values.get("validation_split")
    return Settings(
        batch_size=integer("batch_size", default.batch_size),
        epochs=integer("epochs", default.epochs),
        seed=integer("seed", default.seed),
        precision=precision if isinstance(precision, str) else default.precision,
        data=data if isinstance(data, str) else default.data,
        validation_split=float(split) if isinstance(split, int | float) else default.validation_split,
        spans=spans,
    )
