"""Every schedule of the library beside Keras's."""

from typing import Any

import keras
import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from tests.language.programs import codes, model_of

CASES: dict[str, list[tuple[str, list[Any], dict[str, Any]]]] = {
    "ExponentialDecay": [
        ("0.1, 10, 0.96", [0.1, 10, 0.96], {}),
        ("0.1, 7, 0.5, staircase = true", [0.1, 7, 0.5, True], {}),
    ],
    "InverseTimeDecay": [
        ("0.1, 10, 0.5", [0.1, 10, 0.5], {}),
        ("0.1, 7, 0.5, true", [0.1, 7, 0.5, True], {}),
    ],
    "PiecewiseConstantDecay": [
        ("[10], [1.0, 0.5]", [[10], [1.0, 0.5]], {}),
        ("[0, 7, 30], [1.0, 0.5, 0.7, 0.1]", [[0, 7, 30], [1.0, 0.5, 0.7, 0.1]], {}),
    ],
    "PolynomialDecay": [
        ("0.1, 10", [0.1, 10], {}),
        ("0.1, 7, 0.01, power = 0.5", [0.1, 7, 0.01], {"power": 0.5}),
        ("0.1, 7, 0.01, 2.0, cycle = true", [0.1, 7, 0.01, 2.0, True], {}),
    ],
    "CosineDecay": [
        ("0.1, 10", [0.1, 10], {}),
        ("0.1, 10, 0.2", [0.1, 10, 0.2], {}),
        ("0.0, 21, alpha = 0.1, warmup_target = 0.3, warmup_steps = 7", [0.0, 21, 0.1], {"target": 0.3, "steps": 7}),
        ("0.1, 10, warmup_target = 0.3", [0.1, 10], {"target": 0.3, "steps": 0}),
    ],
    "CosineDecayRestarts": [
        ("0.1, 10", [0.1, 10], {}),
        ("0.1, 7, t_mul = 1.0, m_mul = 0.5", [0.1, 7, 1.0, 0.5], {}),
        ("0.1, 7, 3.0, 0.8, 0.1", [0.1, 7, 3.0, 0.8, 0.1], {}),
    ],
}
STEPS = [0, 1, 2, 6, 7, 8, 9, 10, 11, 13, 14, 15, 20, 21, 22, 27, 28, 29, 30, 31, 70, 71, 97, 1000, 54321]


def net(optimizer: str) -> str:
    return (
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3)\n}\n"
        f"train Net {{\n    loss = y * y\n    optimizer = {optimizer}\n}}\n"
    )


def rates(schedule: str) -> list[float]:
    """The rate at each of STEPS: what a gradient of 1 takes from 0."""
    (rule,) = model_of(net(f"SGD({schedule})")).optimizers[0].rules
    return [-float(evaluate(rule.update, [np.float64(0), np.float64(1), np.int64(n + 1)], 1)[0]) for n in STEPS]


@pytest.mark.parametrize(
    ("name", "written", "given", "more"),
    [pytest.param(name, *case, id=f"{name}({case[0]})") for name, cases in CASES.items() for case in cases],
)
def test_rates(name: str, written: str, given: list[Any], more: dict[str, Any]) -> None:
    options = {"target": "warmup_target", "steps": "warmup_steps"}
    reference = getattr(keras.optimizers.schedules, name)(*given, **{options.get(k, k): v for k, v in more.items()})
    wanted = [float(reference(np.float32(step))) for step in STEPS]
    np.testing.assert_allclose(rates(f"{name}({written})"), wanted, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_restart_is_at_the_height_of_the_wave(factor: int) -> None:
    first, place = 5, 0
    (rule,) = model_of(net(f"SGD(CosineDecayRestarts(0.1, {first}, {factor}, 0.5))")).optimizers[0].rules
    for restart in range(8):
        for step, height in ((place, 0.5**restart), (place - 1, None)):
            if step >= 0:
                new = -evaluate(rule.update, [np.float32(0), np.float32(1), np.int64(step + 1)], 1)[0]
                assert new == pytest.approx(0.1 * height, rel=1e-4) if height is not None else new < 0.02
        place += first * factor**restart


@pytest.mark.parametrize(
    "schedule",
    [
        "ExponentialDecay(0.1, 0, 0.5)",
        "PiecewiseConstantDecay([1], [0.5])",
        "PiecewiseConstantDecay([2, 1], [0.5, 0.4, 0.3])",
        "CosineDecay(0.1, 0)",
        "CosineDecayRestarts(0.1, 10, 0.5)",
    ],
)
def test_mistakes(schedule: str) -> None:
    assert codes(net(f"SGD({schedule})")) == ["E0414"]
