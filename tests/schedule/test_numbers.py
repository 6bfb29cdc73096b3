"""Numbers of the step are computed by one kernel, before the update that needs them."""

from __future__ import annotations

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.pipeline import Options, schedule
from nnc.schedule.kernel import KernelKind, Space, StepSchedule

PROGRAM = """model Two(x: float[5]) -> y: float[3] {
    hidden = x |> Dense(4, tanh)
    y      = hidden |> Dense(3)
}
train Two {
    target wanted: float[3]
    loss       = mean_squared_error(y, wanted)
    optimizer  = OPTIMIZER
    batch_size = 7
}
"""


def step_of(optimizer: str) -> StepSchedule:
    source = Source("two.nn", PROGRAM.replace("OPTIMIZER", optimizer))
    step = schedule(source, Options(), Reporter()).train
    assert step is not None
    return step


def left_and_read(step: StepSchedule) -> tuple[list[str], list[list[str]]]:
    """The numbers that finishes leave, and those that each update reads."""
    left = [
        write.buffer.name
        for kernel in step.kernels
        if kernel.kind is KernelKind.FINISH
        for write in kernel.writes
        if write.buffer.space is Space.NUMBER
    ]
    updates = [kernel for kernel in step.kernels if kernel.kind is KernelKind.UPDATE]
    return left, [[buffer.name for _, buffer in k.reads if buffer.space is Space.NUMBER] for k in updates]


@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [
        ("Adam(1e-3)", ["rate"]),
        ("SGD(ExponentialDecay(1e-2, 100, 0.9))", ["learning_rate"]),
        ("SGD(1e-2, momentum = 0.9)", []),
        ("RMSprop(1e-3)", []),
    ],
)
def test_what_an_update_needs_of_the_step(optimizer, numbers):
    assert left_and_read(step_of(optimizer)) == (numbers, [numbers])


def test_each_update_reads_its_own():
    left, read = left_and_read(step_of("{ hidden: Adam(1e-3), rest: Adam(1e-2) }"))
    assert left == ["rate", "rate_2"]
    assert read == [["rate"], ["rate_2"]]


def test_a_norm_of_all_gradients_is_no_number_of_the_step():
    step = step_of("SGD(1e-2, global_clipnorm = 1.0)")
    assert left_and_read(step) == ([], [[]])
