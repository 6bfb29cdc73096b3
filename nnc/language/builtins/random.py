"""Random draws. In a layer there is one draw per sample, in an initializer one in all."""

from __future__ import annotations

import hashlib

from nnc.language.builtins.call import BuiltinCall
from nnc.language.values import REQUIRED, Anything, Builtin, Tensor
from nnc.tensor.ir import Attribute
from nnc.tensor.types import TypeMismatch


def _key(call: BuiltinCall) -> int:
    """Which stream this draw is. Reordering other statements must not change it, so draws alone are counted: in an
    initializer they follow one another, elsewhere the key stands for the layer, its application and the place."""
    ctx = call.ctx
    place = ctx.draws
    ctx.draws += 1
    if ctx.in_initializer:
        return place
    digest = hashlib.sha256(f"{ctx.stream}/{place}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _draw(call: BuiltinCall, primitive: str, **attributes: Attribute) -> Anything:
    ctx = call.ctx
    inside = "an optimizer" if ctx.updating is not None else "a metric" if ctx.in_metric else ""
    if inside:
        raise ctx.fail(
            "E0525",
            f"`{call.name}` draws, and {inside} draws nothing",
            call.span,
            help="draw in a layer, in the model or in the train block",
        )
    whole = {
        "shape": call.integers("shape"),
        "batched": not ctx.in_initializer,
        "key": _key(call),
        **attributes,
    }
    try:
        return ctx.op(primitive, [], call.span, whole, call.hint)
    except TypeMismatch as mismatch:
        raise call.fail(str(mismatch)) from None


def _uniform(call: BuiltinCall) -> Anything:
    return _draw(call, "uniform", low=call.real("low"), high=call.real("high"))


def _normal(call: BuiltinCall) -> Anything:
    return _draw(call, "normal", mean=call.real("mean"), stddev=call.real("stddev"))


def _bernoulli(call: BuiltinCall) -> Anything:
    if isinstance(call.options["p"], Tensor):
        raise call.fail(
            "`p` is a number at compile time, and this is a tensor",
            code="E0404",
            help="compare with even draws: uniform(shape) < p",
        )
    return _draw(call, "bernoulli", p=call.real("p"))


def _gamma(call: BuiltinCall) -> Anything:
    return _draw(call, "gamma", alpha=call.real("alpha"), beta=call.real("beta"))


# Pointwise, so that an optimizer gets as far as to be told that it draws nothing.
BUILTINS = (
    Builtin("uniform", (), (("shape", REQUIRED), ("low", 0.0), ("high", 1.0)), _uniform, is_pointwise=True),
    Builtin("normal", (), (("shape", REQUIRED), ("mean", 0.0), ("stddev", 1.0)), _normal, is_pointwise=True),
    Builtin("bernoulli", (), (("shape", REQUIRED), ("p", 0.5)), _bernoulli, is_pointwise=True),
    Builtin("gamma", (), (("shape", REQUIRED), ("alpha", REQUIRED), ("beta", 1.0)), _gamma, is_pointwise=True),
)
