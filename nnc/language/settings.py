"""The settings of a `train` block: their names, their kinds, and what they may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nnc.base.source import Span
from nnc.language.suggest import nearest, unquoted
from nnc.language.values import Anything, is_number
from nnc.tensor.program import Plain, Settings

PRECISIONS = ("f32", "tf32", "bf16", "f16")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that is a plain value: what it must be, in words and as a test; `choices` are all there are, if few."""

    wanted: str
    accepts: Callable[[Anything], bool]
    choices: tuple[str, ...] = ()

    def help(self, value: Anything) -> str | None:
        """How to write what was probably meant."""
        near = nearest(value, self.choices) if isinstance(value, str) else None
        return f'did you mean "{near}"?' if near else unquoted(value)


def is_count(value: Anything) -> bool:
    """Whether the value is an integer of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_seed(value: Anything) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_path(value: Anything) -> bool:
    return isinstance(value, str) and bool(value)


def _is_share(value: Anything) -> bool:
    return is_number(value) and 0 <= value < 1


SCALE = "loss_scale_factor"
ACCUMULATION = "gradient_accumulation_steps"  # of the optimizers' programs, not of the run

PLAIN: dict[str, Setting] = {
    "batch_size": Setting("an integer of at least 1", lambda v: is_count(v) and isinstance(v, int) and v < 2**31),
    "epochs": Setting("an integer of at least 1", is_count),
    ACCUMULATION: Setting("an integer of at least 1", is_count),
    "seed": Setting("an integer of at least 0", _is_seed),
    "precision": Setting(
        "one of " + ", ".join(f'"{each}"' for each in PRECISIONS), lambda v: v in PRECISIONS, PRECISIONS
    ),
    "data": Setting('the path of a data set, "digits.npz"', _is_path),
    SCALE: Setting("a number above 0", lambda v: is_number(v) and 0 < v < math.inf),
    "validation_split": Setting("a number of at least 0 and below 1", _is_share),
    "weights": Setting(
        'the path of a file of weights, "pretrained.safetensors"', lambda v: isinstance(v, str) and bool(v)
    ),
}
LOSS, OPTIMIZER, METRICS, BATCH_SIZE = "loss", "optimizer", "metrics", "batch_size"
EARLY_STOPPING, CLASS_WEIGHT = "early_stopping", "class_weight"
NAMES = (LOSS, OPTIMIZER, METRICS, *PLAIN, EARLY_STOPPING, CLASS_WEIGHT)
# what `fit` takes and a program does not hold, by where it goes
ELSEWHERE = {
    "validation_data": "arrays are given to fit, or lie in the `data` file as NAME_val; a share of the samples is held "
    "out by validation_split",
    "sample_weight": "weights of samples are given to fit, or lie in the `data` file as sample_weight",
    "callbacks": "callbacks are given to fit",
    "loss_weights": "weigh the terms where they are named: loss = { kind: ..., size: 0.2 * ... }",
    "learning_rate": "it belongs to the optimizer: optimizer = Adam(learning_rate = 1e-3)",
    "shuffle": "the order of the samples is an argument of fit",
}


def settings_of(
    values: Mapping[str, Anything],
    spans: dict[str, Span],
    early_stopping: Mapping[str, Plain] | None = None,
    class_weight: Mapping[str, tuple[float, ...]] | None = None,
) -> Settings:
    """The settings as data; what is not set has its default."""
    default = Settings()

    def integer(name: str, otherwise: int) -> int:
        value = values.get(name)
        return value if isinstance(value, int) else otherwise

    def text(name: str, otherwise: str | None) -> str | None:
        value = values.get(name)
        return value if isinstance(value, str) else otherwise

    split, scale = values.get("validation_split"), values.get(SCALE)
    return Settings(
        batch_size=integer("batch_size", default.batch_size),
        epochs=integer("epochs", default.epochs),
        seed=integer("seed", default.seed),
        precision=text("precision", None) or default.precision,
        data=text("data", default.data),
        weights=text("weights", default.weights),
        loss_scale_factor=float(scale) if isinstance(scale, int | float) else default.loss_scale_factor,
        validation_split=float(split) if isinstance(split, int | float) else default.validation_split,
        early_stopping=early_stopping,
        class_weight=class_weight,
        spans=spans,
    )
