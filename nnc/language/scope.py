"""Names while a body is evaluated.

A `Frame` is one block under evaluation. What it does not bind is looked up around it, then in the file, by the
evaluator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from nnc.base.source import Span
from nnc.language.files import FileScope
from nnc.language.naming import Place
from nnc.language.values import Anything, Configured, Fold

Body = Literal["file", "layer", "model", "fn", "metric", "optimizer", "train", "comprehension"]


@dataclass(slots=True, eq=False)
class Binding:
    """A value under a name, and where it was bound."""

    value: Final[Anything]
    span: Final[Span]


@dataclass(slots=True, eq=False)
class Frame:
    """A block under evaluation.

    body:   what kind of block it is; a comprehension shares the frame around it.
    place:  where layers that are made now take their names from.
    owner:  the layer whose body this is: its parameters go there.
    states: the paths of a layer's states, by name.
    folds:   what a metric's states become in this batch, by name.
    dropped: names of optimizer states that are absent; setting them is left out.
    taken:   names of statements elsewhere, which layers that are made here are not called after.
    """

    home: FileScope
    body: Body
    place: Place
    around: Frame | None = None
    owner: Configured | None = None
    names: dict[str, Binding] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    folds: dict[str, Fold] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    taken: frozenset[str] = frozenset()

    def bind(self, name: str, value: Anything, span: Span) -> None:
        """Binds a name in this block; `_` is nobody's."""
        if name != "_":
            self.names[name] = Binding(value, span)

    def find(self, name: str) -> Binding | None:
        """The nearest binding of a name, here or in a block around."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.around
        return None

    def inner(self) -> Frame:
        """A frame for a comprehension's names."""
        return Frame(self.home, "comprehension", self.place, self, self.owner)

    @property
    def block(self) -> Frame:
        """The frame of the block itself, outside of comprehensions."""
        frame = self
        while frame.body == "comprehension" and frame.around is not None:
            frame = frame.around
        return frame
