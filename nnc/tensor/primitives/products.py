"""Sums of products of two operands.

`spec` is einsum's: lower-case letters are axes of the sample, the upper-case letter B, first where it stands, is the
batch.
"Bk,kn->Bn" is a layer's product, and "Bk,Bn->kn" the gradient of its kernel, which contracts over the batch: the family
is
closed under its own adjoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnc.tensor.expressions import Expressions
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives.pointwise import floats, listed
from nnc.tensor.primitives.primitive import REQUIRED, Array, Call, Kind, Primitive
from nnc.tensor.types import TensorType, TypeMismatch

BATCH = "B"


def terms(spec: str) -> tuple[str, str, str]:
    """The letters of the first operand, the second and the result. Raises ValueError for what is no spec."""
    operands, arrow, result = spec.partition("->")
    first, comma, second = operands.partition(",")
    found = (first, second, result)
    whole = "".join(found)
    if not arrow or not comma or not all(letter.islower() or letter == BATCH for letter in whole):
        raise ValueError(f"no specification of a product of two operands: {spec!r}")
    if any(len(set(term)) != len(term) or BATCH in term[1:] for term in found):
        raise ValueError(f"a letter stands twice in one operand, or B not first: {spec!r}")
    if set(result) - set(first + second) or set(first) - set(second + result) or set(second) - set(first + result):
        raise ValueError(f"a letter of one operand must be in the other or in the result: {spec!r}")
    return found


def letter_sizes(spec: str, types: Sequence[TensorType]) -> dict[str, int]:
    """The size of each letter but the batch's. Raises TypeMismatch where the operands do not agree with each other."""
    sizes: dict[str, int] = {}
    for term, type in zip(terms(spec)[:2], types, strict=True):
        letters = term.removeprefix(BATCH)
        if len(letters) != type.rank:
            raise TypeMismatch(f"`einsum` {spec!r} expects {len(letters)} axes for {term!r}, found {type}")
        if term.startswith(BATCH) != type.batched:
            raise TypeMismatch(f"`einsum` {spec!r}: {term!r} and {type} differ in whether there is one per sample")
        for letter, size in zip(letters, type.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise TypeMismatch(
                    f"product of {listed(types)}: {sizes[letter]} and {size} should be equal ({letter} in {spec!r})"
                )
    return sizes


def _infer(call: Call) -> TensorType:
    spec = call.text("spec")
    for type in call.types:
        if not type.is_float:
            raise TypeMismatch(f"a product expects float, found {type}: convert it with float(...)")
    sizes = letter_sizes(spec, call.types)
    result = terms(spec)[2]
    element = floats(_scalars(call)).element
    return TensorType(element, tuple(sizes[letter] for letter in result.removeprefix(BATCH)), result.startswith(BATCH))


def _scalars(call: Call) -> Call:
    """The same call with shapes taken away: only the element types are to be joined."""
    return Call(call.symbol, tuple(type.with_shape(()) for type in call.types), call.attributes)


def _reference(call: Call, x: Array, y: Array) -> Array:
    return np.asarray(np.einsum(call.text("spec"), x, y))


def _vjp(b: Expressions, op: Op, g: Value) -> Sequence[Value | None]:
    spec = op["spec"]
    assert isinstance(spec, str)
    first, second, result = terms(spec)
    x, y = op.args
    return b.op("einsum", g, y, spec=f"{result},{second}->{first}"), b.op(
        "einsum", x, g, spec=f"{first},{result}->{second}"
    )


def _flops(call: Call) -> int:
    return 2 * math.prod(letter_sizes(call.text("spec"), call.types).values())


def _qr(call: Call) -> tuple[TensorType, ...]:
    (type,) = call.types
    if not type.is_float or type.batched or type.rank != 2:
        raise TypeMismatch(f"`{call.symbol}` expects a common matrix, found {type}")
    rows, columns = type.shape
    inner = min(rows, columns)
    return type.with_shape((rows, inner)), type.with_shape((inner, columns))


ROWS = (
    Primitive(
        name="qr",
        kind=Kind.FACTOR,
        infer=_qr,
        reference=lambda call, x: tuple(np.linalg.qr(x)),
        torch="torch.linalg.qr({0})",
        out=False,
    ),
    Primitive(
        name="einsum",
        kind=Kind.PRODUCT,
        infer=_infer,
        reference=_reference,
        vjp=_vjp,
        flops=_flops,
        torch="torch.einsum({spec}, {0}, {1})",
        attributes={"spec": REQUIRED},
        operands=2,
        symbol="@",
        out=False,
    ),
)
