"""Taking lists apart, and subscripts of compile-time lists and of tensors."""

from __future__ import annotations

from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.operators import origin
from nnc.language.scope import Frame
from nnc.language.values import Anything, Record, Results, Tensor, describe, is_applicable, spell
from nnc.syntax import tree
from nnc.tensor.types import TypeMismatch


def unpack(ctx: Elaboration, names: tuple[tree.Name, ...], value: Anything, frame: Frame, span: Span) -> None:
    """Binds one name to a value, or several to the items of a list."""
    if len(names) == 1:
        frame.bind(names[0].text, value, names[0].span)
        return
    match value:
        case tuple():
            items = value
        case Results(values=values):
            items = values
        case _:
            raise ctx.fail("E0213", f"a list of {len(names)} is wanted, and this is {describe(value)}", span)
    if len(items) != len(names):
        raise ctx.fail("E0213", f"{len(names)} names take apart a list of {len(items)}", span)
    for name, item in zip(names, items, strict=True):
        frame.bind(name.text, item, name.span)


def subscript(ctx: Elaboration, node: tree.Subscript, frame: Frame, hint: str) -> Anything:
    """`list[i]`, `list[i:j]`, `tensor[..., 0:3, none]`."""
    value = ctx.evaluate(node.value, frame)
    match value:
        case tuple():
            return _of_list(ctx, value, node, frame)
        case Results(values=values):
            return _of_list(ctx, values, node, frame)
        case Tensor():
            ctx.needs_shape()
            return _of_tensor(ctx, value, node, frame, hint)
        case Record():
            raise ctx.fail("E0210", "a record is read by name: record.name", node.span)
        case _:
            written = node.span.text
            called = f"{written[: written.index('[')]}({written[written.index('[') + 1 : -1]})"
            help = f"write {called}" if is_applicable(value) and isinstance(node.value, tree.Name) else None
            raise ctx.fail("E0210", f"{describe(value)} has no items", node.span, help=help)


def _integer(ctx: Elaboration, node: tree.Expression | None, frame: Frame) -> int | None:
    if node is None:
        return None
    value = ctx.evaluate(node, frame)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ctx.fail("E0214", f"an integer is wanted, and this is {describe(value)}", node.span)
    return value


def _bounds(ctx: Elaboration, item: tree.Slice, frame: Frame) -> slice:
    step = _integer(ctx, item.step, frame)
    if step == 0:
        raise ctx.fail("E0214", "a step is not 0", item.span)
    return slice(_integer(ctx, item.start, frame), _integer(ctx, item.stop, frame), step)


def _of_list(ctx: Elaboration, items: tuple[Anything, ...], node: tree.Subscript, frame: Frame) -> Anything:
    if len(node.items) != 1 or isinstance(node.items[0], tree.Ellipsis_):
        raise ctx.fail("E0214", "a list has one axis", node.span)
    item = node.items[0]
    if isinstance(item, tree.Slice):
        return items[_bounds(ctx, item, frame)]
    place = _integer(ctx, item, frame)
    if place is None or not -len(items) <= place < len(items):
        raise ctx.fail("E0214", f"a list of {len(items)} has no item {place}", item.span)
    return items[place]


def _of_tensor(ctx: Elaboration, x: Tensor, node: tree.Subscript, frame: Frame, hint: str) -> Tensor:
    """A slice for what is named, then a reshape where axes go or come."""
    starts: list[int] = []
    stops: list[int] = []
    steps: list[int] = []
    shape: list[int] = []
    added = sum(isinstance(item, tree.NoneLiteral) for item in node.items)
    dots = [place for place, item in enumerate(node.items) if isinstance(item, tree.Ellipsis_)]
    named = len(node.items) - added - len(dots)
    if named > x.type.rank or len(dots) > 1:
        axes = f"{x.type.rank} {'axis' if x.type.rank == 1 else 'axes'}"
        raise ctx.fail(
            "E0214",
            f"{spell(x.type)} has {axes}, and the batch is none of them",
            node.span,
            f"{named} axes are named here" if named != 1 else "1 axis is named here",
            others=origin(ctx, x),
        )
    items = list(node.items)
    if not dots:
        items.append(tree.Ellipsis_(node.span))
    for item in items:
        if isinstance(item, tree.Ellipsis_):
            for size in x.type.shape[len(starts) : len(starts) + x.type.rank - named]:
                starts.append(0)
                stops.append(size)
                steps.append(1)
                shape.append(size)
        elif isinstance(item, tree.NoneLiteral):
            shape.append(1)
        else:
            size = x.type.shape[len(starts)]
            start, stop, step, kept = _cut(ctx, x, item, size, frame)
            starts.append(start)
            stops.append(stop)
            steps.append(step)
            if kept:
                shape.append(len(range(start, stop, step)))
    cut = x
    if tuple(stops) != x.type.shape or any(starts) or any(step != 1 for step in steps):
        attributes = {"starts": tuple(starts), "stops": tuple(stops), "steps": tuple(steps)}
        try:
            cut = ctx.op("slice", [x], node.span, attributes, hint)
        except TypeMismatch as mismatch:
            raise ctx.fail("E0214", str(mismatch), node.span, others=origin(ctx, x)) from None
    if cut.type.shape != tuple(shape):
        cut = ctx.op("reshape", [cut], node.span, {"shape": tuple(shape)}, hint)
    return cut


def _cut(
    ctx: Elaboration, x: Tensor, item: tree.Expression | tree.Slice | tree.Ellipsis_, size: int, frame: Frame
) -> tuple[int, int, int, bool]:
    """Start, stop and step of one axis, and whether the axis stays."""
    if isinstance(item, tree.Slice):
        bounds = _bounds(ctx, item, frame)
        start, stop, step = bounds.indices(size)
        if step < 0:
            raise ctx.fail("E0214", "a step is positive", item.span, help="reverse(x, axis) turns an axis round")
        if start >= stop:
            raise ctx.fail("E0214", f"nothing is left of an axis of {size}", item.span, others=origin(ctx, x))
        return start, stop, step, True
    assert not isinstance(item, tree.Ellipsis_), "taken out by the caller"
    value = ctx.evaluate(item, frame)
    if isinstance(value, Tensor):
        raise ctx.fail("E0214", "a tensor is no subscript", item.span, help="gather(x, index) reads at computed places")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ctx.fail("E0214", f"an integer is wanted, and this is {describe(value)}", item.span)
    if not -size <= value < size:
        raise ctx.fail(
            "E0214",
            f"an axis of {size} has the places 0 to {size - 1}, and this is {value}",
            item.span,
            others=origin(ctx, x),
        )
    return value % size, value % size + 1, 1, False
