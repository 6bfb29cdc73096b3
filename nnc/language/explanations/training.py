"""E05xx and W05xx: the `train` block."""

from __future__ import annotations

from nnc.base.diagnostic import Explanation
from nnc.language.explanations.example import in_training, whole

_LOSS = "loss = categorical_crossentropy(y, label)"
_OPTIMIZER = "optimizer = Adam(learning_rate = 1e-3)"
_BOTH = f"{_LOSS}\n{_OPTIMIZER}"


def _metric(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example that is the body of a metric."""

    def text(body: str) -> str:
        return (
            f"metric Seen(y_pred, y_true) {{\n{body}}}\n\n"
            "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n\n"
            "train Net {\n    loss = sum(y)\n    optimizer = SGD\n"
            "    metrics = { seen: Seen(sum(y), sum(x)) }\n}\n"
        )

    return Explanation(code, title, explanation, text(failing), text(fixed))


_OF_PIXELS = (
    "model Net(pixels: u8[8]) -> y: float[4] {\n    y = PIXELS |> Dense(4, softmax)\n}\n\n"
    f"train Net {{\n    target label: index(4)\n    {_LOSS}\n    {_OPTIMIZER}\n}}\n"
)

TABLE: tuple[Explanation, ...] = (
    in_training(
        "E0501",
        "no such setting",
        "A name of a `train` block is a setting, or a variable that something uses.",
        f"{_BOTH}\nbatchsize = 32",
        f"{_BOTH}\nbatch_size = 32",
    ),
    in_training(
        "E0502",
        "no loss",
        "Training lowers a loss: a number for each sample, made of prediction and target.",
        f"metrics = {{ accuracy: accuracy(y, label) }}\n{_OPTIMIZER}",
        f"{_BOTH}\nmetrics = {{ accuracy: accuracy(y, label) }}",
    ),
    in_training("E0503", "no optimizer", "An optimizer says how a gradient changes the parameters.", _LOSS, _BOTH),
    whole(
        "E0504",
        "no such model to train",
        "`train` names a model of the file.",
        "train Nett {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "train Net {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
    ),
    in_training(
        "E0505",
        "a setting of the wrong kind",
        "Settings are plain values.",
        f"{_BOTH}\nepochs = 1.5",
        f"{_BOTH}\nepochs = 2",
    ),
    whole(
        "E0506",
        "a target outside of training",
        "Targets come with the data that a `train` block trains on.",
        "model Other(x: float[8]) -> y {\n    target label: index(4)\n    y = x |> Dense(4)\n}\n"
        "train Other {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "",
    ),
    in_training(
        "E0507",
        "the loss is no number",
        "A loss is made of real numbers: one for each sample, one for each entry, or one in all.",
        f"loss = categorical_crossentropy\nmetrics = {{ accuracy: accuracy(y, label) }}\n{_OPTIMIZER}",
        f"{_LOSS}\nmetrics = {{ accuracy: accuracy(y, label) }}\n{_OPTIMIZER}",
    ),
    in_training(
        "E0508",
        "not an optimizer",
        "The setting `optimizer` is an optimizer, with or without configuration.",
        f'{_LOSS}\noptimizer = "adam"',
        f"{_LOSS}\noptimizer = Adam",
    ),
    whole(
        "E0509",
        "an optimizer that changes nothing",
        "An optimizer sets `parameter'`, the parameter's new value.",
        "optimizer Still(learning_rate = 0.1) {\n    _ = learning_rate * gradient\n}\n"
        "train Net {\n    loss = sum(y)\n    optimizer = Still\n}\n",
        "optimizer Plain(learning_rate = 0.1) {\n    parameter' = parameter - learning_rate * gradient\n}\n"
        "train Net {\n    loss = sum(y)\n    optimizer = Plain\n}\n",
    ),
    in_training(
        "E0510",
        "not metrics",
        "`metrics` is a record of real numbers by the names under which they are reported.",
        f"{_BOTH}\nmetrics = accuracy(y, label)",
        f"{_BOTH}\nmetrics = {{ accuracy: accuracy(y, label) }}",
    ),
    in_training(
        "E0511",
        "a metric's name is taken",
        "`loss`, `count`, `weight` and names that end with `_loss` are reported already, and `val_` before a name is "
        "that number of the validation data.",
        f"{_BOTH}\nmetrics = {{ loss: accuracy(y, label) }}",
        f"{_BOTH}\nmetrics = {{ hits: accuracy(y, label) }}",
    ),
    in_training(
        "E0512",
        "parts of a model that do not fit it",
        "A record of optimizers names parts of the model by the paths of their parameters; `rest` stands for all "
        "others, and `none` freezes a part.",
        f"{_LOSS}\noptimizer = {{ head: none, rest: SGD }}",
        f"{_LOSS}\noptimizer = {{ y.dense.bias: none, rest: SGD }}",
    ),
    whole(
        "E0513",
        "a schedule that gives no number",
        "A schedule is a function of the number of steps taken; it gives a number for each.",
        "fn Steps(step) = [step, 1]\ntrain Net {\n    loss = sum(y)\n    optimizer = SGD(Steps)\n}\n",
        "fn Steps(step) = 0.1 * 0.9 ^ step\ntrain Net {\n    loss = sum(y)\n    optimizer = SGD(Steps)\n}\n",
    ),
    _metric(
        "E0514",
        "a metric's state that is no fold",
        "A metric's state is folded over the samples: `s' = s + value`, `maximum(s, value)` or "
        "`minimum(s, value)`, where the value does not read the state. Sums count under the sample weights.",
        "    state calls = 0\n    calls' = 2 * calls + y_pred\n    result = calls' + 0 * len(shape(y_true))\n",
        "    state calls = 0\n    calls' = calls + y_pred * y_true\n    result = calls'\n",
    ),
    _metric(
        "E0515",
        "a metric's result that reads single samples",
        "The result is computed once, when all samples were seen: from the states' last values and constants.",
        "    state calls = 0\n    calls' = calls + y_true\n    result = calls' * y_pred\n",
        "    state calls = 0\n    calls' = calls + y_true * y_pred\n    result = 2 * calls'\n",
    ),
    whole(
        "E0520",
        "a `result` that reads the gradient",
        "An optimizer's `result` is the weight that evaluation and prediction use. There is no gradient then: it is "
        "made of `parameter`, of states and of `step`.",
        "optimizer Ahead(rate = 0.1) {\n    parameter' = parameter - rate * gradient\n"
        "    result = parameter - rate * gradient\n}\n"
        "train Net {\n    loss = sum(y)\n    optimizer = Ahead()\n}\n",
        "optimizer Averaged(rate = 0.1) {\n    state average = zeros\n    parameter' = parameter - rate * gradient\n"
        "    average' = 0.9 * average + 0.1 * parameter\n    result = average'\n}\n"
        "train Net {\n    loss = sum(y)\n    optimizer = Averaged()\n}\n",
    ),
    _metric(
        "E0530",
        "a metric's state and what it grows by do not fit",
        "A state is a number, float or i64, or a tensor of them: `state hits: float[10] = 0`. It grows by a number, or "
        "by a tensor of its own shape; an i64 state grows by whole numbers.",
        "    state pairs: float[2] = 0\n    pairs' = pairs + stack([y_pred, y_true, y_true])\n"
        "    result = sum(pairs')\n",
        "    state pairs: float[2] = 0\n    pairs' = pairs + stack([y_pred, y_true])\n    result = sum(pairs')\n",
    ),
    Explanation(
        "E0516",
        "the batch where there is none",
        "`batch(x)` is x of all samples of the batch, and `row` the place of one among them. They are there in "
        "training and evaluation; a prediction is made for each sample by itself.",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n    penalty mean(batch(y)) ^ 2\n}\n\n"
        "train Net {\n    target goal: float[4]\n    loss = mean_squared_error(y, goal)\n    optimizer = SGD\n}\n",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n"
        "    penalty mean(batch(y)) ^ 2 if training else 0\n}\n\n"
        "train Net {\n    target goal: float[4]\n    loss = mean_squared_error(y, goal)\n    optimizer = SGD\n}\n",
    ),
    Explanation(
        "W0501",
        "prediction and target exchanged",
        "Losses and metrics take the prediction first, then the target.",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n\n"
        "train Net {\n    target goal: float[4]\n    loss = mean_squared_error(goal, y)\n    optimizer = SGD\n}\n",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n\n"
        "train Net {\n    target goal: float[4]\n    loss = mean_squared_error(y, goal)\n    optimizer = SGD\n}\n",
    ),
    _metric(
        "E0525",
        "a draw where nothing is drawn",
        "A random draw belongs to a sample in a layer, in the model or in the train block. A metric measures and an "
        "optimizer updates: both give the same for the same.",
        "    state total = 0\n    total' = total + y_pred * y_true * uniform([])\n    result = total'\n",
        "    state total = 0\n    total' = total + y_pred * y_true\n    result = total'\n",
    ),
    Explanation(
        "W0502",
        "a crossentropy of something that is no probability",
        "A crossentropy takes the log of the prediction, which must lie between 0 and 1: end the model with softmax, "
        "or with sigmoid for a single number. The compiler computes the two together, stably.",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n\n"
        f"train Net {{\n    target label: index(4)\n    {_LOSS}\n    {_OPTIMIZER}\n}}\n",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4, softmax)\n}\n\n"
        f"train Net {{\n    target label: index(4)\n    {_LOSS}\n    {_OPTIMIZER}\n}}\n",
    ),
    in_training(
        "W0503",
        "a loss of nothing that is trained",
        "No parameter changes this loss, so no step will.",
        f"loss = float(label)\n{_OPTIMIZER}",
        _BOTH,
    ),
    Explanation(
        "W0504",
        "bytes fed unscaled into a product",
        "Numbers of 0 to 255 make the first layer's sums, and its gradients, hundreds of times too large. Divide them "
        "first, or normalise them.",
        _OF_PIXELS.replace("PIXELS", "float(pixels)"),
        _OF_PIXELS.replace("PIXELS", "(float(pixels) / 255)"),
    ),
)
