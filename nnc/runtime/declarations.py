"""What a generated module declares: parameters, buffers, ports, steps. Data only, free of torch and of triton.

Sizes may depend on the batch's capacity: `BATCH`, `BATCH * 49`, `tiles(32)`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def cdiv(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Extent:
    """A size that depends on the batch: times * ceil(batch * each / rows)."""

    each: int = 1
    rows: int = 1
    times: int = 1

    def at(self, batch: int) -> int:
        return self.times * cdiv(batch * self.each, self.rows)

    def __mul__(self, factor: int) -> "Extent":
        return Extent(self.each, self.rows, self.times * factor)

    __rmul__ = __mul__


BATCH = Extent()
Size = int | Extent


def tiles(rows: int, each: int = 1) -> Extent:
    """How many tiles of `rows` rows cover a batch, of which each sample has `each` rows."""
    return Extent(each, rows)


def size_at(size: Size, batch: int) -> int:
    return size.at(batch) if isinstance(size, Extent) else size


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained tensor: its checkpoint path, its place in the flat buffer in elements, and how it starts.

    `initializer` is called with `Draws` and returns a tensor of that shape, or a number.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    initializer: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class State:
    """A tensor that is carried and not trained, in the flat buffer of the states of its element type.

    It starts at `initializer`, as a parameter does, or at `adapt` of all training samples: a function of a namespace of
    the model's inputs, [samples, ...] each.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    initializer: Callable[[Any], Any] | None = None
    adapt: Callable[[Any], Any] | None = None
    element: str = "f32"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot's tensor lies in its flat buffer, in elements; `path` is the parameter's."""

    path: str
    offset: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A state of the optimizer beside some parameters, in the flat buffer `name`: its first value everywhere, and its
    places, which are the parameters themselves where it lies as they do. read: by evaluation and prediction too."""

    name: str
    initial: float
    places: Sequence[Parameter | Place]
    read: bool = False


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor of the arena: `element` is a key of `ELEMENTS`, `first` and `last` the launches that touch it."""

    name: str
    shape: tuple[Size, ...]
    element: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class View:
    """A strided view of a buffer, a flat buffer or data; strides and offset in elements."""

    name: str
    of: str
    shape: tuple[Size, ...]
    strides: tuple[Size, ...]
    offset: Size = 0


@dataclass(frozen=True, slots=True)
class Port:
    """An input, target or result: one sample's shape, `bound` of an `index(bound)`, the declaration and its place, its
    name in a step's namespace where that is another, and what its entries are where the data lack it."""

    name: str
    element: str
    shape: tuple[int, ...]
    bound: int | None
    declared: str
    where: str
    attribute: str = ""
    default: float | bool | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """The weights of a loss's term: the term's name, or none for a loss that is no record; the weights' name in a
    step's namespace; the targets that the term reads."""

    term: str
    attribute: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A tensor that an epoch's batches are folded into: its place in the flat float64 tensor, and "sum", "max" or
    "min"."""

    name: str
    offset: int
    shape: tuple[int, ...] = ()
    fold: str = "sum"


@dataclass(frozen=True, slots=True)
class Report:
    """A number that is shown: one accumulator over another, or `result` of the accumulators `states`, which it is
    called with as float64 tensors."""

    name: str
    numerator: str = ""
    denominator: str = ""
    states: tuple[str, ...] = ()
    result: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel on a grid. Without a grid, `kernel` is a plain function, as a library's product is."""

    kernel: Any
    grid: int | tuple[int, ...] | None
    args: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers that a step of the torch path is given: `shape` of them for each sample, from the stream `key`.

    distribution, numbers: "uniform" low, high; "normal" mean, stddev; "bernoulli" p; "gamma" alpha, beta.
    values: what false and true of a "bernoulli" stand for, in float32; without them it is bool.
    """

    name: str
    distribution: str
    shape: tuple[int, ...]
    key: int
    numbers: tuple[float, ...]
    values: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step and the memory that it works in."""

    function: Callable[[Any], Any]
    arena: tuple[Buffer, ...] = ()
    views: tuple[View, ...] = ()
    draws: tuple[Draw, ...] = ()


ELEMENT_BYTES = {"f32": 4, "f64": 8, "bf16": 2, "f16": 2, "i32": 4, "i64": 8, "u8": 1, "bool": 1}
