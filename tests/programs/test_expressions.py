"""Expressions as a user writes them, on both paths: their values and their gradients beside plain torch in float64."""

import numpy as np
import torch

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from tests.programs.harness import imported, run_interpreted

BATCH = 5
# Of x: float[3, 4] and v: float[4], both made with parameters, and of k: index(3)[2], one: index(3), n: i32[2].
EXPRESSIONS = {
    "gather(x, k)": lambda x, v, k, one, n: torch.stack([s[i] for s, i in zip(x, k, strict=True)]),
    "gather(x, one)": lambda x, v, k, one, n: torch.stack([s[i] for s, i in zip(x, one, strict=True)]),
    "gather(v, clip(n, 0, 3))": lambda x, v, k, one, n: torch.gather(v, 1, n.clip(0, 3)),
    "gather(x, [2, 0])": lambda x, v, k, one, n: x[:, [2, 0]],
    "pick(v, n[0] % 4)": lambda x, v, k, one, n: torch.gather(v, 1, (n % 4)[:, :1])[:, 0],
    "prod(v, batch = true)": lambda x, v, k, one, n: v.prod().expand(BATCH),
    "prod(where(v == v[0], 0.0, v)[0:2], axis = [], batch = true)": lambda x, v, k, one, n: (
        torch.cat([v[:, :1] * 0, v[:, 1:2]], 1).prod(0).expand(BATCH, 2)
    ),
    "one_hot(n % 3, 3) @ x": lambda x, v, k, one, n: torch.nn.functional.one_hot(n % 3, 3).double() @ x,
}


def text() -> str:
    results = [f"r{number}" for number in range(len(EXPRESSIONS))]
    body = "\n".join(f"    {name} = {each}" for name, each in zip(results, EXPRESSIONS, strict=True))
    loss = " + ".join(f"mean({name} ^ 2)" for name in results)
    return f"""layer Scaled(x: float[...S]) -> y {{
    param scale: float[...S] = ones
    y = x * scale
}}
model Net(a: float[3, 4], b: float[4], k: index(3)[2], one: index(3), n: i32[2]) -> ({", ".join(results)}) {{
    x = a |> Scaled
    v = b |> Scaled
{body}
}}
train Net {{
    loss = {loss}
    optimizer = SGD(0.0)
}}
"""


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        "a": rng.normal(size=(BATCH, 3, 4)).astype(np.float32),
        "b": rng.normal(size=(BATCH, 4)).astype(np.float32),
        "k": rng.integers(0, 3, (BATCH, 2)),
        "one": rng.integers(0, 3, BATCH),
        "n": rng.integers(-6, 7, (BATCH, 2)).astype(np.int32),
    }


def check(backend: str) -> None:
    cls = imported(emission.run(schedule(Source("net.nn", text()), Options(), Reporter())), "net")
    model, arrays = cls(device="cpu", backend=backend, _guard=True), data()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    scales = [torch.ones(3, 4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)]
    for scale in scales:
        scale.requires_grad_()
    x, v = (tensors[name].double() * scale for name, scale in zip("ab", scales, strict=True))
    others = (tensors["k"], tensors["one"], tensors["n"].long())
    wanted = {each: reference(x, v, *others) for each, reference in EXPRESSIONS.items()}
    found = model.predict(arrays, verbose=0)
    for (each, value), result in zip(wanted.items(), found.values(), strict=True):
        np.testing.assert_allclose(result, value.detach(), rtol=1e-5, atol=1e-6, err_msg=each)
    slopes = torch.autograd.grad(sum(value.pow(2).mean() for value in wanted.values()), scales)
    for path, slope in zip(("x.scaled.scale", "v.scaled.scale"), slopes, strict=True):
        np.testing.assert_allclose(model.gradients(arrays)[path], slope, rtol=1e-4, atol=1e-5, err_msg=path)
    assert model.guards.overwritten() == []


def test_on_torch() -> None:
    check("torch")


def test_through_triton() -> None:
    run_interpreted("from tests.programs.test_expressions import check\ncheck('triton')")
