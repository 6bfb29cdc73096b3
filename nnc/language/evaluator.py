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


class Elaborator(Elaboration):
    """Binds the mutual recursion of the files of this folder."""

    __slots__ = ()

    evaluate = expressions.evaluate
    apply = application.apply
    run = statements.run
    copied = layers.copied
    fixed = layers.fixed

    def configured(self, target: Defined, span: Span, frame: Frame) -> Configured:
        return configured(self, target, (), span, frame)

    def update(
        self,
        optimizer: Configured,
        tensors: Sequence[Anything],
        named: Mapping[str, Anything],
        span: Span,
        frame: Frame,
    ) -> Tensor:
        return optimizer_body.update(self, optimizer, application.given_of(tensors, named, span), span, frame)
