"""The reference is kept true: what docs/language.md and README.md show is compiled. Its statements have their small
programs in `test_statements` and `test_trainings`, where no other test holds them.

A block of docs/language.md between fences is a file if it starts with a definition, to which a model is added where it
has none. Another block is a part of a training, and goes with the model `TRAINED`.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnc.cli import cli
from nnc.language.builtins import BUILTINS
from nnc.pipeline import compile
from nnc.tools.diagnostics import as_text, totals
from tests.language.programs import model_of, tried

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE, README = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/language.md", "README.md"))
MODEL = "model Any(x: float[4]) -> y {\n    y = x\n}\n"
TRAINED = """model Pair(a: float[4], b: float[4]) -> (u: float[5], w: float[5]) {
    u = a |> Dense(5)
    w = b |> Dense(5)
}
train Pair {
    optimizer = SGD
BODY}
"""
DEFINES = re.compile(r"(##.*|const|fn|layer|model|metric|optimizer|import|from)\b")


def blocks(text: str) -> list[str]:
    """What stands between fences that name no language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if not language]


@pytest.mark.parametrize("block", blocks(LANGUAGE))
def test_blocks_of_the_reference(block):
    if not DEFINES.match(block):
        block = TRAINED.replace("BODY", block)
    elif "\nmodel " not in f"\n{block}":
        block += MODEL
    model_of(block)


def test_the_layers_of_the_reference_are_called_as_it_says():
    (text,) = (each for each in blocks(LANGUAGE) if "model Words" in each)
    dense = [f"main.dense{number}.{name}" for number in ("", "_2") for name in ("kernel", "bias")]
    layers = ("h.residual", "h.residual_2", "block", "h.residual_3")
    expected = ["table.embeddings", *(f"{layer}.{path}" for layer in layers for path in dense)]
    assert [each.path for each in model_of(text).parameters] == expected


@pytest.mark.parametrize("text", [LANGUAGE, README])
def test_the_sample_is_the_one_that_is_shown(text):
    assert (ROOT / "samples" / "digits.nn").read_text(encoding="utf-8") in blocks(text)


def test_the_kernel_that_is_shown():
    (shown,) = (each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@triton.jit" in each)
    assert shown in compile(ROOT / "samples" / "digits.nn").text


def test_the_summary_that_is_shown():
    shown = next(block for block in blocks(README) if block.startswith("A training step"))
    assert CliRunner().invoke(cli, ["summary", str(ROOT / "samples" / "digits.nn")]).output.endswith(shown)


def test_the_errors_that_are_shown():
    shown = next(block for block in blocks(README) if block.startswith("error["))
    text = (ROOT / "samples" / "digits.nn").read_text(encoding="utf-8")
    text = text.replace("Dense(10,", "Dense(12,").replace(": accuracy(", ": acuracy(")
    found = tried(text, path="digits.nn")[1].all
    assert shown == "".join(f"{as_text(each, False)}\n\n" for each in found) + f"digits.nn: {totals(found)}\n"


def test_operations_that_are_listed_exist():
    listed = LANGUAGE[LANGUAGE.index("## Operations") : LANGUAGE.index("A random draw")]
    first = listed.split("\n\n")[1]
    names = set(re.findall(r"[a-z_]\w+", " ".join(re.findall(r"`([^`]*)`", first))))
    not_called = {"and", "or", "not", "axis", "keepdims", "batch", "true", "slice"}  # a slice is a subscript
    assert names - not_called - set(BUILTINS) == set()


def test_functions_that_exist_are_told_of():
    told = set(re.findall(r"[a-z_]\w+", " ".join(re.findall(r"`([^`]*)`", LANGUAGE))))
    assert set(BUILTINS) - told == set()
