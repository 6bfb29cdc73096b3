"""A product's letters, sorted by what they are to a matrix product. In: an `einsum` op. Out: which letters are rows,
columns, contraction and shared axes, and the operand order that makes the batch, where it is kept, a row axis."""

from __future__ import annotations

from dataclasses import dataclass

from nnc.schedule.kernel import BATCH, DomainAxis, Extent
from nnc.tensor.ir import Op, Value

BATCH_LETTER = "B"


@dataclass(frozen=True, slots=True)
class Product:
    """result[shared, rows, columns] = sum over contraction of left[shared, rows, contraction] * right[...].

    `left` and `right` are the op's operands, exchanged where that puts the result's first axis among the rows.
    Each string of letters is in the result's order (contraction: in the left operand's).
    """

    left: Value
    right: Value
    left_letters: str
    right_letters: str
    result_letters: str
    shared: str
    rows: str
    columns: str
    contraction: str
    extents: dict[str, Extent]

    def positions(self, letters: str) -> tuple[int, ...]:
        """Which axes of the result's domain these letters are."""
        return tuple(self.result_letters.index(letter) for letter in letters)

    @property
    def is_matrix(self) -> bool:
        """Whether it has rows, columns and a contraction: what a product template takes."""
        return bool(self.rows and self.columns and self.contraction)


def extent_of(value: Value, letters: str) -> dict[str, Extent]:
    """The extent of each axis of `value`, by its letter."""
    sizes: list[Extent] = [BATCH] if value.type.batched else []
    return dict(zip(letters, [*sizes, *value.type.shape], strict=True))


def classify(op: Op) -> Product:
    """Raises ValueError where `op` is no einsum of two operands."""
    if op.primitive != "einsum":
        raise ValueError(f"{op.primitive} is no product")
    spec = op["spec"]
    assert isinstance(spec, str)
    left, right = op.args
    return classify_operands(spec, left, right)


def classify_operands(spec: str, left: Value, right: Value) -> Product:
    operands, result = spec.split("->")
    first, second = operands.split(",")
    extents = extent_of(left, first) | extent_of(right, second)
    only_second = [letter for letter in result if letter in second and letter not in first]
    if only_second and result.startswith(only_second[0]):
        left, right, first, second = right, left, second, first
    return Product(
        left,
        right,
        first,
        second,
        result,
        shared="".join(x for x in result if x in first and x in second),
        rows="".join(x for x in result if x in first and x not in second),
        columns="".join(x for x in result if x in second and x not in first),
        contraction="".join(x for x in first if x in second and x not in result),
        extents=extents,
    )


def domain_of(product: Product) -> tuple[DomainAxis, ...]:
    return tuple(DomainAxis(letter, product.extents[letter]) for letter in product.result_letters)
