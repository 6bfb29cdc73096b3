"""`batch(x)` and `row`: what their types are, and what an axis of the batch does not take."""

import pytest

from nnc.base.diagnostic import Reporter
from nnc.base.source import Source
from nnc.language.elaborate import elaborate
from nnc.syntax.parse import parse
from nnc.tensor.program import Model

PROGRAM = """model Net(x: float[3]) -> y: float[4] {{
    y = x |> Dense(4)
}}

train Net {{
    target kind: index(5)
    {line}
    loss = {loss}
    optimizer = SGD
    {setting}
}}
"""


def elaborated(line: str, loss: str = "mean(z)", setting: str = "batch_size = 7") -> tuple[Model | None, Reporter]:
    reporter = Reporter()
    source = Source("net.nn", PROGRAM.format(line=line, loss=loss, setting=setting))
    return elaborate(parse(source, reporter), reporter), reporter


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("z = y @ transpose(batch(y))", (7,)),
        ("z = sum(batch(y), axis = 0)", (4,)),
        ("z = float(batch(kind) == kind)", (7,)),
        ("z = batch(y)[none, :, 0:2]", (1, 7, 2)),
        ("z = reshape(batch(y), [7, 2, 2])", (7, 2, 2)),
        ("z = gather(batch(y), row)", (4,)),
        ("z = batch(y) @ y", (7,)),
    ],
)
def test_shapes(line: str, shape: tuple[int, ...]) -> None:
    model, reporter = elaborated(line)
    assert not reporter.has_errors, reporter.all
    assert model is not None
    assert model.train is not None
    assert any(value.hint == "z" and value.type.shape == shape for value in model.train.function.values())


def test_without_a_setting_a_batch_is_the_default() -> None:
    model, _ = elaborated("z = batch(y)", setting="")
    assert model is not None
    assert model.train is not None
    assert any(value.type.shape == (32, 4) for value in model.train.function.values())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("z = batch(y)[0:2]", "cut or lengthen an axis that runs over the batch"),
        ("z = reverse(batch(y), axis = 0)", "cut or lengthen an axis that runs over the batch"),
        ("z = reshape(batch(y), [28])", "can neither be cut nor joined with another"),
        ("z = concat([batch(y), batch(y)], axis = 0)", "cut or lengthen an axis that runs over the batch"),
        ("z = cumsum(batch(y), axis = 0)", "of which an axis runs over the batch"),
        ("z = one_hot(batch(kind), 5)", "of which an axis runs over the batch"),
        ("z = batch(batch(y))", "expects a value per sample, found a common"),
        ("z = batch(y @ transpose(batch(y)))", "runs over the batch already"),
        ("z = batch(y) + reshape(arange(7), [7, 1])", "element types differ"),
        ("z = batch(y) + float(reshape(arange(7), [7, 1]))", "runs over the batch here, and not there"),
    ],
)
def test_what_an_axis_of_the_batch_does_not_take(line: str, said: str) -> None:
    _, reporter = elaborated(line)
    (error,) = [each for each in reporter.all if each.level == "error"]
    assert said in error.title
    assert error.primary.span.line == 7
