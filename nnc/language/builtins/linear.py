"""Functions of matrices as a whole."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import origin
from nnc.language.values import Anything, Builtin
from nnc.tensor.types import TypeMismatch


def _qr(call: BuiltinCall) -> Anything:
    """`q, r = qr(x)`: x is q @ r, the columns of q orthonormal, r zero below its diagonal."""
    x = call.tensor()
    if not call.ctx.in_initializer:
        raise call.ctx.fail(
            "E0422",
            "`qr` is computed before training, in an initializer only",
            call.span,
            help="write a fn(shape, fan_in, fan_out) with it, and start a parameter at that",
        )
    try:
        return call.ctx.ops("qr", [x], call.span, {}, call.hint)
    except TypeMismatch as mismatch:
        raise call.fail(str(mismatch), others=origin(call.ctx, x)) from None


BUILTINS = (Builtin("qr", ("x",), (), _qr),)
