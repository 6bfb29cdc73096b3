"""Optimizers, against their formulas in float64: schedules, optimizers of optimizers, frozen parts."""

import math

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Role
from nnc.tensor.step import gradient_step, training_step
from tests.language.programs import codes, model_of

DEFINITIONS = """fn Decay(first: number, decay_steps: int, alpha = 0.0)(step) {
    part = minimum(step, decay_steps) / decay_steps
    result = first * ((1 - alpha) * 0.5 * (1 + cos(3.141592653589793 * part)) + alpha)
}
fn Halved(step) = 0.5 ^ step
optimizer Lookahead(inner = SGD(0.5), every = 2, share = 0.25) {
    state slow = parameter
    fast = inner(parameter, gradient)
    is_time = step % every == 0
    slow' = where(is_time, slow + share * (fast - slow), slow)
    parameter' = where(is_time, slow', fast)
}
optimizer Both() {
    first = SGD(0.1, momentum = 0.5)(parameter, gradient)
    second = SGD(0.2, momentum = 0.25)(parameter, gradient = gradient)
    parameter' = (first + second) / 2
}
optimizer Plain(learning_rate = 0.5) {
    parameter' = parameter - learning_rate * gradient
}
optimizer Doubled(inner = Plain) {
    parameter' = inner(inner(parameter, gradient), gradient)
}
"""


AVERAGED = """optimizer Averaged(inner = SGD(0.5), share = 0.25) {
    state mean = parameter
    parameter' = inner(parameter, gradient)
    mean' = mean + share * (parameter' - mean)
    result = mean
}
"""


def net(optimizer: str) -> str:
    return (
        f"{DEFINITIONS}model Net(x: float[4]) -> y: float[3] {{\n    h = x |> Dense(2)\n    y = h |> Dense(3)\n}}\n"
        f"train Net {{\n    loss = y * y\n    optimizer = {optimizer}\n}}\n"
    )


def steps(optimizer: str, gradients: list[float], start: float = 1.0) -> list[float]:
    """The parameter after each step."""
    (compiled,) = model_of(net(optimizer)).rules
    slots = [slot.initial for slot in compiled.slots]
    found = []
    for number, gradient in enumerate(gradients, 1):
        start, *slots = evaluate(
            compiled.update, [np.float64(start), np.float64(gradient), np.int64(number), *slots], 1
        )
        found.append(float(start))
    return found


GRADIENTS = [1.0, -2.0, 0.5, 3.0, 0.25]


@pytest.mark.parametrize(
    ("rate", "at"),
    [
        ("Decay(0.3, 4)", lambda n: 0.3 * 0.5 * (1 + math.cos(math.pi * min(n, 4) / 4))),
        ("Decay(0.3, 4, alpha = 0.5)", lambda n: 0.3 * (0.25 * (1 + math.cos(math.pi * min(n, 4) / 4)) + 0.5)),
        ("Halved", lambda n: 0.5**n),
    ],
)
def test_a_schedule_counts_from_zero(rate, at):
    value, expected = 1.0, []
    for number, gradient in enumerate(GRADIENTS):
        value -= at(number) * gradient
        expected.append(value)
    np.testing.assert_allclose(steps(f"SGD({rate})", GRADIENTS), expected, rtol=1e-9)
    assert model_of(net(f"SGD({rate})")).optimizers[0].description == f"SGD({rate})"


def test_gathered_steps_and_schedules_count_apart():
    """A schedule counts all batches, `step` the updates."""
    own = "optimizer Own(rate = 0.5) {\n    parameter' = parameter - rate * gradient / step\n}\n"
    text = own + net("Own(Halved)").replace("optimizer = Own", "gradient_accumulation_steps = 2\n    optimizer = Own")
    (compiled,) = model_of(text).rules
    value, (held,) = 1.0, [slot.initial for slot in compiled.slots]
    expected, gathered, found, wanted = 1.0, [], [], []
    for number, gradient in enumerate(GRADIENTS, 1):
        value, held = evaluate(compiled.update, [np.float64(value), np.float64(gradient), np.int64(number), held], 1)
        gathered.append(gradient)
        if number % 2 == 0:
            expected -= 0.5 ** (number - 1) * np.mean(gathered) / (number // 2)
            gathered = []
        found.append(float(value))
        wanted.append(expected)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_what_no_gradient_reaches_is_left_alone():
    """No decay, no constraint moves it."""
    layer = (
        "layer Odd(x: float[D]) -> y {\n    param k: float[D] = ones, constraint = half\n"
        "    y = x + stop_gradient(k)\n}\n"
    )
    text = f"fn half(w) = w / 2\n{layer}" + net("SGD(0.1, weight_decay = 0.5)").replace(
        "x |> Dense(2)", "x |> Odd |> Dense(2)"
    )
    step = training_step(model_of(text))
    assert "h.odd.k" not in {each.name for each in step.outputs if each.role in (Role.PARAMETER, Role.GRADIENT)}


def test_an_optimizer_of_another():
    value = slow = 1.0
    expected = []
    for number, gradient in enumerate(GRADIENTS, 1):
        value -= 0.5 * gradient
        if number % 2 == 0:
            slow += 0.25 * (value - slow)
            value = slow
        expected.append(value)
    np.testing.assert_allclose(steps("Lookahead", GRADIENTS), expected, rtol=1e-12)


def test_slots_of_inner_optimizers_stand_apart():
    (compiled,) = model_of(net("Lookahead(Adam(0.1))")).rules
    assert [slot.name for slot in compiled.slots] == ["slow", "adam_m", "adam_v"]
    (compiled,) = model_of(net("Both")).rules
    assert [slot.name for slot in compiled.slots] == ["sgd_velocity", "sgd_2_velocity"]
    value, one, two, expected = 1.0, 0.0, 0.0, []
    for gradient in GRADIENTS:
        one, two = 0.5 * one - 0.1 * gradient, 0.25 * two - 0.2 * gradient
        value += (one + two) / 2
        expected.append(value)
    np.testing.assert_allclose(steps("Both", GRADIENTS), expected, rtol=1e-12)


def test_a_definition_without_parentheses():
    np.testing.assert_allclose(steps("Doubled", [1.0, 2.0], 4.0), [3.0, 1.0])


def test_schedules_inside_of_an_inner_optimizer():
    value, expected = 1.0, []
    for number, gradient in enumerate(GRADIENTS):
        value -= 2 * 0.5**number * gradient
        expected.append(value)
    np.testing.assert_allclose(steps("Doubled(Plain(Halved))", GRADIENTS), expected, rtol=1e-12)


def test_frozen_parts():
    model = model_of(net("{ h: none, y.dense.bias: none, rest: SGD(0.1) }"))
    assert model.trained == {"y.dense.kernel"}
    assert [optimizer.description for optimizer in model.optimizers] == ["SGD(0.1)"]
    step = training_step(model)
    assert [each.name for each in step.outputs if each.role is Role.PARAMETER] == ["y.dense.kernel"]
    assert [each.name for each in gradient_step(model).outputs if each.role is Role.GRADIENT] == ["y.dense.kernel"]
    assert len(model_of(net("{ rest: SGD(0.1) }")).trained) == 4
    assert model_of(net("{ h: none, h.dense.bias: SGD, y: none }")).trained == {"h.dense.bias"}


def outside(body: str, gradients: list[float], every: int) -> list[tuple[float, dict[str, float]]]:
    """The weight that evaluation reads after each step, and the slots with the parameter."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"{AVERAGED}optimizer Own(inner = Averaged) {{\n{lines}}}\n" + net("Own").replace(
        "optimizer = Own", f"optimizer = Own\n    gradient_accumulation_steps = {every}"
    )
    (compiled,) = model_of(text).rules
    slots, value, found = [slot.initial for slot in compiled.slots], 1.0, []
    for number, gradient in enumerate(gradients, 1):
        operands = [np.float64(value), np.float64(gradient), np.int64(number), *slots]
        value, *slots = (float(each) for each in evaluate(compiled.update, operands, 1))
        named = {"parameter": value, **{slot.name: each for slot, each in zip(compiled.slots, slots, strict=True)}}
        used = value
        if compiled.result is not None:
            (used,) = evaluate(compiled.result, [np.float64(value), np.int64(number + 1), *slots], 1)
        found.append((float(used), named))
    return found


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("parameter' = inner(parameter, gradient)", "averaged_mean"),
        ("fast = inner(parameter, gradient)\nparameter' = fast", "averaged_mean"),
        ("state twice = zeros\ntwice' = 2 * inner(parameter, gradient)\nparameter' = twice'", "parameter"),
        ("state slow = parameter\nslow' = 0.5 * inner(parameter, gradient)\nparameter' = slow'\nresult = slow", "slow"),
        ("first = SGD(0.1, momentum = 0.5)(parameter, gradient)\nparameter' = inner(first, gradient)", "averaged_mean"),
        ("parameter' = inner(inner(parameter, gradient), gradient)", "averaged_2_mean"),
        ("parameter' = SGD(0.1)(inner(parameter, gradient), gradient)", "parameter"),
        (
            "parameter' = inner(parameter, gradient)\nrest = inner(parameter, gradient)\nresult = rest",
            "averaged_2_mean",
        ),
        ("parameter' = 0.5 * inner(parameter, gradient)\nresult = parameter", "parameter"),
    ],
)
@pytest.mark.parametrize("every", [1, 3])
def test_the_weight_outside_of_training(body, used, every):
    for number, (weight, named) in enumerate(outside(body, GRADIENTS, every), 1):
        wanted = named[used] if number >= every else 1.0  # what no step was made of yet is as it began
        assert weight == pytest.approx(wanted, rel=1e-12), f"after step {number}"


def test_a_weight_that_knows_the_step():
    body = "state mean = zeros\nparameter' = inner(parameter, gradient)\nmean' = 0.5 * (mean + parameter')\n"
    found = outside(f"{body}result = mean / (1 - 0.5 ^ step)", GRADIENTS, 2)
    steps = [0, 1, 1, 2, 2]
    for (weight, named), step in zip(found, steps, strict=True):
        assert weight == pytest.approx(named["mean"] / (1 - 0.5**step) if step else 1.0, rel=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("{ h: none }", ["E0512"]),
        ("{ h: none, rest: none }", ["E0512"]),
        ("{ hh: none, rest: SGD }", ["E0512"]),
        ("{ h: SGD, rest: Adam }", []),
        ('{ h: none, rest: "sgd" }', ["E0508"]),
        ("{ h: none, rest: Sgd }", ["E0301"]),
        ("{}", ["E0512"]),
        ("SGD(0.1)(x, y)", ["E0407"]),
        ("Lookahead(Dense)", ["E0403"]),
        ('SGD("fast")', ["E0404"]),
        ("SGD(Halved(0.5))", []),
        ("SGD(constant(0.5))", ["E0402"]),
    ],
)
def test_mistakes(optimizer, expected):
    found = codes(net(optimizer))
    assert found == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("inner = SGD(0.1)\nparameter' = inner(parameter)", ["E0402"]),
        ("inner = SGD(0.1)\nparameter' = inner(parameter, gradient, gradient)", ["E0403"]),
        ("inner = SGD(0.1)\nparameter' = inner(parameter, grad = gradient)", ["E0401"]),
        ("parameter' = Own(parameter, gradient)", ["E0216"]),
        ("state s = [1]\nparameter' = s", ["E0418"]),
        ("parameter' = parameter - gradient\nresult = parameter + gradient", ["E0520"]),
        ("parameter' = parameter - gradient\nresult = 2 * Lookahead(parameter, gradient)", ["E0520"]),
    ],
)
def test_mistakes_in_a_body(body, expected):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    assert codes(f"optimizer Own() {{\n{lines}}}\n{net('Own')}") == expected
