"""Each sample's weight, from `sample_weight` and `class_weight`; and what the tail of a data set looks like."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnc.runtime.data import Data, did_you_mean
from nnc.runtime.declarations import Port
from nnc.runtime.errors import DataError, DataWarning, UsageError

DEVIATIONS = 6.0  # of the chi-square statistic from its mean, beyond which classes are said to differ


def weight_of(
    arrays: Mapping[str, Tensor], samples: int, targets: Sequence[Port], sample_weight: Any, class_weight: Any
) -> Tensor:
    """f32[samples]: sample weight times class weight, 1 where neither is given."""
    weight = _sample_weight(sample_weight, samples)
    if class_weight is not None:
        weight = weight * _class_weight(class_weight, arrays, targets).to(weight.device)
    if not bool(weight.any()):
        raise DataError("every sample's weight is 0: there is nothing to learn from")
    return weight.contiguous()


def _sample_weight(given: Any, samples: int) -> Tensor:
    if given is None:
        return torch.ones(samples)
    if isinstance(given, Mapping):
        raise DataError("sample_weight is a dict; it takes one number a sample")
    try:
        weight = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    except ValueError as error:
        raise DataError(f"sample_weight does not make an array: {error}") from error
    if weight.dtype.kind not in "fiub":
        raise DataError(f"sample_weight is {weight.dtype}{list(weight.shape)}; it takes one number a sample")
    if weight.shape != (samples,):
        fix = "; use sample_weight[:, 0]" if weight.shape == (samples, 1) else ""
        raise DataError(
            f"sample_weight has the shape {list(weight.shape)}, and there are {samples} samples: "
            f"it takes one number for each, [{samples}]{fix}"
        )
    result = weight.astype(np.float32)
    _refuse_first(weight, ~np.isfinite(result), "sample_weight", "finite")
    _refuse_first(weight, result < 0, "sample_weight", "0 or more")
    return torch.from_numpy(result)


def _refuse_first(values: np.ndarray, bad: np.ndarray, name: str, wanted: str) -> None:
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(f"{name}[{first}] is {values[first]}; every weight must be {wanted}")


def _class_weight(given: Any, arrays: Mapping[str, Tensor], targets: Sequence[Port]) -> Tensor:
    """f32[samples]: the weight of each sample's class."""
    if not isinstance(given, Mapping):
        raise DataError(f"class_weight is a {type(given).__name__}; it takes a dict from class to weight, {{0: 1.0}}")
    target, by_class = _class_target(given, targets)
    table = np.ones(target.bound or 0, dtype=np.float64)
    for key, value in by_class.items():
        if isinstance(key, bool) or not isinstance(key, int | np.integer) or not 0 <= key < len(table):
            raise DataError(
                f"class_weight holds the class {key!r}; `{target.name}: {target.declared}`, declared at "
                f"{target.where}, has the classes 0 .. {len(table) - 1}"
            )
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"class_weight[{key}] is {value!r}; it takes a number") from error
        if not math.isfinite(number) or number < 0:
            raise DataError(f"class_weight[{key}] is {number}; every weight must be finite and 0 or more")
        table[key] = number
    labels = arrays[target.name]
    return torch.from_numpy(table.astype(np.float32)).to(labels.device)[labels]


def _class_target(given: Mapping[Any, Any], targets: Sequence[Port]) -> tuple[Port, Mapping[Any, Any]]:
    """The target that the weights are of: named, or the only one with classes."""
    classed = {port.name: port for port in targets if port.bound is not None and port.shape == ()}
    if not classed:
        raise DataError("class_weight was given, but no target is an index(n), one class a sample")
    if given and all(isinstance(value, Mapping) for value in given.values()):
        if len(given) > 1:
            raise DataError(f"class_weight names {len(given)} targets; it takes one, {{target: {{class: weight}}}}")
        name, inner = next(iter(given.items()))
        if name not in classed:
            raise DataError(f"class_weight names {name!r}; {did_you_mean(name, list(classed))}")
        return classed[name], inner
    if len(classed) > 1:
        raise DataError(
            f"there are several targets with classes, {', '.join(classed)}: say which one class_weight is of, "
            f"class_weight={{{next(iter(classed))!r}: {{...}}}}"
        )
    return next(iter(classed.values())), given


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
        if not bool(part.weight.any()):
            raise DataError(f"validation_split={fraction}: every sample {text} has the weight 0")
    return head, tail


def _part(data: Data, first: int, last: int) -> Data:
    arrays = {name: array[first:last] for name, array in data.arrays.items()}
    return Data(arrays, data.weight[first:last], last - first)


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
