"""Functions of single elements that Triton lacks outside of libdevice, and reductions with their own combination.

They are spliced into a generated module where an expression calls them. All run in Triton's interpreter as on a GPU, so
none uses libdevice by name. Float operands are float32 unless said otherwise; NaN in gives NaN out.
"""

import triton
import triton.language as tl


@triton.jit
def sign(x):
    """-1, 0 or 1."""
    return tl.where(x > 0, x * 0 + 1, tl.where(x < 0, x * 0 - 1, x))


@triton.jit
def mod(x, y):
    """Python's remainder, of the sign of y; Triton's own is of the sign of x."""
    r = x % y
    return tl.where((r != 0) & ((r < 0) != (y < 0)), r + y, r)


@triton.jit
def floordiv(x, y):
    """Python's quotient, rounded down; Triton's own drops the fraction."""
    r = x % y
    wrong = ((r != 0) & ((r < 0) != (y < 0))).to(tl.int32)
    if (x + y).dtype.is_floating():
        # x - r is a multiple of y: the quotient is an integer but for rounding.
        return tl.floor((x - r) / y + 0.5) - wrong
    else:
        return x // y - wrong


@triton.jit
def round_half_even(x):
    """The nearest integer, ties to the even one."""
    below = tl.floor(x)
    fraction = x - below
    odd = below - 2 * tl.floor(below * 0.5) == 1
    return tl.where((fraction > 0.5) | ((fraction == 0.5) & odd), below + 1, below)


@triton.jit
def argsort(x, SIZE: tl.constexpr, DESCENDING: tl.constexpr):
    """The places of the elements along the last axis, of which SIZE count, in order; equal ones keep theirs, and NaN is
    the largest. Each element is packed with its place: its bits as an integer of the same order, and the place below.
    """
    if x.dtype.is_floating():
        x = tl.where(x == x, x.to(tl.float32) + 0.0, float("nan"))  # -0.0 is 0.0, and there is one NaN
        bits = x.to(tl.int32, bitcast=True)
        key = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64)
    else:
        key = x.to(tl.int64)
    if DESCENDING:
        key = -1 - key
    place = tl.arange(0, x.shape[-1]).to(tl.int64)
    packed = tl.where(place < SIZE, key * 4294967296 + place, 0x7FFFFFFFFFFFFFFF)
    return (tl.sort(packed) & 0xFFFFFFFF).to(tl.int32)


@triton.jit
def power(x, y):
    """x^y through float64: y * log(x) has too few digits in float32. A negative x has powers of whole y only."""
    base = (x + 0.0 * y).to(tl.float64)
    exponent = (y + 0.0 * x).to(tl.float64)
    size = tl.exp(exponent * tl.log(tl.abs(base)))
    whole = exponent == tl.floor(exponent)
    odd = whole & (exponent - 2 * tl.floor(exponent * 0.5) == 1)
    signed = tl.where((base < 0) & odd, -size, size)
    signed = tl.where((base < 0) & (whole == 0), float("nan"), signed)
    return tl.where((y == 0) | (x == 1), 1.0, signed.to(tl.float32))


@triton.jit
def expm1(x):
    """exp(x) - 1; below 0.5 by the Taylor series to x^9 / 9!, where the difference would lose digits."""
    p = 1.0 / 362880
    p = p * x + 1.0 / 40320
    p = p * x + 1.0 / 5040
    p = p * x + 1.0 / 720
    p = p * x + 1.0 / 120
    p = p * x + 1.0 / 24
    p = p * x + 1.0 / 6
    p = p * x + 0.5
    return tl.where(tl.abs(x) < 0.5, x + x * x * p, tl.exp(x) - 1)


@triton.jit
def log1p(x):
    """log(1 + x); below 0.5 as 2 atanh(s), s = x / (2 + x), by its series to s^17."""
    s = x / (2 + x)
    t = s * s
    p = 1.0 / 17
    p = p * t + 1.0 / 15
    p = p * t + 1.0 / 13
    p = p * t + 1.0 / 11
    p = p * t + 1.0 / 9
    p = p * t + 1.0 / 7
    p = p * t + 1.0 / 5
    p = p * t + 1.0 / 3
    return tl.where(tl.abs(x) < 0.5, 2 * s + 2 * s * t * p, tl.log(1 + x))


@triton.jit
def tanh(x):
    """1 - 2 / (exp(2 |x|) + 1), without its cancellation near 0 and without its overflow."""
    e = expm1(-2 * tl.abs(x))
    y = -e / (e + 2)
    return tl.where(x < 0, -y, y)


@triton.jit
def sinh(x):
    """(exp(x) - exp(-x)) / 2; by halves where exp(x) alone would overflow."""
    a = tl.abs(x)
    e = expm1(a)
    half = tl.exp(0.5 * a)
    y = tl.where(a < 20, 0.5 * (e + e / (e + 1)), 0.5 * half * half)
    return tl.where(x < 0, -y, y)


@triton.jit
def cosh(x):
    """(exp(x) + exp(-x)) / 2; by halves where exp(x) alone would overflow."""
    half = tl.exp(0.5 * tl.abs(x))
    big = 0.5 * half * half
    return big + 0.5 / (half * half)


@triton.jit
def softplus(x):
    """log(1 + exp(x))"""
    return tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL) + log1p(tl.exp(-tl.abs(x)))


@triton.jit
def tan(x):
    return tl.sin(x) / tl.cos(x)


@triton.jit
def atan(x):
    """The argument is brought below tan(pi / 8) by atan(x) = pi/2 - atan(1/x) = pi/4 + atan((x - 1) / (x + 1)); there a
    least-squares polynomial in x^2, of relative error 1e-8."""
    a = tl.abs(x)
    inverted = a > 1
    u = tl.where(inverted, 1 / a, a)
    shifted = u > 0.41421356
    u = tl.where(shifted, (u - 1) / (u + 1), u)
    t = u * u
    p = -0.06070939
    p = p * t + 0.10590635
    p = p * t + -0.14243046
    p = p * t + 0.19998441
    p = p * t + -0.33333315
    y = u + u * t * p
    y = tl.where(shifted, 0.78539816339744831 + y, y)
    y = tl.where(inverted, 1.5707963267948966 - y, y)
    return tl.where(x < 0, -y, y)


@triton.jit
def asin(x):
    """atan(x / sqrt(1 - x^2)); NaN outside of -1 .. 1"""
    return atan(x / tl.sqrt((1 - x) * (1 + x)))


@triton.jit
def acos(x):
    """2 atan(sqrt((1 - x) / (1 + x))), which is accurate near 1 too; NaN outside of -1 .. 1"""
    return 2 * atan(tl.sqrt((1 - x) / (1 + x)))


@triton.jit
def lgamma(x):
    """log |gamma(x)| in float64: Stirling's series beyond 8, the recurrence up to there, the reflection below 0.5."""
    x64 = x.to(tl.float64)
    reflected = x64 < 0.5
    z = tl.where(reflected, 1 - x64, x64)
    product = z
    for k in tl.static_range(1, 8):
        product = product * (z + k)
    f = z + 8
    t = 1 / (f * f)
    series = (f - 0.5) * tl.log(f) - f + 0.91893853320467274178
    series += (1.0 / 12 - t * (1.0 / 360 - t * (1.0 / 1260 - t / 1680))) / f
    # far out the product overflows and the series needs no help
    far = z > 1e6
    near = (z - 0.5) * tl.log(z) - z + 0.91893853320467274178
    y = tl.where(far, near, series - tl.log(tl.where(far, z, product)))
    fraction = x64 - tl.floor(x64)
    sine = tl.sin((3.14159265358979323846 * fraction).to(tl.float32))
    mirror = 1.14472988584940017414 - tl.log(tl.abs(sine.to(tl.float64)))
    y = tl.where(reflected, mirror - y, y)
    pole = (x64 <= 0) & (fraction == 0)
    y = tl.where(pole | (tl.abs(x64) == float("inf")), float("inf"), y)
    return y.to(tl.float32)


@triton.jit
def digamma(x):
    """The derivative of lgamma: asymptotic series beyond 10, the recurrence up to there, the reflection below 0.5."""
    x64 = x.to(tl.float64)
    reflected = x64 < 0.5
    z = tl.where(reflected, 1 - x64, x64)
    total = z * 0
    for k in tl.static_range(0, 10):
        total = total - 1 / (z + k)
    f = z + 10
    t = 1 / (f * f)
    y = total + tl.log(f) - 0.5 / f - t * (1.0 / 12 - t * (1.0 / 120 - t * (1.0 / 252 - t / 240)))
    fraction = (3.14159265358979323846 * (x64 - tl.floor(x64))).to(tl.float32)
    cotangent = (tl.cos(fraction) / tl.sin(fraction)).to(tl.float64)
    y = tl.where(reflected, y - 3.14159265358979323846 * cotangent, y)
    pole = (x64 <= 0) & (x64 == tl.floor(x64))
    y = tl.where(pole, float("nan"), tl.where(x64 == float("inf"), x64, y))
    return y.to(tl.float32)


@triton.jit
def polygamma(x, ORDER: tl.constexpr):
    """The derivative of digamma of ORDER >= 1: the recurrence up to x + 16, then the asymptotic series.

    NaN below -8, where 16 steps do not lead far enough.
    """
    z = x.to(tl.float64)
    factorial = z * 0 + 1  # (ORDER - 1)!
    for k in tl.static_range(1, ORDER):
        factorial = factorial * k
    total = z * 0
    for k in tl.static_range(0, 16):
        step = z + k
        power_of_step = step
        for _ in tl.static_range(0, ORDER):
            power_of_step = power_of_step * step
        total = total + factorial * ORDER / power_of_step
    f = z + 16
    inverse = 1 / f
    scale = factorial
    for _ in tl.static_range(0, ORDER):
        scale = scale * inverse
    # (ORDER - 1)! f^-ORDER * (1 + ORDER / 2f + ORDER (ORDER + 1) / 12 f^2 - ...): Abramowitz and Stegun 6.4.11
    t = inverse * inverse
    n = ORDER
    series = 1 + n * 0.5 * inverse
    series += n * (n + 1) / 12 * t
    series += -n * (n + 1) * (n + 2) * (n + 3) / 720 * t * t
    series += n * (n + 1) * (n + 2) * (n + 3) * (n + 4) * (n + 5) / 30240 * t * t * t
    y = total + scale * series
    y = tl.where(x < -8, float("nan"), tl.where(x == float("inf"), 0.0, y))
    if ORDER % 2 == 0:
        y = -y
    return y.to(tl.float32)


@triton.jit
def multiply(x, y):
    """The combination of a product over an axis."""
    return x * y


@triton.jit
def largest(x, AXIS: tl.constexpr):
    """The maximum along an axis, NaN where there is one: a GPU's own maximum passes over it."""
    y = tl.max(x, axis=AXIS)
    if x.dtype.is_floating():
        y = tl.where(tl.max((x != x).to(tl.int32), axis=AXIS) != 0, float("nan"), y)
    return y


@triton.jit
def smallest(x, AXIS: tl.constexpr):
    """The minimum along an axis, NaN where there is one: a GPU's own minimum passes over it."""
    y = tl.min(x, axis=AXIS)
    if x.dtype.is_floating():
        y = tl.where(tl.max((x != x).to(tl.int32), axis=AXIS) != 0, float("nan"), y)
    return y
