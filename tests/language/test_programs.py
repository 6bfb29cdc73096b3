"""The programs of models, against hand-written float64 formulas."""

import numpy as np
import pytest

from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Binding, Report, Role
from nnc.tensor.types import TensorType
from tests.language.programs import codes, model_of, predict, run
from tests.language.test_errors import DIGITS

BATCH = 5


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.fixture
def digits():
    rng = np.random.default_rng(3)
    given = {
        "pixels": rng.normal(size=(BATCH, 64)),
        "digit": rng.integers(0, 10, BATCH),
        "weight": rng.uniform(0.1, 2, BATCH),
        "hidden.dense.kernel": rng.normal(size=(64, 32)),
        "hidden.dense.bias": rng.normal(size=32),
        "probs.dense.kernel": rng.normal(size=(32, 10)),
        "probs.dense.bias": rng.normal(size=10),
    }
    hidden = np.maximum(given["pixels"] @ given["hidden.dense.kernel"] + given["hidden.dense.bias"], 0)
    probs = softmax(hidden @ given["probs.dense.kernel"] + given["probs.dense.bias"])
    return given, probs


def test_predict(digits):
    given, probs = digits
    np.testing.assert_allclose(predict(DIGITS, given, BATCH), probs, rtol=1e-12)


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_accumulators(digits, mode):
    given, probs = digits
    model = model_of(DIGITS)
    found = run(getattr(model, mode), given, BATCH)
    losses = -np.log(probs[np.arange(BATCH), given["digit"]])
    hits = probs.argmax(1) == given["digit"]
    assert list(found) == ["loss", "count", "weight", "accuracy"]
    np.testing.assert_allclose(found["loss"], (given["weight"] * losses).sum(), rtol=1e-12)
    assert found["count"] == BATCH
    np.testing.assert_allclose(found["weight"], given["weight"].sum(), rtol=1e-12)
    np.testing.assert_allclose(found["accuracy"], (given["weight"] * hits).sum(), rtol=1e-12)


def test_loss_is_the_weighted_mean_over_the_batch(digits):
    given, probs = digits
    model = model_of(DIGITS)
    function = model.train.function
    assert model.loss in list(function.values())
    assert model.loss.type == TensorType("f32")
    whole = type(function)("loss", function.parameters, function.ops, (model.loss,))
    arguments = [given[binding.name or "weight"] for binding in model.train.inputs]
    losses = -np.log(probs[np.arange(BATCH), given["digit"]])
    np.testing.assert_allclose(evaluate(whole, arguments, BATCH)[0], (given["weight"] * losses).mean(), rtol=1e-12)


def test_weights_are_summed_once():
    function = model_of(DIGITS).train.function
    weight = next(value for value in function.parameters if value.hint == "weight")
    assert [op.primitive for op in function.users()[weight]].count("sum") == 1


def test_model_as_data():
    model = model_of(DIGITS)
    assert [(each.name, each.declared) for each in model.inputs] == [("pixels", "float[64]")]
    assert [(each.name, str(each.type)) for each in model.targets] == [("digit", "index(10)")]
    assert model.reports == (Report("loss", "loss", "count"), Report("accuracy", "accuracy", "weight"))
    assert model.train.inputs == (
        Binding(Role.INPUT, "pixels"),
        Binding(Role.TARGET, "digit"),
        Binding(Role.WEIGHT, "weight"),
        Binding(Role.PARAMETER, "hidden.dense.kernel"),
        Binding(Role.PARAMETER, "hidden.dense.bias"),
        Binding(Role.PARAMETER, "probs.dense.kernel"),
        Binding(Role.PARAMETER, "probs.dense.bias"),
    )
    assert [each.description for each in model.parameters] == ["glorot_uniform", "zeros"] * 2
    (first, second) = model.applications
    assert (first.path, first.configuration, first.span.line) == ("hidden.dense", "32, relu", 2)
    assert second.parameters == ("probs.dense.kernel", "probs.dense.bias")
    assert model.optimizers[0].description == "RMSprop(learning_rate = 1e-3)"


def test_values_are_named_and_placed_in_the_users_file():
    function = model_of(DIGITS).train.function
    hints = {value.hint: value for value in function.values()}
    assert {"pixels", "hidden", "probs", "loss", "digit"} <= set(hints)
    assert (hints["hidden"].span.line, hints["hidden"].scope) == (2, ("hidden", "dense"))
    assert all(op.span is not None and op.span.source.path == "program.nn" for op in function.ops)


def test_same_source_same_program():
    first, second = model_of(DIGITS), model_of(DIGITS)
    shown = [
        [(op.primitive, [arg.id for arg in op.args], op.attributes) for op in model.train.function.ops]
        for model in (first, second)
    ]
    assert shown[0] == shown[1]


def trained(body: str, targets: str = "", model: str = "y = x |> Dense(3)") -> str:
    return (
        f"model Net(x: float[4]) -> y: float[3] {{\n    {model}\n}}\n"
        f"train Net {{\n{targets}\n    optimizer = SGD\n{body}\n}}\n"
    )


def net_values(text: str, **extra) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    given = {
        "x": rng.normal(size=(BATCH, 4)),
        "y.dense.kernel": rng.normal(size=(4, 3)),
        "y.dense.bias": rng.normal(size=3),
        "weight": rng.uniform(size=BATCH),
        **extra,
    }
    return (
        run(model_of(text).train, given, BATCH),
        given["x"] @ given["y.dense.kernel"] + given["y.dense.bias"],
        given["weight"],
    )


def test_entries_of_a_sample_are_averaged_first():
    found, y, weight = net_values(trained("    loss = y * y"))
    np.testing.assert_allclose(found["loss"], (weight * (y * y).mean(1)).sum(), rtol=1e-12)


def test_a_common_loss_counts_as_it_stands():
    found, y, _ = net_values(trained("    loss = mean(y * y, batch = true)"))
    np.testing.assert_allclose(found["loss"] / found["count"], (y * y).mean(), rtol=1e-12)


def test_terms_of_a_record_are_added_and_reported():
    text = trained("    loss = { a: y * y, b: 0.5 * sum(y) }")
    rng = np.random.default_rng(1)
    weights = {f"{name}_weight": rng.uniform(size=BATCH) for name in "ab"}
    found, y, _ = net_values(text, **weights)
    a = (weights["a_weight"] * (y * y).mean(1)).sum()
    b = (weights["b_weight"] * 0.5 * y.sum(1)).sum()
    np.testing.assert_allclose([found["loss"], found["a_loss"], found["b_loss"]], [a + b, a, b], rtol=1e-12)
    assert [each.name for each in model_of(text).reports] == ["loss", "a_loss", "b_loss"]


def test_variables_and_targets_of_a_training():
    text = trained("    error = y - goal\n    loss = error * error", "    target goal: float[3]")
    goal = np.ones((BATCH, 3))
    found, y, weight = net_values(text, goal=goal)
    np.testing.assert_allclose(found["loss"], (weight * ((y - 1) ** 2).mean(1)).sum(), rtol=1e-12)


def test_training_differs_between_the_programs():
    model = model_of(trained("    loss = sum(y)", model="h = x |> Dense(3)\n    y = h * 2 if training else h"))
    rng = np.random.default_rng(1)
    given = {"x": rng.normal(size=(2, 4)), "h.dense.kernel": rng.normal(size=(4, 3)), "h.dense.bias": np.zeros(3)}
    given["weight"] = np.ones(2)
    train, test = (run(program, given, 2)["loss"] for program in (model.train, model.evaluate))
    np.testing.assert_allclose(train, 2 * test, rtol=1e-12)


def test_settings():
    text = trained(
        '    loss = y\n    batch_size = 7\n    epochs = 2\n    seed = 5\n    precision = "tf32"\n'
        '    data = "d.npz"\n    validation_split = 0.25'
    )
    settings = model_of(text).settings
    assert (settings.batch_size, settings.epochs, settings.seed, settings.precision) == (7, 2, 5, "tf32")
    assert (settings.data, settings.validation_split) == ("d.npz", 0.25)
    assert settings.spans["epochs"].text == "2"


def test_initializers_are_functions_of_the_shape():
    model = model_of(trained("    loss = y", model="y = x |> Dense(3, kernel_initializer = constant(2.5))"))
    kernel, bias = model.parameters
    np.testing.assert_array_equal(evaluate(kernel.initializer, [], 1)[0], np.full((4, 3), 2.5))
    np.testing.assert_array_equal(evaluate(bias.initializer, [], 1)[0], np.zeros(3))
    assert kernel.description == "constant(2.5)"


def test_a_model_without_training():
    model = model_of("model Net(x: float[4]) -> y {\n    y = x |> Dense(3)\n}\n")
    assert (model.train, model.evaluate, model.loss, model.optimizers) == (None, None, None, ())
    assert [each.path for each in model.parameters] == ["y.dense.kernel", "y.dense.bias"]
    assert model.results[0].declared == "float[3]"


def test_configuration_of_a_model_and_settings_for_it():
    text = "model Net(units = 3)(x: float[4]) -> y {\n    y = x |> Dense(units)\n}\n"
    assert model_of(text).results[0].type.shape == (3,)
    assert model_of(text, settings={"units": "5"}).results[0].type.shape == (5,)
    assert model_of(text, settings={"units": 6}).results[0].type.shape == (6,)
    assert codes(text, settings={"units": "wide"}) == ["E0301"]


def test_which_training_is_meant():
    text = DIGITS + DIGITS[DIGITS.index("train") :].replace("train Digits", "train Digits as slowly").replace(
        "1e-3", "1e-5"
    )
    assert model_of(text).variant is None
    assert model_of(text, train="slowly").optimizers[0].description == "RMSprop(learning_rate = 1e-5)"
