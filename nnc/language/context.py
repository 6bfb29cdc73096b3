"""What an elaboration carries along: the program under construction, and its limits.

`Elaboration` is the state that the files of this folder share, and the mutual recursion between them: `evaluate` (an
expression), `apply` (a layer or function to tensors) and `run` (a block) are bound in `elaborate`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from nnc.base.source import Span
from nnc.language.files import FileScope
from nnc.language.naming import Place
from nnc.language.registry import MOST_OPERATIONS, Registry
from nnc.language.reporting import DEEPEST, Reporting, Use
from nnc.language.scope import Frame
from nnc.language.updating import NeedsShape, Updating
from nnc.language.values import Anything, Configured, Defined, Tensor
from nnc.syntax import tree
from nnc.tensor.build import Builder
from nnc.tensor.ir import Attribute
from nnc.tensor.program import Application, Binding, WeightPort
from nnc.tensor.types import TensorType, TypeMismatch

Mode = Literal["train", "evaluate", "predict"]
Question = Literal["mode", "batch"]  # what a program may ask for that is not the same in all modes

LARGEST_DIMENSION = 2**31 - 1
_NOWHERE: frozenset[str] = frozenset()
HINTS = {
    "einsum": "product",
    "eq": "equal",
    "div": "quotient",
    "sub": "difference",
}  # a reader's words for what has no name


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weights of a term of the loss, and what the runtime must know of them."""

    port: WeightPort
    value: Tensor


@dataclass(slots=True, eq=False)
class Elaboration(Reporting, ABC):
    """One program under construction.

    parameters:   the values of the parameters met so far, by path.
    bindings:     what the program's parameters are, in their order.
    states:       the states met so far, by path, as the body that runs next reads them; `renewed`: those that changed.
    penalties:    what is added to the loss; `penalised` are the places of those that count once.
    applications: the children of the application under way, innermost list last.
    origins:      what a value depends on: "input", "target", "target NAME", and "prediction" for what is trained.
    outputs:      the results of the model.
    updating:     the optimizer under way.
    named:        what a variable of a user's file holds, with its name.
    stream:       the layer and the application of it that draws belong to; `draws` so many it has made, `entered` how
                  often the layer at a path has been applied.
    """

    mode: Mode
    builder: Builder
    registry: Registry
    scope: tuple[str, ...] = ()
    parameters: dict[str, Tensor] = field(default_factory=dict)
    bindings: dict[Tensor, Binding] = field(default_factory=dict)
    states: dict[str, Tensor] = field(default_factory=dict)
    renewed: set[str] = field(default_factory=set)
    penalties: list[tuple[Tensor, Span]] = field(default_factory=list)
    penalised: set[tuple[object, ...]] = field(default_factory=set)
    applications: list[list[Application]] = field(default_factory=lambda: [[]])
    origins: dict[Tensor, frozenset[str]] = field(default_factory=dict)
    outputs: set[Tensor] = field(default_factory=set)
    named: dict[Tensor, str] = field(default_factory=dict)
    updating: Updating | None = None
    in_initializer: bool = False
    weight: Tensor | None = None  # of each sample, in a training
    constants: dict[tuple[FileScope, str], object] = field(default_factory=dict)  # of files, filled by the evaluator
    slices: list[Tensor] = field(default_factory=list)  # of the comprehensions over tensors under way
    batch_length: int | None = None  # how many samples a batch holds at most, where there is a training
    weighings: list[Weighing] = field(default_factory=list)  # the weights of the loss's terms, where it is a record
    is_fixed: bool = False  # within `stop_gradient(layer)`
    in_metric: bool = False
    stream: str = ""
    draws: int = 0
    entered: Counter[tuple[str, ...]] = field(default_factory=Counter)
    asked: set[Question] = field(default_factory=set)
    failed: bool = False  # something was reported that no exception carries any further
    steps: int = 0  # expressions evaluated

    @abstractmethod
    def evaluate(self, node: tree.Expression, frame: Frame, hint: str = "") -> Anything:
        """The value of an expression. Raises Poisoned after reporting what is wrong."""

    @abstractmethod
    def apply(
        self,
        target: Anything,
        tensors: Sequence[Anything],
        named: Mapping[str, Anything],
        span: Span,
        frame: Frame,
        hint: str = "",
    ) -> Anything:
        """Applies a layer or function to its tensors. Raises Poisoned."""

    @abstractmethod
    def configured(self, target: Defined, span: Span, frame: Frame) -> Configured:
        """A definition with its default configuration. Raises Poisoned."""

    @abstractmethod
    def copied(self, value: Anything, changes: Mapping[str, Anything], span: Span, frame: Frame) -> Anything:
        """A fresh layer of the same configuration, `changes` apart. Raises Poisoned."""

    @abstractmethod
    def fixed(self, value: Anything, span: Span) -> Anything:
        """The layer, whose parameters no gradient reaches through it. Raises Poisoned."""

    @abstractmethod
    def update(
        self,
        optimizer: Configured,
        tensors: Sequence[Anything],
        named: Mapping[str, Anything],
        span: Span,
        frame: Frame,
    ) -> Tensor:
        """Applies an optimizer within another's body: the new parameter. Raises Poisoned."""

    @abstractmethod
    def run(self, block: tree.Block, frame: Frame, hints: Mapping[str, str]) -> None:
        """Evaluates the statements of a block into the frame; a failed one binds its names to poison."""

    # Places ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def using(self, name: str, span: Span, in_library: bool, scope: tuple[str, ...]) -> Iterator[None]:
        """Inside, evaluation is within an application of `name` at `span`."""
        if len(self.trail) >= DEEPEST:
            raise self.too_deep()
        before = self.scope
        self.trail.append(Use(name, self.user_span(span), in_library))
        self.scope = scope
        try:
            yield
        finally:
            self.trail.pop()
            self.scope = before

    @contextmanager
    def apart(self, name: str) -> Iterator[None]:
        """Inside, operations go to a function of their own, and no parameters are seen."""
        before = self.builder, self.scope, self.in_initializer, self.draws
        self.builder, self.draws = Builder(name), 0
        try:
            yield
        finally:
            self.builder, self.scope, self.in_initializer, self.draws = before

    @contextmanager
    def applying(self, path: tuple[str, ...]) -> Iterator[None]:
        """Inside, draws are those of one more application of the layer at `path`."""
        before = self.stream, self.draws
        self.entered[path] += 1
        self.stream, self.draws = f"{'.'.join(path)}/{self.entered[path]}", 0
        try:
            yield
        finally:
            self.stream, self.draws = before

    def is_training(self) -> bool:
        """Whether this is the program for training. Who asks makes the programs differ."""
        self.asked.add("mode")
        return self.mode == "train"

    def file_place(self, name: str) -> Place:
        """Where a layer that a file's constant holds takes its name from."""
        return Place((name,))

    def needs_shape(self) -> None:
        """Called by what looks at a tensor's shape. Raises NeedsShape within a body that is written for any."""
        if self.updating is not None and self.updating.is_generic:
            raise NeedsShape

    # Operations ------------------------------------------------------------------------------------------------------

    def parameter(self, binding: Binding, type: TensorType, hint: str, span: Span) -> Tensor:
        """A further parameter of the program, and what it is bound to."""
        with self.builder.at(span, self.scope):
            value = self.builder.parameter(type, hint, span)
        self.bindings[value] = binding
        return value

    def op(
        self,
        primitive: str,
        args: Sequence[Tensor],
        span: Span,
        attributes: Mapping[str, Attribute] | None = None,
        hint: str = "",
    ) -> Tensor:
        """One operation of the program. Raises TypeMismatch where the primitive does not take the operands."""
        (value,) = self.ops(primitive, args, span, attributes or {}, hint)
        return value

    def ops(
        self, primitive: str, args: Sequence[Tensor], span: Span, attributes: Mapping[str, Attribute], hint: str = ""
    ) -> tuple[Tensor, ...]:
        """One operation of the program with all its results. Raises TypeMismatch likewise."""
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            self.foresee(0, span)
        values = self.builder.ops_at(
            self.user_span(span), self.scope, primitive, args, attributes, hint or HINTS.get(primitive, primitive)
        )
        origins = self._origins(args)
        for value in values:
            for size in value.type.shape:
                if size > LARGEST_DIMENSION:
                    raise TypeMismatch(f"an axis of {size:,} is longer than {LARGEST_DIMENSION:,}")
            if origins:
                self.origins[value] = origins
        return values

    def _origins(self, args: Sequence[Tensor]) -> frozenset[str]:
        """What any of these depends on; mostly all of them depend on the same, and it is no new set."""
        found = _NOWHERE
        for arg in args:
            own = self.origins.get(arg, found)
            if not own <= found:
                found = own if found <= own else found | own
        return found

    def count(self, operations: int, span: Span) -> None:
        """Counts operations. Raises Poisoned where they are more than are allowed."""
        self.operations += operations
        self.foresee(0, span)

    def foresee(self, operations: int, span: Span) -> None:
        """Raises Poisoned where so many more operations would be more than are allowed."""
        if self.operations + operations > MOST_OPERATIONS:
            raise self.over(
                "E0215",
                f"the program has more than {MOST_OPERATIONS:,} operations",
                span,
                "the limit is passed here",
                help="lower the number of layers",
            )

    def constant(self, number: float, element: str, span: Span, hint: str = "") -> Tensor:
        """A compile-time number as a common tensor without axes."""
        return self.op("constant", (), span, {"value": number, "element": element}, hint)
