"""Reverse-mode differentiation, by the table's adjoints alone.

In: a Function and a scalar of it. Out: the Function with gradients appended to its results. It is not simplified here;
    run
`simplify` before, so that what is differentiated is in its stable form, and after.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.tensor.build import Builder
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.rewrite import renamed


def gradient(function: Function, of: Value, wrt: Sequence[Value], scale: float = 1.0) -> Function:
    """`function` with the gradients of `of`, a common float scalar, by each of `wrt` after its own results.

    scale: on the way from `of` to its own, each gradient is so many times as large: small ones are numbers in f16.

    A gradient has the type of its value, and is zero where nothing reaches. Raises ValueError where `of` is no scalar.
    """
    if of.type.shape or of.type.batched or not of.type.is_float:
        raise ValueError(f"only a common float scalar has gradients here, not {of.hint}: {of.type}")
    builder = Builder.resume(function)
    active = reached_from(function, wrt)
    gradients: dict[Value, Value] = {}
    parts: dict[Value, Value] = {}
    if of in active:
        gradients[of] = builder.like(scale, of)
    for op in reversed(function.ops):
        if any(result in gradients for result in op.results):
            with builder.at(op.span, op.results[0].scope):
                _accumulate(builder, op, active, gradients, parts)
    results = [_unscaled(builder, gradients.get(value), scale) for value in wrt]
    hints = {part: f"{_hint(value, part)}_part" for part, value in parts.items()}
    hints |= {found: _hint(value, found) for value, found in reversed(gradients.items()) if value is not of}
    whole = [
        builder.broadcast(builder.like(0, value), value.type) if result is None else result
        for value, result in zip(wrt, results, strict=True)
    ]
    made = {value for op in function.ops for value in op.results} | set(function.parameters)
    finished = builder.finish([*function.results, *whole])
    return renamed(finished, {value: hint for value, hint in hints.items() if value not in made})[0]


def reached_from(function: Function, sources: Sequence[Value]) -> set[Value]:
    """The float values that a gradient can lead from to `sources`, themselves included."""
    reached = set(sources)
    for op in function.ops:
        if op.primitive != "stop_gradient" and any(arg in reached for arg in op.args):
            reached.update(value for value in op.results if value.type.is_float)
    return reached


def leading_to(function: Function, target: Value) -> set[Value]:
    """The values that a gradient of `target` can reach, itself included."""
    found = {target}
    for op in reversed(function.ops):
        if op.primitive != "stop_gradient" and any(value in found and value.type.is_float for value in op.results):
            found.update(op.args)
    return found


def _unscaled(builder: Builder, found: Value | None, scale: float) -> Value | None:
    return found if found is None or scale == 1 else builder.mul(found, builder.like(1 / scale, found))


def _hint(value: Value, found: Value) -> str:
    """`dhidden`; outside of the layer, `dhidden_add` for what no variable of it holds."""
    is_plain = value.hint in TABLE and value.scope and not found.scope
    return f"d{value.scope[0]}_{value.hint}" if is_plain else f"d{value.hint}"


def _accumulate(
    builder: Builder, op: Op, active: set[Value], gradients: dict[Value, Value], parts: dict[Value, Value]
) -> None:
    """Adds to the gradients of an op's operands what its result's gradient gives them; `parts` keeps of what gives
    one of several the operand."""
    if not any(arg in active for arg in op.args):
        return
    vjp = TABLE[op.primitive].vjp
    if vjp is None:
        raise NotImplementedError(f"{op.primitive} has no adjoint")
    for arg, found in zip(op.args, vjp(builder, op, gradients[op.result]), strict=True):
        if found is None or arg not in active:
            continue
        found = builder.unbroadcast(found, arg.type)
        if arg in gradients:
            parts |= {gradients[arg]: arg, found: arg}
            found = builder.add(gradients[arg], found)
        gradients[arg] = found
