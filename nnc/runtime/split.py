"""What is held out of a data set to validate on: its tail, as Keras splits it, and a look at how that differs from the
rest."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnc.runtime.data import Data
from nnc.runtime.declarations import Port
from nnc.runtime.errors import DataError, DataWarning, UsageError

DEVIATIONS = 6.0  # of the chi-square statistic from its mean, beyond which classes are said to differ


def split_tail(data: Data, fraction: Any, targets: Sequence[Port]) -> tuple[Data, Data]:
    """All but the last samples, and the last, as Keras splits them: unshuffled."""
    is_number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
    if not is_number or not 0 < fraction < 1:
        raise UsageError(f"validation_split={fraction!r}: it takes a fraction between 0 and 1")
    kept = math.floor(data.samples * (1 - fraction))
    if kept == 0 or kept == data.samples:
        side = "train" if kept == 0 else "validate"
        raise DataError(f"validation_split={fraction} of {data.samples} samples leaves none to {side} on")
    head, tail = _part(data, 0, kept), _part(data, kept, data.samples)
    for port in targets:
        if port.bound is not None and port.shape == ():
            _compare_classes(port, head.arrays[port.name], tail.arrays[port.name], fraction)
    for part, text in ((head, "to train on"), (tail, "to validate on")):
        if not any(bool(weight.any()) for weight in part.weights.values()):
            raise DataError(f"validation_split={fraction}: every sample {text} has the weight 0")
    return head, tail


def _part(data: Data, first: int, last: int) -> Data:
    arrays = {name: array[first:last] for name, array in data.arrays.items()}
    terms = {name: weight[first:last] for name, weight in data.terms.items()}
    return Data(arrays, data.weight[first:last], last - first, terms)


def _compare_classes(port: Port, head: Tensor, tail: Tensor, fraction: float) -> None:
    """Warn when the tail holds a class that the rest lacks, or its shares are far from the rest's (chi-square)."""
    bound = port.bound or 0
    counts = torch.bincount(head, minlength=bound).double().cpu()
    found = torch.bincount(tail, minlength=bound).double().cpu()
    unseen = torch.nonzero((counts == 0) & (found > 0)).flatten().tolist()
    advice = "shuffle the data before, or give validation_data"
    if unseen:
        listed = ", ".join(str(number) for number in unseen[:5])
        problem = f"holds classes of `{port.name}` that the rest lacks ({listed})"
    else:
        present = counts > 0
        expected = counts[present] * (len(tail) / len(head))
        statistic = float(((found[present] - expected).square() / expected.clamp(min=1.0)).sum())
        freedom = int(present.sum()) - 1
        if freedom < 1 or statistic <= freedom + DEVIATIONS * math.sqrt(2 * freedom):
            return
        problem = f"holds the classes of `{port.name}` in other shares than the rest"
    message = f"validation_split={fraction}: the tail of the data, which is held out unshuffled, {problem}; {advice}"
    warnings.warn(message, DataWarning, stacklevel=6)
