"""Functions that repeat, shift and rearrange elements, made of the views below them. Axes count within the sample."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import origin
from nnc.language.values import REQUIRED, Anything, Builtin, Poisoned, Tensor, spell
from nnc.tensor.types import Shape

_TOKEN = re.compile(r"\(|\)|->|\w+|\S")


def _spread(call: BuiltinCall, x: Tensor, narrow: Shape, wide: Shape, shape: Shape) -> Tensor:
    """`x` seen as `narrow`, repeated to `wide`, and seen as `shape`."""
    seen = call.op("reshape", [x], False, shape=narrow)
    repeated = call.op("broadcast", [seen], False, shape=wide, batched=x.type.batched)
    return call.op("reshape", [repeated], shape=shape)


def _tile(call: BuiltinCall) -> Anything:
    """The whole, `counts` times along each axis; of fewer counts than axes, along the last ones."""
    x, counts = call.tensor(), call.integers("counts")
    if len(counts) > x.type.rank or any(count < 1 for count in counts):
        raise call.fail(f"`counts` has one number above 0 for each axis of {spell(x.type)}", others=origin(call.ctx, x))
    whole = (1,) * (x.type.rank - len(counts)) + counts
    pairs = list(zip(whole, x.type.shape, strict=True))
    narrow = tuple(size for _, length in pairs for size in (1, length))
    wide = tuple(size for pair in pairs for size in pair)
    return _spread(call, x, narrow, wide, tuple(count * length for count, length in pairs))


def _repeat(call: BuiltinCall) -> Anything:
    """Each element `count` times along the axis."""
    x, count = call.tensor(), call.integer("count")
    axis = call.axis(x.type.rank)
    if count < 1:
        raise call.fail(f"`count` is a number above 0, and this is {count}")
    before, size, after = x.type.shape[:axis], x.type.shape[axis], x.type.shape[axis + 1 :]
    wide = (*before, size, count, *after)
    return _spread(call, x, (*before, size, 1, *after), wide, (*before, size * count, *after))


def _roll(call: BuiltinCall) -> Anything:
    """Moved along the axis by `shift`; what leaves at one end comes in at the other."""
    x = call.tensor()
    axis = call.axis(x.type.rank)
    size = x.type.shape[axis]
    split = -call.integer("shift") % size
    if split == 0:
        return x
    return call.op("concat", [_cut(call, x, axis, split, size), _cut(call, x, axis, 0, split)], axis=axis)


def _cut(call: BuiltinCall, x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    starts = tuple(start if place == axis else 0 for place in range(x.type.rank))
    stops = tuple(stop if place == axis else size for place, size in enumerate(x.type.shape))
    return call.op("slice", [x], False, starts=starts, stops=stops, steps=(1,) * x.type.rank)


def _last(call: BuiltinCall) -> Anything:
    """The last entry of the first axis: of a sequence, its last step."""
    x = call.tensor()
    if x.type.rank == 0:
        raise call.fail("there is no axis that could have a last entry", others=origin(call.ctx, x))
    size = x.type.shape[0]
    return call.op("reshape", [_cut(call, x, 0, size - 1, size)], shape=x.type.shape[1:])


def _pad_to(call: BuiltinCall) -> Anything:
    """Filled up with `value` behind, to `size` entries along the axis."""
    x, size = call.tensor(), call.integer("size")
    axis = call.axis(x.type.rank)
    missing = size - x.type.shape[axis]
    if missing < 0:
        raise call.fail(
            f"axis {axis} of {spell(x.type)} is longer than {size}",
            others=origin(call.ctx, x),
            help="cut it first: x[:n]",
        )
    high = tuple(missing if place == axis else 0 for place in range(x.type.rank))
    return call.op("pad", [x], low=(0,) * x.type.rank, high=high, value=call.real("value"))


# Rearranging ---------------------------------------------------------------------------------------------------------

Groups = list[list[str]]


def _rearrange(call: BuiltinCall) -> Anything:
    """`rearrange(x, "h w (n c) -> (h w) n c", n = 4)`: axes by name, those in parentheses run together."""
    x, pattern = call.tensor(), call.options["pattern"]
    if not isinstance(pattern, str) or pattern.count("->") != 1:
        raise call.fail('a pattern such as "h w c -> (h w) c" is wanted', code="E0404")
    left, right = (_groups(call, side) for side in pattern.split("->"))
    names, wanted = ([name for group in side for name in group] for side in (left, right))
    if sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise call.fail("each axis stands once on either side of the arrow", f"{names} and {wanted}")
    if len(left) != x.type.rank:
        raise call.fail(
            f"the pattern has {len(left)} axes, and {spell(x.type)} has {x.type.rank}",
            others=origin(call.ctx, x),
            help="the pattern names the axes of a sample; the batch is not among them",
        )
    sizes = _sizes(call, x, left)
    split = call.op("reshape", [x], False, shape=tuple(sizes[name] for name in names))
    moved = call.op("transpose", [split], False, permutation=tuple(names.index(name) for name in wanted))
    return call.op("reshape", [moved], shape=tuple(math.prod(sizes[name] for name in group) for group in right))


def _groups(call: BuiltinCall, side: str) -> Groups:
    """The axes of one side; `1` and `()` are an axis of size 1."""
    groups: Groups = []
    inside = False
    for token in _TOKEN.findall(side):
        if token in "()" and inside == (token == ")"):
            inside = token == "("
            if inside:
                groups.append([])
        elif token == "1" and not inside:
            groups.append([])
        elif token.isidentifier() and inside:
            groups[-1].append(token)
        elif token.isidentifier():
            groups.append([token])
        else:
            raise call.fail(f"`{token}` of the pattern is no axis", code="E0404")
    if inside:
        raise call.fail("a parenthesis of the pattern is not closed", code="E0404")
    return groups


def _sizes(call: BuiltinCall, x: Tensor, groups: Groups) -> dict[str, int]:
    """The size of each named axis: given by name, or what is left of the axis that it is a part of."""
    given = {name: call.integer(name) for name in call.options if name != "pattern"}
    sizes: dict[str, int] = {}
    for axis, (group, size) in enumerate(zip(groups, x.type.shape, strict=True)):
        open_names = [name for name in group if name not in given]
        known = math.prod(given[name] for name in group if name in given)
        if len(open_names) > 1:
            raise call.fail(f"how long is `{open_names[1]}`?", help=f"say it: rearrange(x, ..., {open_names[1]} = 2)")
        if known < 1 or size % known or (not open_names and known != size):
            raise _uneven(call, x, axis, group)
        sizes |= {name: given.get(name, size // known) for name in group}
    unknown = [name for name in given if name not in sizes]
    if unknown:
        raise call.fail(f"the pattern has no axis `{unknown[0]}`", code="E0401")
    return sizes


def _uneven(call: BuiltinCall, x: Tensor, axis: int, group: Sequence[str]) -> Poisoned:
    return call.fail(
        f"axis {axis} of {spell(x.type)} is not ({' '.join(group)}) of these sizes", others=origin(call.ctx, x)
    )


BUILTINS = (
    Builtin("tile", ("x",), (("counts", REQUIRED),), _tile),
    Builtin("repeat", ("x",), (("count", REQUIRED), ("axis", -1)), _repeat),
    Builtin("roll", ("x",), (("shift", REQUIRED), ("axis", -1)), _roll),
    Builtin("last", ("x",), (), _last),
    Builtin("pad_to", ("x",), (("size", REQUIRED), ("value", 0), ("axis", 0)), _pad_to),
    Builtin("rearrange", ("x",), (("pattern", REQUIRED),), _rearrange, takes_more=True),
)
