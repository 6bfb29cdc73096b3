"""Long lines, broken as the formatter breaks them."""

import subprocess
import sys

import pytest

from nnc.emit.tidy import broken
from tests.programs.references import ROOT

TERM = "tl.load(buffer_{0} + rows[:, None] * 64 - k)"


@pytest.mark.parametrize(
    "line",
    [
        "tl.store(sums, tl.load(sums), mask=" + " & ".join(f"(k >= {n} - m)" for n in range(9, 20)) + ")",
        "y = tl.sum(" + " + ".join(TERM.format(n) for n in range(4)) + ", axis=0)",
        "y = f(a, (" + " * ".join(TERM.format(n) for n in range(2)) + ").to(tl.float64) - " + TERM.format(3) + " * 2)",
        "y = f(" + " * ".join(TERM.format(n) for n in range(4)) + ", b, c)",
    ],
)
def test_broken_lines_are_formatted(line):
    text = "def f():\n" + "".join(f"{part}\n" for part in broken(f"    {line}"))
    assert max(map(len, text.splitlines())) <= 120
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--config", str(ROOT / "pyproject.toml"), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
