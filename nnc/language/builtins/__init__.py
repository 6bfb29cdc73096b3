"""The functions that the compiler itself knows, as users see them: a family is a file, here they become one table."""

from __future__ import annotations

import math
from collections.abc import Callable

from nnc.base.source import Span
from nnc.language.builtins import (
    batch,
    einsum,
    indexing,
    layers,
    linear,
    lists,
    moving,
    ordering,
    pointwise,
    random,
    reductions,
    shapes,
)
from nnc.language.context import Elaboration
from nnc.language.values import Anything, Builtin

_FAMILIES = (
    pointwise.BUILTINS,
    reductions.BUILTINS,
    shapes.BUILTINS,
    moving.BUILTINS,
    ordering.BUILTINS,
    linear.BUILTINS,
    einsum.BUILTINS,
    indexing.BUILTINS,
    lists.BUILTINS,
    layers.BUILTINS,
    random.BUILTINS,
    batch.BUILTINS,
)

BUILTINS: dict[str, Builtin] = {builtin.name: builtin for family in _FAMILIES for builtin in family}

# What is known without being defined or called.
CONSTANTS: dict[str, Callable[[Elaboration, Span], Anything]] = {
    "inf": lambda ctx, span: math.inf,
    "training": lambda ctx, span: ctx.is_training(),
    batch.ROW: batch.row,
}

# Names of the language's reference that this compiler does not know yet.
_PENDING = """convolve window_max window_sum resize attention ctc mask lengths ragged"""
PENDING = frozenset(_PENDING.split())
