"""What a metric makes of its accumulators, as a function that the runtime calls when it reports.

In: a function of common values. Out: a lambda where one short expression says it, else the name of a function that
stands above the model. Nothing of it runs within an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnc.base.names import Names
from nnc.emit.host import Host, parameter_pieces
from nnc.tensor.program import Report
from nnc.tensor.simplify import simplify

_LAMBDA = 80  # characters that fit a row of the table


@dataclass(frozen=True, slots=True)
class Result:
    """`text`: what stands for the function. `definition`: the lines that it needs, which may be none."""

    text: str
    definition: tuple[str, ...] = ()


def result(row: Report) -> Result | None:
    """The function of a report that has one: its parameters are called as the metric's states are."""
    if row.result is None:
        return None
    plain = simplify(row.result, erase_stops=True)
    names = Names(("torch",))
    wishes = [name.removeprefix(f"{row.name}_") for name in row.states]
    texts = {value: names.fresh(wish) for value, wish in zip(plain.parameters, wishes, strict=True)}
    parameters = ", ".join(texts.values())
    host = Host(plain, parameter_pieces(plain, texts), Names())
    if not host.repeats and len(expression := host.expression()) + len(parameters) <= _LAMBDA:
        return Result(f"lambda {parameters}: {expression}")
    body = Host(plain, parameter_pieces(plain, texts), names).statements()
    name = f"{row.name}_result"
    return Result(name, (f"def {name}({parameters}):", *(f"    {line}" for line in body)))
