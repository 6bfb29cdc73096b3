"""The kernel that folds partials: which columns go where, as text."""

from __future__ import annotations

from nnc.emit.finish import Run, finish_text, runs
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Size, Space, Write
from nnc.tensor.ir import Value
from nnc.tensor.types import TensorType

PARTIALS = Buffer("partials", "f32", (Size(1, 32), 4096), Space.ARENA)


def _write(name: str, size: int, column: int, space: Space, offset: int, fold: str = "sum") -> Write:
    element = "f64" if space is Space.SUMS else "f32"
    value = Value(column, TensorType("f32", (size,) if size > 1 else ()), name)
    return Write(value, Buffer(name, element, (size,), space, name, offset), fold, PARTIALS, column)


def test_neighbours_in_one_flat_buffer_are_one_run() -> None:
    first = _write("a", 32, 0, Space.GRADIENT, 64)
    second = _write("b", 10, 32, Space.GRADIENT, 96)
    third = _write("c", 5, 64, Space.GRADIENT, 128)
    loss = _write("loss", 1, 69, Space.SUMS, 0)
    hits = _write("hits", 1, 70, Space.SUMS, 2)
    found = runs([loss, second, first, third, hits])
    assert found == [
        Run(0, 42, first.buffer, True),
        Run(64, 5, third.buffer),  # between b and c lies padding, which stays zero
        Run(69, 1, loss.buffer),
        Run(70, 1, hits.buffer),  # another sum lies between
    ]


def test_many_columns_take_several_programs() -> None:
    writes = (_write("a", 2048, 0, Space.GRADIENT, 0), _write("loss", 1, 2048, Space.SUMS, 0))
    text = finish_text(Kernel("finish", KernelKind.FINISH, (), (), writes), advances=True, training=True)
    assert text.grid == "3"
    assert "n = tl.program_id(0) * 1024 + tl.arange(0, 1024)" in text.text
    assert "    if tl.program_id(0) == 0:\n" in text.text  # only one program moves on to the next batch


def test_folds_of_each_kind_start_at_their_neutral_element() -> None:
    writes = (_write("top", 3, 0, Space.ARENA, 0, "max"), _write("low", 3, 3, Space.ARENA, 0, "min"))
    text = finish_text(Kernel("finish", KernelKind.FINISH, (), (), writes), advances=False, training=True).text
    assert 'float("-inf")' in text
    assert 'float("inf")' in text
    assert "propagate_nan" in text
    assert "control" not in text
