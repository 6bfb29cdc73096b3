"""Each sample's weights, from `sample_weight` and `class_weight`, and whose targets they leave unread.

A loss that is a record has weights for each of its terms beside the plain ones, which metrics of no single term have.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnc.runtime.data import did_you_mean
from nnc.runtime.declarations import Port, Weight
from nnc.runtime.errors import DataError

PLAIN = "weight"  # in a step's namespace
_SEVERAL = (Mapping, list, tuple, np.ndarray, Tensor)  # what may hold the weights of a target's classes


def sample_weights(given: Any, samples: int, terms: Sequence[Weight]) -> dict[str, Tensor]:
    """f32[samples] by their names in a step's namespace, of the terms and PLAIN: what was given for all, 1 where
    nothing was. Of weights by term, the plain ones are the least of a sample's."""
    if not isinstance(given, Mapping):
        weight = _weight(given, samples, "sample_weight")
        found = {PLAIN: weight, **{row.attribute: weight for row in terms}}
    else:
        names = [row.term for row in terms]
        _check_terms(given, names)
        by_term = {
            row.attribute: _weight(given.get(row.term), samples, f"sample_weight[{row.term!r}]") for row in terms
        }
        found = {PLAIN: torch.stack(list(by_term.values())).amin(0), **by_term}
    _refuse_nothing(found)
    return found


def _check_terms(given: Mapping[Any, Any], names: Sequence[str]) -> None:
    if not names:
        raise DataError(
            "sample_weight is a dict, and the loss has no terms to name; give one number a sample, or make the loss a "
            "record in the train block"
        )
    for name in given:
        if name not in names:
            raise DataError(f"sample_weight holds {name!r}, which is no term of the loss; {did_you_mean(name, names)}")


def _refuse_nothing(weights: Mapping[str, Tensor]) -> None:
    if not any(bool(weight.any()) for weight in weights.values()):
        raise DataError("every sample's weight is 0: there is nothing to learn from")


def unread(weights: Mapping[str, Tensor], targets: Sequence[Port], terms: Sequence[Weight]) -> dict[str, Tensor]:
    """bool[samples] by target: where every term that reads it has the weight 0. Targets that are read everywhere are
    left out."""
    found = {}
    for port in targets:
        readers = [weights[row.attribute] for row in terms if port.name in row.targets] if terms else [weights[PLAIN]]
        if readers:
            mask = torch.stack([weight == 0 for weight in readers]).all(0)
            if bool(mask.any()):
                found[port.name] = mask
    return found


def with_classes(
    weights: Mapping[str, Tensor],
    class_weight: Any,
    arrays: Mapping[str, Tensor],
    targets: Sequence[Port],
    terms: Sequence[Weight],
) -> dict[str, Tensor]:
    """The weights, by their names in a step's namespace, times those of the classes of the targets that each term
    reads; the plain ones times those of all."""
    by_target = _class_weights(class_weight, arrays, targets)
    found = {PLAIN: _times(weights[PLAIN], list(by_target.values()))}
    for row in terms:
        factors = [by_target[name] for name in row.targets if name in by_target]
        found[row.attribute] = _times(weights[row.attribute], factors)
    _refuse_nothing(found)
    return found


def _times(weight: Tensor, factors: Sequence[Tensor]) -> Tensor:
    for factor in factors:
        weight = weight.to(factor.device) * factor
    return weight.contiguous()


def _weight(given: Any, samples: int, name: str) -> Tensor:
    """f32[samples] of one array."""
    if given is None:
        return torch.ones(samples)
    try:
        weight = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    except ValueError as error:
        raise DataError(f"{name} does not make an array: {error}") from error
    if weight.dtype.kind not in "fiub":
        raise DataError(f"{name} is {weight.dtype}{list(weight.shape)}; it takes one number a sample")
    if weight.shape != (samples,):
        fix = f"; use {name}[:, 0]" if weight.shape == (samples, 1) else ""
        raise DataError(
            f"{name} has the shape {list(weight.shape)}, and there are {samples} samples: "
            f"it takes one number for each, [{samples}]{fix}"
        )
    result = weight.astype(np.float32)
    _refuse_first(weight, ~np.isfinite(result), name, "finite")
    _refuse_first(weight, result < 0, name, "0 or more")
    return torch.from_numpy(result)


def _refuse_first(values: np.ndarray, bad: np.ndarray, name: str, wanted: str) -> None:
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(f"{name}[{first}] is {values[first]}; every weight must be {wanted}")


# Classes ------------------------------------------------------------------------------------------------------------


def _class_weights(given: Any, arrays: Mapping[str, Tensor], targets: Sequence[Port]) -> dict[str, Tensor]:
    """f32[samples] by target: the weight of each sample's class."""
    found = {}
    for port, weights, name in _by_target(given, targets):
        table = torch.from_numpy(_table(weights, port, name).astype(np.float32))
        labels = arrays[port.name]
        found[port.name] = table.to(labels.device)[labels]
    return found


def _by_target(given: Any, targets: Sequence[Port]) -> list[tuple[Port, Any, str]]:
    """Each target that weights are given for: named, or the only one with classes. With what messages call them."""
    classed = {port.name: port for port in targets if port.bound is not None and port.shape == ()}
    if not classed:
        raise DataError("class_weight was given, but no target is an index(n), one class a sample")
    if isinstance(given, Mapping) and given and all(isinstance(value, _SEVERAL) for value in given.values()):
        for name in given:
            if name not in classed:
                raise DataError(f"class_weight names {name!r}; {did_you_mean(name, list(classed))}")
        return [(classed[name], weights, f"class_weight[{name!r}]") for name, weights in given.items()]
    if len(classed) > 1:
        raise DataError(
            f"there are several targets with classes, {', '.join(classed)}: say which one class_weight is of, "
            f"class_weight={{{next(iter(classed))!r}: {{...}}}}"
        )
    return [(next(iter(classed.values())), given, "class_weight")]


def _table(given: Any, port: Port, name: str) -> np.ndarray:
    """float64[classes], 1 for a class that is not named."""
    classes = port.bound or 0
    declared = f"`{port.name}: {port.declared}`, declared at {port.where}, has the classes 0 .. {classes - 1}"
    if isinstance(given, _SEVERAL) and not isinstance(given, Mapping):
        if len(given) != classes:
            raise DataError(f"{name} holds {len(given)} weights, and {declared}: it takes {classes}")
        given = dict(enumerate(given))
    if not isinstance(given, Mapping):
        raise DataError(
            f"{name} is a {type(given).__name__}; it takes a dict from class to weight, {{0: 1.0}}, or a list of a "
            "weight for every class"
        )
    table = np.ones(classes, dtype=np.float64)
    for key, value in given.items():
        if isinstance(key, bool) or not isinstance(key, int | np.integer) or not 0 <= key < classes:
            raise DataError(f"{name} holds the class {key!r}; {declared}")
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name}[{key}] is {value!r}; it takes a number") from error
        if not math.isfinite(number) or number < 0:
            raise DataError(f"{name}[{key}] is {number}; every weight must be finite and 0 or more")
        table[key] = number
    return table
