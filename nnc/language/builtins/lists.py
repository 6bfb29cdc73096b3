"""Functions of lists and shapes, all of them at compile time."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.constants import LONGEST
from nnc.language.values import Anything, Builtin, Record, Tensor, describe, is_number


def _len(call: BuiltinCall) -> Anything:
    match call.args[0]:
        case tuple() as items:
            return len(items)
        case Record(entries=entries):
            return len(entries)
        case str() as text:
            return len(text)
        case Tensor() as x if x.type.rank:
            return x.type.shape[0]
        case other:
            raise call.fail(f"{describe(other)} has no length", code="E0210")


def _range(call: BuiltinCall) -> Anything:
    bounds = call.args
    numbers = [item for item in bounds if isinstance(item, int) and not isinstance(item, bool)]
    if len(numbers) != len(bounds) or not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise call.fail("one to three integers are wanted: range(n), range(first, end), range(first, end, step)")
    found = range(*numbers)
    if len(found) > LONGEST:
        raise call.fail(f"a list may hold {LONGEST:,} items", code="E0217")
    return tuple(found)


def _shape(call: BuiltinCall) -> Anything:
    (x,) = call.args
    if is_number(x) or isinstance(x, bool):
        return ()
    return call.tensor().type.shape


def _element_of(call: BuiltinCall) -> Anything:
    """The name of a tensor's element type; none for a compile-time value."""
    (x,) = call.args
    return x.type.element if isinstance(x, Tensor) else None


def _is_list(call: BuiltinCall) -> Anything:
    return isinstance(call.args[0], tuple)


BUILTINS = (
    Builtin("len", ("x",), (), _len, maps_lists=True),
    Builtin("range", ("first", "*more"), (), _range),
    Builtin("shape", ("x",), (), _shape),
    Builtin("is_list", ("x",), (), _is_list, maps_lists=True),
    Builtin("element_of", ("x",), (), _element_of),
)
