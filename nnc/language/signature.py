"""Signatures: types as written, and their unification with what is given.

In: the parameters or results of a definition with their types, and values. Out: the dimensions' names bound in the
frame. Plain names bind first; every other dimension is then evaluated and compared. `...` stands for the same axes
throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.dimensions import dimension, known_sizes
from nnc.language.operators import called, origin
from nnc.language.scope import Frame
from nnc.language.suggest import nearest
from nnc.language.values import Poisoned, Tensor, spell
from nnc.syntax import tree
from nnc.tensor.types import TensorType

ELEMENTS = {name: name for name in ("f32", "f16", "bf16", "u8", "i32", "i64", "bool")} | {"float": "f32"}
HALVES = ("f16", "bf16")
INDEX = "index"
INDEX_ELEMENT = "i64"
PREDICTION = "y_pred"
KINDS = ("int", "number", "bool", "string", "list", "function", "layer")
TYPE_NAMES = (*ELEMENTS, INDEX, *KINDS)


@dataclass(slots=True, eq=False)
class Slot:
    """A value that meets a declared type. `name` is the parameter's or result's, `span` the place of the value."""

    name: Final[str]
    type: Final[tree.TypeExpr]
    value: Final[Tensor]
    span: Final[Span]


@dataclass(slots=True)
class Unifier:
    """The state of one unification: what the dimensions' names stand for, and who bound them."""

    ctx: Elaboration
    frame: Frame
    what: str  # "`Dense`"
    rest: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bound_by: dict[str, Slot] = field(default_factory=dict)

    def run(self, slots: list[Slot], closing: bool = False) -> None:
        """Binds all plain names, then compares the other dimensions. `closing` marks the results of a definition."""
        for slot in slots:
            self._kind(slot, closing)
        single_first = sorted(slots, key=lambda slot: _rests(slot) > 1)
        checks = [check for slot in single_first for check in self._bind(slot, closing)]
        for slot, axis, expression in checks:
            wanted = dimension(self.ctx, self.frame, expression)
            found = slot.value.type.shape[axis]
            if wanted != found:
                raise self._mismatch(slot, axis, wanted, _written(expression), closing)

    # The parts of a type --------------------------------------------------------------------------------------------

    def _kind(self, slot: Slot, closing: bool) -> None:
        ctx, written, given = self.ctx, slot.type, slot.value.type
        name = written.name.text
        if name == INDEX:
            if given.bound is None:
                raise self._wrong_kind(slot, "integers of known range", closing)
            bound = self._bound(slot, written.argument)
            if bound != given.bound:
                raise ctx.fail(
                    "E0204",
                    self._clash(slot, closing),
                    slot.span,
                    others=origin(ctx, slot.value),
                )
            return
        if name not in ELEMENTS:
            raise type_error(ctx, written, tensors_only=True)
        refuse_range(ctx, written)
        element = ELEMENTS[name]
        if given.element != element and (element != "f32" or not given.is_float or given.element in HALVES):
            raise self._wrong_kind(slot, name, closing)

    def _bound(self, slot: Slot, argument: tree.Expression | None) -> int:
        given = slot.value.type.bound
        assert given is not None, "checked by the caller"
        if argument is None:
            return given
        if isinstance(argument, tree.Name) and self.frame.find(argument.text) is None and not self._in_file(argument):
            self.frame.bind(argument.text, given, argument.span)
            self.bound_by[argument.text] = slot
            return given
        return dimension(self.ctx, self.frame, argument)

    def _bind(self, slot: Slot, closing: bool) -> list[tuple[Slot, int, tree.Expression]]:
        """Binds the plain names of one type; what is left to compare is given back."""
        dims, shape = self._spliced(slot), slot.value.type.shape
        before, rest, after = _parts(dims)
        for dim in dims:
            if isinstance(dim, tree.Ragged):
                raise self.ctx.unsupported("ragged axes are", dim.span)
        if len(shape) < len(before) + len(after) or (rest is None and len(shape) != len(dims)):
            raise self._wrong_rank(slot, len(before) + len(after), rest is not None, closing)
        if rest is not None:
            self._bind_rest(slot, rest, len(before), len(shape) - len(after), closing)
        checks = []
        places = [*enumerate(before), *((axis - len(after), dim) for axis, dim in enumerate(after))]
        for axis, dim in places:
            assert not isinstance(dim, tree.Rest | tree.Ragged), "taken out above"
            known = self.frame.find(dim.text) if isinstance(dim, tree.Name) else None
            if not isinstance(dim, tree.Name) or known is not None or self._in_file(dim):
                checks.append((slot, axis, dim))
                continue
            self.frame.bind(dim.text, shape[axis], dim.span)
            self.bound_by[dim.text] = slot
        return checks

    def _spliced(self, slot: Slot) -> tuple[tree.Dimension, ...]:
        """The dimensions of one type; of several `...` those that are known become their sizes, and one may be
        unknown."""
        dims = slot.type.dims or ()
        if _rests(slot) < 2:
            return dims
        found: list[tree.Dimension] = []
        unknown = 0
        for dim in dims:
            known = self._axes(dim) if isinstance(dim, tree.Rest) else None
            found += [dim] if known is None else [tree.Number(size, str(size), dim.span) for size in known]
            unknown += isinstance(dim, tree.Rest) and known is None
            if unknown > 1:
                raise self.ctx.fail(
                    "E0211",
                    f"of several `...` in one type one may be unknown, and this is the second: {_written(slot.type)}",
                    dim.span,
                    help="name them, and let other inputs or the configuration say what they are: ...S, ...T",
                )
        return tuple(found)

    def _axes(self, rest: tree.Rest) -> tuple[int, ...] | None:
        """The axes that `...` or `...S` stands for, where they are known."""
        known = self.rest.get(rest.name.text if rest.name is not None else "...")
        return known_sizes(self.ctx, self.frame, rest) if known is None else known

    def _bind_rest(self, slot: Slot, rest: tree.Rest, start: int, stop: int, closing: bool) -> None:
        key = rest.name.text if rest.name is not None else "..."
        axes = slot.value.type.shape[start:stop]
        known = self._axes(rest)
        if known is None:
            self.rest[key] = axes
            self.bound_by[key] = slot
            if rest.name is not None:
                self.frame.bind(key, axes, rest.span)
        elif known != axes:
            raise self._rest_mismatch(slot, key, axes, closing)

    def _in_file(self, name: tree.Name) -> bool:
        item = self.frame.home.items.get(name.text)
        return isinstance(item, tree.Const)

    # What is said ---------------------------------------------------------------------------------------------------

    def _clash(self, slot: Slot, closing: bool) -> str:
        """What is declared, and what is found instead."""
        given = spell(slot.value.type)
        if closing:
            return f"the result `{slot.name}` of {self.what} is declared {_written(slot.type)}, and is {given}"
        found = called(self.ctx, slot.value)
        return f"`{slot.name}` of {self.what} is {_written(slot.type)}, and {found} is {given}"

    def _wrong_kind(self, slot: Slot, wanted: str, closing: bool) -> Poisoned:
        ctx = self.ctx
        return ctx.fail(
            "E0205" if closing else "E0204",
            self._clash(slot, closing),
            slot.span,
            f"{wanted} wanted here",
            others=origin(ctx, slot.value),
            help=_kind_help(ctx, slot, wanted),
        )

    def _wrong_rank(self, slot: Slot, wanted: int, at_least: bool, closing: bool) -> Poisoned:
        ctx, given = self.ctx, slot.value.type
        count = f"{'at least ' if at_least else ''}{wanted} {'axis' if wanted == 1 else 'axes'}"
        return ctx.fail(
            "E0205" if closing else "E0202",
            self._clash(slot, closing),
            slot.span,
            f"{count} wanted, {given.rank} found",
            others=origin(ctx, slot.value),
        )

    def _mismatch(self, slot: Slot, axis: int, wanted: int, written: str, closing: bool) -> Poisoned:
        ctx, given = self.ctx, slot.value.type
        found = given.shape[axis]
        last = axis if axis < 0 else axis - given.rank
        size = written if written == str(wanted) else f"{written} = {wanted}"
        others = [*origin(ctx, slot.value)]
        source = self.bound_by.get(written)
        if source is not None and source.value is not slot.value:
            others += [Label(source.value.span, f"`{written}` is {wanted} here")] if source.value.span else []
        return ctx.fail(
            "E0205" if closing else "E0202",
            self._clash(slot, closing),
            slot.span,
            f"axis {last}: {size} wanted, {found} found",
            others=tuple(others),
            help=f"end with {wanted} outputs instead of {found}" if closing and last == -1 else None,
        )

    def _rest_mismatch(self, slot: Slot, key: str, axes: tuple[int, ...], closing: bool) -> Poisoned:
        ctx = self.ctx
        other = self.bound_by.get(key)
        others = [*origin(ctx, slot.value)]
        if other is not None:
            others += origin(ctx, other.value)
        wanted = (
            f"as `{other.name}` is {spell(other.value.type)}" if other is not None else "elsewhere in the signature"
        )
        return ctx.fail(
            "E0205" if closing else "E0202",
            f"{self._clash(slot, closing)}: {wanted}",
            slot.span,
            f"`{key}` is {list(axes)} here",
            others=tuple(others),
            help=None if other is None or closing else _rest_help(ctx, slot.value, other.value),
        )


def _rest_help(ctx: Elaboration, value: Tensor, other: Tensor) -> str | None:
    """How to make two shapes one: a target is declared otherwise, a lone axis of 1 is read away."""
    for target, wanted in ((value, other), (other, value)):
        if "target" in ctx.origins.get(target, ()) and target in ctx.named:
            return f"declare it so: target {ctx.named[target]}: {spell(wanted.type)}"
    for long, short in ((value, other), (other, value)):
        if long in ctx.named and long.type.shape == (*short.type.shape, 1):
            return f"read the one number of its last axis: {ctx.named[long]}[..., 0]"
    return None


def _rests(slot: Slot) -> int:
    return sum(isinstance(dim, tree.Rest) for dim in slot.type.dims or ())


def _parts(dims: tuple[tree.Dimension, ...]) -> tuple[list[tree.Dimension], tree.Rest | None, list[tree.Dimension]]:
    """What is written before `...`, `...` itself, and what is after it."""
    for place, dim in enumerate(dims):
        if isinstance(dim, tree.Rest):
            return list(dims[:place]), dim, list(dims[place + 1 :])
    return list(dims), None, []


def _kind_help(ctx: Elaboration, slot: Slot, wanted: str) -> str | None:
    given = slot.value.type
    name = ctx.named.get(slot.value, "x")
    is_target = "target" in ctx.origins.get(slot.value, ())
    if wanted == "float" and given.bound is not None:
        if is_target and slot.name == PREDICTION:
            return "the prediction comes first, then the target"
        return f"make vectors of the labels, one_hot({name}, {given.bound}), or numbers, float({name})"
    if wanted == "float" and given.element == "u8":
        return f"convert and scale it: float({name}) / 255"
    if wanted == "float":
        return f"convert it: float({name})"
    if slot.type.name.text == INDEX and is_target:
        return f"declare the labels with their number, target {name}: index(n), for 0 .. n - 1"
    return None


def _written(node: tree.TypeExpr | tree.Expression) -> str:
    return " ".join(node.span.text.split())


def declared(ctx: Elaboration, frame: Frame, written: tree.TypeExpr, batched: bool) -> TensorType:
    """The tensor type that is written, with every dimension known. Raises Poisoned."""
    name = written.name.text
    shape: list[int] = []
    for dim in written.dims or ():
        if isinstance(dim, tree.Ragged):
            raise ctx.unsupported("ragged axes are", dim.span)
        if isinstance(dim, tree.Rest):
            known = known_sizes(ctx, frame, dim)
            if known is None:
                raise ctx.fail("E0211", "these axes are not known here", dim.span)
            shape.extend(known)
            continue
        shape.append(dimension(ctx, frame, dim))
    if name == INDEX:
        if written.argument is None:
            raise ctx.fail("E0412", "`index` needs its range", written.span, help="write index(10) for 0 .. 9")
        bound = dimension(ctx, frame, written.argument)
        return TensorType(INDEX_ELEMENT, tuple(shape), batched, bound)
    if name not in ELEMENTS:
        raise type_error(ctx, written, tensors_only=True)
    refuse_range(ctx, written)
    return TensorType(ELEMENTS[name], tuple(shape), batched)


def refuse_range(ctx: Elaboration, written: tree.TypeExpr) -> None:
    """Sizes stand in brackets; only an index has a range. Raises Poisoned."""
    if written.argument is not None and written.name.text != INDEX:
        name, text = written.name.text, written.argument.span.text
        raise ctx.fail(
            "E0412",
            f"`{name}` takes sizes in brackets, and nothing in parentheses",
            written.span,
            help=f"write {name}[{text}] for sizes; index({text}) is a class label",
        )


def type_error(ctx: Elaboration, written: tree.TypeExpr, tensors_only: bool) -> Poisoned:
    """Reports a type's name that does not exist, or does not stand for tensors."""
    name = written.name.text
    if tensors_only and name in KINDS:
        return ctx.fail(
            "E0412",
            f"`{name}` is for configuration, not for tensors",
            written.name.span,
            help="tensors are float, index(n) for class labels, i64 for integers; configuration has a list of its own, "
            "before theirs",
        )
    near = nearest(name, TYPE_NAMES)
    return ctx.fail(
        "E0412",
        f"there is no type `{name}`",
        written.name.span,
        help=f"did you mean `{near}`?" if near else "the types are " + ", ".join(ELEMENTS) + ", index(n)",
    )
