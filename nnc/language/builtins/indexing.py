"""Functions whose elements are named by an index: pick, gather, one_hot, arange."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import called, origin, origins
from nnc.language.values import REQUIRED, Anything, Builtin, Tensor, spell


def _index(call: BuiltinCall, place: int, choices: int, of: str) -> Tensor:
    """An argument that names one of `choices` things. Raises Poisoned where its range is another."""
    index = call.tensor(place, "i64")
    _check_known(call, call.args[place], choices, of)
    if not index.type.is_integer:
        raise call.fail(
            f"an index is wanted, and {called(call.ctx, index)} is {spell(index.type)}",
            code="E0204",
            others=origin(call.ctx, index),
            help="declare it as index(n)",
        )
    bound = index.type.bound
    if bound is not None and bound != choices:
        label = call.ctx.named.get(index)
        raise call.ctx.fail(
            "E0206",
            f"{of} has {choices} entries, and {f'`{label}`' if label else 'the index'} names one of {bound}",
            call.span,
            f"{choices} here, {spell(index.type)} there",
            others=origins(call.ctx, [value for value in call.args if isinstance(value, Tensor)]),
            help=f"end with {bound} outputs, or declare index({choices})",
        )
    return index


def _check_known(call: BuiltinCall, value: Anything, choices: int, of: str) -> None:
    """Raises Poisoned where an index that is written as numbers names what is not there."""
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, tuple):
            _check_known(call, each, choices, of)
        elif isinstance(each, int) and not 0 <= each < choices:
            raise call.fail(f"{of} has {choices} entries, and there is no {each} among them: they count from 0")


def _pick(call: BuiltinCall) -> Anything:
    x = call.tensor(0)
    if x.type.rank == 0:
        raise call.fail("there is no axis to pick from", others=origin(call.ctx, x))
    index = _index(call, 1, x.type.shape[-1], f"the last axis of {called(call.ctx, x)}")
    return call.op("pick", [x, index])


def _gather(call: BuiltinCall) -> Anything:
    table = call.tensor(0)
    if table.type.rank == 0:
        raise call.fail("there is no axis to gather from", others=origin(call.ctx, table))
    index = _index(call, 1, table.type.shape[0], f"the first axis of {spell(table.type)}")
    return call.op("gather", [table, index])


def _one_hot(call: BuiltinCall) -> Anything:
    n = call.integer("n")
    index = _index(call, 0, n, "the vector")
    return call.op("one_hot", [index], n=n)


def _arange(call: BuiltinCall) -> Anything:
    return call.op("arange", [], n=call.integer("n"))


def _range_of(call: BuiltinCall) -> Anything:
    """How many values an index may have; none for what is no index."""
    (x,) = call.args
    return x.type.bound if isinstance(x, Tensor) else None


BUILTINS = (
    Builtin("pick", ("x", "index"), (), _pick),
    Builtin("gather", ("table", "ids"), (), _gather),
    Builtin("one_hot", ("ids",), (("n", REQUIRED),), _one_hot),
    Builtin("arange", (), (("n", REQUIRED),), _arange),
    Builtin("range_of", ("x",), (), _range_of),
)
