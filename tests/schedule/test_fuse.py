"""Which ops share a kernel, what is stored and what is computed again: for small programs, by hand."""

import pytest

from nnc import pipeline
from nnc.emit import describe
from nnc.schedule import groups, stages
from nnc.schedule.fuse import DEEPEST
from nnc.schedule.fusion import Fusion
from nnc.schedule.groups import Group, region_group
from nnc.schedule.kernel import KernelKind, StepSchedule
from nnc.schedule.materialise import RECOMPUTED
from nnc.tensor.ir import Value
from nnc.tensor.program import Role
from tests.schedule.programs import Build, F, compare, f, fused, index, planned, step_of

PRODUCT, REGION, FINISH = KernelKind.PRODUCT, KernelKind.REGION, KernelKind.FINISH


def kinds(step: StepSchedule) -> list[KernelKind]:
    return [kernel.kind for kernel in step.kernels]


def primitives(group: Group) -> list[str]:
    return [op.primitive for op in group.ops]


def stored(made: Build) -> set[str]:
    return {value.hint for value in planned(made.program()).stored}


def a_layer(made: Build, columns: int = 10) -> Value:
    x, w, c = (made.parameter(t, n) for t, n in ((F(6), "x"), (f(6, columns), "w"), (f(columns), "c")))
    return made.b.add(made.b.op("einsum", x, w, spec="Bk,kn->Bn"), c)


def test_softmax_crossentropy_and_its_gradient_join_the_product() -> None:
    made = Build()
    b = made.b
    h, t = a_layer(made), made.parameter(index(10), "t")
    log_p = b.sub(h, b.logsumexp(h, keepdims=True))
    made.give(b.sum(b.neg(b.op("pick", log_p, t)), batch=True), Role.ACCUMULATOR, "loss")
    dh = b.sub(b.op("exp", log_p), b.op("one_hot", t, n=10))
    made.give(dh, name="dh")
    made.give(b.sum(dh, (), batch=True), Role.GRADIENT, "c")
    step = compare(made.program())
    assert kinds(step) == [PRODUCT, FINISH]
    product = step.kernels[0]
    assert product.tiles.columns == 16, "the tile spans the row that is reduced"
    assert [write.fold for write in product.writes] == [None, "sum", "sum"]


def test_taking_an_axis_of_size_one_away_stays_in_the_tile() -> None:
    """The one column of a tile is summed out of its padding."""
    made = Build()
    b = made.b
    h = a_layer(made, 1)
    loss = b.reshape(b.mul(h, h), ())
    weight = made.parameter(F(), "weight")
    made.give(b.sum(b.mul(loss, weight), batch=True), Role.ACCUMULATOR, "loss")
    made.give(h, name="h")
    step = compare(made.program())
    assert kinds(step) == [PRODUCT, FINISH]
    assert "reshape" not in [op.primitive for op in step.kernels[0].ops]


@pytest.mark.parametrize("shape", [(1,), (1, 3, 1), (3, 1)])
def test_a_fold_of_what_has_other_axes_of_size_one_joins_its_tile(shape: tuple[int, ...]) -> None:
    made = Build()
    b = made.b
    h = a_layer(made, 3)
    held = h if 3 in shape else b.sum(h, (0,))
    made.give(held)
    made.give(b.sum(b.reshape(held, shape), batch=True))
    assert kinds(compare(made.program())) == [PRODUCT, FINISH]


def test_a_product_of_one_row_is_no_row_of_numbers() -> None:
    """Its row is an axis of the tile, of which all but one lane are beyond the end."""
    made = Build()
    b = made.b
    x, w = made.parameter(f(1, 5), "x"), made.parameter(f(5, 3), "w")
    row = b.op("einsum", x, w, spec="mk,kn->mn")
    made.give(b.sum(b.reshape(b.mul(row, row), (3,)), (0,)))
    compare(made.program())


def test_a_row_wider_than_a_tile_is_reduced_by_a_kernel_of_its_own() -> None:
    made = Build()
    h = a_layer(made, 300)
    made.give(made.b.sub(h, made.b.op("max", h, axes=(0,), keepdims=True)))
    assert kinds(compare(made.program())) == [PRODUCT, REGION]


def test_a_reduction_that_does_not_fit_the_tile_opens_a_kernel() -> None:
    """Over part of the rows of a product; over rows and not columns of one with shared axes."""
    made = Build()
    x, w, b = made.parameter(F(3, 6), "x"), made.parameter(f(6, 4), "w"), made.b
    made.give(b.sum(b.op("einsum", x, w, spec="Bsk,kn->Bsn"), (0,)))
    assert kinds(compare(made.program())) == [PRODUCT, REGION]


def test_the_mask_of_relu_is_read_off_what_is_stored() -> None:
    """relu' joins the product of the backward pass, and its mask is computed again from the stored activation."""
    made = Build()
    b = made.b
    h = b.op("maximum", a_layer(made), b.constant(0.0), hint="h")
    w2, g = made.parameter(f(10, 5), "w2"), made.parameter(F(5), "g")
    made.give(b.op("einsum", h, w2, spec="Bk,kn->Bn"), name="y")
    dh = b.where(b.op("gt", h, b.constant(0.0), hint="mask"), b.op("einsum", g, w2, spec="Bn,kn->Bk"), 0.0)
    made.give(b.sum(dh, (), batch=True), Role.GRADIENT, "c")
    step = compare(made.program())
    assert "h" in stored(made)
    assert "mask" not in stored(made)
    assert kinds(step) == [PRODUCT, PRODUCT, PRODUCT, FINISH]


def test_a_residual_joins_the_product_that_it_is_added_to() -> None:
    made = Build()
    b = made.b
    x, w = made.parameter(F(6), "x"), made.parameter(f(6, 6), "w")
    h = b.op("tanh", x)
    made.give(b.add(h, b.op("einsum", h, w, spec="Bk,kn->Bn")))
    step = compare(made.program())
    assert kinds(step) == [PRODUCT]
    assert {value.hint for value, _ in step.kernels[0].reads} == {"x", "w"}, "tanh(x) is computed where it is read"


def test_a_fold_of_what_floats_joins_a_kernel_that_runs_anyway() -> None:
    made = Build()
    b = made.b
    made.give(b.op("exp", a_layer(made)))
    weight = made.parameter(F(), "weight")
    made.give(b.sum(weight, batch=True), Role.ACCUMULATOR, "weights")
    assert kinds(compare(made.program())) == [PRODUCT, FINISH]


def test_a_fold_that_is_read_is_finished_before_its_reader() -> None:
    """A batch's mean is taken off what it is the mean of."""
    made = Build()
    b = made.b
    h = a_layer(made)
    made.give(b.sub(h, b.mean(h, (), True, batch=True)), name="centred")
    step = compare(made.program())
    assert kinds(step)[:2] == [PRODUCT, FINISH]
    assert kinds(step)[2] is REGION
    centred = next(w for kernel in step.kernels[2:] for w in kernel.writes)
    assert centred.buffer.name == "centred"


def test_folds_finished_together_share_their_partials() -> None:
    made = Build()
    b = made.b
    h = a_layer(made)
    made.give(b.sum(h, (), batch=True), Role.GRADIENT, "c")
    made.give(b.sum(b.mul(h, h), batch=True), Role.ACCUMULATOR, "squares")
    step = compare(made.program())
    product, finish = step.kernels
    assert len({write.partials for write in product.writes}) == 1
    assert len(finish.writes) == 2
    columns = {write.buffer.name: write.column for write in product.writes}
    assert columns == {"d_c": 0, "sums": 32}, "a gradient's columns are padded as the flat buffer is"


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of up to 256 elements, so that stages are of small tensors."""
    monkeypatch.setattr(groups, "COVERED", 256)
    for name, size in {"COVERED": 256, "CHUNK": 64, "ACROSS": 8}.items():
        monkeypatch.setattr(stages, name, size)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("primitive", ["sum", "max", "argmin", "any"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((257,), (0,)),
        ((20_011,), (0,)),  # three stages
        ((4, 257), (1,)),
        ((5, 260, 3), (1,)),
        ((3, 17, 43), (1,)),  # what lies behind has no divisor
        ((2, 300, 24), (1,)),
        ((3, 7, 31, 2), (1, 2)),
        ((11, 3, 37), (0, 2)),
    ],
)
def test_what_no_tile_holds_is_reduced_in_stages(
    shape: tuple[int, ...], axes: tuple[int, ...], batched: bool, primitive: str
) -> None:
    made = Build()
    x = made.parameter(F(*shape) if batched else f(*shape), "x")
    x = made.b.gt(x, 2.0) if primitive == "any" else x
    made.give(made.b.op(primitive, x, axes=axes[:1] if primitive == "argmin" else axes))
    step = compare(made.program())
    assert all(kernel.tiles.columns <= 256 or not kernel.operands for kernel in step.kernels)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("axes", [(), (1,), (0, 2)])
@pytest.mark.parametrize("primitive", ["sum", "variance"])
def test_a_fold_goes_over_the_axes_that_it_keeps_in_parts(axes: tuple[int, ...], primitive: str) -> None:
    made = Build()
    made.give(made.b.op(primitive, made.parameter(F(9, 7, 13), "x"), axes=axes, batch=True))
    step = compare(made.program())
    assert all(kernel.tiles.columns <= 256 or len(kernel.domain) == 2 + len(axes) for kernel in step.kernels)


def test_a_fold_of_a_wide_sample_does_not_join_what_reduces_its_rows() -> None:
    """Together they would have to hold a sample at once: both axes, 512 by 512."""
    made = Build()
    b, x = made.b, made.parameter(F(300, 300), "x")
    centred = b.sub(x, b.mean(x, (1,), True))
    made.give(b.sum(centred, (), batch=True))
    made.give(b.sum(centred, (1,)))
    step = step_of(made.program())
    assert all(kernel.tiles.rows * kernel.tiles.columns <= 2048 for kernel in step.kernels)


def _chain(made: Build, value: Value, length: int) -> Value:
    for _ in range(length):
        value = made.b.op("sin", value)
    return value


@pytest.mark.parametrize(("length", "again"), [(2, True), (RECOMPUTED, True), (RECOMPUTED + 1, False)])
def test_short_chains_are_computed_again_and_long_ones_stored(length: int, again: bool) -> None:
    """A chain from a product that is a result too, read by the epilogue of another product."""
    made = Build()
    b = made.b
    h = a_layer(made)
    made.give(h)
    y = b.op("cos", _chain(made, h, length - 1), hint="y")
    made.give(b.sum(y))
    x, w = made.parameter(F(6), "x2"), made.parameter(f(6, 10), "w2")
    made.give(b.mul(b.op("einsum", x, w, spec="Bk,kn->Bn"), y))
    assert ("y" not in stored(made)) is again
    compare(made.program())


def test_homes_and_levels() -> None:
    """A value's level is the last group that must have run; what floats has no home."""
    made = Build()
    b = made.b
    x = made.parameter(F(6), "x")
    floating = b.op("exp", x)
    h = a_layer(made)
    joined = b.mul(h, 2.0)
    made.give(joined)
    made.give(floating)
    fusion: Fusion = fused(made.program())
    by_hint = {value.hint: value for value in fusion.level}
    assert by_hint["exp"] not in fusion.home
    assert fusion.level[by_hint["exp"]] == -1
    assert fusion.home[by_hint["mul"]] is fusion.groups[0]
    assert primitives(fusion.groups[0]) == ["einsum", "add", "mul"]
    assert fusion.groups[1].kind is REGION, "a result that floats gets a kernel"


def test_domains_of_generated_kernels() -> None:
    made = Build()
    scalar, row = made.parameter(f(), "scalar"), made.parameter(F(3), "row")
    assert [axis.extent for axis in region_group(0, scalar).domain] == [1]
    assert [axis.name for axis in region_group(0, row).domain] == ["B", "d1"]


def test_the_kernels_of_a_sample(digits: pipeline.Compiled) -> None:
    """Five products, one finish, one update; evaluation and prediction have two products and what they need."""
    schedule = digits.schedule
    assert schedule.train is not None
    assert schedule.evaluate is not None
    assert kinds(schedule.train).count(PRODUCT) == 5
    assert sorted(kind.value for kind in kinds(schedule.train)[-2:]) == ["finish", "update"]
    assert kinds(schedule.evaluate) == [PRODUCT, PRODUCT, FINISH]
    assert kinds(schedule.predict) == [PRODUCT, PRODUCT]


def test_a_result_is_written_to_each_of_its_places() -> None:
    made = Build()
    y = made.b.op("exp", made.parameter(F(3), "x"))
    made.give(y, name="first")
    made.give(y, name="second")
    step = step_of(made.program())
    assert [write.buffer.name for write in step.kernels[0].writes] == ["first", "second"]
    compare(made.program())


@pytest.mark.parametrize("shape", [(), (3,), (1, 2)])
def test_a_long_chain_goes_on_in_another_kernel(shape: tuple[int, ...]) -> None:
    """Each link reads the last one twice: neither depth nor the size of any text may grow with its length."""
    made = Build()
    value = made.parameter(F(*shape), "x")
    for _ in range(40):
        value = made.b.sub(made.b.op("sin", made.b.mul(made.b.op("tanh", value), 1.5)), value)
    made.give(value)
    step = compare(made.program())
    assert len(step.kernels) == 3
    assert all(" from " in describe.docstring(kernel) for kernel in step.kernels)
    pointwise = [[op for op in kernel.ops if op.primitive != "constant"] for kernel in step.kernels]
    assert max(map(len, pointwise)) <= 2 * DEEPEST + RECOMPUTED, (
        "a part of the chain that is not stored is computed again"
    )
