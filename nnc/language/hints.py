"""Values of a finished program under the names that the user gave them.

In: a function, and which variable holds which value. Out: the same function where each such value has the
variable's name for its hint; a value that the variable only passes on, as `y = linear(x)` does, would
else keep that of its operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.tensor.ir import Function, Value


def renamed(function: Function, names: Mapping[Value, str]) -> tuple[Function, Mapping[Value, Value]]:
    """The function with the names, and what became of each value that was renamed."""
    held = [value for value in function.values() if names.get(value, value.hint) != value.hint]
    new = {value: replace(value, hint=names[value]) for value in held}
    if not new:
        return function, new
    ops = tuple(
        replace(
            op,
            args=tuple(new.get(arg, arg) for arg in op.args),
            results=tuple(new.get(result, result) for result in op.results),
        )
        for op in function.ops
    )
    parameters = tuple(new.get(value, value) for value in function.parameters)
    return Function(function.name, parameters, ops, tuple(new.get(value, value) for value in function.results)), new
