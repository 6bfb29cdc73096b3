"""Each rule of the lint finds its breach, at its line, and lets what is right pass."""

import pytest

from tests.emit.lint import lint

KERNEL = '''\
import torch

from nnc.runtime import Launch, Model, tl, triton


@triton.jit
def forward(pixels, control, order, kernel, out, ROWS: tl.constexpr):
    """out = relu(pixels[order] @ kernel)"""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    count = tl.load(control + 2)
    valid = rows < count
    n = tl.arange(0, 16)
    sample = tl.load(order + rows, mask=valid, other=0)
    last = tl.minimum(tl.cdiv(count, ROWS), n * 2 + 1)
    acc = tl.zeros((ROWS, 16), dtype=tl.float32)
    for start in range(0, count, ROWS):
        k = start + tl.arange(0, ROWS)
        a = tl.load(pixels + sample[:, None] * 64 + k[None, :], mask=k[None, :] < count, other=0.0)
        b = tl.load(kernel + k[:, None] * 16 + n[None, :], mask=k[:, None] < count, other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
    acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(out + rows[:, None] * 16 + n[None, :], acc + last[None, :], mask=valid[:, None])


@triton.jit
def update(parameter, gradient, SIZE: tl.constexpr):
    """One pass over the flat buffers"""
    i = tl.program_id(0) * 1024 + tl.arange(0, 1024)
    inside = i < SIZE
    g = tl.load(gradient + i, mask=inside, other=0.0)
    p = tl.load(parameter + i, mask=inside, other=0.0)
    tl.store(parameter + i, p - tl.div_rn(1 / 3 * g, tl.sqrt_rn(g)), mask=inside)


def forward_torch(pixels, kernel, out):
    torch.mm(pixels, kernel, out=out).relu_()


def train_step(v):
    return (Launch(forward, 1, (v.pixels,)), Launch(update, 1, (v.parameter,)))


class Digits(Model):
    defaults = {"batch_size": 128}
    steps = {"triton": train_step, "torch": forward_torch}
'''


def test_what_is_right_passes() -> None:
    assert lint(KERNEL) == []


@pytest.mark.parametrize(
    ("old", "new", "breach"),
    [
        ("b, acc, input_precision", "b, acc, out_dtype", "line 20: forward: tl.dot without input_precision is TF32"),
        (
            "0.0, propagate_nan=tl.PropagateNan.ALL)",
            "0.0)",
            "line 21: forward: tl.maximum without propagate_nan hides a NaN",
        ),
        ("n * 2 + 1)", "n / 2)", "line 14: forward: tl.minimum without propagate_nan hides a NaN"),
        (
            "    tl.store(parameter + i, p",
            "    tl.atomic_add(parameter + i, p",
            "line 32: update: tl.atomic_add: the order of programs changes the result",
        ),
        (
            "range(0, count, ROWS)",
            "range(0, 128, ROWS)",
            "line 16: forward: a loop to 128, the declared batch size: the last batch is smaller",
        ),
        (
            "range(0, count, ROWS)",
            "range(128)",
            "line 16: forward: a loop to 128, the declared batch size: the last batch is smaller",
        ),
        ("tl.div_rn(1 / 3 * g, tl.sqrt_rn(g))", "g / tl.sqrt_rn(g)", "line 32: update: `/` is approximate: tl.div_rn"),
        ("tl.sqrt_rn(g)", "tl.sqrt(g)", "line 32: update: tl.sqrt is approximate: tl.sqrt_rn"),
        (
            "order + rows, mask=valid, other=0)",
            "order + rows)",
            "line 13: forward: tl.load at rows without a mask",
        ),
        (
            "last[None, :], mask=valid[:, None])",
            "last[None, :])",
            "line 22: forward: tl.store at rows without a mask",
        ),
        (
            "k[:, None] * 16 + n[None, :], mask=k[:, None] < count, other=0.0)",
            "k[:, None] * 16 + n[None, :])",
            "line 19: forward: tl.load at k without a mask",
        ),
        ('    """One pass over the flat buffers"""\n', "", "line 26: update: a kernel without a docstring"),
        ("(parameter, gradient,", "(parameter, gradient, more,", "line 26: update: nothing reads the parameter more"),
        ("def forward_torch(", "def forward_torch(scratch, ", "forward_torch: nothing reads the parameter scratch"),
        ("    inside = i < SIZE\n", "    inside = i < SIZE\n    j = i\n", "line 30: update: nothing reads j"),
        ('"torch": forward_torch', '"torch": None', "line 35: nothing calls forward_torch"),
        ("p - tl.div_rn", "p" + " + p" * 30 + " - tl.div_rn", "line 32: update: a line longer than 120"),
    ],
)
def test_each_rule_finds_its_breach(old: str, new: str, breach: str) -> None:
    assert KERNEL.count(old) >= 1
    found = lint(KERNEL.replace(old, new, 1))
    assert any(breach in line for line in found), found


def test_a_comment_says_that_operands_are_integers() -> None:
    text = KERNEL.replace("n * 2 + 1)", "sample * pixels)")
    assert lint(text) == ["line 14: forward: tl.minimum without propagate_nan hides a NaN"]
    assert lint(text.replace("sample * pixels)", "sample * pixels)  # integer")) == []


def test_the_batch_may_be_given() -> None:
    text = KERNEL.replace("range(0, count, ROWS)", "range(0, 37, ROWS)")
    assert lint(text) == []
    assert lint(text, batch=37) != []


def test_constant_bounds_need_no_mask() -> None:
    text = KERNEL.replace("n = tl.arange(0, 16)", "n = tl.program_id(1) * 16 + tl.arange(0, 16)")
    assert lint(text) == []
