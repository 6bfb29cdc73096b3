"""What a row of the table of primitives holds, and the call that its columns are asked about.

A row is all that is known of a primitive: its type rule, its adjoint, its meaning in NumPy, its cost and its texts.
Passes
dispatch on `kind` and flags, never on names where these can say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Attribute, Function, Op, Value
from nnc.tensor.streams import FIRST, Streams
from nnc.tensor.types import TensorType

Array: TypeAlias = NDArray[Any]


class Kind(Enum):
    """What a primitive does with the elements of its operands."""

    POINTWISE = "pointwise"  # each element of the result from one element of each operand
    REDUCTION = "reduction"  # one number from the elements along axes, or along the batch
    VIEW = "view"  # moves elements, or fills with a constant
    PRODUCT = "product"  # sums of products
    ORDERED = "ordered"  # each element from all elements along the last axis
    INDEX = "index"  # which element is read or written depends on an operand
    SOURCE = "source"  # has no tensors for operands
    RANDOM = "random"  # draws
    FACTOR = "factor"  # takes a matrix apart, before training only
    CONTROL = "control"  # runs a body


class Required(Enum):
    """Marks an attribute without a default."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(slots=True, eq=False)
class Call:
    """A use of a primitive: what its row's functions are asked about.

    results and batch (the number of samples) are known to `reference` and `flops` only, streams (what is drawn) to
    `reference`; `table` is there for bodies.
    """

    symbol: Final[str]
    types: Final[tuple[TensorType, ...]]
    attributes: Final[Mapping[str, Attribute]]
    body: Final[Function | None] = None
    table: Final[Mapping[str, Primitive]] = field(default_factory=dict)
    results: Final[tuple[TensorType, ...]] = ()
    batch: Final[int] = 1
    streams: Final[Streams] = FIRST

    @property
    def batched(self) -> bool:
        return any(type.batched for type in self.types)

    def integer(self, name: str) -> int:
        value = self.attributes[name]
        assert isinstance(value, int), f"{self.symbol}: {name} must be an integer, not {value!r}"
        return value

    def flag(self, name: str) -> bool:
        value = self.attributes[name]
        assert isinstance(value, bool), f"{self.symbol}: {name} must be True or False, not {value!r}"
        return value

    def number(self, name: str) -> float:
        value = self.attributes[name]
        assert isinstance(value, int | float), f"{self.symbol}: {name} must be a number, not {value!r}"
        return value

    def text(self, name: str) -> str:
        value = self.attributes[name]
        assert isinstance(value, str), f"{self.symbol}: {name} must be text, not {value!r}"
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        value = self.attributes[name]
        assert isinstance(value, tuple), f"{self.symbol}: {name} must be a tuple of integers, not {value!r}"
        numbers = tuple(item for item in value if isinstance(item, int))
        assert len(numbers) == len(value), f"{self.symbol}: {name} must be a tuple of integers, not {value!r}"
        return numbers


Infer: TypeAlias = Callable[[Call], TensorType | tuple[TensorType, ...]]
Reference: TypeAlias = Callable[..., Any]  # (call, *arrays) -> array, or a tuple of arrays for several results
Vjp: TypeAlias = Callable[[Expressions, Op, Value], Sequence[Value | None]]


@dataclass(frozen=True, slots=True)
class Primitive:
    """A row of the table.

    infer:      the types of the results. Raises TypeMismatch in the user's terms.
    reference:  its meaning in float64 NumPy; per-sample arrays carry a leading batch axis.
    vjp:        (expressions, op, gradient of the result) -> a gradient for each operand, None where there is none. A
                gradient
                may have the shape of the result: the pass sums it down to the operand's type. None as the whole: not
                differentiable, which is an error where a gradient arrives.
    flops:      operations on numbers for one sample.
    triton:     text with {0}, {1} for operands and {name} for attributes; elements of types read tl.float32, numbers as
                Python's.
                A bare function is a helper of kernels/pointwise.py.
    torch:      likewise; a call that takes `out=` unless `out` is False.
    exact:      the Triton text that rounds correctly, where the plain one does not.
    attributes: names, with defaults.
    symbol:     how the user writes it.
    operands:   how many there are; None for any number.
    """

    name: str
    kind: Kind
    infer: Infer
    reference: Reference
    vjp: Vjp | None = None
    flops: Callable[[Call], int] = lambda call: 0
    triton: str = ""
    torch: str = ""
    exact: str = ""
    attributes: Mapping[str, Attribute | Required] = field(default_factory=dict)
    symbol: str = ""
    operands: int | None = 1
    commutative: bool = False
    out: bool = True

    def call(
        self,
        types: tuple[TensorType, ...],
        attributes: Mapping[str, Attribute],
        body: Function | None,
        table: Mapping[str, Primitive],
        results: tuple[TensorType, ...] = (),
        batch: int = 1,
    ) -> Call:
        """The call of this row, with defaults filled in. Raises ValueError for attributes that are unknown or
        missing."""
        merged: dict[str, Any] = {**self.attributes, **attributes}
        if len(merged) > len(self.attributes) or any(value is REQUIRED for value in merged.values()):
            missing = [name for name, value in merged.items() if value is REQUIRED]
            unknown = [name for name in attributes if name not in self.attributes]
            raise ValueError(f"{self.name}: attributes missing {missing}, unknown {unknown}")
        if self.operands is not None and len(types) != self.operands:
            raise ValueError(f"{self.name} takes {self.operands} operands, {len(types)} given")
        return Call(self.symbol or self.name, types, merged, body, table, results, batch)

    def result_types(self, call: Call) -> tuple[TensorType, ...]:
        found = self.infer(call)
        return found if isinstance(found, tuple) else (found,)

    def run(self, call: Call, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """The results in NumPy, in the types that `call.results` says."""
        found = self.reference(call, *arrays)
        results = found if isinstance(found, tuple) else (found,)
        return tuple(_stored(array, type, call.batch) for array, type in zip(results, call.results, strict=True))


def no_gradient(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    """The adjoint of what is constant between its jumps."""
    return (None,) * len(op.args)


def dtype_of(element: str) -> np.dtype[Any]:
    """How the reference stores an element: float64, int64 or bool."""
    if element == "bool":
        return np.dtype(np.bool_)
    return np.dtype(np.int64 if element in ("i64", "i32", "u8") else np.float64)


def full_shape(type: TensorType, batch: int) -> tuple[int, ...]:
    return (batch, *type.shape) if type.batched else type.shape


def _stored(array: Array, type: TensorType, batch: int) -> Array:
    shape = full_shape(type, batch)
    return np.broadcast_to(np.asarray(array).astype(dtype_of(type.element)), shape)


def size_of_results(call: Call) -> int:
    return sum(type.size for type in call.results)
