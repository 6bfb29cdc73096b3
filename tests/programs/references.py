"""What the programs here and the samples compute, written again in plain torch, and data for them."""

import re
from functools import partial
from pathlib import Path

import torch

from nnc.base.source import Source
from tests.programs.autograd import (
    Outcome,
    Reference,
    Tensors,
    adam,
    dense,
    entropy,
    floats,
    hits,
    labels,
    normalised,
    sgd,
)
from tests.programs.sample_references import SAMPLES

ROOT = Path(__file__).resolve().parents[2]


def regression(p: Tensors, d: Tensors) -> Outcome:
    y = dense(p, "y", dense(p, "hidden", d["x"]).tanh())
    return Outcome({"y": y}, (y - d["wanted"]).square().mean(-1))


def wide(p: Tensors, d: Tensors) -> Outcome:
    narrow = dense(p, "narrow", dense(p, "broad", d["x"]).tanh()).relu()
    logits = dense(p, "probs", dense(p, "again", narrow).tanh())
    return Outcome({"probs": logits.softmax(-1)}, entropy(logits, d["label"]), {"accuracy": hits(logits, d["label"])})


def images(p: Tensors, d: Tensors) -> Outcome:
    hidden = dense(p, "hidden", (d["image"] / 16 - 0.5).flatten(1)).relu()
    kind, place = dense(p, "kind", hidden), dense(p, "place", hidden).tanh()
    error = (place - d["point"]).square().mean(-1)
    results = {"kind": kind.softmax(-1), "place": place}
    loss = entropy(kind, d["label"]) + 0.5 * error
    return Outcome(results, loss, {"accuracy": hits(kind, d["label"]), "error": error})


def sequence(p: Tensors, d: Tensors) -> Outcome:
    share = dense(p, "score", dense(p, "hidden", d["x"]).tanh()).softmax(1)
    return Outcome({"share": share}, (share - d["wanted"]).square().mean(-1))


def batch_normalised(p: Tensors, d: Tensors, training: bool) -> Outcome:
    states: Tensors | None = {} if training else None
    h = normalised(p, "h", d["x"] @ p["table.kernel"] + p["table.bias"], states, 0.9).relu()
    e = normalised(p, "e", dense(p, "e", h), states, 0.5)
    logits = dense(p, "probs", (h + e.relu()).flatten(1))
    penalty = 0.01 * p["table.kernel"].square().sum()
    results = {"probs": logits.softmax(-1)}
    hit = {"accuracy": hits(logits, d["digit"])}
    return Outcome(results, entropy(logits, d["digit"]), hit, penalty, states or {})


def together(p: Tensors, d: Tensors) -> Outcome:
    u, w = (torch.tanh(d[side] @ p["tower.kernel"] + p["tower.bias"]) for side in ("left", "right"))
    similarity = u @ w.T / 0.5
    row = torch.arange(len(u))
    alike = (d["kind"][:, None] == d["kind"][None, :]).double()
    distance = (u[:, None] - u[None, :]).square().mean(-1)
    pairs = (alike * distance + (1 - alike) * (0.3 - distance).clamp(min=0)).mean(-1)
    spread = 0.1 * distance.amax(-1) + 0.01 * (u - u.mean(0)).square().mean(-1)
    spread = spread + 0.1 * w.var(0, correction=0).sum()
    mixed = (0.1 * similarity).exp() @ (u + 1)
    terms = {"contrast": entropy(similarity, row), "pairs": pairs, "spread": spread}
    terms["mixture"] = 0.0001 * mixed.square().mean(-1)
    return Outcome(
        {"u": u, "w": w}, sum(terms.values(), torch.zeros(())), {"agree": hits(similarity, row)}, terms=terms
    )


OWN = Path(__file__).resolve().parent
REFERENCES = SAMPLES | {
    "regression": Reference(
        OWN / "regression.nn",
        regression,
        adam(3e-3),
        {"x": floats(13)},
        {"wanted": floats(3)},
        ((37, 16), (1, 32)),
    ),
    "wide": Reference(
        OWN / "wide.nn", wide, sgd(0.05, 0.9), {"x": floats(20)}, {"label": labels(5)}, ((37, 32), (70, 64))
    ),
    "images": Reference(
        OWN / "images.nn",
        images,
        sgd(0.1),
        {"image": floats(5, 7, scale=8.0)},
        {"label": labels(3), "point": floats(2)},
        ((37, 32), (13, 7)),
    ),
    "batch_normalised": Reference(
        OWN / "batch_normalised.nn",
        partial(batch_normalised, training=True),
        sgd(0.1, 0.9),
        {"x": floats(3, 6)},
        {"digit": labels(4)},
        ((43, 16), (1, 8), (33, 32)),
        partial(batch_normalised, training=False),
    ),
    "sequence": Reference(
        OWN / "sequence.nn", sequence, sgd(0.5), {"x": floats(6, 5)}, {"wanted": floats(6, 4)}, ((23, 16), (9, 2))
    ),
    "together": Reference(
        OWN / "together.nn",
        together,
        sgd(0.2),
        {"left": floats(6), "right": floats(6)},
        {"kind": labels(3)},
        ((37, 16), (1, 16), (23, 40)),
        together=True,
    ),
}


def in_precision(path: Path, precision: str) -> Source:
    """The program with that setting."""
    written = path.read_text(encoding="utf-8")
    text, count = re.subn(r"^    batch_size +=", f'    precision  = "{precision}"\n\\g<0>', written, flags=re.MULTILINE)
    assert count == 1
    return Source(path.name, text)
