"""E04xx and E0901: configuration, calls and signatures."""

from __future__ import annotations

from nnc.base.diagnostic import Explanation
from nnc.language.explanations.example import in_model, whole


def _counter(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example of statements in the body of a layer."""

    def text(body: str) -> str:
        return (
            f"layer Count(x: float[D]) -> y {{\n{body}    y = 2 * x\n}}\n\n"
            "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Count |> Dense(4)\n}\n\n"
            "train Net {\n    loss = sum(y)\n    optimizer = SGD\n}\n"
        )

    return Explanation(code, title, explanation, text(failing), text(fixed))


TABLE: tuple[Explanation, ...] = (
    in_model(
        "E0401",
        "no such argument",
        "Arguments by name are those of the definition's signature.",
        "y = x |> Dense(4, activatoin = relu)",
        "y = x |> Dense(4, activation = relu)",
    ),
    in_model(
        "E0402",
        "a missing argument",
        "What has no default must be given.",
        "y = x |> Dense(activation = relu)",
        "y = x |> Dense(4, activation = relu)",
    ),
    in_model(
        "E0403",
        "too many arguments",
        "A definition takes as many arguments by place as its signature lists.",
        "y = x |> Rescaling(1, 0, 1) |> Dense(4)",
        "y = x |> Rescaling(1, 0) |> Dense(4)",
    ),
    in_model(
        "E0404",
        "an argument of the wrong kind",
        "A signature says what an argument is, or its default does.",
        'y = x |> Dense(4, "relu")',
        "y = x |> Dense(4, relu)",
    ),
    whole(
        "E0405",
        "not an initializer",
        "A parameter starts at an initializer, a function of its shape; a bare number stands only after `else`, for a "
        "parameter that is left out.",
        "layer Scale(x: float[D]) -> y {\n    param scale: float[D] = 1\n    y = x * scale\n}\n"
        "model Scaled(x: float[8]) -> y {\n    y = x |> Scale\n}\n"
        "train Scaled {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "layer Scale(x: float[D]) -> y {\n    param scale: float[D] = ones\n    y = x * scale\n}\n"
        "model Scaled(x: float[8]) -> y {\n    y = x |> Scale\n}\n"
        "train Scaled {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
    ),
    in_model(
        "E0406",
        "an argument given twice",
        "An argument is given by place or by name, once.",
        "y = x |> Dense(4, units = 4)",
        "y = x |> Dense(units = 4)",
    ),
    in_model(
        "E0423",
        "an argument by place after one by name",
        "Arguments by place come first, as in Python: behind one by name nobody can see which place is meant.",
        "y = x |> Dense(units = 4, relu)",
        "y = x |> Dense(4, relu)",
    ),
    in_model(
        "E0407",
        "not a layer or function",
        "Only layers and functions are called and repeated.",
        "n = 3\ny = n(x) |> Dense(4)",
        "n = Dense(3)\ny = n(x) |> Dense(4)",
    ),
    whole(
        "E0408",
        "a parameter outside of a layer",
        "Parameters belong to layers and models.",
        "fn scaled(x: float[D]) {\n    param scale: float[D] = ones\n    result = x * scale\n}\n"
        "model Scaled(x: float[8]) -> y {\n    y = scaled(x)\n}\n"
        "train Scaled {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "layer Scale(x: float[D]) -> y {\n    param scale: float[D] = ones\n    y = x * scale\n}\n",
    ),
    Explanation(
        "E0409",
        "a parameter outside of training only",
        "Parameters are those of the program for training; a layer that is applied only where `training` is false "
        "would never be trained.",
        "model Net(x: float[8]) -> y: float[8] {\n    y = x * x if training else (x |> Dense(8, use_bias = false))\n"
        "}\n\n"
        "train Net {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "model Net(x: float[8]) -> y: float[8] {\n    h = x |> Dense(8)\n    y = h * h if training else h\n}\n\n"
        "train Net {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
    ),
    in_model(
        "E0410",
        "a pipe into what takes nothing",
        "On the right of `|>` stands a layer or a function.",
        "y = x |> 4",
        "y = x |> Dense(4)",
    ),
    whole(
        "E0411",
        "a function makes no layers",
        "A `fn` has no parameters of its own, nor has what it calls. A `layer` has.",
        "fn head(x: float[...]) = x |> Dense(4)\n"
        "model Scaled(x: float[8]) -> y {\n    y = head(x)\n}\n"
        "train Scaled {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "layer Head(x: float[...]) -> y {\n    y = x |> Dense(4)\n}\n",
    ),
    Explanation(
        "E0412",
        "not a type",
        "Tensors are float, f32, f16, bf16, u8, i32, i64, bool or index(n), with their dimensions in brackets; what is "
        "trained is float.",
        "model Net(x: flaot[8]) -> y {\n    y = x |> Dense(4)\n}\n",
        "model Net(x: float[8]) -> y {\n    y = x |> Dense(4)\n}\n",
    ),
    in_model(
        "E0413",
        "arithmetic without a result",
        "Division by zero, the root of a negative number and numbers beyond 64 bits have no value.",
        "y = x |> Dense(4 // 0)",
        "y = x |> Dense(4 // 1)",
    ),
    in_model(
        "E0414",
        "an assertion does not hold",
        "An `assert` says what must hold where its definition is used.",
        'assert len(shape(x)) == 2, "an image is wanted"\ny = x |> Dense(4)',
        'assert len(shape(x)) == 1, "a vector is wanted"\ny = x |> Dense(4)',
    ),
    Explanation(
        "E0415",
        "no model",
        "A program has a `model`; where it has several, one is named.",
        "const WIDTH = 3\n",
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n",
    ),
    _counter(
        "E0416",
        "a new value of what is no state",
        "`name' = value` sets what a state is after the step, and the state is declared in the same body.",
        "    calls' = mean(x, batch = true)\n",
        "    state calls = 0\n    calls' = mean(x, batch = true)\n",
    ),
    _counter(
        "E0417",
        "a state that differs from sample to sample",
        "A state is one for all samples: its new value is a constant, a parameter, or reduced over the batch.",
        "    state average: float[D] = zeros\n    average' = 0.9 * average + 0.1 * x\n",
        "    state average: float[D] = zeros\n    average' = 0.9 * average + 0.1 * mean(x, axis = [], batch = true)\n",
    ),
    _counter(
        "E0418",
        "a state's value of another type",
        "A state keeps its type: what it starts at, and each new value, broadcasts to it.",
        "    state average: float[D] = zeros\n    average' = mean(x[1:], axis = [], batch = true)\n",
        "    state average: float[D] = zeros\n    average' = mean(x, axis = [], batch = true)\n",
    ),
    _counter(
        "E0419",
        "a penalty that is no number",
        "A penalty is added to the loss: a number for each sample, averaged over the batch, or one number in all.",
        "    penalty 0.01 * x ^ 2\n",
        "    penalty 0.01 * sum(x ^ 2)\n",
    ),
    in_model(
        "E0420",
        "a value of another type in a parameter's place",
        "`layer(x, kernel = w)` applies the layer with `w` instead of its own parameter, of the same type.",
        "wide = Dense(4)\nh = wide(x)\ny = wide(h, kernel = wide.kernel)",
        "wide = Dense(8)\nh = wide(x)\ny = Dense(4)(wide(h, kernel = wide.kernel))",
    ),
    _counter(
        "E0421",
        "a state that starts at more than the data",
        "A state may start at reductions of the model's inputs over the training data; they are computed before the "
        "first step, so that nothing that is trained, changes or is drawn can be part of them.",
        "    param scale: float[D] = ones\n    state average: float[D] = mean(x * scale, axis = [], batch = true)\n",
        "    state average: float[D] = mean(x, axis = [], batch = true)\n",
    ),
    in_model(
        "E0422",
        "`qr` outside of an initializer",
        "A matrix is taken apart where a parameter starts, before training; within a step it is not.",
        "q, r = qr(reshape(x, [2, 4]))\ny = q[0] @ r",
        "y = x |> Dense(4, kernel_initializer = orthogonal)",
    ),
    in_model(
        "E0431",
        "what a comprehension over a tensor cannot do",
        "Over a tensor a comprehension maps the first axis: its body is elaborated once, for all slices, without a "
        "condition, with one `for`, and without layers that set a state.",
        "y = [s for s in x if true] |> Dense(4)",
        "y = [where(s > 0, s, 0) for s in x] |> Dense(4)",
    ),
    in_model(
        "E0901",
        "not supported yet",
        "The language has it, this version of the compiler has not.",
        "y = ctc(x) |> Dense(4)",
        "y = x[-4:]",
    ),
)
