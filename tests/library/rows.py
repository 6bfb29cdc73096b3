"""What a row of the table of comparisons is: an expression of the language and the same in Keras; and how both are run.

Both sides compute in float64, on the same numbers: values, and the gradients of a random combination of them by every
float input and by every parameter.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch

from nnc.language.library import names
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.ir import Function
from nnc.tensor.program import Program, Role
from nnc.tensor.simplify import simplify
from tests.language.programs import model_of

BATCH = 4
# Keras computes means, products and normalisations of float64 in float32.
VALUES, GRADIENTS = 1e-5, 1e-4
WEIGHTS = (Role.PARAMETER, Role.STATE)
# Far out, near 0 and between, but on no corner of any function here.
EXTREMES = (-1e4, -700.0, -88.5, -20.0, -6.25, -3.125, -1e-8, 1e-8, 0.375, 2.25, 6.5, 20.0, 88.5, 700.0, 1e4)

Keras = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Row:
    """written: an expression over the inputs `a`, `b` ... of `types`. keras: the same of their tensors, or a function
    that makes a layer (`is_layer`). An input's type may be followed by what it is drawn from: `float[3]: unit`."""

    written: str
    keras: Any
    types: tuple[str, ...]
    is_layer: bool = False
    extreme: bool = True
    batch: int = BATCH

    def __str__(self) -> str:
        return f"{self.written} of {', '.join(self.types)}"


def drawn(written: str, batch: int, rng: np.random.Generator, extreme: bool) -> np.ndarray:
    """Numbers of a type as a user writes it."""
    type, _, domain = written.partition(": ")
    name, _, rest = type.partition("[")
    shape = (batch, *(int(size) for size in rest.rstrip("]").split(",") if size))
    if name.startswith("index"):
        return rng.integers(0, int(name[6:-1]), shape)
    if name in ("bool", "u8"):
        return rng.integers(0, 2 if name == "bool" else 256, shape).astype(name.replace("u8", "uint8"))
    match domain:
        case "unit":
            return rng.uniform(0.02, 0.98, shape)
        case "positive":
            return np.exp(rng.normal(size=shape))
        case "sign":
            return rng.choice([-1.0, 1.0], shape)
        case "zero or one":
            return rng.integers(0, 2, shape).astype(float)
        case "shares":
            return rng.dirichlet(np.ones(shape[-1]), shape[:-1]) if shape[-1] > 1 else np.ones(shape)
    return rng.choice(EXTREMES, shape) * rng.uniform(0.95, 1.05, shape) if extreme else 2 * rng.normal(size=shape)


def _program(row: Row) -> Program:
    signature = ", ".join(f"{name}: {type.partition(': ')[0]}" for name, type in zip("abcdef", row.types, strict=False))
    return model_of(f"model Net({signature}) -> y {{\n    y = {row.written}\n}}\n").predict


def _differentiated(program: Program) -> tuple[Function, list[int]]:
    """The program with the gradients of sum(y * cotangent) after its result, and which parameters they are by."""
    builder = Builder.resume(program.function)
    (y,) = program.function.results
    cotangent = builder.parameter(y.type, "cotangent")
    total = builder.sum(builder.mul(y, cotangent), batch=y.type.batched)
    forward = simplify(builder.finish([y, total]))
    pairs = zip(program.function.parameters, program.inputs, strict=True)
    places = [
        place for place, (value, binding) in enumerate(pairs) if value.type.is_float and binding.role is not Role.STATE
    ]
    whole = gradient(forward, forward.results[1], [forward.parameters[place] for place in places])
    return simplify(whole, erase_stops=True), places


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float, what: str) -> None:
    """Each number to `tolerance`, and to a tenth of it beside the largest one."""
    scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)))
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=0.1 * tolerance * scale, err_msg=what)


def check(row: Row, seed: int, extreme: bool) -> None:
    """Compares one row. Raises AssertionError."""
    rng = np.random.default_rng(seed)
    program = _program(row)
    arrays = [drawn(type, row.batch, rng, extreme) for type in row.types]
    tensors = [torch.tensor(array, requires_grad=array.dtype == np.float64) for array in arrays]
    weights: dict[str, torch.Tensor] = {}
    call = row.keras
    if row.is_layer:
        layer = row.keras()
        given = tensors[0] if len(tensors) == 1 else tensors
        layer(given)  # builds it
        for variable in layer.weights:
            drawn_weights = rng.normal(size=variable.shape)
            variable.assign(abs(drawn_weights) if "variance" in variable.name else drawn_weights)
            weights[variable.name] = variable.value
        call = lambda *_: layer(given)  # noqa: E731
    with torch.enable_grad():
        wanted = call(*tensors).to(torch.float64)
    if wanted.ndim == 0:  # one number of the whole batch, which predict gives once for each sample
        wanted = wanted.expand(row.batch)
    function, places = _differentiated(program)
    cotangent = rng.normal(size=wanted.shape)
    inputs = dict(zip("abcdef", tensors, strict=False))
    sources = [
        weights[binding.name.rpartition(".")[2]] if binding.role in WEIGHTS else inputs[binding.name]
        for binding in program.inputs
    ]
    given_arrays = [source.detach().numpy() for source in sources]
    found, _, *slopes = evaluate(function, [*given_arrays, cotangent], row.batch)
    _close(found, wanted.detach().numpy(), VALUES, str(row))
    leaves = [sources[place] for place in places]
    if not leaves or not wanted.requires_grad:
        return
    total = (wanted * torch.tensor(cotangent)).sum()
    exact = torch.autograd.grad(total, leaves, allow_unused=True)
    for place, slope, one in zip(places, slopes, exact, strict=True):
        reference = np.zeros_like(slope) if one is None else one.numpy()
        which = f"gradient of {row} by {program.inputs[place].name}"
        _close(slope, reference, GRADIENTS, which)


def several(written: str, call: Keras, shapes: Sequence[tuple[str, ...]], **more: Any) -> Iterator[Row]:
    """A row for each list of types."""
    for types in shapes:
        yield Row(written, call, types, **more)


def layer(written: str, make: Callable[[], Any], *types: str, **more: Any) -> Row:
    """A row of a layer of Keras, which is made anew for each comparison."""
    return Row(written, make, types, True, **more)


def missing(*tables: Mapping[str, object]) -> set[str]:
    """Names of the library that none of the tables has."""
    return set(names()) - {name for table in tables for name in table}


activations, losses, metrics, layers = keras.activations, keras.losses, keras.metrics, keras.layers
