"""Operations on one slice of a tensor as operations on all of its slices at once.

In: ops that were made from a value `slice`, and the tensor `over` whose first axis holds the slices. Out: the same ops
with that axis in front of whatever depends on the slice, by one rule for each kind of primitive. What does not depend
on it stays as it is, and is computed once. A random draw is made anew for each slice. Gradients follow by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnc.tensor.build import Builder
from nnc.tensor.ir import Attribute, Op, Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.primitives.primitive import Kind
from nnc.tensor.primitives.products import BATCH, terms
from nnc.tensor.primitives.views import integers
from nnc.tensor.types import TypeMismatch

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class _Use:
    """An op with its operands: those that depend on the slice have the further axis, of `count`, in front."""

    op: Op
    args: tuple[Value, ...]
    is_lifted: tuple[bool, ...]
    count: int

    def whole(self, b: Builder) -> list[Value]:
        """The operands, all with the further axis."""
        return [
            arg if lifted else b.broadcast(arg, arg.type.with_shape((self.count, *arg.type.shape)))
            for arg, lifted in zip(self.args, self.is_lifted, strict=True)
        ]

    def again(self, b: Builder, args: Sequence[Value] | None = None, **changes: Attribute) -> tuple[Value, ...]:
        """The op once more, some attributes apart."""
        attributes = {**dict(self.op.attributes), **changes}
        hint = self.op.results[0].hint
        return b.ops(
            self.op.primitive, *(self.args if args is None else args), hint=hint, body=self.op.body, **attributes
        )

    def numbers(self, name: str) -> tuple[int, ...]:
        return integers(self.op, name)


Rule = Callable[[Builder, _Use], tuple[Value, ...]]


def lift(b: Builder, ops: Sequence[Op], slice: Value, over: Value) -> dict[Value, Value]:
    """Makes `ops` again in `b`, and gives what became of the values that depend on `slice`.

    Raises TypeMismatch, in the user's terms, for an operation that knows no way to be done on many slices at once.
    """
    count = over.type.shape[0]
    known = {slice: over}
    for op in ops:
        lifted = tuple(arg in known for arg in op.args)
        if not any(lifted) and TABLE[op.primitive].kind is not Kind.RANDOM:
            b.keep(op)
            continue
        use = _Use(op, tuple(known.get(arg, arg) for arg in op.args), lifted, count)
        with b.at(op.span, op.results[0].scope):
            known.update(zip(op.results, _rule(op)(b, use), strict=True))
    return known


def _rule(op: Op) -> Rule:
    row = TABLE[op.primitive]
    rule = _BY_NAME.get(op.primitive) or _BY_KIND.get(row.kind)
    if rule is None:
        raise TypeMismatch(f"`{row.symbol or row.name}` cannot be done for each slice of a tensor")
    return rule


def _pointwise(b: Builder, use: _Use) -> tuple[Value, ...]:
    """Axes align at the end: an operand of fewer axes gets axes of 1 behind the further one."""
    rank = use.op.results[0].type.rank
    return use.again(
        b,
        [
            b.reshape(arg, (use.count, *(1,) * (rank + 1 - arg.type.rank), *arg.type.shape[1:])) if lifted else arg
            for arg, lifted in zip(use.args, use.is_lifted, strict=True)
        ],
    )


def _reduction(b: Builder, use: _Use) -> tuple[Value, ...]:
    return use.again(b, axes=tuple(axis + 1 for axis in use.numbers("axes")))


def _random(b: Builder, use: _Use) -> tuple[Value, ...]:
    return use.again(b, use.whole(b), shape=(use.count, *use.numbers("shape")))


def _product(b: Builder, use: _Use) -> tuple[Value, ...]:
    spec = use.op["spec"]
    assert isinstance(spec, str)
    letter = next((each for each in _LETTERS if each not in spec), None)
    if letter is None:
        raise TypeMismatch(f"a product of {len(_LETTERS)} different axes cannot be done for each slice of a tensor")

    def marked(term: str) -> str:
        return BATCH + letter + term[1:] if term.startswith(BATCH) else letter + term

    first, second, result = terms(spec)
    first, second = (
        marked(term) if lifted else term for term, lifted in zip((first, second), use.is_lifted, strict=True)
    )
    return use.again(b, spec=f"{first},{second}->{marked(result)}")


def _reshape(b: Builder, use: _Use) -> tuple[Value, ...]:
    return use.again(b, shape=(use.count, *use.numbers("shape")))


def _transpose(b: Builder, use: _Use) -> tuple[Value, ...]:
    return use.again(b, permutation=(0, *(axis + 1 for axis in use.numbers("permutation"))))


def _broadcast(b: Builder, use: _Use) -> tuple[Value, ...]:
    (arg,), shape = use.args, use.numbers("shape")
    aligned = b.reshape(arg, (use.count, *(1,) * (len(shape) + 1 - arg.type.rank), *arg.type.shape[1:]))
    return use.again(b, [aligned], shape=(use.count, *shape))


def _slice(b: Builder, use: _Use) -> tuple[Value, ...]:
    starts, stops, steps = (use.numbers(name) for name in ("starts", "stops", "steps"))
    return use.again(b, starts=(0, *starts), stops=(use.count, *stops), steps=(1, *steps))


def _pad(b: Builder, use: _Use) -> tuple[Value, ...]:
    low, high, interior = (use.numbers(name) for name in ("low", "high", "interior"))
    return use.again(b, low=(0, *low), high=(0, *high), interior=(0, *interior) if interior else ())


def _reverse(b: Builder, use: _Use) -> tuple[Value, ...]:
    return use.again(b, axes=tuple(axis + 1 for axis in use.numbers("axes")))


def _batch_rows(b: Builder, use: _Use) -> tuple[Value, ...]:
    """The axis of the batch comes first, so the further one follows it: they change places."""
    (rows,) = use.again(b)
    return (b.op("transpose", rows, permutation=(1, 0, *range(2, rows.type.rank))),)


def _along(b: Builder, use: _Use) -> tuple[Value, ...]:
    """An op along `axis`, of operands whose axes are the same."""
    axis = use.op["axis"]
    assert isinstance(axis, int)
    return use.again(b, use.whole(b), axis=axis + 1)


def _of_each_row(b: Builder, use: _Use) -> tuple[Value, ...]:
    """An op on the last axis, for whatever axes are before it."""
    return use.again(b, use.whole(b))


def _gather(b: Builder, use: _Use) -> tuple[Value, ...]:
    """Of one table for all slices, places are read as they are; of a table for each, by a product with one-hot rows."""
    if use.is_lifted == (False, True):
        return use.again(b)
    table, ids = use.whole(b)
    if not table.type.is_float:
        raise TypeMismatch(f"`gather` from {table.type} of each slice expects float")
    rows = b.op("one_hot", ids, n=table.type.shape[1])
    outer, inner = _LETTERS[2 : 1 + ids.type.rank], _LETTERS[1 + ids.type.rank : ids.type.rank + table.type.rank - 1]
    left, right = BATCH * rows.type.batched, BATCH * table.type.batched
    spec = f"{left}a{outer}b,{right}ab{inner}->{BATCH * (rows.type.batched or table.type.batched)}a{outer}{inner}"
    return (b.op("einsum", rows, table, hint=use.op.result.hint, spec=spec),)


_BY_KIND: dict[Kind, Rule] = {
    Kind.POINTWISE: _pointwise,
    Kind.REDUCTION: _reduction,
    Kind.RANDOM: _random,
    Kind.PRODUCT: _product,
}
_BY_NAME: dict[str, Rule] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast,
    "slice": _slice,
    "pad": _pad,
    "concat": _along,
    "batch_rows": _batch_rows,
    "reverse": _reverse,
    "one_hot": _of_each_row,
    "pick": _of_each_row,
    "place": _of_each_row,
    "cumsum": _of_each_row,
    "cumprod": _of_each_row,
    "argsort": _of_each_row,
    "gather": _gather,
}
