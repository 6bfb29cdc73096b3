"""What a body computes alike for all that it is run for, so that it need be computed once.

In: the body of a `foreach`, and those of its parameters that are the same for all tensors. Out: two functions: one of
these parameters that gives the numbers, and the body as one of its tensors and of the numbers. It does not ask what an
op costs.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.tensor.ir import Function, Op, Value


def split(body: Function, shared: tuple[Value, ...]) -> tuple[Function, Function]:
    """The numbers' function, of `shared`; and the body, whose last parameters are the numbers, in place of `shared`.
    A parameter that the body itself still reads is one of the numbers."""
    alike = set(shared)
    numbers: list[Op] = []
    rest: list[Op] = []
    results = set(body.results)
    for op in body.ops:
        if not op.args:
            numbers.append(op)  # a literal: both may need it
            rest.append(op)
        elif alike.issuperset(op.args) and results.isdisjoint(op.results):
            numbers.append(op)
        else:
            rest.append(op)
            continue
        alike.update(op.results)
    given = {value for op in rest if not op.args for value in op.results}
    read = dict.fromkeys((arg for op in rest for arg in op.args), True) | dict.fromkeys(body.results, True)
    needed = tuple(value for value in read if value in alike and value not in given)
    tensors = tuple(value for value in body.parameters if value not in shared)
    return (
        replace(body, parameters=shared, ops=tuple(numbers), results=needed),
        replace(body, parameters=(*tensors, *needed), ops=tuple(rest)),
    )
