"""Letters of products, and the rewrites that leave only matrix products."""

import numpy as np
import pytest

from nnc.schedule import normalise
from nnc.schedule.kernel import BATCH
from nnc.schedule.products import classify, domain_of
from nnc.tensor.evaluate import evaluate
from nnc.tensor.types import TensorType
from tests.schedule.programs import Build, F, arguments_of, f, index

CASES = [
    ("Bk,kn->Bn", F(5), f(5, 7), ("", "B", "n", "k"), False),
    ("kn,Bk->Bn", f(5, 7), F(5), ("", "B", "n", "k"), True),
    ("Bk,Bn->kn", F(5), F(7), ("", "k", "n", "B"), False),
    ("Bn,Bk->kn", F(7), F(5), ("", "k", "n", "B"), True),
    ("Bsk,kn->Bsn", F(3, 5), f(5, 7), ("", "Bs", "n", "k"), False),
    ("Bhqd,Bhkd->Bhqk", F(2, 3, 4), F(2, 5, 4), ("Bh", "q", "k", "d"), False),
    ("Bij,ijn->Bn", F(3, 4), f(3, 4, 5), ("", "B", "n", "ij"), False),
]


@pytest.mark.parametrize(("spec", "left", "right", "letters", "exchanged"), CASES)
def test_letters(
    spec: str, left: TensorType, right: TensorType, letters: tuple[str, str, str, str], exchanged: bool
) -> None:
    made = Build()
    x, y = made.parameter(left, "x"), made.parameter(right, "y")
    op = made.b.finish([made.b.op("einsum", x, y, spec=spec)]).ops[0]
    product = classify(op)
    assert (product.shared, product.rows, product.columns, product.contraction) == letters
    assert (product.left, product.right) == ((y, x) if exchanged else (x, y))
    assert product.is_matrix
    assert product.extents["B"] == BATCH
    assert "".join(axis.name for axis in domain_of(product)) == spec.split("->")[1]
    assert [product.result_letters[p] for p in product.positions(product.rows)] == list(product.rows)


def test_what_is_no_product() -> None:
    made = Build()
    x = made.parameter(F(5), "x")
    op = made.b.finish([made.b.op("exp", x)]).ops[0]
    with pytest.raises(ValueError, match="exp is no product"):
        classify(op)


PLAIN = [
    ("Bk,k->B", F(5), f(5)),
    ("k,Bk->B", f(5), F(5)),
    ("Bm,n->Bmn", F(3), f(4)),
    ("Bm,Bn->Bnm", F(3), F(4)),
    ("Bk,B->k", F(5), F()),
    ("Bk,Bk->", F(5), F(5)),
    ("Bk,Bk->Bk", F(5), F(5)),
    ("Bji,ij->B", F(3, 4), f(4, 3)),
    ("Bji,Bij->ij", F(3, 4), F(4, 3)),
    ("ij,j->i", f(3, 4), f(4)),
]


@pytest.mark.parametrize(("spec", "left", "right"), PLAIN)
@pytest.mark.parametrize("batch", [1, 5])
def test_products_of_no_matrices_become_sums(spec: str, left: TensorType, right: TensorType, batch: int) -> None:
    made = Build()
    made.give(made.b.op("einsum", made.parameter(left, "x"), made.parameter(right, "y"), spec=spec, hint="z"))
    program = made.program()
    plain = normalise.run(program)
    assert all(op.primitive != "einsum" for op in plain.function.ops)
    assert plain.function.results[0].type == program.function.results[0].type
    assert plain.function.ops[-1].result.hint == "z"
    arguments = arguments_of(program, batch)
    (expected,), (found,) = (evaluate(each.function, arguments, batch) for each in (program, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("g", "ids"),
    [(F(3), index(7)), (F(4, 3), index(7, 4)), (F(), index(7)), (F(4), index(7, 4)), (F(4, 2, 3), index(7, 4))],
)
def test_scatters_become_products_with_one_hot_rows(g: TensorType, ids: TensorType) -> None:
    made = Build()
    made.give(made.b.op("scatter_add", made.parameter(g, "g"), made.parameter(ids, "ids"), n=7))
    program = made.program()
    plain = normalise.run(program)
    assert all(op.primitive != "scatter_add" for op in plain.function.ops)
    arguments = arguments_of(program, 5)
    (expected,), (found,) = (evaluate(each.function, arguments, 5) for each in (program, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_matrix_products_stay_and_bindings_with_them() -> None:
    made = Build()
    x, w = made.parameter(F(5), "x"), made.parameter(f(5, 7), "w")
    made.give(made.b.op("einsum", x, w, spec="Bk,kn->Bn"))
    program = made.program()
    plain = normalise.run(program)
    assert [op.primitive for op in plain.function.ops] == ["einsum"]
    assert (plain.inputs, plain.outputs) == (program.inputs, program.outputs)
