"""Order, what is written over, lifetimes; flat layouts; sizes of tiles."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc import pipeline
from nnc.schedule import memory, tiles
from nnc.schedule.groups import product_group, region_group
from nnc.schedule.kernel import BATCH, Buffer, Kernel, KernelKind, Size, Space, StepSchedule, Write
from nnc.schedule.layout import ALIGNMENT, flat_layout, padded
from nnc.schedule.verify import InvalidSchedule, verify
from nnc.tensor.program import Binding, Role
from nnc.tensor.types import TensorType
from tests.schedule.programs import Build, F, compare, f, scheduled


def _arena(step: StepSchedule) -> list[str]:
    return [buffer.name for buffer, _, _ in step.arena]


def chain(width: int = 6) -> Build:
    """h = tanh(x @ w), dh = (g @ v) (1 - h^2): of the shape of h, and the last that reads it but for one product."""
    made = Build()
    b = made.b
    x, g = made.parameter(F(5), "x"), made.parameter(F(3), "g")
    w, v = made.parameter(f(5, width), "w"), made.parameter(f(3, 6), "v")
    h = b.op("tanh", b.op("einsum", x, w, spec="Bk,kn->Bn"), hint="h")
    dv = b.op("einsum", g, h, spec="Bk,Bn->kn")
    slope = b.sub(1.0, b.mul(h, h))
    dh = b.op("mul", b.op("einsum", g, v, spec="Bk,kn->Bn"), slope, hint="dh")
    made.give(dv, Role.GRADIENT, "v")
    made.give(b.op("einsum", x, dh, spec="Bk,Bn->kn"), Role.GRADIENT, "w")
    return made


def test_a_gradient_writes_over_the_activation_that_it_reads_last() -> None:
    step = compare(chain().program())
    assert _arena(step) == ["h"]
    names = [[write.buffer.name for write in kernel.writes] for kernel in step.kernels]
    assert names == [["h"], ["d_v"], ["h"], ["d_w"]], "the product that only reads h runs before it is written over"


def test_what_is_read_elsewhere_than_it_is_written_is_not_written_over() -> None:
    """A kernel that reads its operand turned, or across the rows that it reduces, keeps it."""
    made = Build()
    b = made.b
    x, w = made.parameter(F(4), "x"), made.parameter(f(4, 4), "w")
    h = b.op("einsum", x, w, spec="Bk,kn->Bn", hint="h")
    turned = b.add(h, b.op("reverse", h, axes=(0,)))
    made.give(b.op("einsum", turned, w, spec="Bk,kn->Bn"))
    step = compare(made.program())
    for kernel in step.kernels:
        read = {buffer for _, buffer in kernel.reads if buffer.space is Space.ARENA}
        assert not read & {write.buffer for write in kernel.writes}


def test_a_state_is_replaced_when_all_have_read_it() -> None:
    made = Build()
    b = made.b
    x, c = made.parameter(F(4), "x"), made.b.parameter(f(4), "running")
    made.inputs.append(Binding(Role.STATE, "running"))
    made.give(b.add(b.mul(c, 0.5), b.sum(x, (), batch=True)), Role.STATE, "running")
    made.give(b.sub(x, c))
    compare(made.program())


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_states_that_are_made_of_themselves_are_renewed_in_place(shape: tuple[int, ...]) -> None:
    """Each element of them is read where it is written; a single number goes through the arena."""
    made = Build()
    b, x = made.b, made.parameter(F(*shape), "x")
    total = b.sum(x, batch=True)
    for name in ("first", "second"):
        old = b.parameter(f(*shape), name)
        made.inputs.append(Binding(Role.STATE, name))
        made.give(b.add(b.mul(old, 0.9), b.mul(total, 0.1)), Role.STATE, name)
    step = compare(made.program())
    names = [kernel.name for kernel in step.kernels]
    assert any(name.endswith("_copy") for name in names) == (not shape), names
    assert "states_update" in names


def test_lifetimes_run_from_the_first_touch_to_the_last() -> None:
    a, c = Buffer("a", "f32", (BATCH, 2), Space.ARENA), Buffer("c", "f32", (3,), Space.ARENA)
    partials, out = Buffer("p", "f32", (Size(1, 8), 32), Space.ARENA), Buffer("out", "f32", (), Space.OUTPUT)
    made = Build()
    x, y, z = (made.parameter(F(2), name) for name in "xyz")
    kernels = (
        Kernel("one", KernelKind.REGION, (), (), (Write(x, a),)),
        Kernel("two", KernelKind.REGION, (), ((x, a),), (Write(y, c, "sum", partials),)),
        Kernel("three", KernelKind.FINISH, (), ((y, partials),), (Write(y, c, "sum", partials),)),
        Kernel("four", KernelKind.REGION, (), ((y, c),), (Write(z, out),)),
    )
    assert memory.lifetimes(kernels) == ((a, 0, 1), (partials, 1, 2), (c, 2, 3))


def test_tensors_start_on_128_bytes_and_the_folded_ones_come_last() -> None:
    rows = [("a", f(5)), ("b", f(3, 11)), ("c", f()), ("d", f(32))]
    layout = flat_layout(rows, frozenset({"a", "c"}))
    assert layout.offsets == {"b": 0, "d": 64, "a": 96, "c": 128}
    assert (layout.tails, layout.size) == ({96}, 160)
    assert (flat_layout(rows).tails, flat_layout(rows).size) == (frozenset(), 32 + 64 + 32 + 32)


@given(st.lists(st.integers(1, 200), max_size=6), st.sets(st.integers(0, 5)))
def test_layouts_do_not_overlap(sizes: list[int], tail: set[int]) -> None:
    folded = frozenset(str(i) for i in tail)
    layout = flat_layout(((str(i), TensorType("f32", (size,))) for i, size in enumerate(sizes)), folded)
    ends = 0
    for path, offset in sorted(layout.offsets.items(), key=lambda row: row[1]):
        assert offset % ALIGNMENT == 0
        assert offset >= ends
        assert (offset >= min(layout.tails, default=layout.size)) == (path in folded)
        ends = offset + sizes[int(path)]
    assert padded(ends) == layout.size


def test_powers() -> None:
    assert [tiles.power(size) for size in (1, 2, 3, 8, 9)] == [1, 2, 4, 8, 16]


@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=3),
    st.booleans(),
    st.integers(1, 3000),
    st.integers(0, 2),
)
def test_tiles_of_generated_kernels(shape: list[int], batched: bool, batch: int, axis: int) -> None:
    """Powers of two, that hold whole the axes that are reduced within them."""
    made = Build()
    x = made.parameter(TensorType("f32", tuple(shape), batched), "x")
    group = region_group(0, x)
    covered = min(axis, len(shape) - 1) + int(batched)
    group.covered.add(covered)
    chosen = tiles.choose(group, group.ops, batch)
    assert tiles.power(chosen.rows) == chosen.rows
    assert tiles.power(chosen.columns) == chosen.columns
    assert covered not in chosen.rows_of or len(chosen.rows_of) == 0
    assert chosen.rows_of == tuple(range(len(chosen.rows_of)))
    assert chosen.rows == 1 or chosen.rows * chosen.columns <= tiles.ELEMENTS


@given(st.integers(1, 3000), st.integers(1, 600), st.integers(1, 600), st.booleans())
def test_tiles_of_products(batch: int, depth: int, columns: int, covered: bool) -> None:
    made = Build()
    x, w = made.parameter(F(depth), "x"), made.parameter(f(depth, columns), "w")
    group = product_group(0, made.b.finish([made.b.op("einsum", x, w, spec="Bk,kn->Bn")]).ops[0])
    if covered and group.can_cover(frozenset({1})):
        group.covered.add(1)
    chosen = tiles.choose(group, group.ops, batch)
    for size in (chosen.rows, chosen.columns, chosen.depth):
        assert size >= tiles.SMALLEST
        assert tiles.power(size) == size
    assert not group.covered or chosen.columns >= columns


# ------------------------------------------------------------------------------------------------ verification


def _without(step: StepSchedule, place: int) -> StepSchedule:
    return replace(step, kernels=step.kernels[:place] + step.kernels[place + 1 :])


def _swapped(step: StepSchedule, a: int, b: int) -> StepSchedule:
    kernels = list(step.kernels)
    kernels[a], kernels[b] = kernels[b], kernels[a]
    return replace(step, kernels=tuple(kernels))


def _changed(step: StepSchedule, place: int, **fields: object) -> StepSchedule:
    kernels = list(step.kernels)
    kernels[place] = replace(kernels[place], **fields)
    return replace(step, kernels=tuple(kernels))


def test_what_verification_finds(digits: pipeline.Compiled) -> None:
    step = digits.schedule.train
    assert step is not None
    verify(step)
    last = len(step.kernels) - 1
    first = step.kernels[0]
    loss = next(place for place, kernel in enumerate(step.kernels) if any(w.fold for w in kernel.writes))
    folding = step.kernels[loss]
    idle = Kernel("idle", KernelKind.REGION, (), (), ())
    broken = {
        "but hidden holds": _swapped(step, 0, 1),
        "which is neither read nor made": _changed(step, 0, reads=first.reads[1:]),
        "kernels follow the update": replace(step, kernels=(*step.kernels, idle)),
        "is written nowhere": _without(step, last),
        "writes hidden twice": _changed(step, 0, writes=first.writes * 2),
        "without a fold": _changed(step, loss, writes=tuple(replace(w, fold=None) for w in folding.writes)),
        "share column 0": _changed(step, loss, writes=tuple(replace(w, column=0) for w in folding.writes)),
        "end beyond": _changed(step, loss, writes=tuple(replace(w, column=9999) for w in folding.writes)),
        "does not live then": replace(step, arena=step.arena[1:]),
        "have one name": replace(step, arena=(*step.arena, step.arena[0])),
    }
    for message, wrong in broken.items():
        with pytest.raises(InvalidSchedule, match=message):
            verify(wrong)


def test_a_row_is_not_written_over_where_it_is_read_across() -> None:
    step = compare(chain().program())
    place = next(i for i, k in enumerate(step.kernels) if any(b.name == "h" for _, b in k.reads) and i > 1)
    kernel = step.kernels[place]
    turned = {**(kernel.axes or {}), kernel.writes[0].value: (1, 0)}
    with pytest.raises(InvalidSchedule, match="writes over h, which its tiles do not read as they write it"):
        verify(_changed(step, place, axes=turned))


def test_half_precision_halves_what_is_stored_of_samples() -> None:
    step = scheduled(chain().program(), precision="bf16").train
    assert step is not None
    assert {buffer.name: buffer.element for buffer, _, _ in step.arena} == {"h": "bf16"}
