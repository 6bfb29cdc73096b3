"""The kernel that folds partials: which columns go where, as text."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch

from nnc.emit.finish import Run, finish_text, runs
from nnc.emit.kernels import KernelText
from nnc.schedule.kernel import Buffer, Kernel, KernelKind, Size, Space, Write
from nnc.tensor.ir import Op, Value
from nnc.tensor.types import TensorType
from tests.programs.harness import run_interpreted

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


def check_programs() -> None:
    """Three kinds of partials in one kernel, as many programs as the widest takes, in Triton's interpreter."""
    wide, exact, narrow = (
        Buffer(name, "f32", (Size(1, rows), width), Space.ARENA)
        for name, rows, width in (("wide", 2, 2560), ("exact", 4, 2048), ("narrow", 4, 32))
    )
    shapes = {"a": (2500,), "one": (), "b": (2048,), "two": (), "both": ()}
    a, one, b, two, both = (Value(n, TensorType("f32", shape), name) for n, (name, shape) in enumerate(shapes.items()))
    sums = [Buffer("sums", "f64", (3,), Space.SUMS, name, place) for place, name in enumerate(("both", "one", "two"))]
    writes = (
        Write(a, Buffer("grad_a", "f32", (2500,), Space.ARENA), "sum", wide, 0),
        Write(one, sums[1], "sum", wide, 2500),
        Write(b, Buffer("grad_b", "f32", (2048,), Space.ARENA), "sum", exact, 0),
        Write(two, sums[2], "sum", narrow, 0),
        Write(both, sums[0]),
    )
    added = Op("add", (one, two), (), (both,))
    reads = ((a, wide), (one, wide), (b, exact), (two, narrow))
    made = finish_text(Kernel("finish", KernelKind.FINISH, (added,), reads, writes), advances=False, training=True)
    rng = torch.Generator().manual_seed(0)
    held = {each.name: torch.randn(each.shape[0].at(8), each.shape[1], generator=rng) for each in (wide, exact, narrow)}
    outputs = {"grad_a": torch.full((4096,), 7.0), "grad_b": torch.full((4096,), 7.0), "sums": torch.ones(3).double()}
    space = SimpleNamespace(**held, **outputs, batch=8)
    _launch(made, space)
    totals = {name: partials.sum(0) for name, partials in held.items()}
    terms = [totals["wide"][2500], totals["narrow"][0]]
    wanted = {"grad_a": totals["wide"][:2500], "grad_b": totals["exact"], "sums": 1 + torch.stack([sum(terms), *terms])}
    for name, value in wanted.items():
        torch.testing.assert_close(outputs[name][: len(value)], value.to(outputs[name]), rtol=1e-6, atol=1e-6)
        assert (outputs[name][len(value) :] == 7).all(), f"{name} is written beyond its end"


def check_truths() -> None:
    """A truth that is folded from integers is one again, where a number is made of it."""
    flags = Buffer("flags", "i32", (Size(1, 4), 32), Space.ARENA)
    elements = {"ever": "bool", "never": "bool", "calm": "f32"}
    ever, never, calm = (Value(n, TensorType(type), name) for n, (name, type) in enumerate(elements.items()))
    ops = (Op("not", (ever,), (), (never,)), Op("convert", (never,), (("element", "f32"),), (calm,)))
    writes = (
        Write(ever, Buffer("ever", "bool", (), Space.ARENA), "any", flags, 3),
        Write(calm, Buffer("sums", "f64", (1,), Space.SUMS, "calm", 0)),
    )
    kernel = Kernel("finish", KernelKind.FINISH, ops, ((ever, flags),), writes)
    made = finish_text(kernel, False, True, frozenset((writes[0].buffer,)))
    for held, wanted in ((0, 1.0), (1, 0.0)):
        space = SimpleNamespace(flags=torch.full((2, 32), 1, dtype=torch.int32), sums=torch.zeros(1).double(), batch=8)
        space.flags[:, 3] = torch.tensor([0, held], dtype=torch.int32)
        _launch(made, space)
        assert space.sums.tolist() == [wanted]


def _launch(made: KernelText, space: SimpleNamespace) -> None:
    place = Path(tempfile.mkdtemp(prefix="nnc-finish-")) / "finish.py"
    place.write_text(f"import triton\nimport triton.language as tl\n\n{made.text}", encoding="utf-8")
    function = runpy.run_path(str(place))["finish"]
    known = {"v": space, "cdiv": lambda n, d: -(-n // d)}
    function[(int(made.grid),)](*(eval(text, known) for text in made.arguments))


def test_programs_do_not_add_twice_or_write_beyond() -> None:
    run_interpreted("from tests.emit.test_finish import *\ncheck_programs()\ncheck_truths()")
