"""Costs against numbers worked out by hand, and memory against the runtime's own plan."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc import pipeline
from nnc.runtime.declarations import Buffer as Declared
from nnc.runtime.declarations import tiles
from nnc.runtime.plan import plan
from nnc.schedule import cost
from nnc.schedule.kernel import Buffer, KernelKind, Schedule, Size, Space
from nnc.tensor.build import Builder
from nnc.tensor.types import TensorType

DIGITS = Path(__file__).resolve().parents[2] / "samples" / "digits.nn"
BATCH = 128


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return pipeline.compile(DIGITS).schedule


def test_operations_of_products() -> None:
    builder = Builder("f")
    x = builder.parameter(TensorType("f32", (7,), batched=True), "x")
    w = builder.parameter(TensorType("f32", (7, 3)), "w")
    y = builder.op("einsum", x, w, spec="Bk,kn->Bn")
    gradient = builder.op("einsum", x, y, spec="Bk,Bn->kn")
    common = builder.op("einsum", w, w, spec="kn,km->nm")
    ops = builder.finish([y, gradient, common]).ops
    assert [cost.flops_of(op, 5) for op in ops] == [5 * 2 * 7 * 3, 5 * 2 * 7 * 3, 2 * 7 * 3 * 3]


def test_the_digits_step_takes_the_operations_of_its_products_and_few_more(schedule: Schedule) -> None:
    assert schedule.train is not None
    products = 2 * BATCH * (2 * 64 * 32 + 3 * 32 * 10)
    found = cost.step_cost(schedule.train, BATCH).flops
    assert products < found < 1.15 * products


def test_compulsory_bytes_of_the_digits_step(schedule: Schedule) -> None:
    """Five products with operands and results, target (an i64) and weight, and 20 bytes a parameter for RMSprop."""
    x, h, p = BATCH * 64, BATCH * 32, BATCH * 10
    w1, w2 = 64 * 32, 32 * 10
    products = (x + w1 + h) + (h + w2 + p) + (h + p + w2) + (p + w2 + h) + (x + h + w1)
    assert schedule.train is not None
    target = next(port for port in schedule.model.targets)
    item = {"i64": 8, "i32": 4}[target.type.element]
    expected = 4 * products + (item + 4) * BATCH + 20 * (w1 + w2 + 32 + 10)
    assert cost.step_cost(schedule.train, BATCH).compulsory == expected


def test_each_kernel_moves_what_its_neighbours_leave(schedule: Schedule) -> None:
    """The update reads parameters, gradients and squares and writes parameters and squares: 20 bytes a parameter."""
    assert schedule.train is not None
    costs = dict(zip(schedule.train.kernels, cost.kernel_costs(schedule.train, BATCH), strict=True))
    (update,) = (found for kernel, found in costs.items() if kernel.kind is KernelKind.UPDATE)
    assert update.compulsory == 20 * 2410
    assert update.bytes - update.compulsory in (0, 8)  # the number of the step, where the optimizer is told it
    assert all(found.bytes > 0 for found in costs.values())


def test_costs_follow_the_batch(schedule: Schedule) -> None:
    assert schedule.train is not None
    one, two, three = (cost.step_cost(schedule.train, batch) for batch in (BATCH, 2 * BATCH, 3 * BATCH))
    assert three.flops - two.flops == two.flops - one.flops
    assert three.compulsory - two.compulsory == two.compulsory - one.compulsory > 0


def test_peak_memory_is_what_the_flat_buffers_and_the_arena_take(schedule: Schedule) -> None:
    flat = 4 * 3 * schedule.layout.size
    assert cost.flat_bytes(schedule) == flat
    assert schedule.train is not None
    assert cost.peak_bytes(schedule, BATCH) == flat + cost.arena_bytes(schedule.train.arena, BATCH)


buffers = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 64), st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=8
)


@given(buffers, st.integers(1, 300))
def test_the_arena_is_as_large_as_the_runtime_makes_it(
    drawn: list[tuple[int, int, int, int, bool]], batch: int
) -> None:
    ours = []
    declared = []
    for number, (width, per, first, length, is_common) in enumerate(drawn):
        shape = (width,) if is_common else (Size(1, per), width)
        ours.append((Buffer(str(number), "f32", shape, Space.ARENA), first, first + length))
        sizes = (width,) if is_common else (tiles(per), width)
        declared.append(Declared(str(number), sizes, "f32", first, first + length))
    assert cost.arena_bytes(ours, batch) == plan(declared, batch)[1]
