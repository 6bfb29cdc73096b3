"""What things are called in the emitted text: values by the user's name, or, where they have none, by their layer's;
inputs, targets, weights and results by their own names where those are free in the namespace of a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nnc.base.names import identifier
from nnc.tensor.ir import Value
from nnc.tensor.primitives import TABLE
from nnc.tensor.program import PLAIN_WEIGHT, Model, Role

# what a step's namespace holds beside the model's own
RUNTIME_NAMES = frozenset(
    ("batch", "control", "count", "gradient", "occupied", "order", "parameter", "state", "step", "sums", "weight")
)

Attributes = Mapping[tuple[Role, str], str]

# what the compiler calls results that no variable holds
_PLAIN = frozenset(TABLE) | {"product", "difference", "quotient", "value"}
# what the result of a primitive is called, where the primitive is named by what it does
_RESULTS = {"einsum": "product", "mul": "product", "sub": "difference", "div": "quotient"}


def is_called(value: Value) -> bool:
    """Whether a variable of the program holds the value, or the value that it is the gradient by."""
    return value.hint not in _PLAIN and value.hint.removeprefix("d") not in _PLAIN


def readable(value: Value) -> str:
    """`hidden`; `probs_add` for a sum inside the layer `probs`; `dprobs` for the gradient by one."""
    hint, scope = value.hint, value.scope
    if not scope:
        return hint
    if hint in _PLAIN:
        return f"{scope[0]}_{_RESULTS.get(hint, hint)}"
    if hint.startswith("d") and hint[1:] in _PLAIN:
        return f"d{scope[0]}"
    return hint


def attributes(model: Model) -> Attributes:
    """The name of each input, target, weight and result in the namespace of a step: its own, with `_` after one that
    the runtime, a flat buffer, a parameter or another of these has."""
    taken = {*RUNTIME_NAMES, *_of_buffers(model)}
    found = {(Role.WEIGHT, PLAIN_WEIGHT): PLAIN_WEIGHT}
    keys = [
        *((Role.INPUT, port.name) for port in model.inputs),
        *((Role.TARGET, port.name) for port in model.targets),
        *((Role.OUTPUT, port.name) for port in model.results),
        *((Role.WEIGHT, row.name) for row in model.weights),
    ]
    for role, wish in keys:
        name = identifier(wish)
        while name in taken:
            name += "_"
        taken.add(name)
        found[role, wish] = name
    return found


def _of_buffers(model: Model) -> Iterator[str]:
    """Attributes of the flat buffers and of what lies in them."""
    slots = {slot.name for rule in model.rules for slot in rule.slots}
    yield from slots
    for parameter in model.parameters:
        path = parameter.path.replace(".", "_")
        yield from (path, f"d_{path}", *(f"{slot}_{path}" for slot in slots))
    for state in model.states:
        yield state.path.replace(".", "_")
