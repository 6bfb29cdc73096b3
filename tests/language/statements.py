"""What the small programs of the reference's statements share: definitions, inputs, and a model around a body."""

import re

import numpy as np

X = np.random.default_rng(3).normal(size=(3, 2, 4))
I = np.array([[1, 0], [3, 3], [2, 1]])
GIVEN = {"x": X, "i": I, "u": I.astype(np.uint8), "t": I > 1}
MORE = """const WIDTH = 3
fn linear(x) = 100 * x
fn half(share = 0.5)(a: float[...S], b: float[...S] = a) -> float[...S] {
    result = share * (a + b)
}
fn first_of(shape, fan_in, fan_out) = broadcast(fan_in * 1.0 + 10 * fan_out, shape)
layer Both(x: float[...S]) -> (one: float[...S], two) {
    one = x
    two = x * 2
}
layer Attended(query: float[T, D], value: float[S, E], key: float[S, E] = value, mask: bool[T, S] = none) -> y {
    y = query + key if mask == none else query - sum(where(mask, 1.0, 0.0))
}
layer From(x: float[T, D], start: float[D] = ones) -> y {
    y = x + start
}
layer Shifted(x: float[...]) -> y {
    sizes = shape(x)
    param shift: float[...sizes] = first_of
    y = x + shift
}
layer Down(depth: int)(x: float[..., D]) -> y: float[..., D] {
    y = x if depth == 0 else 2 * (x |> Down(depth - 1))
}
layer Bordered(before: list, after: list)(x: float[..., D]) -> y {
    param k: float[...before, 1, ...after] = ones
    y = (len(shape(k)) + sum(shape(k)) - 3) * x
}
fn spread(c: float[...S, ...T], b: float[...T], a: float[...S]) -> float[...S, ...T] {
    result = c + 10 * b + 100 * a[:, none]
}
fn trailing(sizes: list)(x: float[..., ...sizes]) -> float[...] {
    result = sum(x, axis = [-1 - k for k in range(len(sizes))])
}
fn unknown(x: float[...S, ...T]) = x
layer Pooled(x: float[H, W]) -> y: float[H // 2, W // 2] {
    y = x[0:H // 2, 0:W // 2]
}
layer Trained(x: float[...]) -> y {
    y = 0 * x if training else x
}
"""


INPUTS = {"x": "float[2, 4]", "i": "index(4)[2]", "u": "u8[2]", "t": "bool[2]"}


def text_of(body: str) -> str:
    """A model with those inputs that the body reads."""
    given = ", ".join(f"{name}: {type}" for name, type in INPUTS.items() if re.search(rf"\b{name}\b", body))
    return f"{MORE}model Net({given}) -> y {{\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "}\n"


SHIFT = np.full((2, 4), 2 + 10 * 4.0)
