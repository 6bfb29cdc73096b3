"""Short ways to write the example programs."""

from __future__ import annotations

from nnc.base.diagnostic import Explanation


def in_model(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example that is the body of a small model, a statement a line."""
    return Explanation(code, title, explanation, _model(failing), _model(fixed))


def _model(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"model Net(x: float[8]) -> y: float[4] {{\n{lines}}}\n"


def in_training(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example that is the body of a `train` block, a statement a line."""
    return Explanation(code, title, explanation, _training(failing), _training(fixed))


def _training(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        "model Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4, softmax)\n}\n\n"
        f"train Net {{\n    target label: index(4)\n{lines}}}\n"
    )


def whole(code: str, title: str, explanation: str, failing: str, fixed: str) -> Explanation:
    """An example that is a file; a model is put after it."""
    model = "\nmodel Net(x: float[8]) -> y: float[4] {\n    y = x |> Dense(4)\n}\n"
    return Explanation(code, title, explanation, failing + model, fixed + model)
