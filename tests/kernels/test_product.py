"""The product template itself, with hooks that load and store, before anything is spliced."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(what: str, *, interpreted: bool) -> str:
    environment = os.environ | {"PYTHONPATH": str(HERE.parent.parent)}
    environment.pop("TRITON_INTERPRET", None)
    if interpreted:
        environment["TRITON_INTERPRET"] = "1"
    command = [sys.executable, str(HERE / "product_cases.py"), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_products_equal_float64_in_the_interpreter() -> None:
    assert run("interpret", interpreted=True) == "16 products"


def test_the_template_compiles_as_it_stands() -> None:
    assert run("compile", interpreted=False) == "compiled"
