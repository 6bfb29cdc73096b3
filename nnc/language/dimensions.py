"""Dimensions as they are written in types: one size, or the sizes that `...S` stands for.

In: a dimension and the frame it stands in. Out: positive integers. What names are bound by a signature is `signature`'s
business.
"""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.context import LARGEST_DIMENSION, Elaboration
from nnc.language.elsewhere import NO_BATCH
from nnc.language.scope import Frame
from nnc.language.values import Anything, Poison, Poisoned, describe, is_number
from nnc.syntax import tree


def dimension(ctx: Elaboration, frame: Frame, node: tree.Expression) -> int:
    """The size that a dimension's expression gives. Raises Poisoned where it is no positive integer."""
    return _size(ctx, ctx.evaluate(node, frame), node.span)


def known_sizes(ctx: Elaboration, frame: Frame, rest: tree.Rest) -> tuple[int, ...] | None:
    """The sizes that `...S` stands for where S is a name that is bound; None where it is none. Raises Poisoned where it
    is no list of positive integers."""
    found = frame.find(rest.name.text) if rest.name is not None else None
    if found is None or rest.name is None:
        return None
    if isinstance(found.value, Poison):
        raise Poisoned
    if not isinstance(found.value, tuple):
        title = f"`...{rest.name.text}` is a list of sizes, and `{rest.name.text}` is {describe(found.value)}"
        raise ctx.fail("E0211", title, rest.span)
    return tuple(_size(ctx, size, rest.span) for size in found.value)


def _size(ctx: Elaboration, value: Anything, span: Span) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        fraction = "divide with `//`, which gives an integer" if is_number(value) else None
        raise ctx.fail(
            "E0211",
            f"a dimension is a positive integer, and this is {describe(value)}",
            span,
            help=NO_BATCH if value is None else fraction,
        )
    if not 1 <= value <= LARGEST_DIMENSION:
        title = f"a dimension is a positive integer below 2^31, and this is {value:,}"
        raise ctx.fail("E0211", title, span, help=NO_BATCH if value == -1 else None)
    return value
