"""The arena's plan: no two buffers that live together overlap, each is aligned, and what can share does."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.runtime import BATCH, Buffer, View, cdiv, plan, tiles
from nnc.runtime.arena import Arena, strided
from nnc.runtime.plan import bytes_of

BUFFERS = st.lists(
    st.tuples(
        st.lists(st.one_of(st.integers(0, 40), st.just(BATCH), st.just(tiles(32)), st.just(BATCH * 3)), max_size=3),
        st.sampled_from(["f32", "f64", "bf16", "u8", "i64", "bool"]),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(BUFFERS, st.integers(1, 200))
def test_plan(rows: list[tuple], batch: int) -> None:
    buffers = [Buffer(f"b{i}", tuple(s), e, min(a, b), max(a, b)) for i, (s, e, a, b) in enumerate(rows)]
    offsets, size = plan(buffers, batch)
    for buffer in buffers:
        assert offsets[buffer.name] % 128 == 0
        assert offsets[buffer.name] + bytes_of(buffer, batch) <= size
    for one, other in itertools.combinations(buffers, 2):
        if one.first <= other.last and other.first <= one.last:
            a, b = offsets[one.name], offsets[other.name]
            assert a + bytes_of(one, batch) <= b or b + bytes_of(other, batch) <= a or not bytes_of(one, batch)
    assert size <= sum(bytes_of(buffer, batch) for buffer in buffers)


def test_buffers_that_do_not_live_together_share() -> None:
    buffers = [Buffer("a", (64,), "f32", 0, 1), Buffer("b", (64,), "f32", 2, 3), Buffer("c", (1,), "u8", 1, 2)]
    offsets, size = plan(buffers, 1)
    assert offsets["a"] == offsets["b"] == 0
    assert (offsets["c"], size) == (256, 384)


def test_sizes() -> None:
    assert [cdiv(7, 2), cdiv(8, 2), cdiv(0, 3)] == [4, 4, 0]
    assert [tiles(32).at(33), tiles(32, 49).at(2), (BATCH * 4).at(3), (2 * tiles(8)).at(9)] == [2, 4, 12, 4]


def test_arena_at_a_smaller_count_and_its_views() -> None:
    arena = Arena([Buffer("x", (BATCH, 3), "f32", 0, 1), Buffer("y", (2, BATCH), "i64", 0, 1)], 8, torch.device("cpu"))
    named = arena.at(5)
    assert named["x"].shape == (5, 3)
    assert named["y"].shape == (2, 5)
    assert named["y"].is_contiguous()
    assert named["x"].data_ptr() % 128 == 0
    assert named["x"].data_ptr() == arena.at(8)["x"].data_ptr()
    named["x"].copy_(torch.arange(15.0).view(5, 3))
    views = strided([View("t", "x", (3, BATCH), (1, 3)), View("last", "t", (BATCH,), (3,), 2)], named, 5)
    assert torch.equal(views["t"], named["x"].T)
    assert torch.equal(views["last"], named["x"][:, 2])
