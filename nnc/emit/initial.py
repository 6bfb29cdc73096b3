"""How a parameter or a state starts, as a function that the runtime calls.

In: an initializer's function, without parameters or one of the data. Out: the text of a lambda where that is one
expression, otherwise the name of a function that stands above the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit.host import Host, parameter_pieces
from nnc.tensor.ir import Function
from nnc.tensor.simplify import simplify

_LAMBDA = 90  # characters that fit a row of the table


@dataclass(slots=True)
class Starts:
    """The functions that tables name, equal ones once."""

    names: Names = field(default_factory=Names)
    known: dict[tuple[str, ...], str] = field(default_factory=dict)
    blocks: list[list[str]] = field(default_factory=list)

    def text(self, function: Function, inputs: Sequence[str] = ()) -> str:
        """`lambda random: random.uniform((64, 32), -0.25, 0.25)`, or a name. A number stands for a tensor full of it.

        inputs: what the function's parameters are called in the data; without them it draws at most.
        """
        given = "data" if inputs else "random"
        plain = simplify(function, erase_stops=True)
        texts = {value: f"data.{name}" for value, name in zip(plain.parameters, inputs, strict=True)}
        samples = f"len({next(iter(texts.values()))})" if texts else ""
        host = Host(plain, parameter_pieces(plain, texts), Names(), samples)
        if not host.repeats and len(expression := host.expression()) <= _LAMBDA:
            return f"lambda {given}: {expression}"
        body = Host(plain, parameter_pieces(plain, texts), Names((given, "torch")), samples).statements()
        key = (given, function.name, *body)
        if key not in self.known:
            self.known[key] = self.names.fresh(function.name)
            self.blocks.append([f"def {self.known[key]}({given}):", *(f"    {line}" for line in body)])
        return self.known[key]
