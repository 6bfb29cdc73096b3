"""Random well-typed tensor programs, made into modules by the schedule and emission, beside float64.

A program is a model with only a predict step: its parameters are data (per sample) or parameters (common), its results
are outputs. With `gradients`, its results are the gradients of a weighted sum of what it computes, so that adjoints
are scheduled too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nnc.base.source import Source, Span
from nnc.emit import module as emission
from nnc.schedule import run as scheduling
from nnc.tensor.build import Builder
from nnc.tensor.evaluate import evaluate
from nnc.tensor.gradient import gradient
from nnc.tensor.ir import Function, Value
from nnc.tensor.program import Binding, Model, Parameter, Port, Program, Role, Settings
from nnc.tensor.simplify import simplify
from nnc.tensor.types import TensorType, TypeMismatch
from tests.programs.harness import imported

SHAPES = [(), (1,), (3,), (5,), (7,), (2, 3), (3, 2), (1, 5), (5, 1), (3, 7), (2, 1, 3), (2, 3, 5)]
UNARY = ("neg", "abs", "tanh", "sigmoid", "exp", "sqrt", "relu")
BINARY = ("add", "sub", "mul", "maximum", "minimum", "div")
SMALL = 256  # elements a sample that a value may have
PLACE = Span(Source("random.nn", "model Random"), 0, 5)


class Writer:
    """Grows a program whose values stay near 1 and away from poles, so that float32 is near float64."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = Builder("predict")
        self.values: list[Value] = []
        for number in range(4):
            shape = SHAPES[self.rng.integers(1, len(SHAPES))]
            type = TensorType("f32", shape, number == 0 or self.chance(0.5))
            self.values.append(self.builder.parameter(type, f"x{number}"))
        self.index = self.builder.parameter(TensorType("i64", (), True, 3), "index")

    def any(self, rank: int = 0) -> Value:
        values = [value for value in self.values if value.type.rank >= rank] or self.values
        recent = values[-4:] if self.rng.random() < 0.6 else values
        return recent[self.rng.integers(len(recent))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def op(self, name: str, *args: Value, **attributes: Any) -> Value:
        return self.builder.op(name, *args, **attributes)

    def grow(self) -> None:
        kinds = (self.pointwise, self.pointwise, self.unary, self.reduction, self.reduction, self.view, self.product)
        kind = (*kinds, self.product, self.indexing, self.where)[self.rng.integers(10)]
        try:
            made = kind()
        except TypeMismatch:
            return
        if made.type.is_float and made.type.size <= SMALL and made.type.rank <= 4:
            self.values.append(made)

    def unary(self) -> Value:
        name, x = UNARY[self.rng.integers(len(UNARY))], self.any()
        match name:
            case "exp":
                return self.op("exp", self.op("tanh", x))
            case "sqrt":
                return self.op("sqrt", self.builder.add(self.builder.mul(x, x), 1.0))
            case "relu":
                return self.builder.op("maximum", x, self.builder.like(0, x))
            case _:
                return self.op(name, x)

    def pointwise(self) -> Value:
        name, x, y = BINARY[self.rng.integers(len(BINARY))], self.any(), self.any()
        if name == "div":
            return self.builder.div(x, self.builder.add(self.builder.mul(y, y), 1.0))
        if name == "mul":
            y = self.op("tanh", y)
        return self.op(name, x, y)

    def reduction(self) -> Value:
        x = self.any(1)
        axes = tuple(axis for axis in range(x.type.rank) if self.chance(0.5))
        name = ("sum", "sum", "max", "min", "softmax")[self.rng.integers(5)]
        batch = x.type.batched and name == "sum" and self.chance(0.4)
        if name == "softmax":
            axes = axes[:1] or (x.type.rank - 1,)
            e = self.op("exp", self.op("sub", x, self.op("max", x, axes=axes, keepdims=True)))
            return self.op("div", e, self.op("sum", e, axes=axes, keepdims=True))
        made = self.op(name, x, axes=axes, keepdims=self.chance(0.5), batch=batch)
        if name == "sum":
            count = math.prod(x.type.shape[axis] for axis in axes)
            made = self.builder.mul(made, 1.0 / (count * (8 if batch else 1)))
        return made

    def view(self) -> Value:
        x = self.any(1)
        match self.rng.integers(6):
            case 0:
                permutation = tuple(int(axis) for axis in self.rng.permutation(x.type.rank))
                return self.op("transpose", x, permutation=permutation)
            case 1:
                sizes = [size for size in x.type.shape if size > 1]
                self.rng.shuffle(sizes)
                if len(sizes) > 1 and self.chance(0.5):
                    sizes = [math.prod(sizes[:2]), *sizes[2:]]
                if self.chance(0.3):
                    sizes.insert(int(self.rng.integers(len(sizes) + 1)), 1)
                return self.op("reshape", x, shape=tuple(sizes))
            case 2:
                starts = tuple(int(self.rng.integers(size)) for size in x.type.shape)
                stops = tuple(
                    int(self.rng.integers(a + 1, size + 1)) for a, size in zip(starts, x.type.shape, strict=True)
                )
                steps = tuple(int(self.rng.integers(1, 3)) for _ in starts)
                return self.op("slice", x, starts=starts, stops=stops, steps=steps)
            case 3:
                low, high = (tuple(int(n) for n in self.rng.integers(0, 3, x.type.rank)) for _ in range(2))
                return self.op("pad", x, low=low, high=high, value=0.5)
            case 4:
                y = self.any(1)
                return self.op("concat", x, y, axis=int(self.rng.integers(x.type.rank)))
            case _:
                return self.op("reverse", x, axes=(int(self.rng.integers(x.type.rank)),))

    def product(self) -> Value:
        x = self.any(1)
        first = "abcd"[: x.type.rank]
        lead = "B" if x.type.batched else ""
        if self.chance(0.5):  # with a parameter that fits, as a layer has
            n = int(self.rng.integers(1, 9))
            shape = (x.type.shape[-1], n) if self.chance(0.7) else (n, x.type.shape[-1])
            y = self.builder.parameter(TensorType("f32", shape), f"w{len(self.values)}")
            self.values.append(y)
            second = first[-1] + "z" if shape == (x.type.shape[-1], n) else "z" + first[-1]
            made = self.op("einsum", x, y, spec=f"{lead}{first},{second}->{lead}{first[:-1]}z")
            return self.builder.mul(made, 1.0 / x.type.shape[-1])
        y = self.any(1)
        sizes = dict(zip(first, x.type.shape, strict=True))
        second, free = "", list("wxyz")
        for size in y.type.shape:
            fitting = [letter for letter, own in sizes.items() if own == size and letter not in second]
            second += fitting[self.rng.integers(len(fitting))] if fitting and self.chance(0.8) else free.pop()
        both = [letter for letter in first if letter in second]
        contracted = [letter for letter in both if self.chance(0.6)]
        left = [letter for letter in dict.fromkeys(first + second) if letter not in contracted]
        if self.chance(0.3):
            self.rng.shuffle(left)
        other = "B" if y.type.batched else ""
        over_batch = lead == other == "B" and self.chance(0.3)
        result = ("" if over_batch or not lead + other else "B") + "".join(left)
        made = self.op("einsum", x, y, spec=f"{lead}{first},{other}{second}->{result}")
        count = math.prod(sizes[letter] for letter in contracted) * (8 if over_batch else 1)
        return self.builder.mul(made, 1.0 / count)

    def indexing(self) -> Value:
        x = self.any(1)
        match self.rng.integers(5):
            case 0:
                return self.op("pick", x, self.index)
            case 2:
                made = self.op("cumsum", x, reverse=self.chance(0.5))
                return self.builder.mul(made, 0.9 / x.type.shape[-1])  # not the mean, which may equal an element
            case 3:
                return self.ordered(x)
            case 1:
                return self.op("place", self.op("sum", x, axes=tuple(range(x.type.rank))), self.index, n=3)
            case _:
                return self.op("convert", self.op("argmax", x, axes=(x.type.rank - 1,)), element="f32")

    def ordered(self, x: Value) -> Value:
        """The largest or smallest few of the last axis, in order."""
        *outer, n = x.type.shape
        k = int(self.rng.integers(1, n + 1))
        places = self.op("argsort", x, descending=self.chance(0.5))
        starts, stops = (0,) * x.type.rank, (*outer, k)
        places = self.op("slice", places, starts=starts, stops=stops, steps=(1,) * x.type.rank)
        rows = self.builder.reshape(x, (*outer, 1, n))
        spread = self.op("broadcast", rows, shape=(*outer, k, n), batched=x.type.batched)
        return self.op("pick", spread, places)

    def where(self) -> Value:
        x, y = self.any(), self.any()
        return self.builder.where(self.builder.gt(x, y), x, float(self.rng.integers(2)))

    def finish(self) -> Function:
        for _ in range(12):
            self.grow()
        picked = self.rng.permutation(len(self.values))[:2]
        results = dict.fromkeys([self.values[-1], *(self.values[place] for place in picked)])
        made = {value for op in self.builder.finish(()).ops for value in op.results}
        return self.builder.finish([value for value in results if value in made] or [self.op("tanh", self.values[0])])


def per_sample(function: Function) -> Function:
    """The function with its common results repeated for every sample, as a model's results are."""
    builder = Builder.resume(function)
    results = [
        value if value.type.batched else builder.op("broadcast", value, shape=value.type.shape, batched=True)
        for value in function.results
    ]
    return builder.finish(results)


def with_gradients(function: Function) -> Function:
    """The function whose results are the gradients of a scalar of the function's results, by all it is given."""
    builder = Builder.resume(function)
    total = builder.op("constant", value=0.0, element="f32")
    for value in function.results:
        axes = tuple(range(value.type.rank))
        bent = builder.op("tanh", value)
        part = builder.op("sum", bent, axes=axes, batch=value.type.batched)
        total = builder.add(total, builder.mul(part, 1.0 / (value.type.size * (8 if value.type.batched else 1))))
    forward = builder.finish([total])
    wrt = [value for value in function.parameters if value.type.is_float]
    whole = gradient(forward, total, wrt)
    return Function(whole.name, whole.parameters, whole.ops, whole.results[1:])


def used_only(function: Function) -> Function:
    """Without parameters that nothing reads."""
    used = {arg for op in function.ops for arg in op.args} | set(function.results)
    return Function(function.name, tuple(p for p in function.parameters if p in used), function.ops, function.results)


def model_of(function: Function) -> Model:
    """A model that predicts the function's results."""
    inputs: list[Port] = []
    parameters: list[Parameter] = []
    bindings: list[Binding] = []
    for value in function.parameters:
        if value.type.batched:
            inputs.append(Port(value.hint, value.type, str(value.type), PLACE))
            bindings.append(Binding(Role.INPUT, value.hint))
        else:
            initial = Builder("initial")
            zero = initial.broadcast(initial.op("constant", value=0.0, element="f32"), value.type)
            parameters.append(Parameter(value.hint, value.type, initial.finish([zero]), PLACE))
            bindings.append(Binding(Role.PARAMETER, value.hint))
    names = [f"y{number}" for number in range(len(function.results))]
    results = tuple(Port(name, v.type, str(v.type), PLACE) for name, v in zip(names, function.results, strict=True))
    outputs = tuple(Binding(Role.OUTPUT, name) for name in names)
    program = Program(function, tuple(bindings), outputs)
    return Model(
        "Random", "", PLACE.source, PLACE, tuple(inputs), (), results, tuple(parameters), (), (), None, None, None,
        program, (), (), Settings(batch_size=8),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A program, the module's text, and what it is run on."""

    seed: int
    function: Function
    text: str
    batch: int
    arguments: list[np.ndarray]


def is_tame(function: Function, arguments: list[np.ndarray], batch: int) -> bool:
    """Whether no comparison, maximum or argmax of the program is so near a tie that rounding decides it."""
    rng = np.random.default_rng(0)
    noisy = [a + 1e-6 * rng.choice([-1.0, 1.0], a.shape) if a.dtype.kind == "f" else a for a in arguments]
    pairs = zip(evaluate(function, arguments, batch), evaluate(function, noisy, batch), strict=True)
    return all(np.all(np.abs(a - b) <= 1e-4 * (1 + np.abs(a).max(initial=0))) for a, b in pairs)


def case(seed: int) -> Case | None:
    """None where the program has no per-sample input left, has no result or hangs on a tie."""
    function = Writer(seed).finish()
    if seed % 3 == 2:
        function = with_gradients(function)
    function = used_only(simplify(per_sample(function), erase_stops=True))
    if not function.ops or not any(value.type.batched for value in function.parameters):
        return None
    batch = (8, 1, 5)[seed % 3]
    rng = np.random.default_rng(seed)
    arguments = []
    for value in function.parameters:
        shape = ((batch,) if value.type.batched else ()) + value.type.shape
        integer = value.type.bound is not None
        drawn = rng.integers(0, 3, shape) if integer else rng.uniform(-1.5, 1.5, shape).astype(np.float32)
        arguments.append(drawn)
    if not is_tame(function, arguments, batch):
        return None
    model = model_of(function)
    return Case(seed, function, emission.run(scheduling.run(model, None, None, model.predict)), batch, arguments)


def check(case: Case, backend: str, device: str = "cpu") -> None:
    """Runs the module's predict step under guard and compares each result with float64."""
    cls = imported(case.text, f"random_{case.seed}")
    model = cls(device=device, backend=backend, _guard=True)
    inputs = {}
    for value, argument in zip(case.function.parameters, case.arguments, strict=True):
        if value.type.batched:
            inputs[value.hint] = argument
        else:
            model.parameters[value.hint].copy_(torch.from_numpy(argument))
    found = model.predict(inputs, batch_size=case.batch, verbose=0)
    found = found if isinstance(found, dict) else {"y0": found}
    assert model.guards is not None
    assert model.guards.overwritten() == []
    for number, wanted in enumerate(evaluate(case.function, case.arguments, case.batch)):
        own = found[f"y{number}"]
        scale = 1 + np.abs(wanted).max(initial=0)
        np.testing.assert_allclose(own / scale, wanted / scale, rtol=0, atol=1e-5, err_msg=f"y{number}")
