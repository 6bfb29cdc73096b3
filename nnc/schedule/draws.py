"""Random draws at coordinates. In: a draw and where its result is read. Out: its node, which holds the sample's row in
the data set and the element's place in the sample: no draw depends on the tile that computes it."""

from __future__ import annotations

from typing import Protocol

from nnc.schedule.index import Index, Variable, flatten
from nnc.schedule.naming import readable
from nnc.schedule.region import Condition, Draw
from nnc.tensor.ir import Op
from nnc.tensor.primitives.random import numbers_of


class Lowers(Protocol):
    """What knows the samples' rows (`lowering.Lowering`)."""

    def sample(self, row: Index, conditions: tuple[Condition, ...] = ()) -> Index: ...

    def sorted(self, variables: tuple[Variable, ...]) -> tuple[Variable, ...]: ...


def lower(lowering: Lowers, op: Op, at: tuple[Index, ...], conditions: tuple[Condition, ...] = ()) -> Draw:
    value, key = op.result, op["key"]
    assert isinstance(key, int)
    sample, place = lowering.sample(at[0], conditions), flatten(at[1:], value.type.shape)
    dims = lowering.sorted((*sample.variables(), *place.variables()))
    numbers, size = numbers_of(op), value.type.size
    return Draw(dims, readable(value), value.type.element, {}, op.primitive, numbers, key, size, sample, place)
