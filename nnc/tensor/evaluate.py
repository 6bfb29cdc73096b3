"""The meaning of a tensor program: float64 NumPy, one op after the other. It is what everything else is tested
against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnc.tensor.ir import Function
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.control import run_function
from nnc.tensor.primitives.primitive import Array, dtype_of, full_shape
from nnc.tensor.streams import FIRST, Streams


def evaluate(
    function: Function,
    arguments: Sequence[Array],
    batch: int,
    streams: Streams = FIRST,
) -> list[Array]:
    """The results of `function`.

    arguments: an array a parameter, in order; one of a per-sample parameter carries a leading axis of `batch` samples.
    streams: what draws are made of: seed, pass, and the samples' rows in the data set.
    Floats are computed in float64 whatever their element type, integers in int64. Raises ValueError for a wrong shape.
    """
    arrays = []
    for parameter, argument in zip(function.parameters, arguments, strict=True):
        array = np.asarray(argument, dtype=dtype_of(parameter.type.element))
        expected = full_shape(parameter.type, batch)
        if array.shape != expected:
            raise ValueError(f"{parameter.hint}: expected an array of shape {expected}, found {array.shape}")
        arrays.append(array)
    with np.errstate(all="ignore"):
        types = [parameter.type for parameter in function.parameters]
        return list(run_function(function, types, arrays, TABLE, batch, streams))
