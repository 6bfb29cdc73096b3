"""States of layers and penalties, against hand-written float64 formulas, and through a compiled module."""

import numpy as np
import pytest
import torch

from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Role
from nnc.tensor.step import gradient_step
from tests.language.programs import codes, model_of, run, tried

BATCH = 5
NORM = """layer Norm(momentum = 0.9)(x: float[..., D]) -> y {
    param gamma: float[D] = ones
    state moving_mean: float[D] = zeros
    state moving_variance: float[D] = ones
    axes = range(len(shape(x)) - 1)
    average = mean(x, axis = axes, batch = true) if training else moving_mean
    spread = variance(x, axis = axes, batch = true) if training else moving_variance
    moving_mean' = momentum * moving_mean + (1 - momentum) * average
    moving_variance' = momentum * moving_variance + (1 - momentum) * spread
    y = gamma * (x - average) / sqrt(spread + 1e-3)
}
"""


def net(body: str, layers: str = NORM, loss: str = "mean_squared_error(y, x)", extra: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        f"{layers}model Net(x: float[3]) -> y: float[3] {{\n{lines}}}\n"
        f"train Net {{\n    loss = {loss}\n    optimizer = SGD(0.1)\n{extra}}}\n"
    )


def norm(x, gamma, average, spread):
    return gamma * (x - average) / np.sqrt(spread + 1e-3)


@pytest.fixture
def given():
    rng = np.random.default_rng(2)
    return {
        "x": rng.normal(size=(BATCH, 3)),
        "weight": np.ones(BATCH),
        "n.gamma": rng.uniform(1, 2, 3),
        "n.moving_mean": rng.normal(size=3),
        "n.moving_variance": rng.uniform(1, 2, 3),
    }


def test_a_state_is_carried_in_training_and_read_elsewhere(given):
    model = model_of(net("n = Norm()\ny = n(x)"))
    x = given["x"]
    assert [(state.path, state.type.shape) for state in model.states] == [
        ("n.moving_mean", (3,)),
        ("n.moving_variance", (3,)),
    ]
    found = run(model.train, given, BATCH)
    np.testing.assert_allclose(found["n.moving_mean"], 0.9 * given["n.moving_mean"] + 0.1 * x.mean(0), rtol=1e-12)
    expected = 0.9 * given["n.moving_variance"] + 0.1 * x.var(0)
    np.testing.assert_allclose(found["n.moving_variance"], expected, rtol=1e-12)
    assert [binding.role for binding in model.evaluate.outputs] == [Role.ACCUMULATOR] * 2
    expected = norm(x, given["n.gamma"], given["n.moving_mean"], given["n.moving_variance"])
    np.testing.assert_allclose(run(model.predict, given, BATCH)["y"], expected, rtol=1e-12)
    starts = [evaluate(state.initializer, [], 1)[0] for state in model.states]
    np.testing.assert_array_equal(starts, [np.zeros(3), np.ones(3)])


def test_a_layer_applied_twice_changes_its_state_in_source_order(given):
    model = model_of(net("n = Norm()\na = n(x)\ny = n(2 * x + a * 0)"))
    found = run(model.train, given, BATCH)
    mean = given["x"].mean(0)
    first = 0.9 * given["n.moving_mean"] + 0.1 * mean
    np.testing.assert_allclose(found["n.moving_mean"], 0.9 * first + 0.1 * 2 * mean, rtol=1e-9)
    assert len(model.states) == 2


DOUBLING = """layer Doubling(x: float[..., D]) -> y {
    state s: float[D] = ones
    s' = s * 2
    y = x * s'
}
layer Outer(inner = Doubling())(x) -> y {
    state n = 1
    n' = n + 1
    y = (x |> inner |> inner) * n'
}
"""


@pytest.mark.parametrize(
    ("body", "factor", "states"),
    [
        ("d = Doubling()\ny = x |> 2 * d", 2 * 4, {"d.s": 4}),
        ("d = Doubling()\ny = 10 * d(x) + d(x)", 10 * 2 + 4, {"d.s": 4}),
        ("d = Doubling()\ny = x |> d |> copy(d)", 2 * 2, {"d.s": 2, "y.doubling.s": 2}),
        ("y = x |> 2 * Doubling()", 2 * 2, {"y.doubling.s": 2, "y.doubling_2.s": 2}),
        ("o = Outer()\ny = x |> 2 * o", (2 * 4 * 2) * (8 * 16 * 3), {"o.n": 3, "o.inner.s": 16}),
        ("d = Doubling()\ny = x |> stop_gradient(d) |> d", 2 * 4, {"d.s": 4}),
    ],
)
def test_states_of_layers_within_one_another(body, factor, states):
    model = model_of(net(body, DOUBLING, "sum(y) + 0 * sum(y |> Dense(1))"))
    x = np.random.default_rng(1).normal(size=(BATCH, 3))
    given = {"x": x, "weight": np.ones(BATCH)} | {
        each.path: evaluate(each.initializer, [], 1)[0] for each in (*model.states, *model.parameters)
    }
    found = run(model.train, given, BATCH)
    np.testing.assert_allclose(found["loss"], factor * x.sum(), rtol=1e-9)
    assert {path: float(np.mean(array)) for path, array in found.items() if "." in path} == states
    np.testing.assert_allclose(run(model.predict, given, BATCH)["y"], x * (11 if "10" in body else 1), rtol=1e-12)


def test_no_gradient_goes_back_through_a_state():
    layer = (
        "layer Kept(x: float[D]) -> y {\n    param k: float = ones\n    state s = 0\n    y = x * s + k\n    s' = k\n}\n"
    )
    step = gradient_step(model_of(net("n = Kept()\ny = n(n(x))", layer, "sum(y)")))
    given = {"x": np.ones((BATCH, 3)), "weight": np.ones(BATCH), "n.k": np.array(3.0), "n.s": np.array(2.0)}
    results = evaluate(step.function, [given[each.name] for each in step.inputs], BATCH)
    found = {each.name: array for each, array in zip(step.outputs, results, strict=True) if each.role is Role.GRADIENT}
    np.testing.assert_allclose(found["n.k"], 3 * (3.0 + 1))  # y = (2 x + k) * s + k, where s is k and carried


def test_no_gradient_goes_from_one_use_to_the_next(given):
    """The second use's state is made of the first's input, and is a number to it; a value of its own use is not."""
    layer = """layer Held(x: float[D]) -> y {
    param gamma: float[D] = ones
    state s: float[D] = zeros
    s' = gamma * mean(x, axis = [], batch = true)
    y = x * s + 0.5 * x * s'
}
"""
    step = gradient_step(model_of(net("n = Held()\na = n(x)\ny = n(x + 0.1 * a)", layer)))
    x, gamma, s = (torch.tensor(given["x"]), torch.tensor(given["n.gamma"], requires_grad=True), torch.ones(3).double())

    def use(x, s):
        new = gamma * x.mean(0)
        return x * s + 0.5 * x * new, new.detach()

    a, new = use(x, s)
    y, _ = use(x + 0.1 * a, new)
    (wanted,) = torch.autograd.grad((y - x).square().mean(), gamma)
    values = {"x": given["x"], "weight": np.ones(BATCH), "n.gamma": given["n.gamma"], "n.s": np.ones(3)}
    operands = [np.asarray(values[binding.name]) for binding in step.inputs]
    found = dict(zip([b.name for b in step.outputs], evaluate(step.function, operands, BATCH), strict=False))
    np.testing.assert_allclose(found["n.gamma"], wanted, rtol=1e-9)


def test_metrics_change_no_state(given):
    metrics = "    metrics = { again: mean(Net(3 * x)) }\n"
    plain, more = (model_of(net("n = Norm()\ny = n(x)", extra=extra)) for extra in ("", metrics))
    found = [run(each.train, given, BATCH)["n.moving_mean"] for each in (plain, more)]
    np.testing.assert_array_equal(*found)


def test_a_counter_without_a_type(given):
    layer = "layer Count(x: float[D]) -> y {\n    state calls = 2.5\n    calls' = calls + 1\n    y = x * calls'\n}\n"
    model = model_of(net("n = Count()\ny = n(x) + (x |> Dense(3))", layer))
    values = given | {"n.calls": 4.0, "y.dense.kernel": np.zeros((3, 3)), "y.dense.bias": np.zeros(3)}
    assert run(model.train, values, BATCH)["n.calls"] == 5
    np.testing.assert_allclose(run(model.predict, values, BATCH)["y"], 4 * given["x"])
    assert evaluate(model.states[0].initializer, [], 1)[0] == 2.5


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("state s: float[D] = zeros\n    s' = x", ["E0417"]),
        ("state s: float[D] = zeros\n    s' = none", ["E0418"]),
        ("state s: float[D] = zeros\n    s' = zeros", ["E0418"]),
        ("state s: float[D] = x", ["E0421"]),
        ("state s: float[2] = mean(x, axis = [], batch = true)", ["E0418"]),
        ("state s: float[D] = mean(x, batch = true)", ["E0418"]),
        ("state s: float[D] = true", ["E0203"]),
        ("state s: i32 = 0\n    s' = s + 0.5", ["E0208"]),
        ("state s: i32 = 0\n    s' = s + 1", []),
        ("state s: float[D] = zeros\n    s' = s + [1, 2, 3]", []),
        ("state s: float[D] = zeros if D > 3 else none\n    s' = s if s == none else s + 1", []),
        ("param k: float[D] = ones\n    state s: float[D] = mean(x * k, axis = [], batch = true)", ["E0421"]),
        ("state r = 1\n    state s: float[D] = mean(x * r, axis = [], batch = true)", ["E0421"]),
        ("state s: float = mean(x * uniform([3]), batch = true)", ["E0421"]),
        ("state s: float = mean(x @ transpose(x), batch = true)", ["E0421"]),
        ("state s: bool = any(x > 0, batch = true)", ["E0421"]),
        ("p = [k |> Start for k in reshape(x, [3, 1])]", ["E0421"]),
        ("param s: float[D] = ones\n    s' = s", ["E0416"]),
        ("state s = 0\n    s' = s + 1\n    s' = s", ["E0303"]),
        ("state s = 0\n    s = 3", ["E0303"]),
        ("penalty true", ["E0419"]),
        ("penalty sum(x) if D > 3 else none", []),
    ],
)
def test_mistakes(layer, expected):
    start = "layer Start(x) -> y {\n    state first: float = mean(x, batch = true)\n    y = x\n}\n"
    odd = f"layer Odd(x: float[D]) -> y {{\n    {layer}\n    y = x + 1\n}}\n"
    text = net("y = x |> Odd |> Dense(3)", start + odd)
    assert [code for code in codes(text) if code[0] == "E"] == expected


def test_a_function_has_no_state():
    assert codes(net("y = f(x) |> Dense(3)", "fn f(x) {\n    state s = 0\n    result = x * s\n}\n")) == ["E0408"]


# Penalties ----------------------------------------------------------------------------------------------------------

PENALISED = """layer Decayed(strength = 0.5)(x: float[D]) -> y: float[D] {
    param kernel: float[D] = ones
    penalty strength * sum(kernel ^ 2)
    y = x * kernel
}
layer Active(x: float[D]) -> y {
    penalty mean(abs(x))
    y = x
}
"""


@pytest.mark.parametrize(
    ("body", "of_kernel", "of_activity"),
    [
        ("d = Decayed()\ny = d(x)", 1, 0),
        ("d = Decayed()\ny = x |> d |> d", 1, 0),
        ("d = Decayed()\ny = x |> Active |> d", 1, 1),
        ("d = Decayed()\ny = x |> Active |> Active |> d", 1, 2),
        ("d = Decayed(0)\ny = x |> d", 0, 0),
        ("a = Active()\nd = Decayed()\ny = x |> a |> a |> d", 1, 2),
    ],
)
def test_penalties_are_added_to_the_loss(body, of_kernel, of_activity):
    rng = np.random.default_rng(4)
    x, kernel, weight = rng.normal(size=(BATCH, 3)), rng.normal(size=3), rng.uniform(size=BATCH)
    model = model_of(net(body, PENALISED, "0 * sum(y)"))
    given = {"x": x, "d.kernel": kernel, "weight": weight}
    penalty = of_kernel * 0.5 * (kernel**2).sum() + of_activity * np.abs(x).mean()
    for program in (model.train, model.evaluate):
        np.testing.assert_allclose(run(program, given, BATCH)["loss"], BATCH * penalty, rtol=1e-12)
    assert [binding.role for binding in model.predict.outputs] == [Role.OUTPUT]


def test_a_penalty_in_a_training():
    model = model_of(net("y = x |> Dense(3)", "", "0 * sum(y)", "    penalty 2 * y[0] ^ 2\n"))
    rng = np.random.default_rng(4)
    given = {"x": rng.normal(size=(BATCH, 3)), "y.dense.kernel": rng.normal(size=(3, 3)), "y.dense.bias": np.zeros(3)}
    found = run(model.train, given | {"weight": np.zeros(BATCH)}, BATCH)["loss"]
    np.testing.assert_allclose(found, 2 * ((given["x"] @ given["y.dense.kernel"])[:, 0] ** 2).sum(), rtol=1e-12)


def test_a_state_that_is_assigned_is_told_how_it_is_set():
    odd = "layer Odd(x: float[D]) -> y {\n    state s = 0\n    s = 3\n    y = x + s\n}\n"
    (found,) = [each for each in tried(net("y = x |> Odd |> Dense(3)", odd))[1].all if each.code == "E0303"]
    assert found.help == "a state's new value is written s' = ..."
