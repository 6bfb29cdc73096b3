"""What a value is called in the emitted text: the user's name for it, or, where it has none, its layer's."""

from __future__ import annotations

from nnc.tensor.ir import Value
from nnc.tensor.primitives import TABLE

# what the compiler calls results that no variable holds
_PLAIN = frozenset(TABLE) | {"product", "difference", "quotient", "value"}


def readable(value: Value) -> str:
    """`hidden`; `probs_add` for a sum inside the layer `probs`; `dprobs` for the gradient by one."""
    hint, scope = value.hint, value.scope
    if not scope:
        return hint
    if hint in _PLAIN:
        return f"{scope[0]}_{hint}"
    if hint.startswith("d") and hint[1:] in _PLAIN:
        return f"d{scope[0]}"
    return hint
