"""The parameters of a kernel: pointers to buffers, and what is passed for each.

In: buffers, as a kernel's text comes to them. Out: short names that are free, and the kernel's signature. Numbers that
are passed beside the pointers are not its concern.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit import helpers
from nnc.schedule.kernel import Buffer, Space

RESERVED = (
    *dir(builtins),
    *helpers.names(),
    "tl",
    "triton",
    "torch",
    *("acc", "a", "b", "start", "float", "range", "m", "n", "k", "z", "rows", "v"),
)


@dataclass(slots=True)
class Pointers:
    """The pointers of one kernel, in the order in which they were asked for."""

    names: Names = field(default_factory=lambda: Names(RESERVED))
    parameters: dict[str, str] = field(default_factory=dict)  # name in the kernel -> text of the argument
    pointers: dict[tuple[str, Space], str] = field(default_factory=dict)

    def pointer(self, buffer: Buffer) -> str:
        """The kernel's parameter for a buffer: short where that is clear."""
        key = (buffer.name, buffer.space)
        if key not in self.pointers:
            short = buffer.path.rsplit(".", 1)[-1] if buffer.space in (Space.PARAMETER, Space.STATE) else buffer.name
            if buffer.space is Space.GRADIENT and buffer.path:
                short = "d" + buffer.path.rsplit(".", 1)[-1]
            if buffer.space is Space.SLOT:
                short = f"{buffer.slot}_{buffer.path.rsplit('.', 1)[-1]}"
            name = self.names.fresh(short if short not in self.names else buffer.name)
            self.pointers[key] = name
        name = self.pointers[key]
        self.parameters[name] = f"v.{buffer.name}"
        return name

    def expect(self, buffers: Iterable[Buffer]) -> None:
        """Keeps names for the pointers of these buffers, and their order among the kernel's parameters."""
        for buffer in buffers:
            self.pointer(buffer)
        self.parameters.clear()

    def signature(self) -> tuple[list[str], list[str]]:
        """The parameters that were used and what is passed for them: operands, the step's own numbers, results."""
        order = list(self.pointers.values())
        names = sorted(self.parameters, key=order.index)
        return names, [self.parameters[name] for name in names]

    def control(self) -> str:
        return self.pointer(Buffer("control", "i64", (8,), Space.CONTROL))
