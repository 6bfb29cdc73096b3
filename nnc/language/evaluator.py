"""The evaluator: one class that binds the mutual recursion of the files of this folder.

In: a program under construction. Out: values of expressions, applications, blocks. Nothing is done here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnc.base.source import Span
from nnc.language import apply as application
from nnc.language import expressions, layers, optimizer_body, statements
from nnc.language.configuration import configured
from nnc.language.context import Elaboration
from nnc.language.scope import Frame
from nnc.language.values import Anything, Configured, Defined, Tensor
from nnc.syntax import tree


class Elaborator(Elaboration):
    """Binds the mutual recursion of the files of this folder."""

    __slots__ = ()

    def evaluate(self, node: tree.Expression, frame: Frame, hint: str = "") -> Anything:
        return expressions.evaluate(self, node, frame, hint)

    def apply(
        self,
        target: Anything,
        tensors: Sequence[Anything],
        named: Mapping[str, Anything],
        span: Span,
        frame: Frame,
        hint: str = "",
    ) -> Anything:
        return application.apply(self, target, tensors, named, span, frame, hint)

    def configured(self, target: Defined, span: Span, frame: Frame) -> Configured:
        return configured(self, target, (), span, frame)

    def copied(self, value: Anything, changes: Mapping[str, Anything], span: Span, frame: Frame) -> Anything:
        return layers.copied(self, value, changes, span, frame)

    def fixed(self, value: Anything, span: Span) -> Anything:
        return layers.fixed(self, value, span)

    def update(
        self,
        optimizer: Configured,
        tensors: Sequence[Anything],
        named: Mapping[str, Anything],
        span: Span,
        frame: Frame,
    ) -> Tensor:
        return optimizer_body.update(self, optimizer, application.given_of(tensors, named, span), span, frame)

    def run(self, block: tree.Block, frame: Frame, hints: Mapping[str, str]) -> None:
        statements.run(self, block, frame, hints)
