"""Splicing: exact text, errors with their place, and the spliced product run against float64."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nnc.emit.splice import SpliceError, splice

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = (ROOT / "kernels" / "product.py").read_text(encoding="utf-8")


def product(
    *,
    parameters: Sequence[str],
    hooks: Mapping[str, Callable[[tuple[str, ...], str | None], Sequence[str]]],
    constants: Mapping[str, str],
    whole: bool = False,
    one_row: bool = False,
    one_column: bool = False,
    shared: bool = False,
    names: Mapping[str, str] | None = None,
    docstring: str = "A product.",
) -> str:
    flags = {"WHOLE_K": whole, "ONE_ROW_TILE": one_row, "ONE_COLUMN_TILE": one_column, "SHARED": shared}
    return splice(
        PRODUCT,
        kernel="product",
        name="spliced",
        docstring=docstring,
        parameters=parameters,
        hooks=hooks,
        constants=constants,
        flags=flags,
        names=names or {},
    )


FORWARD = '''\
@triton.jit
def spliced(pixels, order, control, kernel, bias, hidden, ROWS: tl.constexpr):
    """hidden = relu(pixels[order] @ kernel + bias)"""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n = tl.arange(0, 32)
    valid = rows < tl.load(control + 2)
    sample = tl.load(order + tl.load(control + 1) + rows, mask=valid, other=0)
    k = tl.arange(0, 64)
    a = tl.load(pixels + sample[:, None] * 64 + k[None, :], mask=valid[:, None], other=0.0)
    b = tl.load(kernel + k[:, None] * 32 + n[None, :])
    acc = tl.dot(a, b, input_precision="ieee")
    acc += tl.load(bias + n)[None, :]
    acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(hidden + rows[:, None] * 32 + n[None, :], acc, mask=valid[:, None])
'''


def test_a_layer_forward() -> None:
    text = product(
        docstring="hidden = relu(pixels[order] @ kernel + bias)",
        parameters=["pixels", "order", "control", "kernel", "bias", "hidden", "ROWS: tl.constexpr"],
        hooks={
            "PREPARE": lambda arguments, target: [
                f"valid = {arguments[2]} < tl.load(control + 2)",
                f"sample = tl.load(order + tl.load(control + 1) + {arguments[2]}, mask=valid, other=0)",
            ],
            "LEFT": lambda arguments, target: [
                f"{target} = tl.load(pixels + sample[:, None] * 64 + {arguments[3]}[None, :], "
                "mask=valid[:, None], other=0.0)"
            ],
            "RIGHT": lambda arguments, target: [
                f"{target} = tl.load(kernel + {arguments[2]}[:, None] * 32 + {arguments[3]}[None, :])"
            ],
            "EPILOGUE": lambda arguments, target: [
                f"{arguments[2]} += tl.load(bias + {arguments[4]})[None, :]",
                "acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)",
                "tl.store(hidden + rows[:, None] * 32 + n[None, :], acc, mask=valid[:, None])",
            ],
        },
        constants={"BM": "ROWS", "BN": "32", "BK": "64", "K": "64", "PRECISION": '"ieee"'},
        whole=True,
        one_column=True,
        names={"m": "rows"},
    )
    assert text == FORWARD


GRADIENT = '''\
@triton.jit
def spliced(hidden, dlogits, control, dkernel, ROWS: tl.constexpr):
    """A product."""
    m = tl.arange(0, 32)
    n = tl.arange(0, 16)
    count = tl.load(control + 2)
    acc = tl.zeros((32, 16), dtype=tl.float32)
    for start in range(0, count, ROWS):
        rows = start + tl.arange(0, ROWS)
        a = tl.load(hidden + rows[None, :] * 32 + m[:, None], mask=rows[None, :] < count, other=0.0)
        b = tl.load(dlogits + rows[:, None] * 10 + n[None, :], mask=rows[:, None] < count, other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
    tl.store(dkernel + m[:, None] * 10 + n[None, :], acc, mask=n[None, :] < 10)
'''


def test_a_kernel_gradient_over_a_count_of_the_run_time() -> None:
    text = product(
        parameters=["hidden", "dlogits", "control", "dkernel", "ROWS: tl.constexpr"],
        hooks={
            "PREPARE": lambda arguments, target: ["count = tl.load(control + 2)"],
            "LEFT": lambda arguments, target: [
                f"{target} = tl.load(hidden + {arguments[3]}[None, :] * 32 + m[:, None], "
                "mask=rows[None, :] < count, other=0.0)"
            ],
            "RIGHT": lambda arguments, target: [
                f"{target} = tl.load(dlogits + {arguments[2]}[:, None] * 10 + n[None, :], "
                "mask=rows[:, None] < count, other=0.0)"
            ],
            "EPILOGUE": lambda arguments, target: [
                "tl.store(dkernel + m[:, None] * 10 + n[None, :], acc, mask=n[None, :] < 10)"
            ],
        },
        constants={"BM": "32", "BN": "16", "BK": "ROWS", "K": "count", "PRECISION": '"ieee"'},
        one_row=True,
        one_column=True,
        names={"k": "rows"},
    )
    assert text == GRADIENT


# ------------------------------------------------------------------------------------------- a template of its own

SMALL = '''\
import triton.language as tl


def other(x):
    return x


@triton.jit
def small(
    values,
    N: tl.constexpr,
    LOAD: tl.constexpr,
    STORE: tl.constexpr,
    FAST: tl.constexpr,
    DEEP: tl.constexpr,
):
    """Replaced."""
    # above the index
    i = tl.arange(0, N)  # beside it
    unused = i * 2  # goes

    # a choice: goes with the branch
    if FAST and not DEEP:
        # above the fast one
        x = LOAD(values, i)  # goes with the call
    elif DEEP:
        x = tl.load(
            values
            + i * N
        )
    else:
        x = i + (1 if FAST or DEEP else N) - N
    if tl.program_id(0) == 0:
        # within
        x = x * 2
    elif x > N:
        x = x * 3
    else:
        x = x * 4
    STORE(values, i if FAST else x, x)
'''


def small(
    fast: bool = False,
    deep: bool = False,
    *,
    template: str = SMALL,
    constant: str = "8",
    hooks: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    parameters: Sequence[str] = ("values",),
    flags: Mapping[str, bool] | None = None,
) -> str:
    standard = {
        "LOAD": lambda arguments, target: [
            f"{target} = tl.load({' + '.join(arguments)})",
            "",
            f"if {target} > 0:",
            f"    {target} = -{target}",
        ],
        "STORE": lambda arguments, target: [f"tl.store({' + '.join(arguments[:2])}, {arguments[2]})"],
    }
    return splice(
        template,
        kernel="small",
        name="tiny",
        docstring="First.\n\nSecond.",
        parameters=parameters,
        hooks=standard if hooks is None else hooks,
        constants={"N": constant},
        flags={"FAST": fast, "DEEP": deep} if flags is None else flags,
        names=names or {},
    )


TAIL = """\
    if tl.program_id(0) == 0:
        # within
        x = x * 2
    else:
        if x > 8:
            x = x * 3
        else:
            x = x * 4
"""
HEAD = '''\
@triton.jit
def tiny(values):
    """First.

    Second."""
'''


def test_the_branch_taken_stays_with_its_comments() -> None:
    expected = (
        HEAD
        + """\
    # above the index
    index = tl.arange(0, 8)  # beside it

    # above the fast one
    x = tl.load(values + index)

    if x > 0:
        x = -x
"""
        + TAIL
        + "    tl.store(values + index, x)\n"
    )
    assert small(fast=True, names={"i": "index"}) == expected


def test_statements_of_several_lines_are_moved_as_they_are() -> None:
    expected = (
        HEAD
        + """\
    # above the index
    i = tl.arange(0, 8)  # beside it

    x = tl.load(
        values
        + i * 8
    )
"""
        + TAIL
        + "    tl.store(values + x, x)\n"
    )
    assert small(deep=True) == expected


def test_expressions_are_enclosed_where_they_must_be() -> None:
    text = small(constant="2 + ROWS", parameters=("values", "ROWS: tl.constexpr"))
    assert "    i = tl.arange(0, 2 + ROWS)  # beside it\n" in text
    assert "    x = i + (2 + ROWS) - (2 + ROWS)\n" in text
    assert "        if x > (2 + ROWS):\n" in text


def test_long_signatures_are_broken_as_the_formatter_breaks_them() -> None:
    template = "@triton.jit\ndef small(N):\n    tl.store(values, N)\n"

    def head(*names: str) -> list[str]:
        text = splice(
            template.replace("N)", " + ".join(names) + ")"),
            kernel="small",
            name="tiny",
            docstring="Tiny.",
            parameters=["values", *names],
            hooks={},
            constants={},
            flags={},
            names={},
        )
        lines = text.split("\n")
        return lines[1 : lines.index('    """Tiny."""')]

    fits = "x" * (120 - len("def tiny(values, ):"))
    assert head(fits) == [f"def tiny(values, {fits}):"]
    assert head(fits + "x") == ["def tiny(", f"    values, {fits}x", "):"]
    inside = "x" * (120 - len("    values, "))
    assert head(inside) == ["def tiny(", f"    values, {inside}", "):"]
    assert head(inside + "x") == ["def tiny(", "    values,", f"    {inside}x,", "):"]


def test_quotes_and_backslashes_in_a_docstring() -> None:
    for docstring in ('ends with "', 'has """ within', "a \\n backslash", "C:\\"):
        text = splice(
            "@triton.jit\ndef small():\n    tl.store(values, 0)\n",
            kernel="small",
            name="tiny",
            docstring=docstring,
            parameters=["values"],
            hooks={},
            constants={},
            flags={},
            names={},
        )
        function = ast.parse(text).body[0]
        assert isinstance(function, ast.FunctionDef)
        assert ast.get_docstring(function, clean=False) == docstring


def test_assignments_that_only_feed_dead_ones_go_and_effects_stay() -> None:
    template = """\
@triton.jit
def small():
    a = 1
    # goes with b
    b = a + tl.arange(0, 4)
    if values:
        c = b * 2
        d = c * 2
    e = tl.atomic_add(values, 1)
    f = unknown(values)
"""
    spliced = splice(
        template,
        kernel="small",
        name="tiny",
        docstring="Tiny.",
        parameters=["values"],
        hooks={},
        constants={},
        flags={},
        names={},
    )
    body = spliced.split('"""Tiny."""\n')[1]
    assert body == "    if values:\n        pass\n    e = tl.atomic_add(values, 1)\n    f = unknown(values)\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hooks": {}, "fast": True}, "small, line 25: nothing is given for the hook LOAD"),
        ({"flags": {"FAST": False}}, "small, line 23: nothing is given for the flag DEEP"),
        ({"flags": {"FAST": False, "DEEP": False, "SLOW": True}}, "small, line 9: SLOW is no parameter"),
        ({"names": {"i": "x"}}, "small, line 9: a new name is taken: x"),
        ({"names": {"i": "more"}, "parameters": ("values", "more")}, "more is both a parameter and a local"),
        ({"parameters": ("values", "x")}, "x is both a parameter and a local"),
        ({"parameters": ("values", "more")}, "nothing reads the parameter more of the result"),
        ({"parameters": ()}, "nothing is given for values"),
        (
            {"template": SMALL.replace("x = x * 2", "x = LOAD(x) * 2")},
            "small, line 35: a hook call inside an expression",
        ),
        (
            {"template": SMALL.replace("if tl.program_id(0) == 0:", "if FAST and x:")},
            "small, line 33: a flag and a run-time condition in one test",
        ),
        ({"template": SMALL.replace("def small(", "def large(")}, "small: the template has no such function"),
        ({"constant": "8 +"}, "invalid syntax"),
    ],
)
def test_errors_name_the_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpliceError) as caught:
        small(**change)
    assert message in str(caught.value)


def test_a_hook_that_gives_no_python_is_shown() -> None:
    with pytest.raises(SpliceError, match="no Python"):
        small(hooks={"STORE": lambda arguments, target: ["tl.store("]})


# ------------------------------------------------------------------------------------------- the product, run

RUN = """\
import torch
import triton
import triton.language as tl


{kernel}

draw = torch.Generator().manual_seed(0)
M, N, K, Z = {sizes}
left, right = torch.randn((Z, M, K), generator=draw), torch.randn((Z, K, N), generator=draw)
result = torch.full((Z, M, N), float("nan"))
spliced[({grid})](left, right, result, torch.tensor([K]))
torch.testing.assert_close(result.double(), left.double() @ right.double(), rtol=1e-5, atol=1e-5)
print("equal")
"""


Sizes = tuple[tuple[int, int, int, int], tuple[int, int, int], bool]


def product_over_matrices(case: Sizes) -> str:
    """A program that runs the spliced product of matrices (M, N, K, Z) in tiles; K is read unless a tile covers it."""
    sizes, tile, whole = case
    (m, n, k, z), (bm, bn, bk) = sizes, tile
    shared = z > 1

    def at(base: str, z: str, rows: int, columns: int) -> str:
        return f"{base} + {z} * {rows * columns}" if shared else base

    kernel = product(
        parameters=["left", "right", "result", "count"],
        hooks={
            "PREPARE": lambda arguments, target: [] if whole else ["K = tl.load(count)"],
            "LEFT": lambda arguments, target: [
                f"{target} = tl.load({at('left', arguments[1], m, k)} + {arguments[2]}[:, None] * {k} "
                f"+ {arguments[3]}[None, :], mask=({arguments[2]}[:, None] < {m}) & ({arguments[3]}[None, :] < {k}), "
                "other=0.0)"
            ],
            "RIGHT": lambda arguments, target: [
                f"{target} = tl.load({at('right', arguments[1], k, n)} + {arguments[2]}[:, None] * {n} "
                f"+ {arguments[3]}[None, :], mask=({arguments[2]}[:, None] < {k}) & ({arguments[3]}[None, :] < {n}), "
                "other=0.0)"
            ],
            "EPILOGUE": lambda arguments, target: [
                *(["tl.load(count)"] if whole else []),
                f"tl.store({at('result', arguments[1], m, n)} + {arguments[3]}[:, None] * {n} + {arguments[4]}[None, :]"
                f", {arguments[2]}, mask=({arguments[3]}[:, None] < {m}) & ({arguments[4]}[None, :] < {n}))",
            ],
        },
        constants={"BM": str(bm), "BN": str(bn), "BK": str(bk), "PRECISION": '"ieee"'}
        | ({"K": str(k)} if whole else {}),
        whole=whole,
        one_row=m <= bm,
        one_column=n <= bn,
        shared=shared,
        names={"m": "row", "n": "column"},
    )
    for machinery in ("operands", "PREPARE", "LEFT", "if ", "z = 0"):
        assert machinery not in kernel
    grid = f"{-(-m // bm)}, {-(-n // bn)}, {z}"
    return RUN.format(kernel=kernel, sizes=sizes, grid=grid)


def test_the_spliced_product_equals_float64(tmp_path: Path) -> None:
    cases: list[Sizes] = [
        ((1, 1, 1, 1), (16, 16, 16), True),
        ((37, 29, 41, 1), (16, 32, 16), False),
        ((5, 33, 7, 3), (16, 16, 16), True),
        ((17, 3, 53, 2), (32, 16, 32), False),
    ]
    paths = [tmp_path / f"product_{at}.py" for at in range(len(cases))]
    for path, case in zip(paths, cases, strict=True):
        path.write_text(product_over_matrices(case), encoding="utf-8")
    command = [sys.executable, "-c", "import runpy, sys; [runpy.run_path(path) for path in sys.argv[1:]]"]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([*command, *map(str, paths)], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "equal\n" * len(cases), done.stderr
