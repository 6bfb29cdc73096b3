"""What the elaboration of an optimizer's rule carries along. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.base.source import Span
from nnc.language.scope import Frame
from nnc.language.values import Anything, Tensor
from nnc.tensor.program import Slot
from nnc.tensor.types import TensorType


@dataclass(slots=True, eq=False)
class Held:
    """A slot of the optimizer under way, what it is before the step, and what it becomes."""

    slot: Slot
    old: Tensor
    new: Tensor


class NeedsShape(Exception):
    """An optimizer's body, written for any shape, asks for the parameter's own."""


@dataclass(slots=True, eq=False)
class Updating:
    """The optimizer's rule under way.

    counter:    the number of the step under way, i64; a gradient is applied every `steps` of them.
    total:      what `global_norm` is the root of.
    is_generic: whether the body is for any shape: what needs the parameter's own raises NeedsShape.
    made:       what optimizers that the body applies make of the parameter.
    is_stored:  whether names stand for what lies between two steps: for the weight that is used outside of training.
    """

    type: TensorType
    parameter: Tensor
    counter: Tensor
    total: Tensor
    steps: int
    is_generic: bool
    is_stored: bool = False
    slots: list[Held] = field(default_factory=list)
    made: set[Tensor] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """What a parameter is held to after each step: a function of the tensor, and where it is written."""

    function: Anything
    span: Span
    frame: Frame
