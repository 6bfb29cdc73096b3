"""Sums of products as torch.mm, mv, dot and bmm on bound views.

In: an einsum of any specification. Out: one call, where the strides of operands and result allow; copies to row-major
order around it, where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnc.emit.torch_calls import Calls, Handler, packed_view
from nnc.emit.torch_columns import LANES
from nnc.emit.torch_tensor import Strided, merged, permuted, product, transposed, whole
from nnc.tensor.ir import Op, Value


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of a product of two operands, sorted by what they are to a matrix product."""

    first: str
    second: str
    result: str

    @classmethod
    def of(cls, spec: str) -> Letters:
        operands, result = spec.split("->")
        first, second = operands.split(",")
        return cls(first, second, result)

    @property
    def swapped(self) -> Letters:
        return Letters(self.second, self.first, self.result)

    @property
    def shared(self) -> str:
        return "".join(x for x in self.result if x in self.first and x in self.second)

    @property
    def rows(self) -> str:
        return "".join(x for x in self.result if x in self.first and x not in self.second)

    @property
    def columns(self) -> str:
        return "".join(x for x in self.result if x in self.second and x not in self.first)

    @property
    def contraction(self) -> str:
        return "".join(x for x in self.first if x in self.second and x not in self.result)


def _positions(letters: str, wanted: str) -> list[int]:
    return [letters.index(letter) for letter in wanted]


def _grouped(calls: Calls, x: Strided, letters: str, groups: Sequence[str], hint: str) -> Strided:
    """`x` with an axis for each group; a copy in that order where its strides are none of a matrix."""
    axes = [_positions(letters, group) for group in groups]
    found = merged(x, axes)
    if found is not None:
        return found
    copied = calls.packed(permuted(x, [axis for group in axes for axis in group]), hint)
    return packed_view(copied, tuple(product([x.shape[axis] for axis in group]) for group in axes))


def _operand(calls: Calls, value: Value) -> Strided:
    """An operand of a product, rounded as the precision says: to bf16, and multiplied in f32."""
    x = calls.tensor(value)
    if calls.precision not in ("bf16", "f16") or value.type.element != "f32":
        return x
    found = calls.where[value]
    if isinstance(found, Strided) and found.storage.element == calls.precision:
        return x
    return calls.converted(calls.converted(x, calls.precision), "f32")


def _specification(op: Op) -> Letters:
    spec = op["spec"]
    assert isinstance(spec, str)
    return Letters.of(spec)


def einsum(calls: Calls, op: Op) -> None:
    letters = _specification(op)
    left, right = (_operand(calls, arg) for arg in op.args)
    if letters.columns and letters.result.startswith(letters.columns[0]):
        left, right, letters = right, left, letters.swapped
    out = calls.result_in_columns(op.result)
    groups = (letters.shared, letters.rows, letters.columns)
    target = merged(out, [_positions(letters.result, group) for group in groups])
    ordered = None
    if target is None:
        order = _positions(letters.result, letters.shared + letters.rows + letters.columns)
        ordered = whole(calls.scratch(out.storage.element, permuted(out, order).shape, op.result.hint).storage)
        target = packed_view(
            ordered, tuple(product([out.shape[a] for a in _positions(letters.result, g)]) for g in groups)
        )
    a = _grouped(calls, left, letters.first, (letters.shared, letters.rows, letters.contraction), op.result.hint)
    b = _grouped(calls, right, letters.second, (letters.shared, letters.contraction, letters.columns), op.result.hint)
    _multiply(calls, letters, a, b, target)
    if ordered is not None:
        order = _positions(letters.result, letters.shared + letters.rows + letters.columns)
        calls.copy(ordered, permuted(out, order))


def _multiply(calls: Calls, letters: Letters, a: Strided, b: Strided, out: Strided) -> None:
    """a[S, M, K] with b[S, K, N] into out[S, M, N], by the smallest call that does it."""
    if letters.shared:
        calls.emit("torch.bmm({0}, {1}, out={out})", (a, b), out)
        return
    matrix_a, matrix_b, matrix = permuted(a, (1, 2)), permuted(b, (1, 2)), permuted(out, (1, 2))
    if letters.contraction and letters.rows and not letters.columns:
        calls.emit("torch.mv({0}, {1}, out={out})", (matrix_a, permuted(b, (1,))), permuted(out, (1,)))
    elif letters.contraction and letters.columns and not letters.rows:
        rows = transposed(matrix_b)
        calls.emit("torch.mv({0}, {1}, out={out})", (rows, permuted(a, (2,))), permuted(out, (2,)))
    elif letters.contraction and not letters.columns and not letters.rows:
        calls.emit("torch.dot({0}, {1}, out={out})", (permuted(a, (2,)), permuted(b, (1,))), permuted(out, ()))
    elif _is_better_transposed(matrix):
        made = calls.scratch(matrix.storage.element, matrix.shape[::-1], f"{matrix.storage.local}_columns")
        calls.emit("torch.mm({0}, {1}, out={out})", (transposed(matrix_b), transposed(matrix_a)), made)
        calls.copy(transposed(made), matrix)
    else:
        calls.emit("torch.mm({0}, {1}, out={out})", (matrix_a, matrix_b), matrix)


def _is_better_transposed(x: Strided) -> bool:
    """Whether x, many short rows, is made faster column by column and copied."""
    rows, columns = x.shape
    return x.is_contiguous and isinstance(columns, int) and isinstance(rows, int) and 1 < columns < LANES <= rows // 2


def addmm(calls: Calls, op: Op) -> None:
    """other + einsum(x, y), `other` as wide as a row or as large as the result."""
    letters = _specification(op)
    other, *factors = op.args
    left, right = (_operand(calls, arg) for arg in factors)
    if letters.columns and letters.result.startswith(letters.columns[0]):
        left, right, letters = right, left, letters.swapped
    out = calls.result_in_columns(op.result)
    axes = [_positions(letters.result, group) for group in (letters.rows, letters.columns)]
    target = merged(out, axes)
    added = merged(calls.spread(other, op.result.type), axes)
    if target is None or added is None or not letters.rows or not letters.columns:
        _separately(calls, op)
        return
    a = _grouped(calls, left, letters.first, (letters.rows, letters.contraction), op.result.hint)
    b = _grouped(calls, right, letters.second, (letters.contraction, letters.columns), op.result.hint)
    if added.strides[0] == 0:
        added = permuted(added, (1,))
    shares = [0] if added.shape == target.shape else []
    calls.emit("torch.addmm({0}, {1}, {2}, out={out})", (added, a, b), target, shares, ((0, "{0}.addmm_({1}, {2})"),))


def _separately(calls: Calls, op: Op) -> None:
    """The product, then the sum over it."""
    other, *factors = op.args
    einsum(calls, Op("einsum", tuple(factors), op.attributes, op.results))
    out = calls.where[op.result]
    assert isinstance(out, Strided)
    x = calls.pointwise_operand(other, op.result.type.rank)
    calls.emit("{out}.add_({0})", (x,), out)


HANDLERS: dict[str, Handler] = {"einsum": einsum, "torch.addmm": addmm}
