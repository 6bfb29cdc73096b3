"""A module as the compiler would write it, drawn by hand: 5 features, 4 hidden tanh units, 3 classes, RMSprop.

Small and odd sizes, so that padding, masks and tails matter; both paths, with a state that counts samples.
"""

import torch

from nnc.runtime import (
    BATCH,
    Accumulator,
    Buffer,
    Launch,
    Model,
    Parameter,
    Port,
    Report,
    Slot,
    State,
    Step,
    View,
    cdiv,
    tiles,
    tl,
    triton,
)

ROWS = 16

PARAMETERS = (
    Parameter("hidden.dense.kernel", 0, (5, 4), lambda random: random.uniform((5, 4), -0.8, 0.8)),
    Parameter("probs.dense.kernel", 32, (4, 3), lambda random: random.normal((4, 3), 0.0, 0.5)),
    Parameter("hidden.dense.bias", 64, (4,), lambda random: 0.0),
    Parameter("probs.dense.bias", 96, (3,), lambda random: 0.125),
)
SIZE = 128
SLOTS = (Slot("square", 0.25, PARAMETERS),)
STATES = (State("seen.total", 0, (1,), lambda random: 0.0),)

ARENA = (
    Buffer("hidden", (BATCH, 4), "f32", 0, 2),
    Buffer("dlogits", (BATCH, 3), "f32", 1, 2),
    Buffer("partials", (tiles(ROWS), 3), "f64", 1, 2),
)
ARENA_TORCH = (
    Buffer("hidden", (BATCH, 4), "f32", 0, 6),
    Buffer("log_probs", (BATCH, 3), "f32", 1, 4),
    Buffer("dhidden", (BATCH, 4), "f32", 4, 6),
    Buffer("scratch", (SIZE,), "f32", 6, 7),
)
VIEWS_TORCH = (
    View("features_t", "features", (5, BATCH), (1, 5), 0),
    View("hidden_t", "hidden", (4, BATCH), (1, 4), 0),
    View("probs_kernel_t", "probs_dense_kernel", (3, 4), (1, 3), 0),
    View("column", "label", (BATCH, 1), (1, 1), 0),
)


# ------------------------------------------------------------------------------------------------ torch


def forward_torch(v):
    torch.addmm(v.hidden_dense_bias, v.features, v.hidden_dense_kernel, out=v.hidden).tanh_()
    torch.addmm(v.probs_dense_bias, v.hidden, v.probs_dense_kernel, out=v.log_probs)
    torch.log_softmax(v.log_probs, 1, out=v.log_probs)


def measure_torch(v):
    picked = v.log_probs.gather(1, v.column)[:, 0].double().neg_()
    hits = (v.log_probs.argmax(1) == v.label).double()
    weight = v.weight.double()
    v.sums[0].add_((picked * weight).sum())
    v.sums[1].add_(v.count)
    v.sums[2].add_(weight.sum())
    v.sums[3].add_((hits * weight).sum())


def train_step_torch(v):
    forward_torch(v)
    measure_torch(v)
    torch.exp(v.log_probs, out=v.log_probs)
    v.log_probs.scatter_add_(1, v.column, torch.full_like(v.column, -1, dtype=torch.float32))
    v.log_probs.mul_((v.weight / v.count)[:, None])
    torch.mm(v.hidden_t, v.log_probs, out=v.d_probs_dense_kernel)
    torch.sum(v.log_probs, 0, out=v.d_probs_dense_bias)
    torch.mm(v.log_probs, v.probs_kernel_t, out=v.dhidden)
    v.dhidden.mul_(1 - v.hidden * v.hidden)
    torch.mm(v.features_t, v.dhidden, out=v.d_hidden_dense_kernel)
    torch.sum(v.dhidden, 0, out=v.d_hidden_dense_bias)
    v.square.mul_(0.9).addcmul_(v.gradient, v.gradient, value=0.1)
    torch.add(v.square, 1e-7, out=v.scratch).sqrt_()
    v.parameter.addcdiv_(v.gradient, v.scratch, value=-0.01 / v.step**0.5)
    v.seen_total.add_(v.count)


def evaluate_step_torch(v):
    forward_torch(v)
    measure_torch(v)


def predict_step_torch(v):
    forward_torch(v)
    torch.exp(v.log_probs, out=v.probs)


# ------------------------------------------------------------------------------------------------ triton


@triton.jit
def forward(features, order, control, kernel, bias, hidden, ROWS: tl.constexpr):
    """hidden[count, 4] = tanh(features[order][count, 5] @ kernel[5, 4] + bias[4])"""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    valid = rows < tl.load(control + 2)
    sample = tl.load(order + tl.load(control + 1) + rows, mask=valid, other=0)
    k = tl.arange(0, 8)
    n = tl.arange(0, 4)
    a = tl.load(features + sample[:, None] * 5 + k[None, :], mask=valid[:, None] & (k[None, :] < 5), other=0.0)
    b = tl.load(kernel + k[:, None] * 4 + n[None, :], mask=k[:, None] < 5, other=0.0)
    z = tl.sum(a[:, :, None] * b[None, :, :], axis=1) + tl.load(bias + n)[None, :]
    e = tl.exp(2.0 * z)
    tl.store(hidden + rows[:, None] * 4 + n[None, :], (e - 1.0) / (e + 1.0), mask=valid[:, None])


@triton.jit
def classify(
    hidden, kernel, bias, label, weight, order, control, out, partials, ROWS: tl.constexpr, MODE: tl.constexpr
):
    """MODE 0: dlogits and partial sums; 1: partial sums; 2: probabilities, to the rows of the data"""
    tile = tl.program_id(0)
    rows = tile * ROWS + tl.arange(0, ROWS)
    cursor = tl.load(control + 1)
    count = tl.load(control + 2)
    valid = rows < count
    k = tl.arange(0, 4)
    n = tl.arange(0, 4)
    a = tl.load(hidden + rows[:, None] * 4 + k[None, :], mask=valid[:, None], other=0.0)
    b = tl.load(kernel + k[:, None] * 3 + n[None, :], mask=n[None, :] < 3, other=0.0)
    z = tl.sum(a[:, :, None] * b[None, :, :], axis=1) + tl.load(bias + n, mask=n < 3, other=0.0)[None, :]
    z = tl.where(n[None, :] < 3, z, float("-inf"))
    shifted = z - tl.max(z, axis=1)[:, None]
    e = tl.exp(shifted)
    total = tl.sum(e, axis=1)
    probs = e / total[:, None]
    inside = valid[:, None] & (n[None, :] < 3)
    if MODE == 2:
        tl.store(out + (cursor + rows)[:, None] * 3 + n[None, :], probs, mask=inside)
    else:
        sample = tl.load(order + cursor + rows, mask=valid, other=0)
        target = tl.load(label + sample, mask=valid, other=0)
        w = tl.load(weight + sample, mask=valid, other=0.0)
        is_target = n[None, :] == target[:, None]
        loss = (tl.log(total) - tl.sum(tl.where(is_target, shifted, 0.0), axis=1)) * w
        hit = tl.where(tl.argmax(z, axis=1) == target, w, 0.0)
        tl.store(partials + tile * 3, tl.sum(tl.where(valid, loss, 0.0), axis=0))
        tl.store(partials + tile * 3 + 1, tl.sum(tl.where(valid, hit, 0.0), axis=0))
        tl.store(partials + tile * 3 + 2, tl.sum(w, axis=0))
        if MODE == 0:
            d = (probs - tl.where(is_target, 1.0, 0.0)) * (w / count.to(tl.float32))[:, None]
            tl.store(out + rows[:, None] * 3 + n[None, :], d, mask=inside)


@triton.jit
def finish(
    features, order, hidden, dlogits, partials, parameter, gradient, square, total, sums, control,
    TILES: tl.constexpr, ROWS: tl.constexpr, TRAIN: tl.constexpr,
):  # fmt: skip
    """One program: every gradient, RMSprop, the state, the running sums and the next batch"""
    step = tl.load(control)
    cursor = tl.load(control + 1)
    count = tl.load(control + 2)
    loss = tl.zeros((1,), dtype=tl.float64)
    hits = tl.zeros((1,), dtype=tl.float64)
    weight = tl.zeros((1,), dtype=tl.float64)
    one = tl.arange(0, 1)
    for tile in range(TILES):
        used = tile * ROWS < count
        loss += tl.load(partials + tile * 3 + one, mask=used, other=0.0)
        hits += tl.load(partials + tile * 3 + 1 + one, mask=used, other=0.0)
        weight += tl.load(partials + tile * 3 + 2 + one, mask=used, other=0.0)
    tl.store(sums + one, tl.load(sums + one) + loss)
    tl.store(sums + 1 + one, tl.load(sums + 1 + one) + count)
    tl.store(sums + 2 + one, tl.load(sums + 2 + one) + weight)
    tl.store(sums + 3 + one, tl.load(sums + 3 + one) + hits)
    if TRAIN:
        i = tl.arange(0, 8)
        h = tl.arange(0, 4)
        c = tl.arange(0, 4)
        dk1 = tl.zeros((8, 4), dtype=tl.float32)
        dk2 = tl.zeros((4, 4), dtype=tl.float32)
        db1 = tl.zeros((4,), dtype=tl.float32)
        db2 = tl.zeros((4,), dtype=tl.float32)
        w2 = tl.load(parameter + 32 + h[:, None] * 3 + c[None, :], mask=c[None, :] < 3, other=0.0)
        for tile in range(TILES):
            rows = tile * ROWS + tl.arange(0, ROWS)
            valid = rows < count
            sample = tl.load(order + cursor + rows, mask=valid, other=0)
            x = tl.load(features + sample[:, None] * 5 + i[None, :], mask=valid[:, None] & (i[None, :] < 5), other=0.0)
            hid = tl.load(hidden + rows[:, None] * 4 + h[None, :], mask=valid[:, None], other=0.0)
            d = tl.load(dlogits + rows[:, None] * 3 + c[None, :], mask=valid[:, None] & (c[None, :] < 3), other=0.0)
            dh = tl.sum(d[:, None, :] * w2[None, :, :], axis=2) * (1.0 - hid * hid)
            dk1 += tl.sum(x[:, :, None] * dh[:, None, :], axis=0)
            dk2 += tl.sum(hid[:, :, None] * d[:, None, :], axis=0)
            db1 += tl.sum(dh, axis=0)
            db2 += tl.sum(d, axis=0)
        tl.store(gradient + i[:, None] * 4 + h[None, :], dk1, mask=i[:, None] < 5)
        tl.store(gradient + 32 + h[:, None] * 3 + c[None, :], dk2, mask=c[None, :] < 3)
        tl.store(gradient + 64 + h, db1)
        tl.store(gradient + 96 + c, db2, mask=c < 3)
        j = tl.arange(0, 128)
        g = tl.load(gradient + j)
        s = 0.9 * tl.load(square + j) + 0.1 * g * g
        rate = 0.01 / tl.sqrt(step.to(tl.float32))
        tl.store(square + j, s)
        tl.store(parameter + j, tl.load(parameter + j) - rate * g / tl.sqrt(s + 1e-7))
        tl.store(total, tl.load(total) + count)
        tl.store(control, step + 1)
    tl.store(control + 1, cursor + count)
    tl.store(control + 2, tl.minimum(tl.load(control + 3), tl.load(control + 4) - cursor - count))


def launches(v, mode):
    count = cdiv(v.batch, ROWS)
    out = (v.dlogits, v.hidden, None)[mode] if mode < 2 else v.probs
    label, weight, partials = (v.label, v.weight, v.partials) if mode < 2 else (v.order, v.order, v.order)
    first = Launch(
        forward, count, (v.features, v.order, v.control, v.hidden_dense_kernel, v.hidden_dense_bias, v.hidden, ROWS)
    )
    classes = (v.hidden, v.probs_dense_kernel, v.probs_dense_bias, label, weight, v.order, v.control, out, partials)
    flat = (v.parameter, v.gradient, v.square, v.state, v.sums, v.control)
    used = count if mode < 2 else 0
    return (
        first,
        Launch(classify, (count,), (*classes, ROWS, mode)),
        Launch(finish, 1, (v.features, v.order, v.hidden, out, partials, *flat, used, ROWS, mode == 0)),
    )


def train_step(v):
    return launches(v, 0)


def evaluate_step(v):
    return launches(v, 1)


def predict_step(v):
    return launches(v, 2)


class Handmade(Model):
    """Five features to three classes."""

    source = ("handmade.nn", "0" * 64)
    inputs = (Port("features", "f32", (5,), None, "float[5]", "handmade.nn:2"),)
    targets = (Port("label", "i64", (), 3, "index(3)", "handmade.nn:8"),)
    results = (Port("probs", "f32", (3,), None, "float[3]", "handmade.nn:2"),)
    parameters_table, size, slots = PARAMETERS, SIZE, SLOTS
    states_table = STATES
    accumulators = tuple(Accumulator(name, i) for i, name in enumerate(("loss", "count", "weight", "accuracy")))
    reports = (Report("loss", "loss", "count"), Report("accuracy", "accuracy", "weight"))
    defaults = {"batch_size": 128, "epochs": 2, "seed": 0, "data": "data.npz", "validation_split": 0.0}  # noqa: RUF012
    steps = {  # noqa: RUF012
        "triton": {
            "train": Step(train_step, ARENA),
            "evaluate": Step(evaluate_step, ARENA),
            "predict": Step(predict_step, ARENA[:1]),
        },
        "torch": {
            "train": Step(train_step_torch, ARENA_TORCH, VIEWS_TORCH),
            "evaluate": Step(evaluate_step_torch, ARENA_TORCH[:2], VIEWS_TORCH[3:]),
            "predict": Step(predict_step_torch, ARENA_TORCH[:2]),
        },
    }


if __name__ == "__main__":
    raise SystemExit(Handmade.main())
