"""What users of Keras, PyTorch and Python write at first: one error each, and a help that compiles when it is taken."""

import pytest

from nnc.language import library
from nnc.language.builtins import BUILTINS
from tests.language.programs import model_of, tried

PROGRAM = """const WIDTH = 8

layer Block(units: int, rate = 0.1)(x: float[..., D]) -> y: float[..., units] {
    param gain: float[units] = ones
    h = x |> Dense(units, relu)
    y = (h |> Dropout(rate)) * gain
}

fn smooth(x: float[...S]) -> float[...S] {
    result = x * sigmoid(x)
}

optimizer Plain(learning_rate = 0.01) {
    state velocity = zeros
    velocity' = 0.9 * velocity - learning_rate * gradient
    parameter' = parameter + velocity'
}

model Net(image: float[4, 4], extra: float[3]) -> (probs: float[10], size: float[1]) {
    flat = image |> Flatten
    trunk = (flat, extra) |> Concatenate |> Block(WIDTH)
    deep = trunk |> 2 * Block(WIDTH)
    probs = deep |> Dense(10, softmax)
    size = smooth(deep) |> Dense(1)
}

train Net {
    target label: index(10)
    target mass: float[1]
    loss = { kind: categorical_crossentropy(probs, label), size: 0.1 * mean_squared_error(size, mass) }
    optimizer = Plain
    metrics = { accuracy: accuracy(probs, label), error: mean_absolute_error(size, mass) }
    batch_size = 32
}
"""
NO_BATCH = "leave it out: the batch is never written, and an axis has a size that is known"
NO_AXIS = "and the batch is none of them"
LOSS = "{ kind: categorical_crossentropy(probs, label), size: 0.1 * mean_squared_error(size, mass) }"

# a part of the program, what is written instead, the code, the text pointed at, a part of the help or of the title,
# and the part as it is after taking the help
HABITS = [
    ("Dense(units, relu)", "nn.Linear(units)", "E0301", "nn", "write `Dense`", "Dense(units)"),
    ("Dense(units, relu)", "keras.layers.Dense(units)", "E0301", "keras", "write `Dense`", "Dense(units)"),
    ("Dense(units, relu)", "Linear(units)", "E0301", "Linear", "did you mean `Dense`?", "Dense(units)"),
    ("sigmoid(x)", "torch.sigmoid(x)", "E0301", "torch", "write `sigmoid`", "sigmoid(x)"),
    ("sigmoid(x)", "np.exp(x)", "E0301", "np", "write `exp`", "exp(x)"),
    ("* gain", "* self.gain", "E0301", "self", "what a layer holds has its name alone", "* gain"),
    ("Dense(10, softmax)", "Dense(10, softmax, use_bias = True)", "E0301", "True", "write `true`", None),
    ("Dense(10, softmax)", "Dense(10, softmax, bias_regularizer = None)", "E0301", "None", "write `none`", None),
    ("image: float[4, 4]", "image: float[None, 4, 4]", "E0301", "None", NO_BATCH, "image: float[4, 4]"),
    ("image: float[4, 4]", "image: float[none, 4, 4]", "E0211", "none", NO_BATCH, "image: float[4, 4]"),
    ("image: float[4, 4]", "image: float[-1, 4, 4]", "E0211", "-1", NO_BATCH, "image: float[4, 4]"),
    ("image: float[4, 4]", "image: float[batch_size, 4, 4]", "E0301", "batch_size", NO_BATCH, "image: float[4, 4]"),
    ("Dense(10, softmax)", "Dense(10, softmax(axis = 1))", "E0207", None, "`softmax`: axis 1 does not exist: ", None),
    ("|> Concatenate", "|> Concatenate(axis = 1)", "E0207", None, NO_AXIS, "|> Concatenate(axis = 0)"),
    ("|> Flatten", "[:, :, 0]", "E0214", None, NO_AXIS, "[:, 0]"),
    ("image |> Flatten", "image.flatten()", "E0306", "flatten", "write image |> Flatten", "image |> Flatten"),
    ("2 * Block(WIDTH)", "Block(WIDTH) * 2", "E0211", None, "the number comes first: 2 * Block(WIDTH)", None),
    ("2 * Block(WIDTH)", "[Block(8), Block(8)]", "E0410", None, "joined by `|>`", "Block(8) |> Block(8)"),
    ("2 * Block(WIDTH)", "Block(WIDTH / 2)", "E0404", None, "divide with `//`", "Block(WIDTH // 2)"),
    ("2 * Block(WIDTH)", 'Block("8")', "E0404", '"8"', "write it without quotes: 8", "Block(8)"),
    ("Dropout(rate)", 'Dropout("0.1")', "E0404", '"0.1"', "write it without quotes: 0.1", "Dropout(rate + 0.1)"),
    ("x * sigmoid(x)", "x * sum(x, dim = 0)", "E0401", "dim", "did you mean `axis`?", "x * sum(x, axis = 0)"),
    ("optimizer = Plain", "optimizer = Adam(lr = 1e-3)", "E0401", "lr", "did you mean `learning_rate`?", None),
    ("optimizer = Plain", "optimizer = Adam(params = 1)", "E0401", "params", "leave it out", "optimizer = Adam"),
    (
        "categorical_crossentropy(probs, label)",
        "categorical_crossentropy(probs, label, from_logits = true)",
        "E0401",
        "from_logits",
        "leave it out: end the model with softmax",
        "categorical_crossentropy(probs, label)",
    ),
    ("Dense(1)", "Dense(1, input_shape = [8])", "E0401", "input_shape", "leave it out", "Dense(1)"),
    ("Dense(1)", 'Dense(1, name = "size")', "E0401", "name", "the variable that it is for", "Dense(1)"),
    ("mean_squared_error(size", "mse(size", "E0301", "mse", "did you mean `mean_squared_error`?", None),
    (
        LOSS,
        "[mean_squared_error(size, mass)]",
        "E0507",
        None,
        "name them: {",
        "{ size: mean_squared_error(size, mass) }",
    ),
    ("target label: index(10)", "target label: int", "E0412", "int", "index(n) for class labels", None),
    ("batch_size = 32", 'batch_size = "32"', "E0505", '"32"', "write it without quotes: 32", "batch_size = 32"),
    ("batch_size = 32", 'precision = "fp16"', "E0505", '"fp16"', 'did you mean "f16"?', 'precision = "f16"'),
    ("batch_size = 32", "data = d.npz", "E0301", "d", 'a file is named in quotes: "d.npz"', 'data = "d.npz"'),
    ("batch_size = 32", "loss_weights = [1, 2]", "E0501", "loss_weights", "weigh the terms", "batch_size = 32"),
    ("2 * Block(WIDTH)", "Block[WIDTH]", "E0210", None, "write Block(WIDTH)", "Block(WIDTH)"),
    ("2 * Block(WIDTH)", "Block(units = WIDTH, 0.2)", "E0423", "0.2", "put it before", "Block(WIDTH, 0.2)"),
    ("image |> Flatten", "image > Flatten", "E0210", None, "a pipe is written `|>`", None),
    ("image |> Flatten", 'rearrange(image, "b h w -> b (h w)")', "E0207", None, "the batch is not among them", None),
    ("mean_squared_error(size", "mean_squared_error(deep", "E0301", "deep", "it is a variable of the model", None),
    ("y = (h |>", "out = (h |>", "E0304", "y", "did you mean `y = ...` where `out` is assigned?", "y = (h |>"),
    ("h = x |> Dense(units, relu)", "h = x |> Block(units)", "E0216", "Block(units)", "200 deep", None),
    ("target mass: float[1]", "target mass: float[1]\n    target mass: float", "E0303", "mass", "assigned once", None),
    (
        "batch_size = 32",
        "early_stopping = EarlyStopping(patience = 3)",
        "E0301",
        "EarlyStopping",
        "it is a setting",
        'early_stopping = { monitor: "loss", patience: 3 }',
    ),
    ("parameter' =", "parameter =", "E0303", "parameter", "the new value is written parameter' = ...", "parameter' ="),
    (
        "(units: int, rate = 0.1)(x: float[..., D])",
        "(x: float[..., D], units: int, rate = 0.1)",
        "E0412",
        "int",
        "a list of its own, before theirs",
        None,
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "place", "said", "mended"), HABITS, ids=[new for _, new, *_ in HABITS])
def test_a_habit_is_one_error_and_its_help_compiles(old, new, code, place, said, mended):
    assert PROGRAM.count(old) == 1
    _, reporter = tried(PROGRAM.replace(old, new))
    errors = [each for each in reporter.all if each.level == "error"]
    assert [each.code for each in errors] == [code]
    assert place is None or errors[0].primary.span.text == place
    assert said in f"{errors[0].title}\n{errors[0].help}"
    taken = PROGRAM.replace(old, old if mended is None else mended)
    assert not [each for each in tried(taken)[1].all if each.level == "error"]


def test_the_program_itself():
    model_of(PROGRAM)


def test_results_that_are_not_named_are_one_error():
    text = PROGRAM.replace(" -> (probs: float[10], size: float[1])", "")
    _, reporter = tried(text)
    (error,) = reporter.all
    assert (error.code, error.help) == ("E0304", "name what it gives: model Net(...) -> size")


@pytest.mark.parametrize("name", sorted(library._elsewhere()))
def test_names_of_other_libraries_stand_for_what_there_is(name):
    here = library.elsewhere(name)
    assert library.defines(here) or here in BUILTINS or here in library.later_names()
    assert not library.defines(name)
    assert name not in BUILTINS


@pytest.mark.parametrize("name", ["Conv2D", "MaxPooling2D", "LSTM", "MultiHeadAttention"])
def test_layers_that_are_to_come_are_told_so(name):
    _, reporter = tried(PROGRAM.replace("image |> Flatten", f"image |> {name}(8) |> Flatten"))
    (error,) = reporter.all
    assert (error.code, error.title) == ("E0901", f"`{name}` is not in the library yet")
    assert error.help.startswith("it comes with ")


def test_a_layer_of_ones_own_takes_the_name_of_one_to_come():
    layer = "layer LSTM(x: float[...S]) -> y: float[...S] {\n    y = 2 * x\n}\n"
    model_of(layer + PROGRAM.replace("image |> Flatten", "image |> LSTM |> Flatten"))


@pytest.mark.parametrize("name", library.later_names())
def test_what_is_to_come_is_not_there(name):
    assert not library.defines(name)
    assert name not in BUILTINS


def test_a_model_that_the_caller_misspells():
    for name, help in (("Nte", "did you mean `Net`?"), ("Other", "the file has `Net`")):
        _, reporter = tried(PROGRAM, model=name)
        assert [(each.code, each.help) for each in reporter.all] == [("E0415", help)]
