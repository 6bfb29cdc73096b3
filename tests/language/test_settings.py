"""Settings of a train block that are records, and those that go elsewhere: what is taken, and what is said of a
mistake."""

import pytest

from tests.language.programs import model_of, tried

TEXT = """model Net(x: float[8]) -> (y: float[4], z: float[3]) {
    y = x |> Dense(4, softmax)
    z = x |> Dense(3, softmax)
}

train Net {
    target label: index(4)
    target other: index(3)
    target size: float[4]
    loss = { first: categorical_crossentropy(y, label) + mean_squared_error(y, size), second: \
categorical_crossentropy(z, other) }
    optimizer = SGD
    metrics = { accuracy: accuracy(y, label) }
    SETTING
}
""".replace("\\\n", "")


ONE = """model Net(x: float[8]) -> y: float[4] {
    y = x |> Dense(4)
}
train Net {
    target t: float[4]
    loss = mean_squared_error(y, t)
    optimizer = SGD
    metrics = { error: mean_absolute_error(y, t) }
}
"""


def test_records_are_data() -> None:
    stopping = 'early_stopping = { patience: 2 + 1, monitor: "first_loss", min_delta: 1e-3 }'
    settings = model_of(TEXT.replace("SETTING", stopping + "\n    class_weight = { other: [1, 0.5, 2] }")).settings
    assert settings.early_stopping == {"monitor": "first_loss", "patience": 3, "min_delta": 1e-3, "mode": "min"}
    assert settings.class_weight == {"other": (1.0, 0.5, 2.0)}
    watched = 'early_stopping = { monitor: "val_accuracy", mode: "max", baseline: none }'
    found = model_of(TEXT.replace("SETTING", watched)).settings.early_stopping
    assert found == {"monitor": "val_accuracy", "mode": "max", "baseline": None}
    only = TEXT.replace("target other: index(3)", "target other: float[3]")
    only = only.replace("categorical_crossentropy(z", "mean_squared_error(z")
    assert model_of(only.replace("SETTING", "class_weight = [0, 1, 2, 3]")).settings.class_weight == {
        "label": (0.0, 1.0, 2.0, 3.0)
    }


@pytest.mark.parametrize(
    ("setting", "code", "title", "help"),
    [
        ('early_stopping = { monitor: "val_acuracy" }', "E0505", "nothing called `val_acuracy`", "`val_accuracy`"),
        ('early_stopping = { monitor: "error" }', "E0505", "nothing called `error` is reported", "loss, first_loss"),
        ("early_stopping = { patence: 3 }", "E0505", "has no entry `patence`", "`patience`"),
        ("early_stopping = { x: 3 }", "E0505", "has no entry `x`", "it has monitor, min_delta"),
        ('early_stopping = { monitor: "accuracy" }', "E0505", "more of it is better, or less", 'mode: "max"'),
        ("early_stopping = 3", "E0505", "`early_stopping` is a record, and this is the integer 3", "monitor:"),
        ("early_stopping = { patience: 1.5 }", "E0505", "`patience` is an integer of at least 0", None),
        ('early_stopping = { mode: "less" }', "E0505", '`mode` is one of "auto"', None),
        ("early_stopping = { baseline: true }", "E0505", "`baseline` is a number, or none", None),
        ("early_stopping = { restore_best_weights: 1 }", "E0505", "is true or false", None),
        ("class_weight = [1, 2]", "E0505", "several targets have classes, `label`, `other`", "{ label: [...] }"),
        ("class_weight = { label: [1, 2] }", "E0505", "of `label` are a list of 4 numbers, and this is a list", None),
        ("class_weight = { lable: [1, 2] }", "E0505", "no target `lable` has classes", "`label`"),
        ("class_weight = { size: [1, 2, 3, 4] }", "E0505", "no target `size` has classes", "label, other"),
        ("class_weight = { other: [1, -1, 2] }", "E0505", "of `other` are numbers of at least 0", None),
        ("class_weight = { other: [0, 0, 0] }", "E0505", "every class's weight is 0", None),
        ("class_weight = { other: [0, y, 0] }", "E0505", "of `other` are numbers of at least 0", None),
        ("weights = 3", "E0505", "`weights` is the path of a file of weights", None),
        ("validation_data = 3", "E0501", "there is no setting `validation_data`", "given to fit"),
        ("sample_weight = 3", "E0501", "there is no setting `sample_weight`", "given to fit"),
    ],
)
def test_mistakes(setting: str, code: str, title: str, help: str | None) -> None:
    _, reporter = tried(TEXT.replace("SETTING", setting))
    (found,) = reporter.all
    assert (found.code, title in found.title) == (code, True), found.title
    assert found.help is None if help is None else help in str(found.help)


@pytest.mark.parametrize("text", ['loss = "mse"', 'metrics = { error: "mse" }'])
def test_names_of_keras_in_quotes(text: str) -> None:
    setting = text.partition(" ")[0]
    given = "\n".join(text if line.strip().startswith(setting) else line for line in ONE.split("\n"))
    _, reporter = tried(given)
    (found,) = [each for each in reporter.all if each.level == "error"]
    assert found.help == "write a function without quotes, applied to prediction and target"


def test_one_mistake_is_not_two() -> None:
    broken = TEXT.replace("accuracy(y, label)", "acuracy(y, label)")
    _, reporter = tried(broken.replace("SETTING", 'early_stopping = { monitor: "accuracy", mode: "max" }'))
    assert [each.code for each in reporter.all] == ["E0301"]
