"""What may be changed in a program without changing what it computes: names, the order of statements, the layout, the
order of the samples, the size of the batch. Of random draws `test_draws` says the same."""

from __future__ import annotations

import random
import re
import zlib
from typing import Any

import numpy as np
import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.emit import module as emission
from nnc.pipeline import Options, schedule
from nnc.syntax.format import format_module
from nnc.syntax.parse import parse
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Program, Role
from nnc.tensor.step import training_step
from tests.language.programs import model_of
from tests.programs.harness import imported
from tests.programs.random_nets import Line, Net, net
from tests.programs.sample_references import SAMPLES

SEEDS = range(1000, 1020)
BATCH = 6
# what modules, kernels and the runtime call things of their own, and words of the language that are names elsewhere
NAMES = (
    "count rows order sums control torch tl triton model train target loss state data step cursor valid sample k acc "
    "partials gradient kernel bias learning_rate optimizer y x self é _h index_ n m weight terms"
)


def operations(text: str) -> list[object]:
    """What a training computes, without names and places."""
    program = model_of(text).train
    assert program is not None
    numbers: dict[object, int] = {}
    for value in program.function.values():
        numbers[value] = len(numbers)
    return [
        [(value.type, numbers[value]) for value in program.function.parameters],
        *(
            (op.primitive, [numbers[arg] for arg in op.args], op.attributes, [value.type for value in op.results])
            for op in program.function.ops
        ),
        [numbers[value] for value in program.function.results],
    ]


def renamed(made: Net) -> dict[str, str]:
    own = [name for line in made.lines for name in line.made if name not in made.results]
    return dict(zip(own, random.Random(made.seed).sample(NAMES.split(), len(own)), strict=True))


def reordered(made: Net) -> list[Line]:
    """Any order in which each line comes after what it reads, and changes of a layer's state stay in theirs."""
    rng = random.Random(made.seed)
    waiting, known, order = list(made.lines), set(made.inputs), []
    while waiting:
        free = [
            line
            for place, line in enumerate(waiting)
            if line.used <= known
            and not (line.changed and any(before.changed == line.changed for before in waiting[:place]))
        ]
        line = rng.choice(free)
        waiting.remove(line)
        order.append(line)
        known |= set(line.made)
    return order


def loosened(text: str, seed: int) -> str:
    """The same with other spaces within its lines."""
    rng = random.Random(seed)
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words and words[0] != "##":
            line = " " * rng.randrange(7) + "".join(word + " " * rng.randint(1, 3) for word in words)
            line = line.replace(", ", rng.choice((",", " , ", ",   "))).replace(" |> ", rng.choice(("|>", "  |> ")))
        lines.append(line)
    return "\n".join(lines)


def formatted(text: str) -> str:
    return format_module(parse(Source("net.nn", text), Reporter()))


def computed(program: Program, order: np.ndarray | None = None) -> dict[tuple[Role, str, str], np.ndarray]:
    """All that a step gives in float64, from arrays that depend on the names alone; the samples in that order."""
    arguments = []
    for binding, value in zip(program.inputs, program.function.parameters, strict=True):
        rng = np.random.default_rng(zlib.crc32(f"{binding.role}, {binding.name}, {binding.path}".encode()))
        shape = ((BATCH,) if value.type.batched else ()) + value.type.shape
        bound = value.type.bound or 256
        array = rng.uniform(0.1, 1.0, shape) if value.type.is_float else rng.integers(0, bound, shape)
        arguments.append(array[order] if value.type.batched and order is not None else array)
    results = evaluate(program.function, arguments, BATCH)
    return {(out.role, out.name, out.path): array for out, array in zip(program.outputs, results, strict=True)}


def assert_same(found: dict[Any, np.ndarray], wanted: dict[Any, np.ndarray], seed: int) -> None:
    assert found.keys() == wanted.keys()
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-9, atol=1e-11, err_msg=f"seed {seed}: {key}")


@pytest.mark.parametrize("first", SEEDS[::10])
def test_nothing_changes(first: int) -> None:
    for seed in range(first, first + 10):
        made = net(seed)
        text = made.text()
        plain = operations(text)
        assert formatted(loosened(text, seed)) == formatted(text), f"seed {seed}"
        for other in (
            made.text(names=renamed(made)),
            made.text(batch=32),
            loosened(text, seed),
            formatted(text),
            "\n\n\n".join(text.splitlines()).replace(" {\n", " {  # a comment\n"),
        ):
            assert operations(other) == plain, f"seed {seed}:\n{other}"
        step = training_step(model_of(text))
        wanted = computed(step)
        assert_same(computed(training_step(model_of(made.text(lines=reordered(made))))), wanted, seed)
        assert_same(computed(step, np.random.default_rng(seed).permutation(BATCH)), wanted, seed)


def built(text: str) -> Any:
    return imported(emission.run(schedule(Source("net.nn", text), Options(), Reporter())), "net")


@pytest.mark.parametrize("seed", [4, 9, 21])
def test_names_change_no_bit_of_the_weights(seed: int) -> None:
    made = net(seed)
    names = renamed(made)
    inputs, targets, weight = made.reference(()).data(7)
    first, second = (built(text)(seed=1, device="cpu") for text in (made.text(), made.text(names=names)))

    def path(own: str) -> str:
        head, dot, rest = own.partition(".")
        return names.get(head, head) + dot + rest

    second.set_weights({path(own): array.numpy() for own, array in (first.parameters | first.states).items()})
    for model in (first, second):
        model.fit(inputs, targets, batch_size=3, epochs=2, verbose=0, sample_weight=weight)
    for own, array in (first.parameters | first.states).items():
        np.testing.assert_array_equal((second.parameters | second.states)[path(own)], array, err_msg=own)


def test_the_order_of_a_whole_batch_changes_no_weight() -> None:
    made = net(21)
    inputs, targets, weight = made.reference(()).data(9)
    order = np.random.default_rng(5).permutation(9)
    models = [built(made.text())(seed=1, device="cpu") for _ in range(2)]
    for model, rows in zip(models, (np.arange(9), order), strict=True):
        x, y = ({name: array[rows] for name, array in arrays.items()} for arrays in (inputs, targets))
        for _ in range(3):
            model.train_on_batch(x, y, sample_weight=weight[rows])
    for path, array in models[0].parameters.items():
        np.testing.assert_allclose(models[1].parameters[path], array, rtol=0, atol=1e-6, err_msg=path)


def with_other_names(text: str) -> str:
    """A sample whose model calls its own variables otherwise."""
    at = text.index("model ")
    signature, body = text[at:].split("{", 1)
    own = re.findall(r"^    (\w+) +=", body.split("\n}")[0], re.MULTILINE)
    names = [name for name in own if not re.search(rf"\b{name}\b", signature)]
    for number, name in enumerate(names):
        body = re.sub(rf"\b{name}\b", f"other_{number}", body)
    return f"{text[:at]}{signature}{{{body}"


def in_another_order(text: str) -> str:
    """A sample with its definitions, and its settings of one line, the other way round."""
    head, train = text[: text.index("train ")], text[text.index("train ") :]
    lines = train.split("\n")
    places = [place for place, line in enumerate(lines) if re.match(r"    \w+ += .*[^{]$", line)]
    for place, line in zip(places, [lines[place] for place in reversed(places)], strict=True):
        lines[place] = line
    definitions = re.split(r"\n\n(?=\S)", head.rstrip("\n"))
    return "\n\n".join(["\n".join(lines).rstrip("\n"), *reversed(definitions)]) + "\n"


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str) -> None:
    text = SAMPLES[name].path.read_text(encoding="utf-8")
    plain = operations(text)
    drawn = name == "vae"  # by the variable's path and the sample's row in the data: `test_draws`
    renamed_or_not = text if drawn else with_other_names(text)
    for other in (renamed_or_not, in_another_order(text), loosened(text, 7), formatted(text)):
        assert operations(other) == plain, other
    if drawn:
        return
    step = training_step(model_of(text))
    assert_same(computed(step, np.random.default_rng(7).permutation(BATCH)), computed(step), 7)
