"""Random programs of pointwise ops, reductions, views, products and picks, in one kernel and cut in two."""

from __future__ import annotations

import numpy as np
import pytest

from nnc.schedule.kernel import BATCH, Buffer, Extent, Space, StepSchedule
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.ir import Function, Value
from nnc.tensor.types import TensorType, TypeMismatch
from tests.emit.torch_harness import Run, by_hand, one_kernel, program_of

SHAPES = [(), (1,), (3,), (2, 3), (3, 2), (1, 3)]
UNARY = ("neg", "abs", "tanh", "sigmoid", "sin", "stop_gradient")
BINARY = ("add", "sub", "mul", "maximum", "minimum")


class Writer:
    """Grows a program whose values stay small, so that float32 is near float64."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = Builder("random")
        self.values = [
            self.builder.parameter(TensorType("f32", self._shape(), bool(self.rng.random() < 0.7)), f"x{number}")
            for number in range(4)
        ]
        self.index = self.builder.parameter(TensorType("i64", (), True, 3), "index")

    def _shape(self) -> tuple[int, ...]:
        return SHAPES[self.rng.integers(len(SHAPES))]

    def _any(self) -> Value:
        recent = self.values[-5:] if self.rng.random() < 0.6 else self.values
        return recent[self.rng.integers(len(recent))]

    def grow(self) -> None:
        kind = self.rng.integers(10)
        try:
            made = self._make(int(kind))
        except TypeMismatch:
            return
        if made.type.size <= 64:
            self.values.append(self.builder.op("tanh", made) if kind in (2, 6) else made)

    def _make(self, kind: int) -> Value:
        b, x, y = self.builder, self._any(), self._any()
        match kind:
            case 0 | 1:
                return b.op(BINARY[self.rng.integers(len(BINARY))], x, y)
            case 2:
                axes = [axis for axis in range(x.type.rank) if self.rng.random() < 0.6]
                batch = bool(x.type.batched and self.rng.random() < 0.3)
                name = ("sum", "max", "min")[self.rng.integers(3)]
                return b.op(name, x, axes=tuple(axes), keepdims=bool(self.rng.random() < 0.5), batch=batch)
            case 3:
                return b.op(UNARY[self.rng.integers(len(UNARY))], x)
            case 4:
                return b.op("transpose", x, permutation=tuple(int(a) for a in self.rng.permutation(x.type.rank)))
            case 5:
                shape = SHAPES[self.rng.integers(len(SHAPES))]
                return b.op("reshape", x, shape=shape)
            case 6:
                batches = [("B" if value.type.batched else "") for value in (x, y)]
                result = "B" if any(batches) and self.rng.random() < 0.5 else ""
                if x.type.rank != 2 or y.type.rank != 2:
                    return b.op("sum", x, axes=())
                if len(set(batches)) == 2:
                    result = "B"
                return b.op("einsum", x, y, spec=f"{batches[0]}ik,{batches[1]}kj->{result}ij")
            case 7:
                return b.op("pick", x, self.index)
            case 8:
                return b.where(b.gt(x, y), x, float(self.rng.integers(2)))
            case _:
                number = float(self.rng.integers(-2, 3)) / 2
                return b.sub(number, x) if self.rng.random() < 0.5 else b.mul(x, number)

    def finish(self) -> Function:
        for _ in range(14):
            self.grow()
        picked = self.rng.permutation(len(self.values))[:3]
        return self.builder.finish([self.values[-1], *(self.values[place] for place in picked)])


def arrays(function: Function, batch: int) -> list[np.ndarray]:
    rng = np.random.default_rng(batch)
    found = []
    for value in function.parameters:
        shape = ((batch,) if value.type.batched else ()) + value.type.shape
        bound = value.type.bound
        found.append(rng.integers(0, bound, shape) if bound else rng.uniform(-1, 1, shape).astype(np.float32))
    return found


def compare(run: Run, function: Function, given: list[np.ndarray], batch: int) -> None:
    run()
    for number, expected in enumerate(evaluate(function, given, batch)):
        scale = 1 + np.abs(expected).max(initial=0)
        np.testing.assert_allclose(run.result(number), expected, rtol=1e-4, atol=1e-5 * scale, err_msg=run.text)


@pytest.mark.parametrize("seed", range(200))
def test_random_program(seed: int) -> None:
    function = Writer(seed).finish()
    batch = (1, 2, 7)[seed % 3]
    given = arrays(function, batch)
    program = program_of(function)
    compare(Run(one_kernel(program), given, batch), function, given, batch)
    compare(Run(_cut(function), given, batch), function, given, batch)


def _cut(function: Function) -> StepSchedule:
    """Two kernels: what the second needs of the first goes through the arena; constants are made again."""
    middle = len(function.ops) // 2
    first, second = function.ops[:middle], function.ops[middle:]
    again = [op for op in first if op.primitive == "constant"]
    made = {value for op in first for value in op.results} - {op.result for op in again}
    crossing = dict.fromkeys(arg for op in second for arg in op.args if arg in made)
    results = set(function.results)
    arena = {
        value: Buffer(f"crossing_{number}", value.type.element, _shape(value), Space.ARENA)
        for number, value in enumerate(crossing)
        if value not in results
    }
    early = [value for op in first for value in op.results if value in arena or value in results]
    late = [value for op in second for value in op.results if value in results]
    inputs = [value for value in function.parameters if value in results]
    parts = [("first", first, [*early, *inputs]), ("second", [*again, *second], late)]
    return by_hand(program_of(function), parts, arena)


def _shape(value: Value) -> tuple[Extent, ...]:
    return (BATCH, *value.type.shape) if value.type.batched else value.type.shape
