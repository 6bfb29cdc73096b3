"""E02xx: types, shapes and limits."""

from __future__ import annotations

from nnc.base.diagnostic import Explanation
from nnc.language.explanations.example import in_model, in_training, whole

TABLE: tuple[Explanation, ...] = (
    in_model(
        "E0201",
        "shapes do not fit an operator",
        "Pointwise operators take shapes that are equal from the last axis on, or 1; `@` takes a left operand whose "
        "last axis is the right one's last but one.",
        "h = x |> Dense(4)\ny = h + x",
        "h = x |> Dense(4)\ny = h + (x |> Dense(4))",
    ),
    whole(
        "E0202",
        "a shape does not fit a signature",
        "A definition's signature says which shapes it takes. A name that stands twice in it stands for one size.",
        "fn dot(a: float[N], b: float[N]) = sum(a * b)\n"
        "model Two(a: float[3], b: float[4]) -> y {\n    y = dot(a, b)\n}\n"
        "train Two {\n    loss = y\n    optimizer = SGD\n}\n",
        "fn dot(a: float[N], b: float[N]) = sum(a * b)\n",
    ),
    in_model(
        "E0203",
        "element types differ",
        "Integers, truth values and real numbers are not mixed silently. Convert one with float(x), i32(x) or bool(x).",
        "h = x |> Dense(4)\ny = h * (h > 0)",
        "h = x |> Dense(4)\ny = h * float(h > 0)",
    ),
    in_training(
        "E0204",
        "an argument is of the wrong kind",
        "A signature takes real numbers where an index is given, or the reverse. Of losses and metrics the prediction "
        "comes first.",
        "loss = categorical_crossentropy(label, y)\noptimizer = SGD",
        "loss = categorical_crossentropy(y, label)\noptimizer = SGD",
    ),
    in_model(
        "E0205",
        "a result is not what is declared",
        "What the body assigns to a result must have the declared type.",
        "y = x |> Dense(5)",
        "y = x |> Dense(4)",
    ),
    Explanation(
        "E0206",
        "the number of classes differs",
        "An index(n) names one of n entries, so the axis that it picks from must have n of them: the model ends with "
        "as many outputs as there are classes.",
        "model Net(x: float[8]) -> y: float[7] {\n    y = x |> Dense(7, softmax)\n}\n\n"
        "train Net {\n    target label: index(10)\n    loss = categorical_crossentropy(y, label)\n"
        "    optimizer = SGD\n}\n",
        "model Net(x: float[8]) -> y: float[10] {\n    y = x |> Dense(10, softmax)\n}\n\n"
        "train Net {\n    target label: index(10)\n    loss = categorical_crossentropy(y, label)\n"
        "    optimizer = SGD\n}\n",
    ),
    in_model(
        "E0207",
        "a function does not take its operands",
        "The message says what the function expects and what it was given.",
        "y = reshape(x, [3, 2])",
        "y = sum(reshape(x, [4, 2]), axis = -1)",
    ),
    in_training(
        "E0208",
        "a fraction meets integers",
        "A number in a program takes the element type that it meets, and integers hold no fractions.",
        "loss = sum(y) * float(label + 0.5)\noptimizer = SGD",
        "loss = sum(y) * (float(label) + 0.5)\noptimizer = SGD",
    ),
    in_model(
        "E0209",
        "a layer meets two shapes",
        "Every application of one layer shares its parameters, so they must have one shape. Make a second layer.",
        "f = Dense(4)\ny = x |> f |> f",
        "f = Dense(4)\ny = x |> f |> Dense(4)",
    ),
    in_model(
        "E0210",
        "a value is of the wrong kind here",
        "Layers, lists, strings and tensors each have their places. A condition is known at compile time.",
        "h = x |> Dense(4)\ny = h if sum(h) > 0 else -h",
        "h = x |> Dense(4)\ny = where(sum(h) > 0, h, -h)",
    ),
    in_model(
        "E0211",
        "not a size",
        "A dimension or a count is an integer; a dimension is at least 1 and below 2^31.",
        "y = x |> Dense(8 // 16) |> Dense(4)",
        "y = x |> Dense(8 // 2) |> Dense(4)",
    ),
    in_model(
        "E0213",
        "a list does not come apart so",
        "As many names take a list apart as it has items; `_` takes what is not wanted.",
        "a, b = split(x, 4)\ny = (a + b) |> Dense(4)",
        "a, b = split(x, 2)\ny = a + b",
    ),
    in_model(
        "E0214",
        "a place that is not there",
        "Subscripts count from 0, or from -1 at the end, and stay inside of what they read.",
        "y = x[6:8, 0:4]",
        "y = x[4:8]",
    ),
    whole(
        "E0215",
        "too many operations",
        "A program may have 100,000 operations after its layers are written out. Those of a file that are checked "
        "together share them. Lower the number of layers.",
        "layer Block(x: float[...]) -> y {\n    y = x |> 600 * tanh\n}\n"
        "model Deep(x: float[8]) -> y {\n    y = x |> 200 * Block\n}\n"
        "train Deep {\n    loss = y\n    optimizer = SGD\n}\n",
        "layer Block(x: float[...]) -> y {\n    y = x |> 3 * tanh\n}\n",
    ),
    whole(
        "E0216",
        "applied too deep",
        "Layers and functions may be applied 200 deep. A definition may apply itself under a condition that is known "
        "at compile time and ends.",
        "fn again(x) = again(x)\n"
        "model Deep(x: float[4]) -> y {\n    y = again(x)\n}\n"
        "train Deep {\n    loss = sum(y)\n    optimizer = SGD\n}\n",
        "fn again(depth = 3)(x) = x if depth == 0 else again(depth - 1)(x * x)\n",
    ),
    in_model(
        "E0217",
        "too much work at compile time",
        "Evaluating a program may take 200,000 steps, and a list may hold 100,000 items.",
        "y = x[0:4] * len([i for i in range(1000) for j in range(1000)])",
        "y = x[0:4] * len([i for i in range(10) for j in range(10) if i != j])",
    ),
)
