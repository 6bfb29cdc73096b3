"""Random models and their training in the language itself, each with the same in plain torch.

A net has inputs of several kinds, layers that are used twice, layers with states, merges, one or two results and a loss
of one or several terms. It is a list of lines, so that it can be written again with other names or in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tests.programs.autograd import Draw, Outcome, Reference, Tensors, entropy, floats, hits, labels, normalised, sgd

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}
HEAD = """## Moves with the average of what it sees.
layer Centred(rate = 0.5)(x: float[..., D]) -> y: float[..., D] {
    state centre: float[D] = zeros
    now = mean(x, axis = [axis for axis in range(len(shape(x)) - 1)], batch = true) if training else centre
    centre' = centre * (1 - rate) + now * rate
    y = x - now
}

fn mix(share = 0.5)(a: float[...S], b: float[...S]) -> float[...S] {
    result = share * a + (1 - share) * b
}

"""


@dataclass(slots=True)
class Run:
    """One evaluation: values by variable, parameters and states by path, the new states, whether in training."""

    values: Tensors
    p: Tensors
    states: Tensors
    training: bool

    def centred(self, path: str, x: Tensor, rate: float) -> Tensor:
        path = f"{path}.centre"
        before = self.states.get(path, self.p[path])
        if not self.training:
            return x - before
        now = x.reshape(-1, x.shape[-1]).mean(0)
        self.states[path] = before * (1 - rate) + now * rate
        return x - now

    def dense(self, path: str, x: Tensor, activation: str = "linear") -> Tensor:
        return ACTIVATIONS[activation](x @ self.p[f"{path}.kernel"] + self.p[f"{path}.bias"])


Compute: TypeAlias = Callable[[Run], Tensor | tuple[Tensor, ...] | None]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """text: with the variables in braces. made: what it assigns. used: what it reads; what changes a state has it in
    both `used` and `changed`."""

    text: str
    made: tuple[str, ...]
    used: frozenset[str]
    compute: Compute
    changed: str | None = None


@dataclass(slots=True)
class Net:
    """results, terms: of the loss, and metrics, by name, from the values. kept: variables whose names are the net's
    outside: inputs, results and targets."""

    seed: int
    inputs: dict[str, tuple[str, Draw]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    training: list[str] = field(default_factory=list)
    targets: dict[str, tuple[str, Draw]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    terms: dict[str, Callable[[Tensors, Tensors], Tensor]] = field(default_factory=dict)
    metrics: dict[str, Callable[[Tensors, Tensors], Tensor]] = field(default_factory=dict)
    penalised: str | None = None
    momentum: float = 0.0

    def text(self, names: dict[str, str] | None = None, lines: list[Line] | None = None, batch: int = 8) -> str:
        """The program, with its own variables and order of lines or with those given."""
        variables = {name: name for line in self.lines for name in line.made} | {name: name for name in self.inputs}
        variables |= names or {}
        signature = ", ".join(f"{name}: {type}" for name, (type, _) in self.inputs.items())
        results = ", ".join(f"{name}: {type}" for name, type in self.results.items())
        body = [line.text.format(**variables) for line in (lines or self.lines)]
        if self.penalised is not None:
            body.append(f"penalty 0.01 * sum({variables[self.penalised]}.kernel ^ 2)")
        train = [f"target {name}: {type}" for name, (type, _) in self.targets.items()]
        train += [*self.training, f"optimizer = SGD(0.1, momentum = {self.momentum})", f"batch_size = {batch}"]
        return (
            f"{HEAD}model Net({signature}) -> {f'({results})' if len(self.results) > 1 else results} {{\n"
            + "".join(f"    {line}\n" for line in body)
            + "}\n\ntrain Net {\n"
            + "".join(f"    {line}\n" for line in train)
            + "}\n"
        )

    def forward(self, p: Tensors, d: Tensors, training: bool) -> Outcome:
        run = Run({name: d[name] for name in self.inputs}, p, {}, training)
        for line in self.lines:
            made = line.compute(run)
            if made is not None:
                run.values.update(zip(line.made, made if isinstance(made, tuple) else (made,), strict=True))
        terms = {name: term(run.values, d) for name, term in self.terms.items()}
        loss = sum((each.reshape(len(each), -1).mean(1) for each in terms.values()), torch.zeros(()))
        metrics = {name: metric(run.values, d) for name, metric in self.metrics.items()}
        results = {name: run.values[name].softmax(-1) if name == "probs" else run.values[name] for name in self.results}
        penalty = None if self.penalised is None else 0.01 * p[f"{self.penalised}.kernel"].square().sum()
        return Outcome(results, loss, metrics, penalty, run.states, terms if len(terms) > 1 else {})

    def reference(self, sizes: tuple[tuple[int, int], ...]) -> Reference:
        return Reference(
            Path(f"net_{self.seed}.nn"),
            partial(self.forward, training=True),
            sgd(0.1, self.momentum),
            {name: draw for name, (_, draw) in self.inputs.items()},
            {name: draw for name, (_, draw) in self.targets.items()},
            sizes,
            partial(self.forward, training=False),
            tolerance=1e-5,
        )


class Writer:
    """Grows a net line by line from what is there."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.net = Net(seed, momentum=(0.0, 0.9)[seed % 2])
        self.shapes: dict[str, Shape] = {}
        self.unread: dict[str, None] = {}
        self.layers: dict[str, tuple[str, int, str]] = {}  # layers with names: kind, last axis that they take, text
        self.numbers = count()

    # ------------------------------------------------------------------------------------------ choosing

    def one_of(self, among: list[str] | tuple[str, ...]) -> str:
        return among[self.rng.integers(len(among))]

    def any(self, rank: int = 1) -> str:
        names = [name for name, shape in self.shapes.items() if len(shape) >= rank]
        unread = [name for name in names if name in self.unread]
        return self.one_of(unread if unread and self.rng.random() < 0.6 else names)

    def beside(self, name: str) -> str:
        """A variable of the same shape, itself where there is no other."""
        same = [each for each, shape in self.shapes.items() if shape == self.shapes[name] and each != name]
        return self.one_of(same) if same else name

    def fresh(self) -> str:
        return f"v{next(self.numbers)}"

    def put(self, text: str, used: tuple[str, ...], made: dict[str, Shape], compute: Compute, **more: str) -> None:
        """A line that assigns `made`; `text` is what stands on its right."""
        assigned = ", ".join(f"{{{name}}}" for name in made)
        changed = more.get("changed")
        self.net.lines.append(Line(f"{assigned} = {text}", tuple(made), frozenset(used), compute, changed))
        for name in used:
            self.unread.pop(name, None)
        for name, shape in made.items():
            self.shapes[name] = shape
            self.unread[name] = None

    # -------------------------------------------------------------------------------------------- lines

    def dense(self) -> None:
        x, y, n = self.any(), self.fresh(), int(self.rng.integers(1, 7))
        f = self.one_of(tuple(ACTIVATIONS))
        self.put(
            f"{{{x}}} |> Dense({n}, {f})", (x,), {y: (*self.shapes[x][:-1], n)},
            lambda run: run.dense(f"{y}.dense", run.values[x], f),
        )  # fmt: skip

    def several(self) -> None:
        """Three layers in a row, each with parameters of its own."""
        x, y = self.any(), self.fresh()
        n = self.shapes[x][-1]

        def compute(run: Run) -> Tensor:
            value = run.values[x]
            for path in ("dense", "dense_2", "dense_3"):
                value = run.dense(f"{y}.{path}", value, "tanh")
            return value

        self.put(f"{{{x}}} |> 3 * Dense({n}, tanh)", (x,), {y: self.shapes[x]}, compute)

    def shared(self) -> None:
        """A layer with a name, used twice or once more, in one of three ways."""
        x = self.any()
        size = self.shapes[x][-1]
        fitting = [name for name, (kind, wanted, _) in self.layers.items() if kind == "dense" and wanted == size]
        if not fitting:
            f = self.fresh()
            self.layers[f] = ("dense", size, "")
            self.net.lines.append(Line(f"{{{f}}} = Dense({size}, tanh)", (f,), frozenset(), lambda run: None))
            fitting = [f]
        f = self.one_of(fitting)
        y, other = self.fresh(), self.beside(x)
        if len(self.shapes[x]) > 1 and self.rng.random() < 0.4:
            text, used = f"[part |> {{{f}}} for part in {{{x}}}]", (x,)
            compute: Compute = lambda run: run.dense(f, run.values[x], "tanh")  # noqa: E731
        elif other != x:
            text, used = f"{{{f}}}({{{x}}}) - ({{{other}}} |> {{{f}}})", (x, other)
            compute = lambda run: run.dense(f, run.values[x], "tanh") - run.dense(f, run.values[other], "tanh")  # noqa: E731
        else:
            text, used = f"{{{x}}} |> 2 * {{{f}}}", (x,)
            compute = lambda run: run.dense(f, run.dense(f, run.values[x], "tanh"), "tanh")  # noqa: E731
        self.put(text, (*used, f), {y: self.shapes[x]}, compute)
        if self.net.penalised is None and self.rng.random() < 0.5:
            self.net.penalised = f

    def centred(self) -> None:
        """A layer with a state, which a second application reads as the first has left it."""
        x = self.any()
        size = self.shapes[x][-1]
        fitting = [name for name, (kind, wanted, _) in self.layers.items() if kind == "centred" and wanted == size]
        y = self.fresh()
        if not fitting:
            f = self.fresh()
            self.layers[f] = ("centred", size, "")
            self.net.lines.append(Line(f"{{{f}}} = Centred(0.25)", (f,), frozenset(), lambda run: None))
            fitting = [f]
        f = self.one_of(fitting)
        self.put(
            f"{{{x}}} |> {{{f}}}", (x, f), {y: self.shapes[x]},
            lambda run: run.centred(f, run.values[x], 0.25), changed=f,
        )  # fmt: skip

    def normal(self) -> None:
        x, y = self.any(), self.fresh()
        if self.rng.random() < 0.5:
            self.put(
                f"{{{x}}} |> BatchNormalization(momentum = 0.8, epsilon = 0.01)", (x,), {y: self.shapes[x]},
                lambda run: normalised(run.p, y, run.values[x], run.states if run.training else None, 0.8, 0.01),
            )  # fmt: skip
            return
        size = self.shapes[x][-1]
        path = f"{y}.layer_normalization"
        self.put(
            f"{{{x}}} |> LayerNormalization(epsilon = 0.1)", (x,), {y: self.shapes[x]},
            lambda run: functional.layer_norm(
                run.values[x], (size,), run.p[f"{path}.gamma"], run.p[f"{path}.beta"], 0.1
            ),
        )  # fmt: skip

    def merge(self) -> None:
        x = self.any()
        other, y = self.beside(x), self.fresh()
        size = self.shapes[x][-1]
        kinds: dict[str, tuple[Shape, Callable[[Tensor, Tensor], Tensor]]] = {
            "({%s}, {%s}) |> Concatenate": ((*self.shapes[x][:-1], 2 * size), lambda a, b: torch.cat([a, b], -1)),
            "({%s}, {%s}) |> Add": (self.shapes[x], torch.add),
            "({%s}, {%s}) |> Average": (self.shapes[x], lambda a, b: (a + b) / 2),
            "{%s} * sigmoid({%s})": (self.shapes[x], lambda a, b: a * b.sigmoid()),
            "mix({%s}, {%s}, share = 0.25)": (self.shapes[x], lambda a, b: 0.25 * a + 0.75 * b),
            "({%s}, {%s}) |> mix": (self.shapes[x], lambda a, b: (a + b) / 2),
            "where({%s} > 0.1, {%s}, -0.5)": (self.shapes[x], lambda a, b: torch.where(a > 0.1, b, -0.5)),
        }
        text = self.one_of(list(kinds))
        shape, function = kinds[text]
        self.put(text % (x, other), (x, other), {y: shape}, lambda run: function(run.values[x], run.values[other]))

    def view(self) -> None:
        x, y = self.any(), self.fresh()
        shape, axes = self.shapes[x], tuple(range(1, 1 + len(self.shapes[x])))
        kinds: dict[str, tuple[Shape, Callable[[Tensor], Tensor]]] = {
            "{%s} |> Flatten": ((int(np.prod(shape)),), lambda a: a.flatten(1)),
            "{%s} - mean({%s}, axis = [], batch = true)": (shape, lambda a: a - a.mean(0)),
            "tanh({%s}) / (1 + {%s} ^ 2)": (shape, lambda a: a.tanh() / (1 + a.square())),
            "stop_gradient({%s}) * {%s}": (shape, lambda a: a.detach() * a),
            "reverse({%s}) + {%s}": (shape, lambda a: a.flip(-1) + a),
        }
        if len(shape) > 1:
            kinds["mean({%s}, axis = 0) + max({%s}, axis = 0)"] = (shape[1:], lambda a: a.mean(1) + a.amax(1))
            kinds["transpose({%s})"] = (shape[::-1], lambda a: a.permute(0, *axes[::-1]))
        if shape[-1] > 1:
            kinds["{%s}[..., 1:] - {%s}[..., :-1]"] = ((*shape[:-1], shape[-1] - 1), lambda a: a.diff(dim=-1))
        text = self.one_of(list(kinds))
        made, function = kinds[text]
        self.put(text.replace("%s", x), (x,), {y: made}, lambda run: function(run.values[x]))

    def parts(self) -> None:
        x = self.any()
        *lead, size = self.shapes[x]
        if size % 2:
            return self.dense()
        a, b = self.fresh(), self.fresh()
        made = {a: (*lead, size // 2), b: (*lead, size // 2)}
        self.put(f"split({{{x}}}, 2)", (x,), made, lambda run: run.values[x].chunk(2, -1))
        return None

    # -------------------------------------------------------------------------------------------- whole

    def start(self) -> None:
        """Two or three inputs: vectors, sequences, bytes, indices."""
        kinds: list[tuple[str, Draw, Shape]] = [
            ("float[3]", floats(3), (3,)),
            ("float[2, 4]", floats(2, 4), (2, 4)),
            ("u8[5]", lambda generator, n: generator.integers(0, 256, (n, 5)).astype(np.uint8), (5,)),
            ("index(4)", labels(4), ()),
        ]
        for place in self.rng.permutation(4)[: self.rng.integers(2, 4)]:
            type, draw, shape = kinds[place]
            x = f"x{place}"
            self.net.inputs[x] = (type, draw)
            if type.startswith("float"):
                self.shapes[x] = shape
                self.unread[x] = None
            elif type.startswith("u8"):
                self.put(
                    f"{{{x}}} |> Rescaling(1 / 255)", (x,), {self.fresh(): shape},
                    lambda run, x=x: run.values[x].double() / 255,
                )  # fmt: skip
            else:
                y = self.fresh()
                path = f"{y}.embedding.embeddings"
                self.put(
                    f"{{{x}}} |> Embedding(4, 3)", (x,), {y: (3,)},
                    lambda run, x=x, path=path: run.p[path][run.values[x]],
                )  # fmt: skip

    def gathered(self) -> str:
        """All that nothing has read, as one vector."""
        names = list(self.unread)
        flat = ", ".join(f"({{{name}}} |> Flatten)" for name in names)
        y = self.fresh()
        size = sum(int(np.prod(self.shapes[name])) for name in names)
        self.put(
            f"({flat},) |> Concatenate", tuple(names), {y: (size,)},
            lambda run: torch.cat([run.values[name].flatten(1) for name in names], 1),
        )  # fmt: skip
        return y

    def finish(self, most: int) -> Net:
        self.start()
        kinds = (self.dense, self.shared, self.centred, self.normal, self.merge, self.view, self.view)
        for _ in range(self.rng.integers(2, most + 1)):
            (*kinds, self.parts, self.several)[self.rng.integers(len(kinds) + 2)]()
        net, x = self.net, self.gathered()
        classes, numbers = int(self.rng.integers(2, 5)), self.rng.random() < 0.6
        net.lines.append(
            Line(
                f"probs = {{{x}}} |> Dense({classes}, softmax)", ("probs",), frozenset({x}),
                lambda run: run.dense("probs.dense", run.values[x]),
            )
        )  # fmt: skip
        net.results["probs"] = f"float[{classes}]"
        net.targets["label"] = (f"index({classes})", labels(classes))
        net.terms["kind"] = lambda values, d: entropy(values["probs"], d["label"])
        net.metrics["accuracy"] = lambda values, d: hits(values["probs"], d["label"])
        written = {"kind": "categorical_crossentropy(probs, label)"}
        if numbers:
            net.lines.append(
                Line(
                    f"number = {{{x}}} |> Dense(2)", ("number",), frozenset({x}),
                    lambda run: run.dense("number.dense", run.values[x]),
                )
            )  # fmt: skip
            net.results["number"] = "float[2]"
            net.targets["wanted"] = ("float[2]", floats(2))
            net.terms["size"] = lambda values, d: 0.5 * (values["number"] - d["wanted"]).square()
            written["size"] = "0.5 * (number - wanted) ^ 2"
        terms = ", ".join(f"{name}: {text}" for name, text in written.items())
        net.training.append(f"loss = {{ {terms} }}" if numbers else f"loss = {written['kind']}")
        net.training.append("metrics = { accuracy: accuracy(probs, label) }")
        return net


def net(seed: int, most: int = 4) -> Net:
    """Of at most so many lines beside those for inputs and results."""
    return Writer(seed).finish(most)
