"""Rules of scalar algebra, and the forms that stay finite where the textbook's do not.

Negations move outward, where sums and differences take them up. Nothing here needs shapes: the simplifier repeats a
smaller
replacement to the type of what it replaces.
"""

from __future__ import annotations

import math

from nnc.tensor.ir import Op, Value
from nnc.tensor.rules.pattern import Rewriter, rules_of

IDENTITIES = rules_of(
    """
    add(x, 0) -> x
    sub(x, 0) -> x
    sub(0, x) -> neg(x)
    mul(x, 1) -> x
    mul(x, -1) -> neg(x)
    div(x, 1) -> x
    div(x, -1) -> neg(x)
    neg(neg(x)) -> x
    neg(sub(x, y)) -> sub(y, x)
    add(x, neg(y)) -> sub(x, y)
    sub(x, neg(y)) -> add(x, y)
    mul(x, neg(y)) -> neg(mul(x, y))
    div(neg(x), y) -> neg(div(x, y))
    div(x, neg(y)) -> neg(div(x, y))
    mul(x, div(1, y)) -> div(x, y)
    pow(x, 0) -> 1
    pow(x, 1) -> x
    pow(x, 2) -> mul(x, x)
    pow(x, 3) -> mul(mul(x, x), x)
    pow(x, 4) -> mul(mul(x, x), mul(x, x))
    pow(x, -1) -> div(1, x)
    pow(x, 0.5) -> sqrt(x)
    pow(x, -0.5) -> rsqrt(x)
    div(1, sqrt(x)) -> rsqrt(x)
    maximum(x, x) -> x
    minimum(x, x) -> x
    where(c, x, x) -> x
    """
)

STABLE_FORMS = rules_of(
    """
    log(exp(x)) -> x
    log(sigmoid(x)) -> neg(softplus(neg(x)))
    log(sub(1, sigmoid(x))) -> neg(softplus(x))
    log(add(exp(x), 1)) -> softplus(x)
    log1p(exp(x)) -> softplus(x)
    log1p(neg(sigmoid(x))) -> neg(softplus(x))
    log(add(x, 1)) -> log1p(x)
    log(div(1, x)) -> neg(log(x))
    """
)


def has_short_log(s: Rewriter, value: Value) -> bool:
    """Whether the logarithm of `value` is written without a logarithm of it."""
    op = s.producer(value)
    if op is None:
        return False
    if op.primitive in ("exp", "sigmoid"):
        return True
    return op.primitive in ("pick", "reshape", "div") and has_short_log(s, op.args[0])


def log_of_quotient(s: Rewriter, op: Op) -> Value | None:
    """log(a / b) -> log(a) - log(b) where one of the two is short: the quotient may underflow, the difference does
    not."""
    inner = s.producer(op.args[0])
    if inner is None or inner.primitive != "div" or not any(has_short_log(s, arg) for arg in inner.args):
        return None
    above, below = inner.args
    return s.sub(s.op("log", above), s.op("log", below))


def log_of_product(s: Rewriter, op: Op) -> Value | None:
    """log(a * b) -> log(a) + log(b) where one of the two is short."""
    inner = s.producer(op.args[0])
    if inner is None or inner.primitive != "mul" or not any(has_short_log(s, arg) for arg in inner.args):
        return None
    return s.add(*(s.op("log", arg) for arg in inner.args))


def log_of_moved(s: Rewriter, op: Op) -> Value | None:
    """log(pick(u, i)) -> pick(log(u), i), and so for reshape, where log(u) is short."""
    inner = s.producer(op.args[0])
    if inner is None or inner.primitive not in ("pick", "reshape") or not has_short_log(s, inner.args[0]):
        return None
    (moved,) = s.again(inner, s.op("log", inner.args[0]), *inner.args[1:])
    return moved


def division_by_power_of_two(s: Rewriter, op: Op) -> Value | None:
    """x / c -> x * (1 / c) where 1 / c is exact."""
    number = s.number(op.args[1])
    if number is None or not math.isfinite(number) or abs(math.frexp(number)[0]) != 0.5 or abs(number) < 2**-100:
        return None
    return s.mul(op.args[0], 1 / number)


def truth_as_number(s: Rewriter, op: Op) -> Value | None:
    """where(c, 1, 0) -> c as a number, where that has the result's shape."""
    condition, then, otherwise = op.args
    numbers = s.number(then), s.number(otherwise)
    if numbers != (1, 0) or not op.result.type.is_float or condition.type.shape != op.result.type.shape:
        return None
    return s.op("convert", condition, element=op.result.type.element)


def _kept_factor(s: Rewriter, value: Value) -> float | None:
    """c, where a value is chosen between 0 and a number c of at least 1."""
    op = s.producer(value)
    if op is None or op.primitive != "where":
        return None
    numbers = [s.number(arg) for arg in op.args[1:]]
    plain = sorted(float(number) for number in numbers if number is not None)
    return plain[1] if len(plain) == 2 and plain[0] == 0 and plain[1] >= 1 else None


def kept_units(s: Rewriter, op: Op) -> Value | None:
    """where(h > 0, g m, 0) -> where(h m > 0, g c, 0), where m is 0 or c and h m is there already: of a layer whose
    units are dropped only what the next one reads need be kept, and it tells which were."""
    above, product = s.producer(op.args[0]), s.producer(op.args[1])
    if above is None or product is None or (above.primitive, product.primitive) != ("gt", "mul"):
        return None
    h, zero = above.args
    if s.number(zero) != 0 or s.number(op.args[2]) != 0:
        return None
    for g, factor in (product.args, product.args[::-1]):
        kept = _kept_factor(s, factor)
        dropped = s.existing("mul", h, factor)
        if kept is not None and dropped is not None and dropped.type == h.type:
            return s.op("where", s.op("gt", dropped, zero), s.mul(g, kept), op.args[2])
    return None


SCALAR_RULES = {
    "where": (truth_as_number, kept_units),
    "log": (log_of_quotient, log_of_product, log_of_moved),
    "div": (division_by_power_of_two,),
}
