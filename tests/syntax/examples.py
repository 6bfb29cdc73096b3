"""Programs that use the whole syntax: those of the language's reference, and what they leave out."""

EXAMPLES: tuple[str, ...] = (
    """\
## Handwritten digits, 8 x 8 pixels.
model Digits(pixels: float[64]) -> probs: float[10] {
    hidden = pixels |> Dense(32, relu)
    probs  = hidden |> Dense(10, softmax)
}

train Digits {
    target digit: index(10)

    data       = "digits.npz"
    loss       = categorical_crossentropy(probs, digit)
    optimizer  = RMSprop(learning_rate = 1e-3)
    metrics    = { accuracy: accuracy(probs, digit) }
    batch_size = 128
    epochs     = 60
}
""",
    """\
const WIDTH = 256
import "blocks.nn"                              # used as blocks.Residual
from "blocks.nn" import Residual, Stem as Entry # relative to this file; a cycle is an error

fn swish(x) = x * sigmoid(x)
fn huber(delta = 1.0)(y_pred: float[...S], y_true: float[...S]) -> float[...S] {
    e = abs(y_pred - y_true)
    result = where(e <= delta, 0.5 * e ^ 2, delta * (e - 0.5 * delta))
}                                               # a block's value is `result`

layer Dense(units: int, activation: function = linear, use_bias = true,
            kernel_initializer = glorot_uniform, bias_initializer = zeros)
           (x: float[..., D]) -> y: float[..., units] {
    param kernel: float[D, units] = kernel_initializer
    param bias:   float[units]    = bias_initializer if use_bias else 0
    y = activation(x @ kernel + bias)
}

model Pose(image: float[64, 64, 3]) -> (label: float[10], angle: float[1]) {
    trunk = image |> Conv2D(32, 3, activation = relu) |> GlobalAveragePooling2D
    label = trunk |> Dense(10, softmax)
    angle = trunk |> Dense(1)
}
""",
    """\
train Pose as finetune {                    # the name is optional; `nnc train file.nn --train finetune`
    target digit: index(10)
    target tilt:  float[1]
    weights    = "pretrained.safetensors"
    loss       = { label: categorical_crossentropy(label, digit), angle: 0.2 * mean_squared_error(angle, tilt) }
    optimizer  = Adam(learning_rate = CosineDecay(1e-3, decay_steps = 10_000))
    metrics    = { accuracy: accuracy(label, digit), error: mean_absolute_error(angle, tilt) }
    precision  = "bf16"                     # "f32" (default, true f32 accuracy), "tf32", "bf16", "f16"
    batch_size = 64
    epochs     = 5
    seed       = 7
    validation_split = 0.1
    gradient_accumulation_steps = 4
    early_stopping = { monitor: "val_loss", patience: 3 }
}
""",
    """\
optimizer Adam(learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7) {
    state m = zeros
    state v = zeros
    m' = m + (gradient - m) * (1 - beta_1)
    v' = v + (gradient ^ 2 - v) * (1 - beta_2)
    rate = learning_rate * sqrt(1 - beta_2 ^ step) / (1 - beta_1 ^ step)
    parameter' = parameter - rate * m' / (sqrt(v') + epsilon)
}
metric Precision(threshold = 0.5)(y_pred, y_true) {
    state hits  = 0
    state calls = 0
    hits'  = hits  + sum(where(y_pred > threshold and y_true == 1, 1, 0))
    calls' = calls + sum(where(y_pred > threshold, 1, 0))
    result = hits' / maximum(calls', 1)
}
""",
    """\
layer LSTM(units, return_sequences = false)(x: float[T, D], initial_h: float[units] = zeros) -> y {
    param kernel:           float[D, 4 * units]     = glorot_uniform
    param recurrent_kernel: float[units, 4 * units] = orthogonal
    param bias:             float[4 * units]        = unit_forget
    scan z over x @ kernel + bias with h: float[units] = initial_h, c: float[units] = zeros {
        i, f, g, o = split(z + h @ recurrent_kernel, 4)
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')
    }
    y = h if return_sequences else last(h)
}
""",
    """\
fn unet(depth: int = 3)(x: float[H, W, C]) -> float[H, W, C] {
    assert H % 2 == 0 and depth >= 0, "an even height \\"H\\" is needed, no \\\\ here"
    result = x if depth == 0 else unet(depth - 1)(x) + x
}

layer Mix(plan: list = [(64, 2), (128, 2)], state = 3)(query: float[T, D], value: float[S, E] = query,
        mask: bool[T, S] = none) -> (out: float[T, D], weights) {
    state count: i64 = 0
    param scale: float[D] = ones, constraint = max_norm(2), trainable = false
    penalty 1e-4 * sum(scale ^ 2)
    model = Sequential([Block(f, s) for f, s in plan if f < 100 for g in range(2)])
    a, _ = split(query, 2)
    count' = count + 1
    tied = a @ transpose(table.embeddings) + -x[..., 0:3, none, ::2, 1:] // -2 ^ -k
    both = (a, b) |> Concatenate |> 3 * Residual(64) |> reshape([7, 7, 64])
    single = (a,)
    empty = ()
    weights = not a == none and 3 in plan or x.y not in (1, 2)
    out = x + (x |> Norm |> Attention(8))
}

model Translate(source: index(8000)[S <= 60], target: index(8000)[<= 60]) -> probs: float[T, 8000] {
    scan a, b over source, target with h: float[2] = zeros, c = 0.5 {
        h' = a + c
        c' = c * 10_000 - inf
    }
    probs = h
}
optimizer Slow() { parameter' = parameter }
""",
)
