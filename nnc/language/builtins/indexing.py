"""Functions whose elements are named by an index: pick, gather, one_hot, arange."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.context import Elaboration
from nnc.language.operators import called, origin, origins
from nnc.language.values import REQUIRED, Anything, Builtin, Tensor, spell
from nnc.tensor.types import BatchLength

# primitives that give nothing but what is among their operands
KEEPING = ("broadcast", "concat", "repeat", "reshape", "reverse", "slice", "stack", "transpose")


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
    if bound is None and not isinstance(choices, BatchLength):
        _check_reach(call, index, choices, of)
    elif bound is not None and bound != choices:
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


def _check_reach(call: BuiltinCall, index: Tensor, choices: int, of: str) -> None:
    """Raises Poisoned where an integer of no declared range is not kept below `choices` by what makes it."""
    reach = _reach(call.ctx, index)
    if reach is None or reach > choices:
        found = "has no known range" if reach is None else f"reaches {reach - 1}"
        raise call.fail(
            f"{of} has {choices} entries, and {called(call.ctx, index)} {found}",
            code="E0206",
            others=origin(call.ctx, index),
            help=f"declare it as index({choices}), or keep it within: clip(x, 0, {choices - 1}), or x % {choices}",
        )


def _reach(ctx: Elaboration, value: Tensor) -> int | None:
    """How many values an integer has at most, from 0 on; None where the op that makes it does not tell."""
    if value.type.bound is not None:
        return value.type.bound
    maker = ctx.builder.producer(value)
    if maker is None:
        return None
    if maker.primitive == "constant":
        number = maker["value"]
        return int(number) + 1 if isinstance(number, int | float) and number >= 0 else None
    reaches = [_reach(ctx, arg) for arg in maker.args]
    known = [each for each in reaches if each is not None]
    if maker.primitive == "minimum":
        return min(known, default=None) if all(_is_natural(ctx, arg) for arg in maker.args) else None
    if maker.primitive == "mod":
        return None if reaches[1] is None else max(reaches[1] - 1, 1)
    if maker.primitive in KEEPING or (maker.primitive == "convert" and maker.args[0].type.is_integer):
        return max(known) if len(known) == len(reaches) else None
    return None


def _is_natural(ctx: Elaboration, value: Tensor) -> bool:
    """Whether a value is known not to be negative: it has a reach, or is the maximum of something and such a one."""
    maker = ctx.builder.producer(value)
    raised = maker.args if maker is not None and maker.primitive == "maximum" else ()
    return any(_reach(ctx, each) is not None for each in (value, *raised))


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
    return _gather_within(call, table, index) if table.type.batched else call.op("gather", [table, index])


def _gather_within(call: BuiltinCall, table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table that each sample has of its own: picked along the table's first axis, made its last."""
    rank, (choices, *rest), places = table.type.rank, table.type.shape, index.type.shape
    if rank > 1:
        table = call.op("transpose", [table], last=False, permutation=(*range(1, rank), 0))
    if places:
        table = call.op("reshape", [table], last=False, shape=(*(1 for _ in places), *rest, choices))
        table = call.op("broadcast", [table], last=False, shape=(*places, *rest, choices), batched=True)
    if rest:
        index = call.op("reshape", [index], last=False, shape=(*places, *(1 for _ in rest)))
        index = call.op("broadcast", [index], last=False, shape=(*places, *rest), batched=index.type.batched)
    return call.op("pick", [table, index])


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
