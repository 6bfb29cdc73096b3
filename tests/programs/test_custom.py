"""What a program writes itself is fused as the library's own: it takes no kernel more."""

import re
from pathlib import Path

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.pipeline import Options, schedule

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "nnc" / "library"
CUSTOM = (ROOT / "samples" / "custom.nn").read_text(encoding="utf-8")
OPTIMIZER = "AdaBelief(learning_rate = Warmup(6e-3, 10))"


def kernels(text: str) -> dict[str, list[tuple[str, int]]]:
    """Of each step the kind of each kernel, and how many ops it computes."""
    made = schedule(Source("custom.nn", text), Options(), Reporter())
    steps = {"train": made.train, "evaluate": made.evaluate, "predict": made.predict}
    return {
        name: [(kernel.kind.name, len(kernel.ops)) for kernel in step.kernels]
        for name, step in steps.items()
        if step is not None
    }


def replaced(before: str, after: str, text: str = CUSTOM) -> str:
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("own", "library"),
    [
        ("|> snake |>", "|> silu |>"),
        ("function = snake", "function = silu"),
        ("poly_loss(probs, digit)", "categorical_crossentropy(probs, digit)"),
        (OPTIMIZER, "AdaBelief(learning_rate = 6e-3)"),
        (OPTIMIZER, "Adam(learning_rate = 6e-3)"),
    ],
)
def test_own_entries_take_as_many_kernels_as_the_librarys(own: str, library: str) -> None:
    counts = [{name: len(of) for name, of in kernels(text).items()} for text in (CUSTOM, replaced(own, library))]
    assert counts[0] == counts[1]


def test_a_metric_costs_no_kernel() -> None:
    without = replaced(", eights: ClassRecall(8)(probs, digit)", "")
    assert {name: len(of) for name, of in kernels(CUSTOM).items()} == {
        name: len(of) for name, of in kernels(without).items()
    }


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("layers/batch_normalization.nn", "|> PowerNormalization |>", "|> {0} |>"),
        ("activations/silu.nn", "|> snake |>", "|> {0} |>"),
        ("losses/categorical_crossentropy.nn", "poly_loss(probs, digit)", "{0}(probs, digit)"),
        ("optimizers/adam.nn", OPTIMIZER, "{0}(learning_rate = 6e-3)"),
        ("metrics/recall.nn", "ClassRecall(8)(probs, digit)", "{0}(class_id = 8)(probs, digit)"),
    ],
)
def test_the_librarys_text_in_the_file_makes_the_same_kernels(file: str, before: str, after: str) -> None:
    text = (LIBRARY / file).read_text(encoding="utf-8")
    found = re.search(r"^(?:layer|fn|optimizer|metric) (\w+)", text, re.MULTILINE)
    assert found is not None
    name = found[1]
    own = f"My{name}" if name[0].isupper() else f"my_{name}"
    copied = re.sub(rf"\b{name}\b", own, text) + "\n" + replaced(before, after.format(own))
    assert kernels(copied) == kernels(replaced(before, after.format(name)))
