"""What an expression of the language may evaluate to, and how messages speak of it.

Numbers, booleans, strings and `none` are Python's own, a list is a tuple, a tensor is a `Value` of the tensor program.
What can be applied to tensors waits as one of the classes below. Data only: applying is the business of `apply`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeGuard, Union, assert_never

from nnc.base.source import Span
from nnc.language.files import FileScope
from nnc.language.naming import Place
from nnc.syntax import tree
from nnc.tensor.ir import Value
from nnc.tensor.types import TensorType

Tensor: TypeAlias = Value

REQUIRED = object()


Kind = Literal["fn", "layer", "model", "metric", "optimizer"]


class Poisoned(Exception):
    """What was wrong has been reported; whatever depends on it stays silent."""


@dataclass(frozen=True, slots=True)
class Poison:
    """Stands for a value whose making failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """`{ name: value }`, in source order, with the place of each entry."""

    entries: dict[str, Anything]
    spans: dict[str, Span]


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Several results of one application: read by place or by name."""

    names: tuple[str, ...]
    values: tuple[Anything, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Defined:
    """A definition by its bare name: each application makes a new layer of default configuration."""

    definition: tree.Definition | tree.FunctionDef
    home: FileScope

    @property
    def name(self) -> str:
        return self.definition.name.text

    @property
    def kind(self) -> Kind:
        return "fn" if isinstance(self.definition, tree.FunctionDef) else self.definition.kind

    @property
    def makes_layer(self) -> bool:
        return self.kind in ("layer", "model")


@dataclass(slots=True, eq=False)
class Configured:
    """A definition with its configuration: one layer, however often it is applied.

    `path` is given at the first application, or by the statement that assigns the layer alone.
    """

    defined: Defined
    configuration: dict[str, Anything]
    written: str  # the configuration as the user wrote it: "32, relu"
    span: Span
    place: Place
    key: tuple[object, ...]
    path: tuple[str, ...] | None = None
    overrides: dict[str, Anything] = field(default_factory=dict)  # in its parameters' places, while it is applied
    inner: dict[str, Anything] = field(default_factory=dict)  # the layers that its body holds, once it was applied

    @property
    def written_whole(self) -> str:
        """As the user wrote it: `Dense(32, relu)`."""
        return f"{self.defined.name}({self.written})" if self.written else self.defined.name


@dataclass(frozen=True, slots=True, eq=False)
class Builtin:
    """A function that the compiler itself knows, as a user sees it.

    tensors: names of what it is applied to, in order; a last one that starts with `*` takes any number.
    options: names and defaults of what is known at compile time; REQUIRED where there is no default.
    build:   makes the result: called with a `builtins.call.BuiltinCall`.
    """

    name: str
    tensors: tuple[str, ...]
    options: tuple[tuple[str, object], ...]
    build: Callable[..., Anything]
    is_pointwise: bool = False  # whether it is the same for any shape: then so is an optimizer that uses it
    maps_lists: bool = False  # whether of a list of tensors it is
    takes_more: bool = False  # whether it takes options of any name
    first: int = 0  # which of `tensors` is the first that is one: what is piped goes there


@dataclass(frozen=True, slots=True, eq=False)
class BoundBuiltin:
    """A builtin function with some of its options given, waiting for its tensors."""

    builtin: Builtin
    options: dict[str, Anything]


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """Layers and functions joined by `|>`, or one written `n *`: a layer that applies them in a row."""

    stages: tuple[Anything, ...]
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Unfolded:
    """A metric's state as it is declared: where it starts, everywhere in its shape."""

    name: str
    start: int | float
    type: TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What a metric's state is after the batch alone, and how batches are put together: "sum", "max" or "min"."""

    value: Tensor
    by: str


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """A metric with states, applied: what each state is after the batch alone, and the result made of them.

    place: where the result is assigned.
    """

    name: str
    states: dict[str, Fold]
    result: Tensor
    place: Span


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """`stop_gradient(layer)`: no gradient reaches the layer's parameters through it."""

    target: Anything


@dataclass(frozen=True, slots=True, eq=False)
class ModuleValue:
    """An imported file: its definitions are its attributes."""

    home: FileScope


Anything: TypeAlias = Union[  # noqa: UP007 (names inside are not yet bound when the module is read)
    int,
    float,
    bool,
    str,
    tuple["Anything", ...],
    Tensor,
    Poison,
    Record,
    Results,
    Defined,
    Configured,
    BoundBuiltin,
    Stages,
    Fixed,
    Unfolded,
    Folded,
    ModuleValue,
    Builtin,
    None,
]


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether the value is a compile-time number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_applicable(value: object) -> bool:
    """Whether the value is a layer or a function."""
    return isinstance(value, Defined | Configured | Builtin | BoundBuiltin | Stages | Fixed)


def holds_tensor(value: object) -> bool:
    """Whether the value is a tensor, or a list or results with one in them."""
    match value:
        case Tensor():
            return True
        case tuple():
            return any(holds_tensor(item) for item in value)
        case Results(values=values):
            return any(holds_tensor(item) for item in values)
        case _:
            return False


def describe(value: Anything) -> str:
    """A value in the user's own terms: "a number", "float[64]", "the layer `Dense`"."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the integer {value}"
        case float():
            return f"the number {value}"
        case str():
            return f'the string "{value}"'
        case tuple():
            return f"a list of {len(value)}"
        case Tensor():
            return spell(value.type)
        case Record():
            return "a record"
        case Results():
            return f"{len(value.values)} results"
        case Defined():
            return f"the {_KIND[value.kind]} `{value.name}`"
        case Configured():
            return f"the {_KIND[value.defined.kind]} `{value.defined.name}`"
        case Stages():
            return "a row of layers"
        case Unfolded(name=name):
            return f"the state `{name}`"
        case Folded(name=name):
            return f"the metric `{name}`"
        case Fixed(target=target):
            return describe(target)
        case ModuleValue():
            return "an imported file"
        case Poison():
            return "nothing"
        case BoundBuiltin():
            return f"the function `{value.builtin.name}`"
        case Builtin():
            return f"the function `{value.name}`"
        case _:
            assert_never(value)


_KIND: dict[Kind, str] = {
    "fn": "function",
    "layer": "layer",
    "model": "model",
    "metric": "metric",
    "optimizer": "optimizer",
}


def spell(type: TensorType) -> str:
    """A tensor's type as a user writes it; a lone number per sample is `float`."""
    return str(type)
