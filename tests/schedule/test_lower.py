"""Kernels' regions, run in NumPy tile by tile, beside the reference: views, masks, gathers, reductions, products."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc import pipeline
from nnc.schedule.kernel import KernelKind
from nnc.schedule.lowering import Unsupported
from nnc.schedule.verify import verify
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.program import Role
from nnc.tensor.types import TypeMismatch
from tests.schedule.interpreter import interpret
from tests.schedule.programs import Build, F, arguments_of, compare, f, index
from tests.tensor.cases import POINTWISE

Made = Callable[[Builder, Value], Value]

VIEWS: dict[str, Made] = {
    "reshape": lambda b, x: b.reshape(x, (10, 3)),
    "reshape that splits no axis evenly": lambda b, x: b.reshape(b.reshape(x, (3, 10)), (15, 2)),
    "transpose": lambda b, x: b.op("transpose", x, permutation=(1, 0)),
    "reshape of a transpose": lambda b, x: b.reshape(b.op("transpose", x, permutation=(1, 0)), (2, 15)),
    "slice": lambda b, x: b.op("slice", x, starts=(1, 0), stops=(5, 6), steps=(2, 1)),
    "slice of a slice": lambda b, x: b.op(
        "slice",
        b.op("slice", x, starts=(1, 1), stops=(5, 6), steps=(1, 2)),
        starts=(2, 1),
        stops=(4, 3),
        steps=(1, 1),
    ),
    "reverse": lambda b, x: b.op("reverse", x, axes=(0, 1)),
    "reverse of one axis": lambda b, x: b.op("reverse", x, axes=(1,)),
    "pad": lambda b, x: b.op("pad", x, low=(1, 0), high=(2, 3), value=0.5),
    "pad with gaps": lambda b, x: b.op("pad", x, low=(2, 1), high=(0, 2), interior=(1, 2), value=0),
    "gaps alone": lambda b, x: b.op("pad", x, low=(0, 0), high=(0, 0), interior=(2, 0), value=-1.0),
    "pad of a slice of a pad": lambda b, x: b.op(
        "pad",
        b.op(
            "slice",
            b.op("pad", x, low=(1, 1), high=(1, 1), value=3.0),
            starts=(0, 2),
            stops=(7, 8),
            steps=(3, 2),
        ),
        low=(0, 1),
        high=(1, 0),
        value=7.0,
    ),
    "concat": lambda b, x: b.op("concat", x, b.mul(x, 2.0), b.op("exp", x), axis=1),
    "concat of parts": lambda b, x: b.op(
        "concat", b.op("slice", x, starts=(3, 0), stops=(5, 6), steps=(1, 1)), x, axis=0
    ),
    "broadcast": lambda b, x: b.broadcast(b.sum(x, (1,)), F(4, 5)),
    "windows": lambda b, x: b.reshape(b.op("slice", x, starts=(0, 0), stops=(4, 6), steps=(1, 1)), (2, 2, 3, 2)),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("after", ["plain", "computed", "reduced", "over the batch", "multiplied"])
def test_views(name: str, after: str) -> None:
    """A view of an input, of what its kernel computes, before a reduction, a fold or a product."""
    made = Build()
    x, b = made.parameter(F(5, 6), "x"), made.b
    y = VIEWS[name](b, x if after == "plain" else b.op("tanh", x))
    if after == "reduced":
        made.give(b.op("max", y, axes=(y.type.rank - 1,)))
        made.give(b.sum(y))
    elif after == "over the batch":
        made.give(b.sum(y, (0,), batch=True))
    elif after == "multiplied":
        flat = b.reshape(y, (y.type.shape[0], y.type.size // y.type.shape[0]))
        w = made.parameter(f(flat.type.shape[1], 3), "w")
        made.give(b.op("einsum", flat, w, spec="Bmk,kn->Bmn"))
    else:
        made.give(y)
    compare(made.program())


REDUCTIONS = ("sum", "prod", "max", "min", "argmax", "argmin")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((1,), 0), ((8,), 0), ((3, 7), 0), ((3, 7), 1), ((2, 3, 5), 1)])
def test_reductions_over_an_axis(name: str, shape: tuple[int, ...], axis: int) -> None:
    made = Build()
    x, b = made.parameter(F(*shape), "x"), made.b
    made.give(b.op(name, x, axes=(axis,)))
    made.give(b.op(name, b.op("exp", x), axes=(axis,), keepdims=True))
    compare(made.program())


@pytest.mark.parametrize("name", ["any", "all"])
def test_reductions_of_truths(name: str) -> None:
    made = Build()
    x, b = made.parameter(F(5, 3), "x"), made.b
    made.give(b.op(name, b.gt(x, 0), axes=(1,)))
    compare(made.program())


OVER_BATCH = [((), ()), ((5,), ()), ((5,), (0,)), ((3, 4), (0,)), ((3, 7), (0, 1)), ((3, 4), (1,))]


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "variance"])
@pytest.mark.parametrize(("shape", "axes"), OVER_BATCH)
def test_folds_over_the_batch(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    made = Build()
    x, b = made.parameter(F(*shape), "x"), made.b
    made.give(b.op(name, x, axes=axes, batch=True))
    made.give(b.op(name, b.op("exp", x), axes=axes, batch=True, keepdims=True))
    compare(made.program())


@pytest.mark.parametrize("name", ["any", "all"])
@pytest.mark.parametrize(("shape", "axes"), OVER_BATCH)
def test_folds_of_truths(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    made = Build()
    x, b = made.parameter(F(*shape), "x"), made.b
    found = [b.op(name, b.gt(x, bound), axes=axes, batch=True) for bound in (-3, -1, 1, 3)]
    for each in found:
        made.give(each)
        made.give(b.sum(b.where(each, b.like(2.0, x), 1.0)))
    compare(made.program())


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_places_in_the_batch(name: str, shape: tuple[int, ...]) -> None:
    made = Build()
    x, b = made.parameter(F(*shape), "x"), made.b
    place = b.op(name, x, axes=(), batch=True)
    made.give(place)
    made.give(b.where(b.eq(b.op("row"), place), b.op("exp", x), 0))
    made.give(b.op(name, b.op("floor", x), axes=(), batch=True))
    compare(made.program())


def test_folds_of_a_product() -> None:
    made = Build()
    x, w, b = made.parameter(F(5), "x"), made.parameter(f(5, 7), "w"), made.b
    y = b.op("einsum", x, w, spec="Bk,kn->Bn")
    average, spread = b.mean(y, (), batch=True), b.variance(y, (), batch=True)
    made.give(b.mul(b.sub(y, average), b.op("rsqrt", spread)))
    made.give(b.op("argmax", y, axes=(), batch=True))
    made.give(b.variance(y, (0,), batch=True))
    compare(made.program())


SPECS = {
    "a layer": ("Bk,kn->Bn", F(5), f(5, 7)),
    "a layer's gradient": ("Bk,Bn->kn", F(5), F(7)),
    "a transposed kernel": ("Bn,kn->Bk", F(7), f(5, 7)),
    "rows in the sample": ("Bsk,kn->Bsn", F(3, 5), f(5, 7)),
    "rows in the sample, its gradient": ("Bsk,Bsn->kn", F(3, 5), F(3, 7)),
    "attention": ("Bqd,Bkd->Bqk", F(3, 5), F(4, 5)),
    "common": ("mk,kn->mn", f(3, 5), f(5, 2)),
    "the right first": ("kn,Bk->Bn", f(5, 7), F(5)),
    "a long contraction": ("Bk,kn->Bn", F(70), f(70, 3)),
    "a wide result": ("Bk,kn->Bn", F(2), f(2, 300)),
    "two contracted": ("Bij,ijn->Bn", F(3, 4), f(3, 4, 5)),
    "columns in two axes": ("Bk,knm->Bnm", F(3), f(3, 2, 5)),
    "shared in the sample": ("Bhqd,Bhkd->Bhqk", F(2, 3, 4), F(2, 5, 4)),
    "no columns": ("Bk,k->B", F(5), f(5)),
    "no rows": ("k,Bk->B", f(5), F(5)),
    "no contraction": ("Bm,n->Bmn", F(3), f(4)),
    "no columns, over the batch": ("Bk,B->k", F(5), F()),
    "everything": ("Bk,Bk->", F(5), F(5)),
    "element by element": ("Bk,Bk->Bk", F(5), F(5)),
}


# Programs of a product with one matrix a sample run for all that buffers have room for; what they leave beyond the
# batch does no harm in the arena, and would in a result of the model.
SHARED = ("attention", "shared in the sample")


@pytest.mark.parametrize("name", SPECS)
def test_products(name: str) -> None:
    spec, left, right = SPECS[name]
    made = Build()
    x, y, b = made.parameter(left, "x"), made.parameter(right, "y"), made.b
    made.give(b.op("einsum", b.op("tanh", x), y, spec=spec))
    compare(made.program())


@pytest.mark.parametrize("name", SHARED)
def test_products_with_a_matrix_for_each_sample(name: str) -> None:
    """As above, for full batches, and for others where only the arena is written."""
    spec, left, right = SPECS[name]
    for folded in (True, False):
        made = Build()
        x, y, b = made.parameter(left, "x"), made.parameter(right, "y"), made.b
        z = b.op("einsum", b.op("tanh", x), y, spec=spec)
        made.give(b.sum(b.op("exp", z), batch=True) if folded else z)
        compare(made.program(), batches=((5, 8), (1, 3)) if folded else ((5, 5), (1, 1)))


def test_what_a_product_is_beyond_its_ends() -> None:
    """The exponential makes ones of the zeros beyond the end: the product's rows and columns there are no zeros."""
    made = Build()
    x, y, w, b = made.parameter(F(5), "x"), made.parameter(F(3), "y"), made.parameter(f(5, 3), "w"), made.b
    made.give(b.sum(b.op("einsum", b.op("exp", x), w, spec="Bk,kn->Bn"), (), batch=True))
    made.give(b.sum(b.op("einsum", x, b.op("exp", y), spec="Bk,Bn->kn"), (1,)))
    compare(made.program())


def test_zero_times_what_is_infinite_beyond_the_end() -> None:
    """Lanes beyond the end hold zeros, whose logarithm and reciprocal are infinite: their products are no zeros."""
    made = Build()
    x, b = made.parameter(F(5), "x"), made.b
    y = b.op("abs", x)
    made.give(b.sum(b.mul(y, b.op("log", y))))
    made.give(b.sum(b.mul(b.op("rsqrt", y), y), (0,), batch=True))
    made.give(b.sum(b.mul(y, b.div(1.0, y)), (), batch=True))
    compare(made.program())


def test_products_of_what_is_infinite_beyond_the_end() -> None:
    """A product's rows and columns beyond the end are then no numbers, and zero times them is no zero."""
    made = Build()
    x, y, w, b = made.parameter(F(5), "x"), made.parameter(F(3), "y"), made.parameter(f(5, 3), "w"), made.b
    poles = b.op("rsqrt", b.op("abs", y))
    made.give(b.sum(b.mul(b.op("einsum", x, poles, spec="Bk,Bn->kn"), w)))
    made.give(b.sum(b.mul(b.op("einsum", poles, x, spec="Bn,Bk->nk"), b.op("transpose", w, permutation=(1, 0)))))
    made.give(b.sum(b.mul(b.op("einsum", poles, w, spec="Bn,kn->Bk"), x), (0,), batch=True))
    compare(made.program())


def test_extremes_beyond_the_end_are_no_operands() -> None:
    """What a maximum leaves in lanes beyond the end (minus infinity) is neither summed nor multiplied."""
    made = Build()
    x, w, b = made.parameter(F(5), "x"), made.parameter(f(5, 3), "w"), made.b
    y = b.op("tanh", x)
    top = b.op("max", y, axes=(0,), keepdims=True)
    made.give(b.sum(b.sub(y, top)))
    made.give(b.op("einsum", b.sub(y, top), w, spec="Bk,kn->Bn"))
    made.give(b.sum(b.mul(b.sub(y, top), 0.0), batch=True))
    compare(made.program())


def test_indices() -> None:
    made = Build()
    b = made.b
    table, ids = made.parameter(f(7, 3), "table"), made.parameter(index(7, 4), "ids")
    rows = b.op("gather", table, ids)
    made.give(rows)
    made.give(b.op("one_hot", ids, n=7))
    made.give(b.op("place", b.sum(rows, (1,)), ids, n=9))
    made.give(b.op("scatter_add", b.op("exp", rows), ids, n=7))
    made.give(b.op("convert", b.op("add", b.op("arange", n=4), b.op("argmax", rows, axes=(1,))), element="f32"))
    compare(made.program())


def test_a_row_is_counted_within_its_batch() -> None:
    made = Build()
    x, b = made.parameter(F(), "x"), made.b
    made.give(b.add(x, b.op("convert", b.op("row"), element="f32")))
    compare(made.program())


@pytest.mark.parametrize("computed", [False, True])
def test_pick(computed: bool) -> None:
    made = Build()
    x, w, t, b = made.parameter(F(3), "x"), made.parameter(f(3, 10), "w"), made.parameter(index(10), "t"), made.b
    y = b.op("einsum", x, w, spec="Bk,kn->Bn") if computed else made.parameter(F(10), "y")
    made.give(b.op("pick", y, t))
    made.give(b.sum(b.op("pick", b.op("exp", y), t), batch=True))
    compare(made.program())


def test_padding_of_an_epilogue_and_broadcasts_of_scalars() -> None:
    made = Build()
    x, w, s, b = made.parameter(F(3), "x"), made.parameter(f(3, 10), "w"), made.parameter(f(), "s"), made.b
    h = b.add(b.op("einsum", x, w, spec="Bk,kn->Bn"), s)
    made.give(b.op("pad", h, low=(2,), high=(1,), value=1.5))
    made.give(b.div(h, b.op("batch_size")))
    made.give(b.sum(h, batch=True), Role.ACCUMULATOR)
    made.give(b.op("batch_size"), Role.ACCUMULATOR)
    compare(made.program())


def _pointwise() -> list[str]:
    no_shim = {"lgamma", "digamma", "polygamma", "erf", "atan", "asin", "acos", "tan", "sinh", "cosh", "round"}
    return [n for n in POINTWISE if n not in no_shim and TABLE[n].kind is Kind.POINTWISE]


@pytest.mark.parametrize("name", _pointwise())
def test_pointwise_rows(name: str) -> None:
    """Each row's text on a tile, and then a reduction, for which lanes beyond the end must not count."""
    for case in POINTWISE[name].cases[:3]:
        if any(type.element not in ("f32", "bool", "i32") for type in case.types):
            continue
        made = Build()
        b = made.b
        args = []
        for number, type in enumerate(case.types):
            drawn = made.parameter(F(*type.shape) if type.batched else f(*type.shape), f"x{number}")
            low, high = case.domain
            if type.element == "bool":
                args.append(b.gt(drawn, 0))
            elif type.element == "i32":
                args.append(b.op("convert", b.mul(drawn, 4.0), element="i32"))
            else:  # drawn from -2 .. 2
                args.append(b.add(b.mul(drawn, (high - low) / 4), (high + low) / 2))
        y = b.op(name, *args, **case.attributes)
        made.give(y)
        if y.type.is_float and y.type.batched and y.type.rank:
            made.give(b.sum(y))
        compare(made.program(), batches=((5, 8),))


def test_what_no_kernel_computes_says_so() -> None:
    made = Build()
    x, b = made.parameter(F(3), "x"), made.b
    made.give(b.mul(x, b.op("convert", b.op("bernoulli", shape=(3,), batched=False, p=0.5), element="f32")))
    with pytest.raises(Unsupported, match="`bernoulli` cannot be compiled"):
        compare(made.program())


# --------------------------------------------------------------------------------------------- random programs


STEPS = ("unary", "binary", "binary", "reduce", "batch", "product", "gradient", "view", "relu")


@st.composite
def programs(draw: st.DrawFn) -> Build:
    """A few inputs, some ops on them, and some of what they make as results."""
    made = Build()
    sizes = st.sampled_from((1, 2, 3, 5, 17))
    a, c = draw(sizes), draw(sizes)
    values = [made.parameter(type, name) for type, name in ((F(a), "x"), (F(c, a), "y"), (f(a), "v"), (f(c, a), "u"))]
    for number in range(draw(st.integers(2, 8))):
        _step(draw, made, values, number)
    for value in dict.fromkeys([values[-1], *draw(st.lists(st.sampled_from(values[4:] or values), max_size=3))]):
        if value.type.is_float:
            made.give(value)
    return made


def _step(draw: st.DrawFn, made: Build, values: list[Value], number: int) -> None:
    b = made.b
    x = draw(st.sampled_from(values[-4:] + values[:2]))
    match draw(st.sampled_from(STEPS)):
        case "unary":
            values.append(b.op(draw(st.sampled_from(("tanh", "sigmoid", "neg", "abs", "sin"))), x))
        case "binary":
            y = draw(st.sampled_from(values))
            try:
                values.append(b.op(draw(st.sampled_from(("add", "sub", "mul", "maximum"))), x, y))
            except TypeMismatch:
                values.append(b.mul(x, 0.5))
        case "reduce" if x.type.rank:
            axis = draw(st.integers(0, x.type.rank - 1))
            keepdims = draw(st.booleans())
            values.append(b.op(draw(st.sampled_from(("sum", "max"))), x, axes=(axis,), keepdims=keepdims))
        case "batch" if x.type.batched:
            axes = (0,) if x.type.rank and draw(st.booleans()) else ()
            total = b.op("sum", x, axes=axes, batch=True, keepdims=draw(st.booleans()))
            values.append(b.op("tanh", b.div(total, b.op("batch_size"))))
        case "product" if x.type.rank in (1, 2):
            w = made.parameter(f(x.type.shape[-1], draw(st.sampled_from((1, 4, 17)))), f"w{number}")
            lead = ("B" if x.type.batched else "") + "s" * (x.type.rank - 1)
            if lead:
                values.append(b.op("tanh", b.op("einsum", x, w, spec=f"{lead}k,kn->{lead}n")))
        case "gradient" if x.type.batched and x.type.rank == 1:
            others = [v for v in values if v.type.batched and v.type.rank == 1]
            y = draw(st.sampled_from(others))
            values.append(b.op("tanh", b.op("einsum", x, y, spec="Bk,Bn->kn")))
        case "view" if x.type.rank == 2:
            values.append(b.op("transpose", x, permutation=(1, 0)))
        case "view" if x.type.rank == 1:
            values.append(b.op("pad", x, low=(1,), high=(2,), value=0.5))
        case _:
            values.append(b.where(b.gt(x, 0), x, 0))


@settings(max_examples=60)
@given(programs())
def test_random_programs(made: Build) -> None:
    if made.results:
        compare(made.program(), batches=((5, 8), (19, 40)))


# ------------------------------------------------------------------------------------------------ a whole sample


def test_the_steps_of_a_sample(digits: pipeline.Compiled) -> None:
    """Gradients, sums, new parameters and slots of a training step, and what evaluation and prediction give."""
    for step in (digits.schedule.train, digits.schedule.evaluate, digits.schedule.predict):
        assert step is not None
        verify(step)
        program = step.program
        drawn = zip(arguments_of(program, 5), program.inputs, strict=True)
        arguments = [abs(array) if binding.role is Role.SLOT else array for array, binding in drawn]
        expected = evaluate(program.function, arguments, 5)
        for backwards in (False, True):
            found = interpret(step, arguments, 5, 128, backwards)
            for binding, mine, exact in zip(program.outputs, found, expected, strict=True):
                np.testing.assert_allclose(mine, exact, rtol=1e-9, atol=1e-9, err_msg=str(binding))
        kinds = [kernel.kind for kernel in step.kernels]
        assert kinds.count(KernelKind.UPDATE) == (step.name == "train")
