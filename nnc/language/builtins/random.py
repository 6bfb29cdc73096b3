"""Random draws. In a layer there is one draw per sample, in an initializer one in all."""

from __future__ import annotations

from nnc.language.builtins.call import BuiltinCall
from nnc.language.values import REQUIRED, Anything, Builtin
from nnc.tensor.ir import Attribute


def _place(call: BuiltinCall) -> int:
    """Which draw of its body this is. Reordering other statements must not change it, so draws alone count."""
    place = call.ctx.draws
    call.ctx.draws += 1
    return place


def _draw(call: BuiltinCall, primitive: str, **attributes: Attribute) -> Anything:
    if not call.ctx.in_initializer:
        raise call.ctx.unsupported("random draws outside of initializers are", call.span)
    whole = {"shape": call.integers("shape"), "batched": False, "place": _place(call), **attributes}
    return call.ctx.op(primitive, [], call.span, whole, call.hint)


def _uniform(call: BuiltinCall) -> Anything:
    return _draw(call, "uniform", low=call.real("low"), high=call.real("high"))


def _normal(call: BuiltinCall) -> Anything:
    return _draw(call, "normal", mean=call.real("mean"), stddev=call.real("stddev"))


def _bernoulli(call: BuiltinCall) -> Anything:
    return _draw(call, "bernoulli", p=call.real("p"))


BUILTINS = (
    Builtin("uniform", (), (("shape", REQUIRED), ("low", 0.0), ("high", 1.0)), _uniform),
    Builtin("normal", (), (("shape", REQUIRED), ("mean", 0.0), ("stddev", 1.0)), _normal),
    Builtin("bernoulli", (), (("shape", REQUIRED), ("p", 0.5)), _bernoulli),
)
