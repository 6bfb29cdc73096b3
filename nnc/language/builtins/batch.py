"""What sees the other samples of the batch: `batch(x)`, and the name `row`."""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.builtins.call import BuiltinCall
from nnc.language.context import Elaboration
from nnc.language.values import Anything, Builtin, Tensor
from nnc.tensor.types import BatchLength

ROW = "row"


def row(ctx: Elaboration, span: Span) -> Tensor:
    """The sample's place in the batch: i32, 0 for the first. Raises Poisoned."""
    _length(ctx, ROW, span)
    return ctx.op("row", [], span, hint=ROW)


def _length(ctx: Elaboration, name: str, span: Span) -> int:
    ctx.asked.add("batch")
    if ctx.batch_length is None:
        raise ctx.fail(
            "E0516",
            f"`{name}` speaks of the batch, which a model that is only asked to predict does not know",
            span,
            "there are no other samples here",
            help="use it in the `train` block, or under `if training`",
        )
    return ctx.batch_length


def _batch(call: BuiltinCall) -> Anything:
    x = call.tensor()
    return call.op("batch_rows", [x], n=BatchLength(_length(call.ctx, call.name, call.span)))


BUILTINS = (Builtin("batch", ("x",), (), _batch),)
