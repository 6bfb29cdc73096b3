"""Arrays that a user gives, checked against what the program declares and turned into tensors; nothing is repaired.

In: NumPy arrays, torch tensors, lists, dicts by name, tuples in declaration order. Out: contiguous tensors of the
declared element type. Every error is a `DataError`: what was given, what is declared and where, and a fix.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnc.runtime.arena import ELEMENTS
from nnc.runtime.declarations import Port
from nnc.runtime.errors import DataError

FLOATS = ("f32", "f64", "bf16", "f16")
INTEGERS = {"i32": (-(2**31), 2**31 - 1), "i64": (-(2**63), 2**63 - 1), "u8": (0, 255)}
FIXES = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "float32", "i32": "int32", "i64": "int64"}


@dataclass(frozen=True, slots=True)
class Data:
    """A data set: tensors by port name, and each sample's weights, f32[samples]: the plain ones, and those of
    the loss's terms by their names in a step's namespace."""

    arrays: dict[str, Tensor]
    weight: Tensor
    samples: int
    terms: dict[str, Tensor] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, Tensor]:
        """All of them, by their names in a step's namespace."""
        return {"weight": self.weight, **self.terms}


@dataclass(frozen=True, slots=True)
class Given:
    """One array as it came: the expression that names it in messages, and what it is to the reader."""

    array: Tensor
    expression: str
    text: str
    is_torch: bool
    is_list: bool


def arrays_of(
    value: Any, ports: Sequence[Port], variable: str, unread: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The tensors of `value`, by port, each checked; `variable` is `x` or `y`, for messages. Where `unread` holds
    bool[samples] for a port, those samples are not looked at: another's entry stands in for theirs."""
    named = by_name(value, ports, variable)
    single = len(named) == 1 and not isinstance(value, Mapping | tuple)
    arrays = {}
    for place, port in enumerate(port for port in ports if port.name in named):
        key = repr(port.name) if isinstance(value, Mapping) else str(place)
        expression = variable if single else f"{variable}[{key}]"
        arrays[port.name] = tensor_of(named[port.name], port, expression, (unread or {}).get(port.name))
    return arrays


def filled(arrays: Mapping[str, Tensor], ports: Sequence[Port]) -> dict[str, Tensor]:
    """The tensors of all ports: what was not given has its default in every sample."""
    samples = same_length(arrays)
    defaults = {
        port.name: torch.full((samples, *port.shape), port.default, dtype=ELEMENTS[port.element])
        for port in ports
        if port.name not in arrays and port.default is not None
    }
    return {**arrays, **defaults}


def same_length(arrays: Mapping[str, Tensor]) -> int:
    """How many samples all of them hold."""
    lengths = {name: array.shape[0] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} holds {length}" for name, length in lengths.items())
        raise DataError(f"the arrays hold different numbers of samples: {listed}; give one entry of each to a sample")
    return next(iter(lengths.values()))


def by_name(value: Any, ports: Sequence[Port], variable: str) -> dict[str, Any]:
    """What was given for each port, not yet looked at."""
    declared = ", ".join(f"`{port.name}: {port.declared}` at {port.where}" for port in ports)
    if not ports:
        raise DataError(f"{variable} was given, but the program declares nothing for it; leave it out")
    if value is None:
        raise DataError(f"{variable} is missing; the program declares {declared}")
    if isinstance(value, Mapping):
        return _from_mapping(value, ports, variable)
    several = isinstance(value, tuple) or (
        isinstance(value, list) and len(ports) > 1 and all(hasattr(part, "shape") for part in value)
    )
    if several:
        if len(value) > len(ports) or any(port.default is None for port in ports[len(value) :]):
            raise DataError(f"{variable} is {len(value)} arrays, and the program declares {len(ports)}: {declared}")
        return {port.name: part for port, part in zip(ports, value, strict=False)}
    if any(port.default is None for port in ports[1:]):
        names = ", ".join(f"{port.name!r}: ..." for port in ports)
        raise DataError(
            f"{variable} is one array, and the program declares {len(ports)}: {declared}; "
            f"give a dict, {{{names}}}, or a tuple in that order"
        )
    return {ports[0].name: value}


def _from_mapping(value: Mapping[Any, Any], ports: Sequence[Port], variable: str) -> dict[str, Any]:
    names = [port.name for port in ports]
    for key in value:
        if key not in names:
            raise DataError(f"{variable} holds {key!r}, which the program does not declare; {did_you_mean(key, names)}")
    for port in ports:
        if port.name not in value and port.default is None:
            held = ", ".join(repr(key) for key in value) or "nothing"
            raise DataError(
                f"{variable} lacks {port.name!r}: `{port.name}: {port.declared}` is declared at {port.where}, "
                f"and {variable} holds {held}"
            )
    return dict(value)


def did_you_mean(name: Any, known: Sequence[str]) -> str:
    """An offer of the nearest known name, or all of them."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it declares {', '.join(repr(other) for other in known)}"


def refuse(given: Given, port: Port, problem: str) -> DataError:
    return DataError(f"{given.text} was given for `{port.name}: {port.declared}`, declared at {port.where}: {problem}")


def tensor_of(value: Any, port: Port, expression: str, unread: Tensor | None = None) -> Tensor:
    """The value as a contiguous tensor [samples, *port.shape] of the port's element type, but for the unread samples
    that of a value."""
    given = _given(value, port, expression)
    _check_shape(given, port)
    if given.array.shape[0] == 0:
        raise refuse(given, port, "it holds no samples")
    if unread is not None and len(unread) == given.array.shape[0]:
        given = _stood_in(given, unread)
    converted = _convert(given, port)
    _check_values(given, converted, port)
    return converted


def _given(value: Any, port: Port, expression: str) -> Given:
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            raise DataError(f"{expression} is a sparse tensor; give {expression}.to_dense()")
        text = f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        return Given(value.detach(), expression, text, is_torch=True, is_list=False)
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(f"{expression} is a masked array; give {expression}.filled(...), or leave the samples out")
    try:
        array = np.asarray(value)
    except ValueError as error:
        why = "its parts differ in length" if "inhomogeneous" in str(error) else str(error)
        raise DataError(
            f"{expression} does not make an array, {why}, for `{port.name}: {port.declared}`, declared at "
            f"{port.where}: every sample needs the shape {list(port.shape)}"
        ) from error
    text = f"{_KINDS.get(array.dtype.kind, array.dtype)}{list(array.shape)}"
    if array.dtype.kind not in "fiub":
        what = f"{type(value).__name__}" if array.ndim == 0 else text
        raise DataError(
            f"{what} was given for `{port.name}: {port.declared}`, declared at {port.where}: it takes "
            f"an array of numbers{_number_fix(array, port, expression)}"
        )
    if array.dtype == np.longdouble and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = np.require(array.astype(array.dtype.newbyteorder("="), copy=False), requirements=["C", "W"])
    return Given(torch.from_numpy(array), expression, text, is_torch=False, is_list=isinstance(value, list | tuple))


_KINDS = {"U": "strings", "S": "bytes", "O": "objects"}


def _number_fix(array: Any, port: Port, name: str) -> str:
    """How numbers are made of what are none: what is written as numbers is read, names of classes are counted."""
    if not array.ndim or not array.size or array.dtype.kind not in _KINDS:
        return ""
    try:
        numbers = array.astype("float64")
    except (TypeError, ValueError):
        labels = f"np.unique({name}, return_inverse=True)[1]"
        return f"; number the classes: {labels}" if port.bound is not None and array.dtype.kind != "O" else ""
    is_whole = port.element not in FLOATS and bool((numbers == numbers.round()).all())
    return f"; convert it with {name}.astype({'int64' if is_whole else 'float32'!r})"


def _stood_in(given: Given, unread: Tensor) -> Given:
    """With the first sample that is read in the places of those that are not: a loss of it is finite, and counts 0
    times. Zeros where none is read."""
    if bool(unread.all()):
        return replace(given, array=torch.zeros_like(given.array))
    rows = torch.arange(len(unread))
    rows[unread] = int((~unread).nonzero()[0])
    return replace(given, array=given.array[rows.to(given.array.device)])


def _check_shape(given: Given, port: Port) -> None:
    shape = tuple(given.array.shape)
    if shape[1:] == port.shape and shape:
        return
    expected = f"it takes {list_of('samples', *port.shape)}"
    raise refuse(given, port, "; ".join(filter(None, [expected, _shape_fix(given.expression, shape, port, given)])))


def list_of(*parts: Any) -> str:
    return "[" + ", ".join(str(part) for part in parts) + "]"


def _shape_fix(name: str, shape: tuple[int, ...], port: Port, given: Given) -> str:
    """What to type instead; the first that fits."""
    wanted, rest = port.shape, shape[1:]
    if shape == wanted:
        return f"add the axis of the samples: {name}[None]"
    if port.bound is not None and rest == (*wanted, port.bound):
        return f"the labels are one-hot: use {name}.argmax({len(shape) - 1})"
    if shape and rest == (1,) and wanted == ():
        return f"it is ({shape[0]}, 1) against ({shape[0]},): use {name}[:, 0]"
    if shape and rest == () and wanted == (1,):
        return f"it is ({shape[0]},) against ({shape[0]}, 1): use {name}[:, None]"
    if shape and rest == wanted[:-1] and wanted and port.element in FLOATS and not given.array.is_floating_point():
        return f"it holds labels: make them one-hot with np.eye({wanted[-1]}, dtype='float32')[{name}]"
    if len(shape) == 2 and shape[:1] == wanted:
        return f"the samples come second: use {name}.T"
    if len(wanted) == 3 and rest == (wanted[2], *wanted[:2]):
        method = "permute" if given.is_torch else "transpose"
        return f"the channels come first: use {name}.{method}(0, 2, 3, 1)"
    if shape and shape[0] and math.prod(rest) == math.prod(wanted):
        return f"reshape it with {name}.reshape({', '.join(str(size) for size in (-1, *wanted))})"
    return ""


def _convert(given: Given, port: Port) -> Tensor:
    array, wanted = given.array, ELEMENTS[port.element]
    cast = f"{given.expression}.{'to(torch.{})' if given.is_torch else 'astype({!r})'}"
    is_integer = not array.is_floating_point() and not array.is_complex() and array.dtype != torch.bool
    if port.element in FLOATS:
        if array.is_complex() or (not array.is_floating_point() and not given.is_list):
            fix = cast.format(FIXES[port.element])
            scaled = f", or {fix} / 255 for values from 0 to 1" if array.dtype == torch.uint8 else ""
            raise refuse(given, port, f"it takes floats; convert it with {fix}{scaled}")
    elif port.element == "bool":
        if array.dtype != torch.bool:
            raise refuse(given, port, f"it takes booleans; convert it with {cast.format('bool')}")
    elif not is_integer:
        raise refuse(given, port, f"it takes integers; convert it with {cast.format(FIXES.get(port.element, 'uint8'))}")
    else:
        _check_range(given, array, port)
    return array.to(wanted).contiguous()


def _check_range(given: Given, array: Tensor, port: Port) -> None:
    low, high = (0, port.bound - 1) if port.bound is not None else INTEGERS[port.element]
    if array.numel() == 0:
        return
    # uint64 and its like have few operations in torch: NumPy looks for the extremes there.
    if array.dtype in (torch.uint16, torch.uint32, torch.uint64):
        plain = array.cpu().numpy()
        least, most = int(plain.min()), int(plain.max())
    else:
        least, most = (int(extreme) for extreme in torch.aminmax(array))
    if least < low or most > high:
        bad = least if least < low else most
        plain = array.cpu().numpy()
        place = tuple(int(i) for i in np.argwhere(plain == bad)[0])
        fix = ""
        if port.bound is not None and least >= 1 and most == port.bound:
            fix = f"; the labels count from 1: use {given.expression} - 1"
        raise refuse(given, port, f"{given.expression}{list(place)} is {bad}, outside {low} .. {high}{fix}")


def _check_values(given: Given, converted: Tensor, port: Port) -> None:
    if not converted.is_floating_point():
        return
    # A finite sum has finite terms and costs one pass; one that is not may have overflowed.
    if math.isfinite(float(converted.sum())) or bool(torch.isfinite(converted).all()):
        return
    place = torch.nonzero(~torch.isfinite(converted))[0].tolist()
    value = float(given.array[tuple(place)])
    beyond = f", which {FIXES[port.element]} cannot hold" if math.isfinite(value) else ""
    bad = int((~torch.isfinite(converted)).sum())
    others = f" ({bad} such values)" if bad > 1 else ""
    fix = "scale the data" if beyond else "leave these samples out, or fill them with np.nan_to_num"
    raise refuse(given, port, f"{given.expression}{place} is {value}{beyond}{others}; {fix}")
