"""Reductions, views and indexing as torch calls.

In: an op whose operands lie somewhere. Out: statements; views cost none where strides can say them.
"""

from __future__ import annotations

from nnc.emit.expression import number
from nnc.emit.torch_calls import COPY, Calls, Handler, attribute_texts, integers
from nnc.emit.torch_pointwise import pointwise
from nnc.emit.torch_tensor import (
    Host,
    Strided,
    expanded,
    extents,
    is_column_major,
    merged,
    permuted,
    reshaped,
    selected,
    spaced,
    transposed,
)
from nnc.schedule.kernel import BATCH
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind

# ------------------------------------------------------------------------------------------------- reductions

_REDUCTIONS = {"max": "amax", "min": "amin", "variance": "var"} | {name: name for name in ("sum", "prod", "any", "all")}


def _dims(op: Op) -> tuple[int, ...]:
    """The axes of the tensor, the batch among them, that go."""
    shift = int(op.args[0].type.batched)
    return (*((0,) if op["batch"] else ()), *(axis + shift for axis in integers(op, "axes")))


def reduce(calls: Calls, op: Op) -> None:
    x, dims = calls.exact(op.args[0]), _dims(op)
    if not dims and op.primitive != "variance":
        calls.where[op.result] = x
        return
    out = calls.result(op.result)
    if not dims:
        calls.fill(Host("0", 0), out)
        return
    view = reshaped(out, tuple(size for axis, size in enumerate(x.shape) if axis not in dims))
    keepdim = op["keepdims"] is True and not op["batch"]
    target = out if keepdim or view is None else view
    for dim in dims[:-1] if op.primitive == "prod" else ():
        # torch multiplies along one axis at a time.
        shape = tuple(1 if axis == dim else size for axis, size in enumerate(x.shape))
        step = calls.scratch(x.storage.element, shape, op.result.hint)
        calls.emit(f"torch.prod({{0}}, {dim}, keepdim=True, out={{out}})", (x,), step)
        x = step
    if op.primitive == "prod":
        for dim in reversed(dims[:-1]):
            x = permuted(x, [axis for axis in range(len(x.shape)) if axis != dim])
        dims = (dims[-1] - len(dims) + 1,)
        if keepdim:
            target = view if view is not None else out
            keepdim = False
    dim_text = str(dims[0]) if len(dims) == 1 else str(dims)
    more = ", keepdim=True" if keepdim else ""
    if op.primitive == "variance":
        more = f", correction=0{more}"
    if op.args[0].type.is_integer and op.primitive in ("sum", "prod"):
        more += f", dtype={DTYPES[op.result.type.element]}"
    calls.emit(f"torch.{_REDUCTIONS[op.primitive]}({{0}}, {dim_text}{more}, out={{out}})", (x,), target)


DTYPES = {
    "f32": "torch.float32",
    "f64": "torch.float64",
    "bf16": "torch.bfloat16",
    "f16": "torch.float16",
    "i32": "torch.int32",
    "i64": "torch.int64",
    "u8": "torch.uint8",
    "bool": "torch.bool",
}


def position(calls: Calls, op: Op) -> None:
    """argmax and argmin: torch gives i64, and the first of equals on a CPU."""
    x, (dim,) = calls.tensor(op.args[0]), _dims(op)
    if is_column_major(x):
        x = calls.packed(x, op.args[0].hint)  # torch looks for places along a row several times as fast
    out = calls.result(op.result, "i64")
    keepdim = op["keepdims"] is True and not op["batch"]
    more = ", keepdim=True" if keepdim else ""
    target = out if keepdim else reshaped(out, tuple(size for axis, size in enumerate(x.shape) if axis != dim))
    assert target is not None
    calls.emit(f"torch.{op.primitive}({{0}}, {dim}{more}, out={{out}})", (x,), target)


def ordered(calls: Calls, op: Op) -> None:
    """Along the last axis. torch gives places in i64."""
    x, places = calls.tensor(op.args[0]), op.primitive == "argsort"
    out = calls.result(op.result, "i64" if places and op.result not in calls.homes else None)
    dim = len(x.shape) - 1
    if places:
        form = f"torch.argsort({{0}}, dim={dim}, descending={op['descending']}, stable=True)"
        calls.emit(f"{{out}}.copy_({form})", (x,), out)
    elif dict(op.attributes).get("reverse"):
        form = f"torch.flip(torch.cumsum(torch.flip({{0}}, ({dim},)), {dim}), ({dim},))"
        calls.emit(f"{{out}}.copy_({form})", (x,), out)
    else:
        more = "" if op.result.type.is_float else f", dtype={DTYPES[op.result.type.element]}"
        calls.emit(f"torch.{op.primitive}({{0}}, {dim}{more}, out={{out}})", (x,), out)


def softmax(calls: Calls, op: Op) -> None:
    """Along one axis; torch shifts by the largest itself, and may write over its operand. It is handed
    what lies column by column transposed: it would copy it otherwise."""
    x = calls.tensor(op.args[0])
    axis = op["axis"]
    assert isinstance(axis, int)
    dim = axis + int(op.result.type.batched)
    if is_column_major(x) and op.result in calls.column_major:
        x, out, dim = transposed(x), transposed(calls.result_in_columns(op.result)), 1 - dim
    else:
        out = calls.result(op.result)
    shares = [0] if x.shape == out.shape and op.primitive == "torch.softmax" else []
    calls.emit(f"{op.primitive}({{0}}, {dim}, out={{out}})", (x,), out, shares)


# ------------------------------------------------------------------------------------------------------ views


def reshape(calls: Calls, op: Op) -> None:
    x = calls.tensor(op.args[0])
    shape = extents(op.result.type)
    found = reshaped(x, shape)
    if found is None:
        found = reshaped(calls.packed(x, op.result.hint), shape)
        assert found is not None
    calls.where[op.result] = found


def transpose(calls: Calls, op: Op) -> None:
    shift = int(op.result.type.batched)
    axes = [axis + shift for axis in integers(op, "permutation")]
    calls.where[op.result] = permuted(calls.tensor(op.args[0]), [*range(shift), *axes])


def broadcast(calls: Calls, op: Op) -> None:
    calls.where[op.result] = calls.spread(op.args[0], op.result.type)


def same(calls: Calls, op: Op) -> None:
    calls.where[op.result] = calls.operand(op.args[0])


def cut(calls: Calls, op: Op) -> None:
    x = calls.tensor(op.args[0])
    shift = int(op.result.type.batched)
    ranges = zip(integers(op, "starts"), op.result.type.shape, integers(op, "steps"), strict=True)
    for axis, (start, size, step) in enumerate(ranges, shift):
        x = selected(x, axis, start, size, step)
    calls.where[op.result] = x


def pad(calls: Calls, op: Op) -> None:
    (arg,) = op.args
    out = calls.result(op.result)
    value = op["value"]
    assert isinstance(value, int | float)
    calls.fill(Host(number(value), value), out)
    inner = out
    gaps = integers(op, "interior") or (0,) * arg.type.rank
    places = zip(integers(op, "low"), gaps, arg.type.shape, strict=True)
    for axis, (low, gap, size) in enumerate(places, int(op.result.type.batched)):
        inner = selected(inner, axis, low, size, gap + 1)
    calls.emit("{out}.copy_({0})", (calls.tensor(arg),), inner)


def batch_rows(calls: Calls, op: Op) -> None:
    """The samples of this batch, and zeros to the end."""
    x, out = calls.tensor(op.args[0]), calls.result(op.result)
    calls.fill(Host("0", 0), out)
    calls.emit(COPY, (x,), selected(out, 0, 0, BATCH, 1))


def concat(calls: Calls, op: Op) -> None:
    axis = op["axis"]
    assert isinstance(axis, int)
    batched = op.result.type.batched
    parts: list[Strided] = []
    for arg in op.args:
        x = calls.tensor(arg)
        parts.append(expanded(x, (BATCH, *arg.type.shape)) if batched and not arg.type.batched else x)
    out = calls.result(op.result)
    places = ", ".join(f"{{{i}}}" for i in range(len(parts)))
    listed = f"({places},)" if len(parts) == 1 else f"({places})"
    calls.emit(f"torch.cat({listed}, {axis + int(batched)}, out={{out}})", parts, out)


def reverse(calls: Calls, op: Op) -> None:
    x = calls.tensor(op.args[0])
    dims = tuple(axis + int(op.result.type.batched) for axis in integers(op, "axes"))
    calls.emit(f"{{out}}.copy_(torch.flip({{0}}, {dims}))", (x,), calls.result(op.result))


# --------------------------------------------------------------------------------------------------- indexing


def _column(x: Strided) -> Strided:
    return spaced(x, len(x.shape))


def _per_result(calls: Calls, x: Strided, value: Value, batched: bool) -> Strided:
    return expanded(x, (BATCH, *x.shape)) if batched and not value.type.batched else x


def pick(calls: Calls, op: Op) -> None:
    x, index = op.args
    batched = op.result.type.batched
    source = _per_result(calls, calls.exact(x), x, batched)
    column = _column(_per_result(calls, calls.index(index), index, batched))
    out = calls.result(op.result)
    calls.emit(f"torch.gather({{0}}, {len(source.shape) - 1}, {{1}}, out={{out}})", (source, column), _column(out))


def one_hot(calls: Calls, op: Op) -> None:
    column = _column(calls.index(op.args[0]))
    out = calls.result(op.result)
    calls.fill(Host("0", 0), out)
    calls.emit(f"{{out}}.scatter_({len(out.shape) - 1}, {{0}}, 1)", (column,), out)


def minus_one_hot(calls: Calls, op: Op) -> None:
    """p - one_hot(index), in the place of p where p goes; minus one is added at one element of each row."""
    p, index = op.args
    x, column = calls.tensor(p), _column(calls.index(index))
    out = calls.result(op.result)
    calls.copy(x, out)
    calls.emit(f'{{out}}.scatter_({len(out.shape) - 1}, {{0}}, -1.0, reduce="add")', (column,), out)


def place(calls: Calls, op: Op) -> None:
    g, index = op.args
    batched = op.result.type.batched
    values = _column(_per_result(calls, calls.exact(g), g, batched))
    column = _column(_per_result(calls, calls.index(index), index, batched))
    out = calls.result(op.result)
    calls.fill(Host("0", 0), out)
    calls.emit(f"{{out}}.scatter_({len(out.shape) - 1}, {{0}}, {{1}})", (column, values), out)


def _flat(calls: Calls, x: Strided, leading: int, hint: str) -> Strided:
    """`x` with its first `leading` axes made one."""
    groups = [list(range(leading)), *([axis] for axis in range(leading, len(x.shape)))]
    found = merged(x, groups) or merged(calls.packed(x, hint), groups)
    assert found is not None
    return found


def gather(calls: Calls, op: Op) -> None:
    table, ids = calls.exact(op.args[0]), calls.index(op.args[1])
    leading = len(ids.shape)
    out = calls.result(op.result)
    target = merged(out, [list(range(leading)), *([axis] for axis in range(leading, len(out.shape)))])
    rows = _flat(calls, ids, leading, op.result.hint)
    if target is None:
        made = calls.scratch(out.storage.element, out.shape, op.result.hint)
        calls.emit("torch.index_select({0}, 0, {1}, out={out})", (table, rows), _flat(calls, made, leading, ""))
        calls.copy(made, out)
    else:
        calls.emit("torch.index_select({0}, 0, {1}, out={out})", (table, rows), target)


def scatter_add(calls: Calls, op: Op) -> None:
    g, ids = op.args
    batched = g.type.batched or ids.type.batched
    leading = ids.type.rank + int(batched)
    values = _flat(calls, _per_result(calls, calls.exact(g), g, batched), leading, g.hint)
    rows = _flat(calls, _per_result(calls, calls.index(ids), ids, batched), leading, ids.hint)
    out = calls.result(op.result)
    calls.fill(Host("0", 0), out)
    calls.emit("{out}.index_add_(0, {0}, {1})", (rows, values), out)


def count_up(calls: Calls, op: Op) -> None:
    """arange and row: 0, 1, 2 ..."""
    end = "count" if op.primitive == "row" else attribute_texts(op)["n"]
    calls.emit("torch.arange({0}, out={out})", (Host(end),), calls.result(op.result))


def default(calls: Calls, op: Op) -> None:
    """Whatever has no handler of its own. Raises NotImplementedError for what no torch call on given memory does."""
    if TABLE[op.primitive].kind is not Kind.POINTWISE:
        raise NotImplementedError(f"`{op.primitive}` within a step has no torch lowering")
    pointwise(calls, op)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_REDUCTIONS, reduce),
    "argmax": position,
    "argmin": position,
    "cumsum": ordered,
    "cumprod": ordered,
    "argsort": ordered,
    "torch.softmax": softmax,
    "torch.log_softmax": softmax,
    "reshape": reshape,
    "transpose": transpose,
    "broadcast": broadcast,
    "stop_gradient": same,
    "slice": cut,
    "pad": pad,
    "concat": concat,
    "batch_rows": batch_rows,
    "reverse": reverse,
    "pick": pick,
    "one_hot": one_hot,
    "torch.minus_one_hot": minus_one_hot,
    "place": place,
    "gather": gather,
    "scatter_add": scatter_add,
    "arange": count_up,
    "row": count_up,
}
