"""The functions that the compiler itself knows, as users see them: a family is a file, here they become one table."""

from __future__ import annotations

from nnc.language.builtins import (
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
from nnc.language.values import Builtin

_FAMILIES = (
    pointwise.BUILTINS,
    reductions.BUILTINS,
    shapes.BUILTINS,
    moving.BUILTINS,
    ordering.BUILTINS,
    linear.BUILTINS,
    indexing.BUILTINS,
    lists.BUILTINS,
    layers.BUILTINS,
    random.BUILTINS,
)

BUILTINS: dict[str, Builtin] = {builtin.name: builtin for family in _FAMILIES for builtin in family}

# Names of the language's reference that this compiler does not know yet.
_PENDING = """einsum convolve window_max window_sum resize attention ctc mask lengths ragged batch row"""
PENDING = frozenset(_PENDING.split())
