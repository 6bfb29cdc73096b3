"""Reading a data set from an `.npz` file: arrays by input and target name, and `*_val` arrays for validation.

`sample_weight` holds each sample's weight; `sample_weight_TERM` that in one term of a loss that is a record.
"""

import difflib
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnc.runtime.data import did_you_mean
from nnc.runtime.declarations import Port, Weight
from nnc.runtime.errors import DataError, DataWarning

Arrays = dict[str, np.ndarray]
Weights = np.ndarray | dict[str, np.ndarray] | None  # dict: by the terms of the loss
WEIGHT = "sample_weight"
SUFFIX = "_val"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds, by use; `validation` is (x, y) or (x, y, sample_weight), as `fit` takes it."""

    x: Arrays
    y: Arrays | None
    sample_weight: Weights
    validation: tuple[Arrays, Arrays | None] | tuple[Arrays, Arrays | None, Weights] | None


def load_npz(path: str | Path) -> Arrays:
    """The arrays of an `.npz` file; pickled objects are refused, since reading them would run code."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: {'it is a folder, not a file' if path.is_dir() else 'there is no such file'}")
    try:
        with path.open("rb") as file:  # np.load leaves a damaged file open that it opened itself
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path}: it holds one array without a name; save arrays by name with np.savez")
            return {name: archive[name] for name in archive.files}
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, KeyError, NotImplementedError) as error:
        reason = str(error) or type(error).__name__
        if path.suffix == ".npz" and "pickle" in reason and zipfile.is_zipfile(path):
            raise DataError(f"{path}: it holds Python objects, which are not read; save arrays of numbers") from error
        raise DataError(f"{path}: it is damaged, or no .npz file") from error


def load_data(
    path: str | Path,
    inputs: Sequence[Port],
    targets: Sequence[Port],
    with_targets: bool = True,
    terms: Sequence[Weight] = (),
) -> Loaded:
    """The data set of a file, split by the program's names. Without `with_targets`, targets may be missing."""
    arrays = load_npz(path)
    names = [port.name for port in (*inputs, *targets)]
    known = [*names, WEIGHT, *(f"{WEIGHT}_{row.term}" for row in terms)]
    known += [name + SUFFIX for name in known]
    _refuse_misspelt(path, list(arrays), known)
    x, y = _group(arrays, "", inputs), _group(arrays, "", targets)
    weight = _weights(path, arrays, "", names, terms)
    _check_complete(path, "", inputs, x)
    if with_targets:
        _check_complete(path, "", targets, y)
    validation: tuple[Arrays, Arrays | None] | tuple[Arrays, Arrays | None, Weights] | None = None
    x_val, y_val = _group(arrays, SUFFIX, inputs), _group(arrays, SUFFIX, targets)
    weight_val = _weights(path, arrays, SUFFIX, names, terms)
    if with_targets and (x_val or y_val or weight_val is not None):
        _check_complete(path, SUFFIX, inputs, x_val)
        _check_complete(path, SUFFIX, targets, y_val)
        validation = (x_val, y_val or None) if weight_val is None else (x_val, y_val or None, weight_val)
    return Loaded(x, y or None, weight, validation)


def _refuse_misspelt(path: str | Path, held: Sequence[str], known: Sequence[str]) -> None:
    """Other arrays are none of this program's business, unless one may be meant for what is not there."""
    others = [name for name in held if name not in known]
    free = [name for name in known if name not in held]
    for name in others:
        if difflib.get_close_matches(name, free, n=1):
            meant = did_you_mean(name, free)
            raise DataError(f"{path}: it holds {name!r}, which the program does not declare; {meant}")
    if others:
        listed = ", ".join(repr(name) for name in others)
        warnings.warn(f"{path}: it holds {listed}, which the program does not declare", DataWarning, stacklevel=2)


def _group(arrays: Arrays, suffix: str, ports: Sequence[Port]) -> Arrays:
    return {port.name: arrays[port.name + suffix] for port in ports if port.name + suffix in arrays}


def _weights(path: str | Path, arrays: Arrays, suffix: str, names: Sequence[str], terms: Sequence[Weight]) -> Weights:
    """The weights for all, or those by term; an input or target of such a name is none."""
    held = {name: arrays[name] for name in arrays if name not in names and name.startswith(WEIGHT)}
    plain = held.get(WEIGHT + suffix)
    named = {row.term: held[key] for row in terms if (key := f"{WEIGHT}_{row.term}{suffix}") in held}
    if plain is not None and named:
        raise DataError(
            f"{path}: it holds {WEIGHT + suffix!r} and weights of the term {next(iter(named))!r}; leave one of them out"
        )
    return named or plain


def _check_complete(path: str | Path, suffix: str, ports: Sequence[Port], found: Arrays) -> None:
    for port in ports:
        if port.name not in found and port.default is None:
            raise DataError(
                f"{path}: it lacks {port.name + suffix!r}; `{port.name}: {port.declared}` is declared at {port.where}"
            )
