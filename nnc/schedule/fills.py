"""What stands in the lanes of a tile beyond a variable's end. In: a primitive and its operands' fills. Out: the
result's fill, where it is known.

Operands without the variable are taken to be some finite number: where one is not, the real lanes beside the padded one
hold the same NaN or infinity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnc.schedule.finite import is_finite
from nnc.schedule.index import Variable
from nnc.schedule.region import Constant, Node
from nnc.tensor.ir import Op
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.control import op_call


def pointwise(op: Op, args: Sequence[Node]) -> dict[Variable, float]:
    variables = dict.fromkeys(v for arg in args for v in arg.dims if v.padded)
    found: dict[Variable, float] = {}
    for variable in variables:
        fill = _one(op, args, variable)
        if fill is not None:
            found[variable] = fill
    return found


def constant(op: Op, args: Sequence[Node]) -> bool | int | float | None:
    """The number that an op of constants gives, None where an operand is none or the number is not finite."""
    numbers = [float(arg.value) for arg in args if isinstance(arg, Constant)]
    if not args or len(numbers) < len(args):
        return None
    found = _evaluate(op, numbers)
    if found is None or math.isinf(found):
        return None
    match op.result.type.element:
        case "bool":
            return bool(found)
        case "i32" | "i64" | "u8":
            return int(found)
        case _:
            return found


def _one(op: Op, args: Sequence[Node], variable: Variable) -> float | None:
    known: list[float | None] = []
    for arg in args:
        if isinstance(arg, Constant):
            known.append(float(arg.value))
        elif variable in arg.dims:
            fill = arg.fills.get(variable)
            if fill is None and op.primitive not in ("mul", "where"):
                return None
            known.append(fill)
        else:
            known.append(None)
    match op.primitive, known:
        case ("mul", [0.0, None]) if is_finite(args[1], variable):
            return 0.0
        case ("mul", [None, 0.0]) if is_finite(args[0], variable):
            return 0.0
        case "div", [0.0, None] if variable not in args[1].dims:
            return 0.0
        case (("add" | "sub"), [float() as left, None]) if math.isinf(left) and variable not in args[1].dims:
            return left
        case "where", [_, yes, no] if yes is not None and yes == no:
            return yes
        case "where", [1.0 | 0.0 as condition, yes, no]:
            return yes if condition else no
    if any(value is None for value in known):
        return None
    return _evaluate(op, [value for value in known if value is not None])


def _evaluate(op: Op, numbers: list[float]) -> float | None:
    types = [arg.type.with_shape(()) for arg in op.args]
    call = op_call(op, types, TABLE)
    arrays = [
        np.asarray(number)[None] if type.batched else np.asarray(number)
        for number, type in zip(numbers, types, strict=True)
    ]
    with np.errstate(all="ignore"):
        (result,) = TABLE[op.primitive].run(call, arrays)
    value = float(np.asarray(result).reshape(-1)[0])
    return None if math.isnan(value) else value
