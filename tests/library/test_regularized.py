"""What layers add to the loss and hold their parameters to, beside Keras's, in float64; and SpectralNormalization in
training, beside torch's."""

from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from nnc.pipeline import compile
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Program, Role
from nnc.tensor.step import gradient_step
from tests.language.programs import codes, model_of
from tests.programs.harness import imported

layers, D, OURS, THEIRS = keras.layers, {"dtype": "float64"}, "l1_l2(0.02, 0.3)", keras.regularizers.L1L2(0.02, 0.3)
BATCH = 5


def _written(*names: str) -> str:
    return ", ".join(f"{name}_regularizer = {OURS}" for name in names)


def _given(*names: str) -> dict[str, object]:
    return {f"{name}_regularizer": THEIRS for name in names} | D


DENSE = ("kernel", "bias", "activity")
NORMAL = ("beta", "gamma")
CASES = {
    "Dense": (f"Dense(3, tanh, {_written(*DENSE)})", lambda: layers.Dense(3, "tanh", **_given(*DENSE)), (4,)),
    "Dense without bias": (
        f"Dense(3, use_bias = false, {_written(*DENSE)})",
        lambda: layers.Dense(3, use_bias=False, **_given(*DENSE)),
        (2, 4),
    ),
    "EinsumDense": (
        f'EinsumDense("ab,bc->ac", [2, 3], bias_axes = "c", {_written(*DENSE[:2])})',
        lambda: layers.EinsumDense("nab,bc->nac", (2, 3), bias_axes="c", **_given(*DENSE[:2])),
        (2, 4),
    ),
    "PReLU": (f"PReLU({_written('alpha')})", lambda: layers.PReLU(**_given("alpha")), (3, 2)),
    "LayerNormalization": (
        f"LayerNormalization({_written(*NORMAL)})",
        lambda: layers.LayerNormalization(**_given(*NORMAL)),
        (6,),
    ),
    "GroupNormalization": (
        f"GroupNormalization(2, scale = false, {_written(*NORMAL)})",
        lambda: layers.GroupNormalization(2, scale=False, **_given(*NORMAL)),
        (3, 4),
    ),
    "BatchNormalization": (
        f"BatchNormalization({_written(*NORMAL)})",
        lambda: layers.BatchNormalization(**_given(*NORMAL)),
        (4,),
    ),
    "Embedding": (
        f"Embedding(7, 3, {_written('embeddings')})",
        lambda: layers.Embedding(7, 3, **_given("embeddings")),
        "index(7)[2]",
    ),
    "ReversibleEmbedding": (
        f"ReversibleEmbedding(7, 3, {_written('embeddings')})",
        lambda: layers.ReversibleEmbedding(7, 3, **_given("embeddings")),
        "index(7)[2]",
    ),
    "ActivityRegularization": (
        "ActivityRegularization(0.02, 0.3)",
        lambda: layers.ActivityRegularization(0.02, 0.3, **D),
        (3, 2),
    ),
}


def gradients(program: Program, arrays: dict[str, np.ndarray], batch: int) -> dict[str, np.ndarray]:
    """What a program of gradients gives, by path."""
    given = [
        np.ones(batch) if binding.role is Role.WEIGHT else arrays[binding.name.removeprefix("n.")]
        for binding in program.inputs
    ]
    found = evaluate(program.function, given, batch)
    return {
        binding.name.removeprefix("n."): value
        for binding, value in zip(program.outputs, found, strict=True)
        if binding.role in (Role.GRADIENT, Role.STATE)
    }


@pytest.mark.parametrize("name", CASES)
def test_what_a_layer_adds_to_the_loss(name: str) -> None:
    written, make, shape = CASES[name]
    is_index = isinstance(shape, str)
    type = shape if is_index else f"float{list(shape)}"
    text = (
        "layer Seen(x) -> y {\n    param shift: float = zeros\n    y = x + shift\n}\n"
        f"model Net(x: {type}) -> y {{\n    n = {written}\n    y = x |> {'' if is_index else 'Seen |> '}n\n}}\n"
        "train Net {\n    target t: float\n    loss = t\n    optimizer = SGD\n}\n"
    )
    rng = np.random.default_rng(4)
    x = rng.integers(0, 7, (BATCH, 2)) if is_index else rng.normal(size=(BATCH, *shape))
    layer = make()
    layer(x)
    for variable in layer.weights:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        layer(torch.tensor(x) if is_index else torch.tensor(x) + shift)
        total = sum(layer.losses)
    leaves = {each.name: each.value for each in layer.trainable_variables} | {"y.seen.shift": shift}
    wanted = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    arrays = {each.name: each.value.detach().numpy() for each in layer.weights}
    found = gradients(
        gradient_step(model_of(text)), {**arrays, "x": x, "t": rng.normal(size=BATCH), "y.seen.shift": 0.0}, 5
    )
    checked = 0
    for path, slope in zip(leaves, wanted, strict=True):
        if slope is not None:
            np.testing.assert_allclose(found[path], slope.numpy(), rtol=1e-5, atol=1e-7, err_msg=path)
            checked += 1
    assert checked


CONSTRAINED = """model Net(x: index(7)[3]) -> y: float[3] {
    e = Embedding(7, 4, embeddings_constraint = max_norm(0.02))
    p = PReLU(alpha_constraint = non_neg)
    l = LayerNormalization(beta_constraint = non_neg, gamma_constraint = max_norm(0.5))
    g = GroupNormalization(2, beta_constraint = non_neg, gamma_constraint = max_norm(0.6))
    b = BatchNormalization(beta_constraint = non_neg, gamma_constraint = max_norm(0.7))
    d = EinsumDense("ab,bc->ac", [3, 4], bias_axes = "c", kernel_constraint = unit_norm, bias_constraint = non_neg)
    r = Dense(2, kernel_constraint = min_max_norm(0.1, 0.4), bias_constraint = non_neg)
    n = ReversibleEmbedding(3, 6, embeddings_constraint = unit_norm)
    y = x |> e |> p |> l |> g |> b |> d |> r |> Flatten |> n
}

train Net {
    target t: float[3]
    loss = mean_squared_error(y, t)
    optimizer = SGD(0.1)
}
"""
HELD = {
    "e.embeddings": keras.constraints.MaxNorm(0.02),
    "p.alpha": keras.constraints.NonNeg(),
    "l.gamma": keras.constraints.MaxNorm(0.5),
    "g.gamma": keras.constraints.MaxNorm(0.6),
    "b.gamma": keras.constraints.MaxNorm(0.7),
    "d.kernel": keras.constraints.UnitNorm(),
    "r.kernel": keras.constraints.MinMaxNorm(0.1, 0.4),
    "n.embeddings": keras.constraints.UnitNorm(),
    **dict.fromkeys(("l.beta", "g.beta", "b.beta", "d.bias", "r.bias"), keras.constraints.NonNeg()),
}


@pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")  # of Keras's own doings
def test_what_layers_hold_their_parameters_to(tmp_path: Path) -> None:
    path = tmp_path / "net.nn"
    path.write_text(CONSTRAINED, encoding="utf-8")
    model = imported(compile(path).text, "constrained")(device="cpu", seed=5)
    assert set(HELD) == set(model.parameters)
    rng = np.random.default_rng(7)
    for _ in range(2):
        x, t = rng.integers(0, 7, (9, 3)), rng.normal(size=(9, 3)).astype("f4")
        before = {name: view.numpy().copy() for name, view in model.parameters.items()}
        gradients = model.gradients(x, t)
        model.train_on_batch(x, t)
        for name, constraint in HELD.items():
            wanted = constraint(torch.tensor(before[name] - 0.1 * gradients[name])).numpy()
            np.testing.assert_allclose(model.parameters[name].numpy(), wanted, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("written", ["kernel_constraint = l2", "bias_constraint = l1(0.1)"])
def test_a_regularizer_is_no_constraint(written: str) -> None:
    text = (
        f"model Net(x: float[4]) -> y: float[3] {{\n    y = x |> Dense(3, {written})\n}}\n"
        "train Net {\n    target t: float[3]\n    loss = mean_squared_error(y, t)\n    optimizer = SGD\n}\n"
    )
    assert codes(text) == ["E0404"]


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization_in_training(iterations: int) -> None:
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n"
        f"    n = SpectralNormalization(Dense(3, tanh), {iterations})\n    y = n(x)\n}}\n"
        "train Net {\n    target t: float[3]\n    loss = mean_squared_error(y, t)\n    optimizer = SGD\n}\n"
    )
    program = gradient_step(model_of(text))
    rng = np.random.default_rng(3)
    kernel, bias, u = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(1, 3))
    reference = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        reference.weight.copy_(torch.tensor(kernel.T))
        reference.bias.copy_(torch.tensor(bias))
    torch.nn.utils.parametrizations.spectral_norm(reference, n_power_iterations=iterations, eps=1e-7, dim=1)
    method = reference.parametrizations.weight[0]
    method._v.copy_(torch.tensor(u[0]))
    # Its dim = 1 makes a matrix of the transposed weight: the vectors of inputs and of outputs as they are here.
    for _ in range(3):
        x, t = rng.normal(size=(BATCH, 4)), rng.normal(size=(BATCH, 3))
        with torch.enable_grad():
            reference.zero_grad()
            loss = ((torch.tanh(reference(torch.tensor(x))) - torch.tensor(t)) ** 2).mean()
            loss.backward()
        arrays = {"dense.kernel": kernel, "dense.bias": bias, "vector_u": u, "x": x, "t": t}
        found = gradients(program, arrays, BATCH)
        np.testing.assert_allclose(found["vector_u"][0], method._v.numpy(), rtol=1e-9)
        slope = reference.parametrizations.weight.original.grad.numpy().T
        np.testing.assert_allclose(found["dense.kernel"], slope, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found["dense.bias"], reference.bias.grad.numpy(), rtol=1e-7, atol=1e-9)
        u = found["vector_u"]


def test_spectral_normalization_leaves_zeros_alone() -> None:
    text = (
        "model Net(x: float[4]) -> y: float[3] {\n    n = SpectralNormalization(Dense(3), 2)\n    y = n(x)\n}\n"
        "train Net {\n    target t: float[3]\n    loss = mean_squared_error(y, t)\n    optimizer = SGD\n}\n"
    )
    rng = np.random.default_rng(3)
    x, t, u = rng.normal(size=(BATCH, 4)), rng.normal(size=(BATCH, 3)), rng.normal(size=(1, 3))
    arrays = {"dense.kernel": np.zeros((4, 3)), "dense.bias": np.zeros(3), "vector_u": u, "x": x, "t": t}
    found = gradients(gradient_step(model_of(text)), arrays, BATCH)
    np.testing.assert_array_equal(found["vector_u"], u)
    np.testing.assert_allclose(found["dense.kernel"], -2 * x.T @ t / (3 * BATCH))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("SpectralNormalization(Dense(3), 0)", ["E0414"]),
        ('Dense(3, kernel_regularizer = "l2")', ["E0404"]),
        ("Dense(3, bias_constraint = 0.1)", ["E0404"]),
        ('Dense(3, kernel_initializer = "he_normal")', ["E0404"]),
        ("LayerNormalization(gamma_regularizer = 3)", ["E0404"]),
        ("ReversibleEmbedding(7, 3)", ["E0414"]),
        ("Discretization([1.0, 0.0])", ["E0414"]),
        ('Discretization([0.0], "all")', ["E0414"]),
        ("Discretization([])", ["E0414"]),
        ("GroupNormalization(2, 1)", ["E0414"]),
    ],
)
def test_misuse(written: str, expected: list[str]) -> None:
    assert codes(f"model Net(x: float[4]) -> y {{\n    y = x |> {written}\n}}\n") == expected
