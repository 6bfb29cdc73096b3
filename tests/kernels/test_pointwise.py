"""Every pointwise row's Triton text in the interpreter, helpers included, and its torch text: against the reference."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.types import TensorType

HELPERS = Path(__file__).resolve().parents[2] / "kernels" / "pointwise.py"
N = 32
LONG = {"f32": "float32", "i32": "int32", "bool": "int1"}

WIDE = [
    -1e5,
    -90.0,
    -20.25,
    -7.5,
    -2.5,
    -1.5,
    -1.0,
    -0.75,
    -0.5,
    -0.49,
    -1e-3,
    -1e-7,
    -0.0,
    0.0,
    1e-7,
    1e-3,
    0.25,
    0.4375,
]
WIDE += [0.5, 0.51, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 7.5, 19.75, 30.0, 85.0, 1e5, np.nan]
UNIT = [*np.linspace(-1, 1, N - 3), 1e-4, -1e-4, np.nan]
POSITIVE = [*np.geomspace(1e-6, 1e6, N - 2), 0.5, np.nan]
SECOND = [2.0, -0.5, 3.0, 0.25, 1.0, -7.0, 0.1, -3.0] * 4
WHOLE = [*range(-16, 16)]
DIVISORS = [2, -3, 5, -1, 7, -2, 3, 1] * 4

FLOATS = {
    "asin": UNIT,
    "acos": UNIT,
    "log": POSITIVE,
    "sqrt": POSITIVE,
    "rsqrt": POSITIVE,
    "log1p": [-0.999, *POSITIVE[1:]],
    **{name: list(np.linspace(-3, 3, N)) for name in ("sin", "cos", "tan")},
    "digamma": [*np.linspace(-4.3, 12, N - 3), 1e4, -2.0, np.nan],
    "polygamma": [*np.linspace(-4.3, 12, N - 2), 1e4, np.nan],
    "lgamma": [*np.linspace(-4.3, 12, N - 5), 1e8, 170.5, -2.0, 0.0, np.nan],
    "expm1": [value for value in WIDE if value < 80] + [0.1, 0.2, 0.3],
}
ATTRIBUTES = {"clip": {"low": -1.5, "high": 2.0}, "polygamma": {"order": 2}, "convert": {"element": "i32"}}
# Absolute error, where a function passes through zero and its argument is all that float32 can say.
ABSOLUTE = {"lgamma": 2e-6, "digamma": 2e-6, "polygamma": 1e-6, "tan": 1e-6, "sin": 1e-6, "cos": 1e-6}


def cases() -> list[tuple[str, str]]:
    """Row and element type of its operands."""
    found = []
    for row in TABLE.values():
        if row.kind is Kind.POINTWISE:
            found += [(row.name, element) for element in ("f32", "i32", "bool") if fits(row.name, element)]
    return found


def fits(name: str, element: str) -> bool:
    types = operand_types(name, element)
    try:
        TABLE[name].result_types(TABLE[name].call(types, ATTRIBUTES.get(name, {}), None, TABLE))
    except Exception:
        return False
    return not (name in ("clip", "isfinite", "convert") and element != "f32")


def operand_types(name: str, element: str) -> tuple[TensorType, ...]:
    count = TABLE[name].operands or 0
    types = [TensorType(element, (N,))] * count
    return (TensorType("bool", (N,)), *types[1:]) if name == "where" else tuple(types)


def operands(name: str, element: str) -> list[np.ndarray]:
    if element == "bool":
        values = [[i % 2 == 0 for i in range(N)], [i % 3 == 0 for i in range(N)], [i % 5 == 0 for i in range(N)]]
    elif element == "i32":
        values = [WHOLE, DIVISORS, WHOLE]
    else:
        values = [FLOATS.get(name, WIDE), SECOND, WIDE]
        if name == "convert":
            values[0] = [value for value in WIDE if value == value] + [3.9]
    if name == "where":
        values[0] = [i % 2 == 0 for i in range(N)]
    count = TABLE[name].operands or 0
    types = operand_types(name, element)
    return [
        np.array(v, dtype=LONG[t.element].replace("int1", "bool")) for v, t in zip(values[:count], types, strict=True)
    ]


def reference(name: str, element: str) -> np.ndarray:
    row = TABLE[name]
    call = row.call(operand_types(name, element), ATTRIBUTES.get(name, {}), None, TABLE)
    call = replace(call, results=row.result_types(call))
    with np.errstate(all="ignore"):
        wide = [array.astype(np.float64) if array.dtype == np.float32 else array for array in operands(name, element)]
        return row.run(call, wide)[0]


def filled(name: str, text: str, module: str) -> str:
    attributes = {
        key: f"{module}.{LONG[value]}" if key == "element" else value for key, value in ATTRIBUTES.get(name, {}).items()
    }
    return text.format("a", "b", "c", **attributes)


@cache
def interpreted(folder: Path) -> dict[str, np.ndarray]:
    """All Triton texts, run in one process under the interpreter."""
    lines = [HELPERS.read_text(encoding="utf-8"), "import sys\nimport numpy as np\nimport torch\n"]
    for name, element in cases():
        letters = "abc"[: TABLE[name].operands]
        pointers = ", ".join(f"{x}_" for x in letters)
        loads = "".join(
            f"    {x} = tl.load({x}_ + i){' != 0' if t.element == 'bool' else ''}\n"
            for x, t in zip(letters, operand_types(name, element), strict=True)
        )
        for column in ("triton", "exact"):
            text = getattr(TABLE[name], column)
            if text:
                lines.append(
                    f"@triton.jit\ndef {name}_{element}_{column}({pointers}, out, N: tl.constexpr):\n"
                    f"    i = tl.arange(0, N)\n{loads}    tl.store(out + i, {filled(name, text, 'tl')})\n\n"
                )
    lines.append(
        "given = np.load(sys.argv[1])\nresults = {}\nfor key in given['kernels']:\n"
        "    row = key.rsplit('_', 1)[0]\n"
        "    args = [torch.from_numpy(given[f'{row}_{n}']) for n in range(3) if f'{row}_{n}' in given]\n"
        "    kind = str(given[f'{row}_out'])\n    out = torch.zeros(32, dtype=getattr(torch, kind))\n"
        "    globals()[str(key)][(1,)](*args, out, N=32)\n    results[str(key)] = out.numpy()\n"
        "np.savez(sys.argv[2], **results)\n"
    )
    given: dict[str, np.ndarray] = {}
    kernels = []
    for name, element in cases():
        given |= {
            f"{name}_{element}_{n}": (a.view(np.int8) if a.dtype == bool else a)
            for n, a in enumerate(operands(name, element))
        }
        kind = reference(name, element).dtype
        given[f"{name}_{element}_out"] = np.array({"float64": "float32", "int64": "int32", "bool": "int8"}[kind.name])
        kernels += [f"{name}_{element}_{column}" for column in ("triton", "exact") if getattr(TABLE[name], column)]
    np.savez(folder / "given.npz", kernels=np.array(kernels), **given)
    module = folder / "texts.py"
    module.write_text("\n".join(lines), encoding="utf-8")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(module), str(folder / "given.npz"), str(folder / "found.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(folder / "found.npz"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return interpreted(tmp_path_factory.mktemp("texts"))


def compare(name: str, found: np.ndarray, expected: np.ndarray, tolerance: float = 3e-6) -> None:
    with np.errstate(all="ignore"):
        expected = expected.astype(np.float32) if expected.dtype == np.float64 else expected
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=ABSOLUTE.get(name, 1e-37))


@pytest.mark.parametrize(("name", "element"), cases())
def test_triton_text(name: str, element: str, found: dict[str, np.ndarray]) -> None:
    for column in ("triton", "exact"):
        if getattr(TABLE[name], column):
            compare(name, found[f"{name}_{element}_{column}"], reference(name, element))


@pytest.mark.parametrize(("name", "element"), cases())
def test_torch_text(name: str, element: str) -> None:
    arrays = [torch.from_numpy(array) for array in operands(name, element)]
    text = filled(name, TABLE[name].torch, "torch")
    scope = {"torch": torch, **dict(zip("abc", arrays, strict=False))}
    result = eval(text, scope)
    compare(name, result.numpy(), reference(name, element))
    if TABLE[name].out:
        eval(f"{text[:-1]}, out=out)", {**scope, "out": torch.empty_like(result)})
