"""One call of a builtin function: what its `build` is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import is_literal, number, origins
from nnc.language.scope import Frame
from nnc.language.values import Anything, Poisoned, Tensor, describe, is_number
from nnc.tensor.ir import Attribute
from nnc.tensor.types import TypeMismatch, normalise_axis


@dataclass(slots=True, eq=False)
class BuiltinCall:
    """The evaluated arguments: `args` what it is applied to, `options` the rest, every one of them set."""

    ctx: Final[Elaboration]
    frame: Final[Frame]
    name: Final[str]
    args: Final[tuple[Anything, ...]]
    options: Final[Mapping[str, Anything]]
    span: Final[Span]
    hint: Final[str]

    @property
    def has_tensors(self) -> bool:
        return any(isinstance(arg, Tensor) for arg in self.args)

    def fail(
        self,
        title: str,
        text: str = "",
        *,
        code: str = "E0207",
        others: tuple[Label, ...] = (),
        help: str | None = None,
    ) -> Poisoned:
        """Reports that the function does not take what it is given."""
        name = self.ctx.known_as(self.name)
        return self.ctx.fail(code, f"`{name}`: {title}", self.span, text, others=others, help=help)

    def tensor(self, place: int = 0, element: str | None = None) -> Tensor:
        """An argument that must be a tensor; a list of numbers becomes one, and a number does where `element` says of
        what type."""
        value = self.args[place]
        if isinstance(value, Tensor):
            return value
        if is_literal(value):
            return self.listed(value, element)
        if element is not None and (is_number(value) or isinstance(value, bool)):
            return number(self.ctx, value, element, self.span)
        raise self.fail(f"a tensor is wanted, and this is {describe(value)}", code="E0210")

    def listed(self, value: Anything, element: str | None = None) -> Tensor:
        """A list of numbers or truth values as a tensor, of `element` or of the type that it has by itself."""
        first = value
        while isinstance(first, tuple):
            first = first[0]
        return number(self.ctx, value, element or ("bool" if isinstance(first, bool) else "f32"), self.span)

    def op(self, primitive: str, args: Sequence[Tensor], last: bool = True, **attributes: Attribute) -> Tensor:
        """An operation; the last one of a call is named after the variable that it is for."""
        try:
            return self.ctx.op(primitive, args, self.span, attributes, self.hint if last else "")
        except TypeMismatch as mismatch:
            said = str(mismatch).removeprefix(f"`{self.name}` ")
            raise self.fail(said, others=origins(self.ctx, list(args))) from None

    # Options --------------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> bool:
        value = self.options[name]
        if not isinstance(value, bool):
            raise self.fail(f"`{name}` is true or false, and this is {describe(value)}", code="E0404")
        return value

    def integer(self, name: str) -> int:
        value = self.options[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"`{name}` is an integer, and this is {describe(value)}", code="E0404")
        return value

    def real(self, name: str) -> float:
        value = self.options[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"`{name}` is a number, and this is {describe(value)}", code="E0404")
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        value = self.options[name]
        items = value if isinstance(value, tuple) else (value,)
        found = tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))
        if len(found) != len(items):
            raise self.fail(f"`{name}` is a list of integers, and this is {describe(value)}", code="E0404")
        return found

    def axis(self, rank: int, name: str = "axis") -> int:
        """One axis, counted from the front."""
        try:
            return normalise_axis(self.integer(name), rank)
        except TypeMismatch as mismatch:
            raise self.fail(str(mismatch)) from None

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes of `axis = ...`, counted from the front, in order; all of them by default."""
        if self.options["axis"] is None:
            return tuple(range(rank))
        try:
            found = sorted({normalise_axis(axis, rank) for axis in self.integers("axis")})
        except TypeMismatch as mismatch:
            raise self.fail(str(mismatch)) from None
        return tuple(found)
