"""What metrics make of their accumulators, as text: short ones beside the report, long ones as a function; the same
numbers as the tensor program's."""

import numpy as np
import pytest
import torch

from nnc.emit.reports import result
from nnc.tensor.evaluate import evaluate
from nnc.tensor.program import Report
from tests.language.programs import model_of

PAIR = "state a: float[3] = 0\n    state b: float[3] = 0\n    a' = a + y\n    b' = b + y ^ 2"


def report_of(result: str, states: str = PAIR) -> Report:
    text = (
        f"metric M(y) {{\n    {states}\n    result = {result}\n}}\n"
        "model Net(x: float[4]) -> y: float[3] {\n    y = x |> Dense(3)\n}\n"
        "train Net {\n    loss = sum(y)\n    optimizer = SGD\n    metrics = { m: M(y) }\n}\n"
    )
    return model_of(text).reports[1]


RESULTS = {
    "sum(a') / sum(b')": "lambda a, b: a.sum(0) / b.sum(0)",
    "mean(a' / maximum(b', 1))": "lambda a, b: (a / b.clamp(min=1.0)).mean(0)",
    "a' - minimum(2, b')": "lambda a, b: a - b.clamp(max=2.0)",
    "sum(a'[1:] * b'[:-1])": "lambda a, b: (a[1:] * b[:2]).sum(0)",
    "max(where(a' > b', a', 0.5))": "",
    "sum(cumsum(a')) + sum(reverse(b'))": "",
    "float(argmax(a')) + float(any(b' > 1))": "",
    "sum(one_hot(argmax(a'), 3) * b') + sum(reshape(a', [3, 1]) @ reshape(b', [1, 3]))": "",
    "max(cumsum(a')) + sum(sort(b') * a')": "",
    "pick(a', argmax(b')) + sum(gather(a', arange(3)))": "",
    "sum(concat([a', b'])) + sum(transpose(stack([a', b']))[0:2])": "",
}


@pytest.mark.parametrize("written", RESULTS)
def test_text_and_value(written: str) -> None:
    report = report_of(written)
    found = result(report)
    assert found is not None
    assert RESULTS[written] in ("", found.text)
    names: dict[str, object] = {"torch": torch}
    exec("\n".join(found.definition), names)
    rng = np.random.default_rng(3)
    given = [rng.uniform(0.1, 3, 3) for _ in report.states]
    wanted = evaluate(report.result, given, 1)[0]
    got = eval(found.text, names)(*map(torch.tensor, given))
    np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-12)
    assert all(len(line) <= 120 for line in found.definition)


def test_what_is_read_twice_has_a_name() -> None:
    found = result(report_of("sum(exp(a') / (1 + exp(a'))) + 0 * sum(b')"))
    assert found is not None
    assert found.text == "m_result"
    assert found.definition[0] == "def m_result(a, b):"
    assert sum("torch.exp" in line for line in found.definition) <= 1


def test_a_report_without_a_function_has_none() -> None:
    assert result(Report("loss", "loss", "count")) is None
