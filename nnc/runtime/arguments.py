"""Checks of numbers and data sets that `fit`, `evaluate` and `predict` are given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nnc.runtime.data import Data, arrays_of, filled, same_length
from nnc.runtime.declarations import Port, Weight
from nnc.runtime.errors import DataError, UsageError
from nnc.runtime.weights import PLAIN, sample_weights, unread, with_classes


def whole(name: str, value: Any, least: int) -> int:
    """An integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(f"{name}={value!r}: it takes a whole number of at least {least}")
    return int(value)


def steps_of(name: str, value: Any, batches: int, samples: int, batch: int) -> int:
    """How many batches of the data to take: all, unless told."""
    if value is None:
        return batches
    steps = whole(name, value, 1)
    if steps > batches:
        raise UsageError(f"{name}={steps}: {samples} samples make {batches} batches of {batch}; the most is {batches}")
    return steps


def data_of(
    inputs: Sequence[Port],
    targets: Sequence[Port],
    x: Any,
    y: Any,
    sample_weight: Any = None,
    terms: Sequence[Weight] = (),
) -> Data:
    """Inputs, targets and weights, checked together. `x` may be a dict that holds the targets too; `terms` are those of
    a loss that is a record."""
    if isinstance(x, Mapping) and y is None:
        names = {port.name for port in targets} & x.keys()
        if names:
            x, y = {k: v for k, v in x.items() if k not in names}, {name: x[name] for name in names}
    arrays = arrays_of(x, inputs, "x")
    samples = same_length(arrays)
    given = sample_weights(sample_weight, samples, terms)
    if y is not None or any(port.default is None for port in targets):
        arrays |= arrays_of(y, targets, "y", unread(given, targets, terms))
    arrays = filled(arrays, (*inputs, *targets))
    return Data(arrays, given.pop(PLAIN), samples, given)


def classed(data: Data, class_weight: Any, targets: Sequence[Port], terms: Sequence[Weight]) -> Data:
    """The data with their weights times those of the classes, where such are given."""
    if class_weight is None:
        return data
    weights = with_classes(data.weights, class_weight, data.arrays, targets, terms)
    return replace(data, weight=weights.pop(PLAIN), terms=weights)


def inputs_of(inputs: Sequence[Port], x: Any) -> Data:
    """Inputs alone, for `predict`."""
    arrays = filled(arrays_of(x, inputs, "x"), inputs)
    samples = same_length(arrays)
    return Data(arrays, torch.ones(samples), samples)


def validation_of(inputs: Sequence[Port], targets: Sequence[Port], given: Any, terms: Sequence[Weight] = ()) -> Data:
    """`validation_data`: (x, y), (x, y, sample_weight), a dict by name, or x alone where there are no targets."""
    if isinstance(given, Mapping):
        parts: tuple[Any, ...] = (given, None)
    elif isinstance(given, tuple | list) and len(given) in (2, 3):
        parts = tuple(given)
    elif not targets:
        parts = (given, None)
    else:
        what = f"{len(given)} parts" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
        raise UsageError(f"validation_data is {what}; it takes (x, y) or (x, y, sample_weight)")
    try:
        x, y, *weight = parts
        return data_of(inputs, targets, x, y, weight[0] if weight else None, terms)
    except DataError as error:
        raise DataError(f"validation_data: {error}") from error


def fits(batch: int, largest: int | None, source: str) -> None:
    """Whether a program that looks at the whole batch was compiled for as many samples. Raises UsageError."""
    if largest is not None and batch > largest:
        raise UsageError(
            f"{batch} samples in a batch: {source} looks at the whole batch, and was compiled for batches of at most "
            f"{largest}; set batch_size = {batch} in its train block, then build it again"
        )
