"""`einsum` of the language beside torch's: values and gradients, what is wrong with an equation, and both paths."""

import numpy as np
import pytest
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.render import render
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from tests.language.programs import codes, model_of, tried
from tests.programs.harness import imported, run_interpreted

BATCH = 3
CASES = [
    ("ij,jk->ik", (2, 5), (5, 3)),
    ("ij,jk->ki", (2, 5), (5, 3)),
    ("bij,bjk->bik", (4, 2, 5), (4, 5, 3)),
    ("bij, bjk -> kbi", (4, 2, 5), (4, 5, 3)),
    ("qhd,khd->hqk", (3, 2, 5), (7, 2, 5)),
    ("i,i->", (7,), (7,)),
    ("i,j->ij", (3,), (5,)),
    ("ij,ij->j", (3, 5), (3, 5)),
    ("ij->ji", (3, 5)),
    ("ijk->k", (3, 1, 5)),
    ("ijk->", (3, 1, 5)),
    ("ij,kl->il", (3, 2), (5, 7)),
    ("ij,jk,kl->il", (2, 3), (3, 5), (5, 2)),
    ("i,i,i->i", (5,), (5,), (5,)),
    ("ij,k,jk->ki", (2, 3), (5,), (3, 5)),
    ("...ij,...jk->...ik", (4, 2, 3), (4, 3, 5)),
    ("...i,ij->...j", (4, 2, 3), (3, 5)),
    ("...i,...i->...", (4, 1, 3), (2, 3)),
    ("i...,i->...", (3, 2, 4), (3,)),
    ("Aa,aZ->AZ", (2, 3), (3, 2)),
]


def written(equation, shapes):
    given = [f"{name}: float{list(shape)}" for name, shape in zip("xyz", shapes, strict=False)]
    names = ", ".join("xyz"[: len(shapes)])
    return f'model Net({", ".join(given)}) -> r {{\n    r = einsum("{equation}", {names})\n}}\n'


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_values_and_gradients(case):
    equation, *shapes = case
    function = model_of(written(equation, shapes)).predict.function
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(BATCH, *shape)) for shape in shapes]
    builder = Builder.resume(function)
    (result,) = function.results
    weight = builder.parameter(result.type, "weight")
    total = builder.sum(builder.mul(result, weight), batch=True)
    whole = builder.finish([result, total])
    slopes = gradient(whole, total, list(function.parameters))
    given = rng.normal(size=(BATCH, *result.type.shape))
    found, _, *gradients = evaluate(slopes, [*arrays, given], BATCH)

    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    each = zip(*leaves, strict=True)
    wanted = torch.stack([torch.tensor(0.0) + torch.einsum(equation.replace(" ", ""), *row) for row in each])
    np.testing.assert_allclose(found, wanted.detach(), rtol=1e-12, atol=1e-12)
    for slope, exact in zip(gradients, torch.autograd.grad((wanted * torch.tensor(given)).sum(), leaves), strict=True):
        np.testing.assert_allclose(slope, exact, rtol=1e-12, atol=1e-12)


WRONG = [
    ("einsum(3, x, y)", "the equation is a string"),
    ('einsum("ij,jk", x, y)', "does not say what the result is"),
    ('einsum("ij,jk->il", x, y)', "`l` of the result is in no operand"),
    ('einsum("i1,jk->ik", x, y)', "`1` of the equation is no letter"),
    ('einsum("ii,jk->ik", x, y)', "`i` stands twice in `ii`"),
    ('einsum("ij,jk->ik", x)', "2 terms before the arrow for 1 tensors"),
    ('einsum("bij,jk->ik", x, y)', "`bij` has 3 axes"),
    ('einsum("ij,kj->ik", x, y)', "`j` is 5 in one tensor and 3 in another"),
    ('einsum("...,...->...", x, y)', "an axis of `...` is"),
    ('einsum("ij,jk->ik", x, i32(y))', "float"),
    ('einsum("ij,jk->ik", x, "y")', "a tensor is wanted"),
]


@pytest.mark.parametrize(("expression", "said"), WRONG)
def test_what_is_wrong_is_said(expression, said):
    text = f"model Net(x: float[2, 5], y: float[5, 3]) -> r {{ r = {expression} }}"
    _, reporter = tried(text)
    assert sum(code.startswith("E") for code in codes(text)) == 1
    assert said in render(reporter.all)


def check(backend):
    """All cases in one model; all operands per sample."""
    inputs = [f"v{i}{j}: float{list(shape)}" for i, case in enumerate(CASES) for j, shape in enumerate(case[1:])]
    results = ", ".join(f"r{i}" for i in range(len(CASES)))
    places = [", ".join(f"v{i}{j}" for j in range(len(case) - 1)) for i, case in enumerate(CASES)]
    body = "\n".join(f'    r{i} = einsum("{CASES[i][0]}", {names})' for i, names in enumerate(places))
    text = f"model Net({', '.join(inputs)}) -> ({results}) {{\n{body}\n}}\n"
    cls = imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")
    rng = np.random.default_rng(2)
    given = {
        f"v{i}{j}": rng.normal(size=(BATCH, *shape)).astype(np.float32)
        for i, case in enumerate(CASES)
        for j, shape in enumerate(case[1:])
    }
    found = cls(device="cpu", backend=backend, _guard=True).predict(given, verbose=0)
    for i, (equation, *shapes) in enumerate(CASES):
        rows = [[torch.tensor(given[f"v{i}{j}"][n]).double() for j in range(len(shapes))] for n in range(BATCH)]
        wanted = np.stack([torch.einsum(equation.replace(" ", ""), *row).numpy() for row in rows])
        np.testing.assert_allclose(found[f"r{i}"], wanted, rtol=1e-5, atol=1e-5, err_msg=equation)


def test_on_torch():
    check("torch")


def test_through_triton():
    run_interpreted("from tests.language.test_einsum import check\ncheck('triton')")
