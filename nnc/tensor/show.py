"""A tensor program as text, for people and for tests that compare structure.

In: a Function. Out: lines. A value is shown by its hint, numbered where several have the same; per-sample types end
    with `*`.
"""

from __future__ import annotations

from nnc.base.names import Names
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.types import TensorType


def show(function: Function) -> str:
    """The text of a function; bodies follow, indented."""
    allocator = Names()
    names = {value: allocator.fresh(value.hint) for value in function.values()}
    parameters = ", ".join(f"{names[value]}: {_type(value.type)}" for value in function.parameters)
    lines = [f"{function.name}({parameters})"]
    for op in function.ops:
        lines.append(f"    {_op(op, names)}")
        if op.body is not None:
            lines += [f"        {line}" for line in show(op.body).splitlines()]
    lines.append(f"    -> {', '.join(names[value] for value in function.results)}")
    return "\n".join(lines)


def _type(type: TensorType) -> str:
    return f"{type}*" if type.batched else str(type)


def _op(op: Op, names: dict[Value, str]) -> str:
    results = ", ".join(f"{names[value]}: {_type(value.type)}" for value in op.results)
    operands = [names[value] for value in op.args]
    attributes = [f"{name}={value!r}" for name, value in op.attributes]
    return f"{results} = {op.primitive}({', '.join(operands + attributes)})"
