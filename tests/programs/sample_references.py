"""What the samples compute, written again in plain torch, and data like theirs."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nnc.tensor.streams import Streams
from tests.programs.autograd import (
    SEED,
    Arrays,
    Draw,
    Outcome,
    Reference,
    Tensors,
    adam,
    dense,
    entropy,
    floats,
    hits,
    labels,
    rmsprop,
    slot,
)

FOLDER = Path(__file__).resolve().parents[2] / "samples"


def adapted(layer: str, of: str) -> Callable[[Arrays], Arrays]:
    """The states of a Normalization of that path, which sees the input `of`."""

    def states(inputs: Arrays) -> Arrays:
        x = inputs[of].astype(np.float64)
        return {f"{layer}.adapt_mean": x.mean(0), f"{layer}.adapt_variance": x.var(0)}

    return states


def standardised(p: Tensors, path: str, x: Tensor) -> Tensor:
    deviation = p[f"{path}.normalization.adapt_variance"].sqrt().clamp(min=1e-7)
    return (x - p[f"{path}.normalization.adapt_mean"]) / deviation


def second(p: Tensors, path: str, x: Tensor) -> Tensor:
    """The second Dense of a statement."""
    return x @ p[f"{path}.dense_2.kernel"] + p[f"{path}.dense_2.bias"]


def digits(p: Tensors, d: Tensors) -> Outcome:
    logits = dense(p, "probs", dense(p, "hidden", d["pixels"]).relu())
    return Outcome({"probs": logits.softmax(-1)}, entropy(logits, d["digit"]), {"accuracy": hits(logits, d["digit"])})


def two_branch(p: Tensors, d: Tensors) -> Outcome:
    size = dense(p, "size", standardised(p, "size", d["measures"])).relu()
    kind = p["kind.embedding.embeddings"][d["species"]]
    both = dense(p, "both", torch.cat([size, kind], -1)).relu()
    logits = dense(p, "probs", both)
    return Outcome({"probs": logits.softmax(-1)}, entropy(logits, d["sex"]), {"accuracy": hits(logits, d["sex"])})


def multi_head(p: Tensors, d: Tensors) -> Outcome:
    trunk = dense(p, "trunk", standardised(p, "trunk", d["measures"])).relu()
    trunk = second(p, "trunk", trunk).relu()
    logits, mass = dense(p, "kind", trunk), dense(p, "kilograms", trunk).squeeze(-1)
    terms = {"species": entropy(logits, d["species"]), "mass": (mass - d["mass"]).square()}
    metrics = {"accuracy": hits(logits, d["species"]), "error": (mass - d["mass"]).abs()}
    results = {"kind": logits.softmax(-1), "kilograms": mass}
    return Outcome(results, terms["species"] + terms["mass"], metrics, terms=terms)


def shared(p: Tensors, d: Tensors) -> Outcome:
    def tower(x: Tensor) -> Tensor:
        return second(p, "tower", dense(p, "tower", x.double() / 16).relu()).relu()

    distance = (tower(d["left"]) - tower(d["right"])).abs()
    logits = second(p, "alike", dense(p, "alike", distance).relu())
    return Outcome({"alike": logits.softmax(-1)}, entropy(logits, d["same"]), {"accuracy": hits(logits, d["same"])})


def custom(p: Tensors, d: Tensors, training: bool) -> Outcome:
    states: Tensors = {}

    def snake(x: Tensor) -> Tensor:
        return x + x.sin().square()

    def power_normalised(path: str, x: Tensor) -> Tensor:
        square = moving = p[f"{path}.moving_square"]
        if training:
            square = x.square().mean(0)
            states[f"{path}.moving_square"] = 0.9 * moving + 0.1 * square
        return x / (square + 1e-5).sqrt() * p[f"{path}.gamma"] + p[f"{path}.beta"]

    def highway(path: str, x: Tensor) -> Tensor:
        gate = dense(p, f"{path}.gate", x).sigmoid()
        return gate * snake(dense(p, f"{path}.y", x)) + (1 - gate) * x

    hidden = snake(power_normalised("hidden.power_normalization", dense(p, "hidden", d["pixels"])))
    hidden = highway("hidden.highway_2", highway("hidden.highway", hidden))
    logits = dense(p, "probs", hidden)
    right = logits.softmax(-1).gather(-1, d["digit"][:, None]).squeeze(-1)
    eights = (d["digit"] == 8).double()
    return Outcome(
        {"probs": logits.softmax(-1)},
        entropy(logits, d["digit"]) + (1 - right),
        {"accuracy": hits(logits, d["digit"])},
        states=states,
        shares={"eights": (eights * hits(logits, d["digit"]), eights)},
    )


def diabetes(p: Tensors, d: Tensors) -> Outcome:
    hidden = dense(p, "hidden", standardised(p, "scaled", d["baseline"])).relu()
    outcome = (75 * dense(p, "outcome", hidden) + 150).squeeze(-1)
    error = outcome - d["progression"]
    return Outcome({"outcome": outcome}, error.square(), {"error": error.abs()})


def wine(p: Tensors, d: Tensors) -> Outcome:
    logits = dense(p, "probs", dense(p, "hidden", standardised(p, "hidden", d["measures"])).relu())
    given, true = (functional.one_hot(each, 3).double() for each in (logits.argmax(-1), d["grower"]))
    return Outcome(
        {"probs": logits.softmax(-1)},
        entropy(logits, d["grower"]),
        {"accuracy": hits(logits, d["grower"])},
        shares={"f1": (2 * given * true, given + true)},
        least=1e-12,
    )


def autoencoder(p: Tensors, d: Tensors) -> Outcome:
    code = second(p, "code", dense(p, "code", d["pixels"]).relu())
    logits = second(p, "image", dense(p, "image", code).relu())
    image = logits.sigmoid()
    loss = functional.binary_cross_entropy_with_logits(logits, d["pixels"], reduction="none")
    return Outcome({"image": image}, loss, {"error": (image - d["pixels"]).square()})


def vae(p: Tensors, d: Tensors, training: bool) -> Outcome:
    hidden = dense(p, "hidden", d["pixels"]).relu()
    normal = torch.distributions.Normal(dense(p, "place", hidden), (dense(p, "log_variance", hidden) / 2).exp())
    point = normal.mean + normal.stddev * d["noise"] if training else normal.mean
    logits = second(p, "image", dense(p, "image", point).relu())
    crossentropy = functional.binary_cross_entropy_with_logits(logits, d["pixels"], reduction="none").sum(-1)
    standard = torch.distributions.Normal(torch.zeros(2).double(), 1.0)
    divergence = torch.distributions.kl_divergence(normal, standard).sum(-1)
    results = {"image": logits.sigmoid(), "place": normal.mean, "log_variance": 2 * normal.stddev.log()}
    return Outcome(results, crossentropy + divergence, terms={"image": crossentropy, "divergence": divergence})


def noise(number: int, samples: int) -> Arrays:
    """What vae.nn draws in a training's pass of that number, with the harness's seed."""
    key = int.from_bytes(hashlib.sha256(b"point.sampling/1/0").digest()[:8], "little")
    return {"noise": Streams(SEED, number).draw("normal", key, (2,), (0.0, 1.0), samples)}


def siamese(p: Tensors, d: Tensors) -> Outcome:
    def tower(x: Tensor) -> Tensor:
        return second(p, "tower", dense(p, "tower", x.double() / 16).relu())

    distance = ((tower(d["left"]) - tower(d["right"])).square().sum(-1) + 1e-6).sqrt()
    same = d["same"].double()
    loss = same * distance.square() + (1 - same) * functional.relu(1 - distance).square()
    hit = ((distance < 0.5) == (d["same"] == 1)).double()
    return Outcome({"distance": distance}, loss, {"accuracy": hit})


def warmup(peak: float, steps: int) -> Callable[[int], float]:
    return lambda number: peak * min(number / steps, (steps / number) ** 0.5)


def adabelief(rate: Callable[[int], float]) -> Callable[[int, Tensor, Tensors], Tensor]:
    def step(number: int, g: Tensor, slots: Tensors) -> Tensor:
        m = slots["m"] = 0.9 * slot(slots, "m", g) + 0.1 * g
        s = slots["s"] = 0.999 * slot(slots, "s", g) + 0.001 * (g - m).square()
        return -rate(number) * m / (1 - 0.9**number) / ((s / (1 - 0.999**number)).sqrt() + 1e-7)

    return step


def greys(kind: str) -> Draw:
    """Images of 64 points, of 0 to 16 each; as `f`, of 0 to 1."""

    def draw(generator: np.random.Generator, samples: int) -> np.ndarray:
        points = generator.integers(0, 17, (samples, 64))
        return (points / 16).astype(np.float32) if kind == "f" else points.astype(np.uint8)

    return draw


def numbers(mean: float, scale: float, *shape: int) -> Draw:
    return lambda generator, samples: floats(*shape, scale=scale)(generator, samples) + np.float32(mean)


SIZES = ((97, 10), (3, 2))  # of which the first is trained by 20 steps
# Optimizers that divide by a mean of the gradient's square enlarge its rounding where it is near zero: plain torch in
# float32 is off by as much.
ADAPTIVE = 1e-5
SAMPLES = {
    "digits": Reference(
        FOLDER / "digits.nn",
        digits,
        rmsprop(1e-3),
        {"pixels": greys("f")},
        {"digit": labels(10)},
        ((97, 7), (300, 128), (1, 128), (130, 128), (37, 32)),
    ),
    "two_branch": Reference(
        FOLDER / "two_branch.nn",
        two_branch,
        adam(1e-2),
        {"measures": numbers(40.0, 9.0, 3), "species": labels(3)},
        {"sex": labels(2)},
        SIZES,
        tolerance=ADAPTIVE,
        adapted=adapted("size.normalization", "measures"),
    ),
    "multi_head": Reference(
        FOLDER / "multi_head.nn",
        multi_head,
        adam(3e-3),
        {"measures": numbers(40.0, 9.0, 3)},
        {"species": labels(3), "mass": numbers(4.0, 1.0)},
        SIZES,
        tolerance=ADAPTIVE,
        adapted=adapted("trunk.normalization", "measures"),
    ),
    "shared": Reference(
        FOLDER / "shared.nn",
        shared,
        adam(2e-3),
        {"left": greys("u"), "right": greys("u")},
        {"same": labels(2)},
        SIZES,
        tolerance=ADAPTIVE,
    ),
    "custom": Reference(
        FOLDER / "custom.nn",
        partial(custom, training=True),
        adabelief(warmup(6e-3, 10)),
        {"pixels": greys("f")},
        {"digit": labels(10)},
        ((97, 10), (4, 2)),  # a batch of one sample is normalised to 1 and -1: no gradient is left but rounding
        partial(custom, training=False),
        tolerance=ADAPTIVE,
    ),
    "diabetes": Reference(
        FOLDER / "diabetes.nn",
        diabetes,
        adam(3e-3),
        {"baseline": numbers(60.0, 20.0, 10)},
        {"progression": numbers(150.0, 75.0)},
        SIZES,
        tolerance=ADAPTIVE,
        adapted=adapted("scaled.normalization", "baseline"),
    ),
    "wine": Reference(
        FOLDER / "wine.nn",
        wine,
        adam(1e-2),
        {"measures": numbers(20.0, 6.0, 13)},
        {"grower": labels(3)},
        SIZES,
        classes=(1.0, 0.85, 1.25),
        tolerance=ADAPTIVE,
        adapted=adapted("hidden.normalization", "measures"),
    ),
    "autoencoder": Reference(
        FOLDER / "autoencoder.nn",
        autoencoder,
        adam(3e-3),
        {"pixels": greys("f")},
        {},
        SIZES,
        tolerance=ADAPTIVE,
    ),
    "vae": Reference(
        FOLDER / "vae.nn",
        partial(vae, training=True),
        adam(3e-3),
        {"pixels": greys("f")},
        {},
        SIZES,
        partial(vae, training=False),
        tolerance=ADAPTIVE,
        draws=noise,
    ),
    "siamese": Reference(
        FOLDER / "siamese.nn",
        siamese,
        adam(2e-3),
        {"left": greys("u"), "right": greys("u")},
        {"same": labels(2)},
        SIZES,
        tolerance=ADAPTIVE,
    ),
}
