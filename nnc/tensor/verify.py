"""Checks that a tensor program is well formed: every pass must leave it so.

In: a Function. Out: nothing, or an InvalidProgram that names the op; that is a fault of the compiler, never of a user.
"""

from __future__ import annotations

from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.control import op_call
from nnc.tensor.types import TypeMismatch


class InvalidProgram(Exception):
    """A pass made a program that is not well formed."""


def verify(function: Function) -> None:
    """Single assignment, definition before use, known primitives and attributes, and types as the table infers them."""
    known: set[Value] = set()
    ids: set[int] = set()

    def define(value: Value, where: str) -> None:
        if value in known or value.id in ids:
            raise InvalidProgram(f"{function.name}: {where} defines %{value.id} ({value.hint}) a second time")
        known.add(value)
        ids.add(value.id)

    for parameter in function.parameters:
        define(parameter, "the parameter list")
    for place, op in enumerate(function.ops):
        where = f"op {place}, {op.primitive} ({', '.join(value.hint for value in op.results)})"
        for arg in op.args:
            if arg not in known:
                raise InvalidProgram(f"{function.name}: {where} reads %{arg.id} ({arg.hint}) before it is made")
        _check_op(op, f"{function.name}: {where}")
        for value in op.results:
            define(value, where)
    for result in function.results:
        if result not in known:
            raise InvalidProgram(f"{function.name}: the result %{result.id} ({result.hint}) is never made")


def _check_op(op: Op, where: str) -> None:
    if op.primitive not in TABLE:
        raise InvalidProgram(f"{where}: there is no such primitive")
    if [name for name, _ in op.attributes] != sorted(TABLE[op.primitive].attributes):
        raise InvalidProgram(f"{where}: attributes {[name for name, _ in op.attributes]} are not the row's, sorted")
    try:
        inferred = op_call(op, [arg.type for arg in op.args], TABLE).results
    except (TypeMismatch, ValueError, AssertionError) as error:
        raise InvalidProgram(f"{where}: {error}") from error
    found = tuple(value.type for value in op.results)
    if inferred != found:
        raise InvalidProgram(
            f"{where}: types are {', '.join(map(str, found))}, should be {', '.join(map(str, inferred))}"
        )
    if op.body is not None:
        verify(op.body)
