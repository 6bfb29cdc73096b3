"""A loss of several terms with weights of their own, beside float64 and autograd: gradients, reports, targets."""

import re

import numpy as np
import pytest
import torch
from torch.nn import functional

import nnc
from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.pipeline import Options, schedule
from nnc.runtime import DataError, NonFiniteLoss
from nnc.runtime.random import Orders
from nnc.schedule.kernel import KernelKind
from tests.programs.harness import run_interpreted

PROGRAM = """
layer Held(x: float[N]) -> y: float[N] {
    param gamma: float[N] = ones
    penalty 0.05 * sum(gamma ^ 2)
    y = x * gamma
}
model Pose(image: float[6], weight: float[3]) -> (label: float[4], angle: float[2]) {
    trunk = (image, weight) |> Concatenate |> Dense(8, tanh) |> Held
    label = trunk |> Dense(4, softmax)
    angle = trunk |> Dense(2)
}
train Pose {
    target digit: index(4)
    target tilt:  float[2]
    scale     = mean(angle ^ 2, batch = true)
    error     = mean_squared_error(angle, tilt)
    loss      = { label: categorical_crossentropy(label, digit), angle: 0.2 * error, size: 0.1 * scale }
    optimizer = SGD(0.1)
    metrics   = { accuracy: accuracy(label, digit), error: mean_absolute_error(angle, tilt), width: max(angle) }
}
"""
SAMPLES, BATCH, SEED = 23, 8, 3
TERMS = ("label", "angle")


def _data() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    x = {"image": rng.normal(size=(SAMPLES, 6)), "weight": rng.normal(size=(SAMPLES, 3))}
    y = {"digit": rng.integers(0, 4, SAMPLES), "tilt": rng.normal(size=(SAMPLES, 2)).astype(np.float32)}
    weights = {
        "label": rng.uniform(0.1, 2, SAMPLES),
        "angle": rng.uniform(0.1, 2, SAMPLES) * (rng.random(SAMPLES) < 0.6),
    }
    return {name: array.astype(np.float32) for name, array in x.items()}, y, weights


def _entries(p: dict, d: dict) -> tuple[dict, dict]:
    """The terms and the metrics of a batch: a row a sample, or a number."""
    trunk = torch.tanh(torch.cat([d["image"], d["weight"]], 1) @ p["trunk.dense.kernel"] + p["trunk.dense.bias"])
    trunk = trunk * p["trunk.held.gamma"]
    logits = trunk @ p["label.dense.kernel"] + p["label.dense.bias"]
    angle = trunk @ p["angle.dense.kernel"] + p["angle.dense.bias"]
    terms = {
        "label": functional.cross_entropy(logits, d["digit"], reduction="none"),
        "angle": 0.2 * (angle - d["tilt"]).square().mean(1),
        "size": 0.1 * angle.square().mean(),
        "penalty": 0.05 * p["trunk.held.gamma"].square().sum(),
    }
    metrics = {
        "accuracy": (logits.argmax(1) == d["digit"]).double(),
        "error": (angle - d["tilt"]).abs().mean(1),
        "width": angle.amax(1),
    }
    return terms, metrics


def _trained(start: dict, arrays: dict, weights: dict, orders: list) -> tuple[dict, dict]:
    """Parameters and history of plain gradient descent in float64."""
    p = {path: torch.tensor(value).double().requires_grad_() for path, value in start.items()}
    data = {name: torch.tensor(array) for name, array in arrays.items()}
    data = {name: array.double() if array.is_floating_point() else array for name, array in data.items()}
    w = {name: torch.tensor(array.astype(np.float32)).double() for name, array in weights.items()}
    w["plain"] = torch.minimum(w["label"], w["angle"])
    history: dict[str, list[float]] = {}
    for order in orders:
        sums: dict[str, float] = {}
        for rows in order.split(BATCH):
            terms, metrics = _entries(p, {name: array[rows] for name, array in data.items()})
            totals = {
                name: (term * w[name][rows]).sum() if term.ndim else term * len(rows) for name, term in terms.items()
            }
            loss = sum(totals.values())
            for value, g in zip(p.values(), torch.autograd.grad(loss / len(rows), list(p.values())), strict=True):
                value.data -= 0.1 * g
            found = {"loss": loss, **{f"{name}_loss": totals[name] for name in (*TERMS, "size")}}
            for name, of in (("accuracy", "label"), ("error", "angle"), ("width", "plain")):
                found[name] = (metrics[name] * w[of][rows]).sum()
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        over = {"accuracy": "label", "error": "angle", "width": "plain"}
        for name, value in sums.items():
            total = float(w[over[name]].sum()) if name in over else SAMPLES
            history.setdefault(name, []).append(value / total)
    return {path: value.detach().numpy() for path, value in p.items()}, history


def check(folder: str, backend: str) -> None:
    place = f"{folder}/pose_{backend}.nn"
    with open(place, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    cls = nnc.load(place)
    x, y, weights = _data()
    model = cls(device="cpu", seed=SEED, backend=backend, _guard=True)
    start = {path: value.numpy().copy() for path, value in model.parameters.items()}
    spoilt = y["tilt"].copy()
    spoilt[weights["angle"] == 0] = np.nan
    given = {"batch_size": BATCH, "epochs": 2, "verbose": 0, "sample_weight": weights}
    history = model.fit(x, {**y, "tilt": spoilt}, **given).history
    wanted, numbers = _trained(start, x | y, weights, [Orders(SEED).at(epoch, SAMPLES) for epoch in range(2)])
    for path, value in model.parameters.items():
        np.testing.assert_allclose(value.numpy(), wanted[path], rtol=0, atol=1e-6, err_msg=path)
    assert list(history) == ["loss", "label_loss", "angle_loss", "size_loss", "accuracy", "error", "width"]
    for name, values in numbers.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    assert model.guards.overwritten() == []
    found = model.evaluate(x, {**y, "tilt": spoilt}, batch_size=BATCH, verbose=0, sample_weight=weights)
    np.testing.assert_allclose(
        found["loss"], found["label_loss"] + found["angle_loss"] + found["size_loss"] + _held(model)
    )


def _held(model: object) -> float:
    return 0.05 * float(model.parameters["trunk.held.gamma"].square().sum())


def test_the_torch_path(tmp_path) -> None:
    check(str(tmp_path), "torch")


def test_kernels(tmp_path) -> None:
    run_interpreted(f"from tests.programs.test_terms import check\ncheck({str(tmp_path)!r}, 'triton')")


@pytest.fixture(scope="module")
def pose(tmp_path_factory):
    place = tmp_path_factory.mktemp("pose") / "pose.nn"
    place.write_text(PROGRAM, encoding="utf-8")
    return nnc.load(place)


def test_a_plain_weight_is_that_of_every_term(pose) -> None:
    x, y, weights = _data()
    model = pose(seed=1, backend="torch")
    plain = model.evaluate(x, y, sample_weight=weights["label"], verbose=0)
    by_term = model.evaluate(x, y, sample_weight=dict.fromkeys(TERMS, weights["label"]), verbose=0)
    assert plain == by_term
    assert plain != model.evaluate(x, y, sample_weight={"label": weights["label"]}, verbose=0)


def test_class_weights_are_of_the_terms_that_read_the_target(pose) -> None:
    x, y, _ = _data()
    model = pose(seed=1, backend="torch")
    by_class = np.array([1.0, 2.0, 0.5, 3.0])
    given = {"label": by_class[y["digit"]]}
    for class_weight in ({"digit": by_class}, {"digit": {1: 2.0, 2: 0.5, 3: 3.0}}, list(by_class)):
        found = model.gradients(x, y, class_weight=class_weight)
        for path, wanted in model.gradients(x, y, sample_weight=given).items():
            np.testing.assert_array_equal(found[path], wanted)


def test_labels_are_not_read_at_weight_0(pose) -> None:
    x, y, weights = _data()
    digits = y["digit"].copy()
    digits[[2, 5]] = [-1, 99]
    weight = weights["label"].copy()
    weight[[2, 5]] = 0
    model = pose(seed=1, backend="torch")
    found = model.evaluate(x, {**y, "digit": digits}, sample_weight={"label": weight}, verbose=0)
    assert found == model.evaluate(x, y, sample_weight={"label": weight}, verbose=0)
    with pytest.raises(DataError, match=r"y\['digit'\]\[2\] is -1, outside 0 .. 3"):
        model.evaluate(x, {**y, "digit": digits}, sample_weight={"angle": weight}, verbose=0)


def test_a_target_is_read_where_one_of_its_terms_counts(tmp_path) -> None:
    text = PROGRAM.replace("scale     = mean(angle ^ 2, batch = true)", "scale     = sum(abs(angle - tilt))")
    (tmp_path / "two.nn").write_text(text, encoding="utf-8")
    model = nnc.load(tmp_path / "two.nn")(seed=1, backend="torch")
    x, y, weights = _data()
    none, one = np.zeros(SAMPLES, np.float32), np.ones(SAMPLES, np.float32)
    one[[2, 5]] = 0
    spoilt = {**y, "tilt": y["tilt"].copy()}
    spoilt["tilt"][[2, 5]] = np.nan
    model.evaluate(x, spoilt, sample_weight={"angle": none, "size": one}, verbose=0)
    for weight in ({"angle": one}, {"size": one}, {"angle": weights["label"], "size": one}):
        with pytest.raises(DataError, match=r"y\['tilt'\]\[2, 0\] is nan"):
            model.evaluate(x, spoilt, sample_weight=weight, verbose=0)


def test_mistakes(pose) -> None:
    x, y, _ = _data()
    with pytest.raises(DataError, match="holds 'lable', which is no term of the loss; did you mean 'label'"):
        pose().fit(x, y, sample_weight={"lable": np.ones(SAMPLES)})
    with pytest.raises(DataError, match=r"sample_weight\['label'\] has the shape \[3\], and there are 23 samples"):
        pose().fit(x, y, sample_weight={"label": np.ones(3)})
    with pytest.raises(DataError, match=r"class_weight\['digit'\] holds 3 weights, .* it takes 4"):
        pose().fit(x, y, class_weight={"digit": [1, 2, 3]})
    with pytest.raises(DataError, match="class_weight names 'tilt'"):
        pose().fit(x, y, class_weight={"tilt": [1, 2, 3, 4]})


def test_weights_of_terms_in_the_data(pose, tmp_path) -> None:
    x, y, weights = _data()
    named = {f"sample_weight_{name}": weight for name, weight in weights.items()}
    held = {f"{name}_val": array[:5] for name, array in {**x, **y, **named}.items()}
    np.savez(tmp_path / "pose.npz", **x, **y, **named, **held)
    loaded = nnc.runtime.load_data(tmp_path / "pose.npz", pose.inputs, pose.targets, terms=pose.weights)
    assert all((loaded.sample_weight[name] == weight).all() for name, weight in weights.items())
    assert all((loaded.validation[2][name] == weight[:5]).all() for name, weight in weights.items())
    np.savez(tmp_path / "both.npz", **x, **y, **named, sample_weight=np.ones(SAMPLES))
    with pytest.raises(DataError, match="holds 'sample_weight' and weights of the term 'label'"):
        nnc.runtime.load_data(tmp_path / "both.npz", pose.inputs, pose.targets, terms=pose.weights)


def test_a_later_term_that_is_not_finite_stops_the_run(pose) -> None:
    x, y, _ = _data()
    model = pose(seed=1, backend="torch")
    model.parameters["angle.dense.bias"][0] = 1e30
    with pytest.raises(NonFiniteLoss, match="at step 1"):
        model.fit(x, y, batch_size=4, verbose=0)


# Kernels -------------------------------------------------------------------------------------------------------------


def _finishes(text: str) -> list[int]:
    """How many kernels finish partials in training and in evaluation."""
    made = schedule(Source("net.nn", text), Options(), Reporter())
    return [sum(kernel.kind is KernelKind.FINISH for kernel in step.kernels) for step in (made.train, made.evaluate)]


@pytest.mark.parametrize("loss", ["{ one: ONE, two: TWO }", "ONE + TWO", "{ one: ONE, two: TWO, three: 0.1 * scale }"])
@pytest.mark.parametrize("penalised", [False, True])
def test_one_kernel_finishes_all_terms(loss, penalised) -> None:
    loss = loss.replace("ONE", "categorical_crossentropy(label, digit)").replace("TWO", "0.2 * error")
    text = PROGRAM if penalised else PROGRAM.replace("    penalty 0.05 * sum(gamma ^ 2)\n", "")
    text = re.sub(r"loss      = .*", f"loss = {loss}", text)
    found = _finishes(text if "scale" in loss else text.replace("    scale     = mean(angle ^ 2, batch = true)\n", ""))
    assert found == [1, 1]
