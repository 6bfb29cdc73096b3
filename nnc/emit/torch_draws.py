"""Random draws on the torch path: the runtime makes them for many batches at once, and a step finds them in its
namespace.

In: a step's program. Out: which values are there, under which names. A `bernoulli` that chooses between two numbers is
there as these numbers, so that dropping units is one product.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nnc.base.names import Names
from nnc.emit.torch_tensor import Storage, extents
from nnc.emit.torch_text import TorchView
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.random import numbers_of


@dataclass(frozen=True, slots=True)
class TorchDraw:
    """A row of the module's table of draws; see the runtime's `Draw`."""

    name: str
    distribution: str
    shape: tuple[int, ...]
    key: int
    numbers: tuple[float, ...]
    values: tuple[float, float] | None
    storage: Storage


def run(function: Function, names: Names) -> dict[Value, TorchDraw]:
    """The values of a program that are drawn, or chosen by what is drawn between two numbers."""
    producers, users = function.producers(), function.users()
    found: dict[Value, TorchDraw] = {}
    for op in function.ops:
        if TABLE[op.primitive].kind is not Kind.RANDOM:
            continue
        found[op.result] = _made(op, op.result, None, names)
        for user in users.get(op.result, ()) if op.primitive == "bernoulli" else ():
            values = _values(user, op.result, producers)
            if values is not None:
                found[user.result] = _made(op, user.result, values, names)
    return found


def _values(user: Op, drawn: Value, producers: dict[Value, Op]) -> tuple[float, float] | None:
    """The numbers that `user` makes of false and true."""
    if user.primitive == "convert" and user["element"] == "f32":
        return 0.0, 1.0
    if user.primitive != "where" or user.args[0] is not drawn or user.result.type.with_element("bool") != drawn.type:
        return None
    numbers = [producers[arg]["value"] for arg in user.args[1:] if arg in producers and _is_constant(producers[arg])]
    plain = [float(each) for each in numbers if isinstance(each, int | float)]
    return (plain[1], plain[0]) if len(plain) == 2 else None


def _is_constant(op: Op) -> bool:
    return op.primitive == "constant"


def _made(op: Op, value: Value, values: tuple[float, float] | None, names: Names) -> TorchDraw:
    key = op["key"]
    assert isinstance(key, int)
    name = names.fresh("_".join((*value.scope, value.hint)))
    storage = Storage(value.type.element, extents(value.type), value.hint, name)
    return TorchDraw(name, op.primitive, value.type.shape, key, numbers_of(op), values, storage)


def used(draws: Iterable[TorchDraw], calls: Sequence[str], views: Sequence[TorchView]) -> tuple[TorchDraw, ...]:
    """The draws that calls or views take."""
    words = {word for call in calls for word in re.findall(r"v\.(\w+)", call)} | {view.of for view in views}
    return tuple(draw for draw in draws if draw.name in words)
