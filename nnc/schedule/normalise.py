"""Rewrites that make a program's products fit the templates and its reductions a tile, before anything is fused.

In and out: a program of the same meaning. An einsum that has no rows, no columns or no contraction is no matrix
product: it becomes a product of broadcast operands and a sum. A scatter becomes the product with one-hot rows, which
adds in a fixed order. `stages` then cuts reductions of more than a tile holds.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.schedule import stages
from nnc.schedule.products import BATCH_LETTER, classify_operands
from nnc.tensor.build import Builder
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.reductions import axes_of
from nnc.tensor.program import Program


def run(program: Program) -> Program:
    function = program.function
    builder = Builder(function.name)
    known: dict[Value, Value] = {}
    for value in function.parameters:
        known[value] = builder.parameter(value.type, value.hint, value.span)
    for op in function.ops:
        args = tuple(known[arg] for arg in op.args)
        with builder.at(op.span, op.results[0].scope):
            spec = op["spec"] if op.primitive == "einsum" else None
            if isinstance(spec, str):
                made: tuple[Value, ...] = (_product(builder, spec, args[0], args[1], op.result.hint),)
            elif op.primitive == "variance" and not op["batch"]:
                # within a sample: a tile holds all of what is summed
                made = (builder.mean_square_deviation(args[0], axes_of(op), bool(op["keepdims"])),)
            elif op.primitive == "scatter_add":
                made = (_one_hot_product(builder, op, *args),)
            else:
                made = builder.ops(op.primitive, *args, hint=op.results[0].hint, body=op.body, **dict(op.attributes))
        known.update(zip(op.results, made, strict=True))
    return stages.run(replace(program, function=builder.finish([known[value] for value in function.results])))


def _product(builder: Builder, spec: str, left: Value, right: Value, hint: str) -> Value:
    product = classify_operands(spec, left, right)
    if product.is_matrix:
        return builder.op("einsum", left, right, spec=spec, hint=hint)
    operands, result = spec.split("->")
    inner = [letter for letter in product.contraction if letter != BATCH_LETTER]
    order = [letter for letter in result if letter != BATCH_LETTER] + inner
    letters = operands.split(",")
    spread = [_spread(builder, value, own, order) for value, own in zip((left, right), letters, strict=True)]
    whole = builder.op("mul", *spread, hint=hint)
    over_batch = BATCH_LETTER in product.contraction
    if not inner and not over_batch:
        return whole
    axes = tuple(range(len(order) - len(inner), len(order)))
    return builder.op("sum", whole, axes=axes, keepdims=False, batch=over_batch, hint=hint)


def _spread(builder: Builder, value: Value, letters: str, order: list[str]) -> Value:
    """`value`, whose axes are `letters`, with an axis for each letter of `order`; of size 1 where it has none."""
    own = [letter for letter in letters if letter != BATCH_LETTER]
    sorted_letters = sorted(own, key=order.index)
    if sorted_letters != own:
        value = builder.op("transpose", value, permutation=tuple(own.index(letter) for letter in sorted_letters))
    sizes = dict(zip(sorted_letters, value.type.shape, strict=True))
    shape = tuple(sizes.get(letter, 1) for letter in order)
    return value if shape == value.type.shape else builder.op("reshape", value, shape=shape)


def _one_hot_product(builder: Builder, op: Op, g: Value, ids: Value) -> Value:
    """table[n, ...] = one_hot(ids)^T @ g."""
    n = op["n"]
    assert isinstance(n, int)
    places = "abcdefgh"[: ids.type.rank]
    rest = "pqrstuvw"[: g.type.rank - ids.type.rank]
    lead, lead_g = (BATCH_LETTER if value.type.batched else "" for value in (ids, g))
    rows = builder.op("one_hot", ids, n=n)
    return _product(builder, f"{lead}{places}n,{lead_g}{places}{rest}->n{rest}", rows, g, hint=op.result.hint)
