"""Every data error: what was given, what is declared and where, and a fix; and what is accepted as it is."""

# ruff: noqa: E501 (a message that is a line for a user is a line here)

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.runtime import DataError, DataWarning, Port, UsageError, load_npz
from nnc.runtime.arguments import classed, data_of
from nnc.runtime.npz import load_data
from tests.runtime import reference
from tests.runtime.handmade import Handmade

X, Y = reference.data(6)
HERE = "`features: float[5]`, declared at handmade.nn:2"
LABEL = "`label: index(3)`, declared at handmade.nn:8"
FAULTS: list[tuple[Any, Any, str]] = [
    (X.reshape(6, 5, 1), Y, f"float32[6, 5, 1] was given for {HERE}: it takes [samples, 5]; reshape it with x.reshape(-1, 5)"),
    (X[0], Y[:1], f"float32[5] was given for {HERE}: it takes [samples, 5]; add the axis of the samples: x[None]"),
    (X[:, :4], Y, f"float32[6, 4] was given for {HERE}: it takes [samples, 5]"),
    (X[:0], Y[:0], f"float32[0, 5] was given for {HERE}: it holds no samples"),
    ((X * 10).astype(np.uint8), Y, f"uint8[6, 5] was given for {HERE}: it takes floats; convert it with x.astype('float32'), "
     "or x.astype('float32') / 255 for values from 0 to 1"),
    (torch.zeros(6, 5, dtype=torch.int64), Y, f"int64[6, 5] was given for {HERE}: it takes floats; convert it with x.to(torch.float32)"),
    (X.astype(np.complex64), Y, f"complex64[6, 5] was given for {HERE}: it takes an array of numbers"),
    (None, Y, "x is missing; the program declares `features: float[5]` at handmade.nn:2"),
    ({"feature": X}, Y, "x holds 'feature', which the program does not declare; did you mean 'features'?"),
    ({}, Y, "x lacks 'features': `features: float[5]` is declared at handmade.nn:2, and x holds nothing"),
    ((X, X), Y, "x is 2 arrays, and the program declares 1: `features: float[5]` at handmade.nn:2"),
    ("digits", Y, f"str was given for {HERE}: it takes an array of numbers"),
    (X.T, Y, f"float32[5, 6] was given for {HERE}: it takes [samples, 5]; the samples come second: use x.T"),
    ([[1.0, 2.0], [3.0]], Y, f"x does not make an array, its parts differ in length, for {HERE}: every sample needs the shape [5]"),
    (X, list("abcabc"), f"strings[6] was given for {LABEL}: it takes an array of numbers; number the classes: np.unique(y, return_inverse=True)[1]"),
    (X, Y.astype(str), f"strings[6] was given for {LABEL}: it takes an array of numbers; convert it with y.astype('int64')"),
    (X, Y.astype(object), f"objects[6] was given for {LABEL}: it takes an array of numbers; convert it with y.astype('int64')"),
    (X.astype(object), Y, f"objects[6, 5] was given for {HERE}: it takes an array of numbers; convert it with x.astype('float32')"),
    (X, np.array([{}, {}]), f"objects[2] was given for {LABEL}: it takes an array of numbers"),
    (X, None, "y is missing; the program declares `label: index(3)` at handmade.nn:8"),
    (X, Y[:, None], f"int64[6, 1] was given for {LABEL}: it takes [samples]; it is (6, 1) against (6,): use y[:, 0]"),
    (X, np.eye(3)[Y], f"float64[6, 3] was given for {LABEL}: it takes [samples]; the labels are one-hot: use y.argmax(1)"),
    (X, Y.astype(float), f"float64[6] was given for {LABEL}: it takes integers; convert it with y.astype('int64')"),
    (X, np.array([1, 2, 3, 1, 2, 3]), f"int64[6] was given for {LABEL}: y[2] is 3, outside 0 .. 2; the labels count from 1: use y - 1"),
    (X, np.array([0, 1, -1, 0, 0, 0]), f"int64[6] was given for {LABEL}: y[2] is -1, outside 0 .. 2"),
    (X, {"label": Y[:4]}, "the arrays hold different numbers of samples: features holds 6, label holds 4; give one entry of each to a sample"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "message"), FAULTS, ids=range(len(FAULTS)))
def test_faults(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        data_of(Handmade.inputs, Handmade.targets, x, y)
    assert str(caught.value) == message


def test_faults_come_before_the_first_step() -> None:
    model = Handmade()
    bad = X.copy()
    bad[3, 2] = np.nan
    bad[4, 0] = np.inf
    with pytest.raises(DataError) as caught:
        model.fit(bad, Y, verbose=0)
    assert str(caught.value) == (
        f"float32[6, 5] was given for {HERE}: x[3, 2] is nan (2 such values); "
        "leave these samples out, or fill them with np.nan_to_num"
    )
    with pytest.raises(DataError, match=r"x\[0, 1\] is 1e\+300, which float32 cannot hold; scale the data"):
        model.fit(np.array([[0, 1e300, 0, 0, 0]]), [0], verbose=0)
    assert model.place.step == 0
    with pytest.raises(DataError, match="validation_data: y is missing"):
        model.fit(X, Y, validation_data=(X, None), verbose=0)
    with pytest.raises(DataError, match="does not make an array"):
        model.predict([[1.0, 2.0], [3.0]], verbose=0)


OTHERS = [
    (Port("image", "f32", (4, 4, 3), None, "float[4, 4, 3]", "m.nn:1"), np.zeros((2, 3, 4, 4), "f4"), "the channels come first: use x.transpose(0, 2, 3, 1)"),
    (Port("z", "f32", (1,), None, "float[1]", "m.nn:1"), np.zeros(2, "f4"), "it is (2,) against (2, 1): use x[:, None]"),
    (Port("p", "f32", (10,), None, "float[10]", "m.nn:1"), np.array([3, 9]), "it holds labels: make them one-hot with np.eye(10, dtype='float32')[x]"),
    (Port("t", "u8", (2,), None, "u8[2]", "m.nn:1"), np.array([[0, 256]]), "x[0, 1] is 256, outside 0 .. 255"),
    (Port("t", "i32", (), None, "i32[]", "m.nn:1"), np.array([2**40]), "x[0] is 1099511627776, outside -2147483648 .. 2147483647"),
    (Port("m", "bool", (), None, "bool[]", "m.nn:1"), np.array([1]), "it takes booleans; convert it with x.astype('bool')"),
    (Port("k", "i64", (), 5, "index(5)", "m.nn:1"), np.array([2**63 + 7], np.uint64), "x[0] is 9223372036854775815, outside 0 .. 4"),
    (Port("k", "i64", (), 5, "index(5)", "m.nn:1"), np.array([True]), "it takes integers; convert it with x.astype('int64')"),
]  # fmt: skip


@pytest.mark.parametrize(("port", "value", "message"), OTHERS, ids=range(len(OTHERS)))
def test_other_ports(port: Port, value: np.ndarray, message: str) -> None:
    with pytest.raises(DataError) as caught:
        data_of((port,), (), value, None)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X.astype(np.float64), Y.astype(np.uint8)),
        (torch.tensor(X), torch.tensor(Y)),
        (torch.tensor(X, requires_grad=True).double(), Y.astype(np.uint64)),
        ((X,), (Y,)),
        ({"features": X}, {"label": Y}),
        ({"features": X, "label": Y}, None),
        (X.tolist(), Y.tolist()),
        (np.asfortranarray(X), Y.astype(">i4")),
        (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    ],
    ids=range(9),
)
def test_accepted(x: Any, y: Any) -> None:
    data = data_of(Handmade.inputs, Handmade.targets, x, y)
    assert data.arrays["features"].dtype == torch.float32
    assert data.arrays["label"].dtype == torch.int64
    np.testing.assert_array_equal(data.arrays["features"].numpy(), X)
    np.testing.assert_array_equal(data.arrays["label"].numpy(), Y)
    assert data.weight.tolist() == [1.0] * 6


def test_arrays_that_may_not_be_written() -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    assert data_of(Handmade.inputs, Handmade.targets, fixed, Y).samples == 6


WEIGHTS: list[tuple[dict[str, Any], str]] = [
    ({"sample_weight": np.zeros(6)}, "every sample's weight is 0: there is nothing to learn from"),
    ({"sample_weight": [1, 1, -1, 1, 1, 1]}, r"sample_weight\[2\] is -1; every weight must be 0 or more"),
    ({"sample_weight": [1, np.nan, 1, 1, 1, 1]}, r"sample_weight\[1\] is nan; every weight must be finite"),
    ({"sample_weight": np.ones(5)}, r"has the shape \[5\], and there are 6 samples"),
    ({"sample_weight": np.ones((6, 1))}, r"use sample_weight\[:, 0\]"),
    ({"sample_weight": "heavy"}, "takes one number a sample"),
    ({"class_weight": {3: 1.0}}, r"holds the class 3; .*declared at handmade.nn:8, has the classes 0 .. 2"),
    ({"class_weight": {"0": 1.0}}, "holds the class '0'"),
    ({"class_weight": {0: -1.0}}, r"class_weight\[0\] is -1.0; every weight must be finite and 0 or more"),
    ({"class_weight": {0: None}}, r"class_weight\[0\] is None; it takes a number"),
    ({"class_weight": [1, 2]}, r"class_weight holds 2 weights, and .* has the classes 0 .. 2: it takes 3"),
    ({"class_weight": 2.0}, "takes a dict from class to weight"),
    ({"sample_weight": {"label": np.ones(6)}}, "the loss has no terms to name"),
    ({"class_weight": {"lable": {0: 1.0}}}, "names 'lable'; did you mean 'label'"),
    ({"class_weight": {0: 0.0, 1: 0, 2: 0}}, "every sample's weight is 0"),
]


@pytest.mark.parametrize(("given", "message"), WEIGHTS, ids=range(len(WEIGHTS)))
def test_weights(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Handmade().fit(X, Y, verbose=0, **given)


def test_class_weight_may_name_its_target() -> None:
    data = data_of(Handmade.inputs, Handmade.targets, X, Y, np.arange(1, 7))
    data = classed(data, {"label": {0: 3.0}}, Handmade.targets, ())
    assert data.weight.tolist() == (np.arange(1, 7) * np.where(Y == 0, 3.0, 1.0)).tolist()


ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": 0}, "batch_size=0: it takes a whole number of at least 1"),
    ({"batch_size": 2.5}, "batch_size=2.5"),
    ({"batch_size": True}, "batch_size=True"),
    ({"epochs": -1}, "epochs=-1"),
    ({"initial_epoch": -1}, "initial_epoch=-1"),
    ({"steps_per_epoch": 4, "batch_size": 2}, "steps_per_epoch=4: 6 samples make 3 batches of 2; the most is 3"),
    ({"validation_split": 1.0}, "validation_split=1.0: it takes a fraction between 0 and 1"),
    ({"validation_split": 0.95}, "validation_split=0.95 of 6 samples leaves none to train on"),
    ({"validation_data": X}, "it takes"),
    ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq=0"),
    ({"verbose": 3}, 'verbose=3: it takes "auto", 0, 1 or 2'),
    ({"callbacks": [Handmade]}, "callbacks holds the class Handmade; make one"),
    ({"callbacks": 3}, "callbacks holds 3, which has no method that is called, such as on_epoch_end"),
    ({"callbacks": [print]}, "callbacks holds <built-in function print>, which has no method that is called"),
    ({"shuffle": "yes"}, "shuffle='yes': it takes True or False"),
]


@pytest.mark.parametrize(("given", "message"), ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_arguments(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Handmade().fit(X, Y, **{"verbose": 0, **given})


def test_construction() -> None:
    for given, message in [
        ({"device": "tpu"}, "there are"),
        ({"backend": "jax"}, 'there are "torch" and "triton"'),
        ({"backend": "triton"}, "TRITON_INTERPRET=1"),
        ({"seed": -1}, "seed=-1"),
    ]:
        if torch.cuda.is_available() and "backend" in given and given["backend"] == "triton":
            continue
        with pytest.raises(UsageError, match=message):
            Handmade(**given)


def test_validation_split_takes_the_tail() -> None:
    x, y = reference.data(40)
    split, given = Handmade(), Handmade()
    one = split.fit(x, y, batch_size=8, epochs=2, validation_split=0.25, verbose=0)
    other = given.fit(x[:30], y[:30], batch_size=8, epochs=2, validation_data=(x[30:], y[30:]), verbose=0)
    assert one.history == other.history
    with pytest.warns(DataWarning, match=r"holds classes of `label` that the rest lacks \(2\); shuffle the data"):
        Handmade().fit(x, np.where(np.arange(40) < 36, y % 2, 2), epochs=1, validation_split=0.1, verbose=0)
    many, labels = reference.data(400)
    labels = np.where(np.arange(400) < 300, np.arange(400) % 3, 0)
    with pytest.warns(DataWarning, match="in other shares than the rest"):
        Handmade().fit(many, labels, epochs=1, validation_split=0.25, verbose=0)


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, features=X, label=Y, features_val=X[:2], label_val=Y[:2], sample_weight=np.ones(6))
    loaded = load_data(path, Handmade.inputs, Handmade.targets)
    assert loaded.y is not None
    assert loaded.validation is not None
    np.testing.assert_array_equal(loaded.x["features"], X)
    np.testing.assert_array_equal(loaded.validation[0]["features"], X[:2])
    faults = {
        "features_val": "it lacks 'features_val'",
        "label": r"it lacks 'label'; `label: index\(3\)` is declared at handmade.nn:8",
    }
    arrays = load_npz(path)
    for left_out, message in faults.items():
        np.savez(path, **{name: array for name, array in arrays.items() if name != left_out})
        with pytest.raises(DataError, match=message):
            load_data(path, Handmade.inputs, Handmade.targets)
    np.savez(path, **arrays, age=Y)
    with pytest.warns(DataWarning, match="it holds 'age', which the program does not declare"):
        load_data(path, Handmade.inputs, Handmade.targets)
    np.savez(path, lable=Y, **{name: array for name, array in arrays.items() if name != "label"})
    with pytest.raises(DataError, match="holds 'lable', which the program does not declare; did you mean 'label'"):
        load_data(path, Handmade.inputs, Handmade.targets)
    np.savez(path, features=np.array([{}, []], dtype=object))
    with pytest.raises(DataError, match="holds Python objects, which are not read"):
        load_npz(path)
    np.savez_compressed(path, **arrays)
    sound = path.read_bytes()
    for content in (
        b"",
        sound[:50],
        sound[: len(sound) // 2],
        b"PK" + b"\0" * 60,
        sound[:120] + b"\xff" * 40 + sound[160:],
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged, or no \.npz file"):
            load_npz(path)
    with pytest.raises(DataError, match="there is no such file"):
        load_npz(tmp_path / "none.npz")
    with pytest.raises(DataError, match="it is a folder, not a file"):
        load_npz(tmp_path)
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(DataError, match="one array without a name"):
        load_npz(tmp_path / "one.npy")
