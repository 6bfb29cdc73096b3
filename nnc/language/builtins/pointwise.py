"""Functions of each element apart, and conversions. Of compile-time numbers they are compile-time numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import counted, is_literal, pointwise
from nnc.language.values import Anything, Builtin, Tensor, describe, is_number

Fold = Callable[..., float | bool]


def _sign(x: float) -> float:
    return (x > 0) - (x < 0)


def _round(x: float) -> float:
    return float(round(x))


def _folded(call: BuiltinCall, fold: Fold, args: tuple[Anything, ...]) -> Anything:
    for arg in args:
        if not is_number(arg):
            raise call.fail(f"a tensor or a number is wanted, and this is {describe(arg)}", code="E0210")
    try:
        return fold(*args)
    except (ValueError, ZeroDivisionError, OverflowError):
        values = ", ".join(describe(arg) for arg in args)
        raise call.fail(f"has no value for {values}", code="E0413") from None


def _apply(primitive: str, fold: Fold, call: BuiltinCall) -> Anything:
    if not call.has_tensors:
        return _folded(call, fold, call.args)
    counts = [counted(call.ctx, arg, call.span) if isinstance(arg, Tensor) else arg for arg in call.args]
    element = next(arg.type.element for arg in counts if isinstance(arg, Tensor))
    args = [(arg if isinstance(arg, Tensor) else call.tensor(i, element), call.span) for i, arg in enumerate(counts)]
    return pointwise(call.ctx, primitive, f"apply `{call.name}` to", args, call.span, call.hint)


def _where(call: BuiltinCall) -> Anything:
    condition, yes, no = call.args
    if isinstance(condition, bool):
        raise call.fail(
            "its condition is known at compile time",
            code="E0210",
            help="write `a if condition else b`, of which only the taken branch is compiled",
        )
    test = call.tensor(0)
    known = next((arg.type.element for arg in (yes, no) if isinstance(arg, Tensor)), None)
    if known is None:
        known = "bool" if isinstance(yes, bool) else "f32"
    branches = (_branch(call, 1, no, known), _branch(call, 2, yes, known))
    args = [(value, call.span) for value in (test, *branches)]
    return pointwise(call.ctx, "where", "apply `where` to", args, call.span, call.hint)


def _branch(call: BuiltinCall, place: int, other: Anything, element: str) -> Tensor:
    """A branch of `where`: a number within the range of the index beside it is such an index."""
    value, bound = call.args[place], other.type.bound if isinstance(other, Tensor) else None
    if bound is not None and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < bound:
        return call.op("constant", [], last=False, value=value, element=element, bound=bound)
    return call.tensor(place, element)


def _clip(call: BuiltinCall) -> Anything:
    x, low, high = call.args
    if is_number(low) and is_number(high) and low > high:
        raise call.fail(f"its bounds are {low} and {high}, and the low one comes first")
    counts = isinstance(x, Tensor) and x.type.is_integer
    if isinstance(low, Tensor) or isinstance(high, Tensor) or counts:
        first = counted(call.ctx, call.tensor(0), call.span)
        inner = [(first, call.span), (call.tensor(1, first.type.element), call.span)]
        raised = pointwise(call.ctx, "maximum", "clip", inner, call.span)
        outer = [(raised, call.span), (call.tensor(2, raised.type.element), call.span)]
        return pointwise(call.ctx, "minimum", "clip", outer, call.span, call.hint)
    if not isinstance(x, Tensor):
        return _folded(call, lambda a, b, c: min(max(a, b), c), call.args)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise call.fail("its bounds are numbers", code="E0404")
    return call.op("clip", [x], low=low, high=high)


def _stop_gradient(call: BuiltinCall) -> Anything:
    (x,) = call.args
    if isinstance(x, Tensor):
        return call.op("stop_gradient", [x])
    if is_number(x):
        return x
    return call.ctx.fixed(x, call.span)


def _convert(element: str, call: BuiltinCall) -> Anything:
    (x,) = call.args
    if isinstance(x, Tensor):
        if x.type.element == element and x.type.bound is None:
            return x
        return call.op("convert", [x], element=element)
    if is_literal(x):
        return call.listed(_converted(element, call, x), element)
    return _converted(element, call, x)


def _converted(element: str, call: BuiltinCall, x: Anything) -> Anything:
    """A number or a truth known at compile time, or each of a list."""
    if isinstance(x, tuple):
        return tuple(_converted(element, call, each) for each in x)
    if not is_number(x) and not isinstance(x, bool):
        raise call.fail(f"a tensor or a number is wanted, and this is {describe(x)}", code="E0210")
    if element == "bool":
        return bool(x)
    if element in ("f32", "f16", "bf16"):
        assert isinstance(x, int | float), "just checked"
        return float(x)
    return _folded(call, int, (int(x) if isinstance(x, bool) else x,))


def _is_finite(x: float) -> bool:
    return math.isfinite(x)


_FUNCTIONS: dict[str, tuple[str, Fold]] = {
    "abs": ("abs", abs),
    "sign": ("sign", _sign),
    "exp": ("exp", math.exp),
    "expm1": ("expm1", math.expm1),
    "log": ("log", math.log),
    "log1p": ("log1p", math.log1p),
    "sqrt": ("sqrt", math.sqrt),
    "rsqrt": ("rsqrt", lambda x: 1 / math.sqrt(x)),
    "sin": ("sin", math.sin),
    "cos": ("cos", math.cos),
    "tan": ("tan", math.tan),
    "asin": ("asin", math.asin),
    "acos": ("acos", math.acos),
    "atan": ("atan", math.atan),
    "sinh": ("sinh", math.sinh),
    "cosh": ("cosh", math.cosh),
    "tanh": ("tanh", math.tanh),
    "sigmoid": ("sigmoid", lambda x: 0.5 * (1 + math.tanh(0.5 * x))),
    "softplus": ("softplus", lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
    "erf": ("erf", math.erf),
    "lgamma": ("lgamma", math.lgamma),
    "floor": ("floor", math.floor),
    "ceil": ("ceil", math.ceil),
    "round": ("round", _round),
    "isfinite": ("isfinite", _is_finite),
}

_PAIRS: dict[str, Fold] = {"minimum": min, "maximum": max}

_CONVERSIONS = {name: name for name in ("f32", "f16", "bf16", "u8", "i32", "i64", "bool")} | {
    "float": "f32",
    "int": "i32",
}

BUILTINS = (
    *(
        Builtin(name, ("x",), (), partial(_apply, primitive, fold), True)
        for name, (primitive, fold) in _FUNCTIONS.items()
    ),
    *(Builtin(name, ("x", "y"), (), partial(_apply, name, fold), True) for name, fold in _PAIRS.items()),
    Builtin("where", ("condition", "x", "y"), (), _where, True),
    Builtin("clip", ("x", "low", "high"), (), _clip, True),
    Builtin("stop_gradient", ("x",), (), _stop_gradient, True),
    *(Builtin(name, ("x",), (), partial(_convert, element), True) for name, element in _CONVERSIONS.items()),
)
