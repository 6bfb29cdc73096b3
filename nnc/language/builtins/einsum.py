"""Sums of products by letters, one for each axis of a sample: `einsum("ik,kj->ij", x, y)`.

In: an equation and one tensor or more. Out: the products of the level below, of two operands each, from left to right;
what only one operand has, and no result, is summed first. `...` stands for axes that broadcast against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnc.language.builtins.call import BuiltinCall
from nnc.language.operators import origins
from nnc.language.values import Anything, Builtin, Tensor, describe, spell

DOTS = "..."
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FORM = 'an equation has a term for each tensor and one for the result: "ik,kj->ij"'

Term = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A tensor with a letter for each of its axes."""

    tensor: Tensor
    axes: Term


def terms(call: BuiltinCall) -> list[Term]:
    """The letters of each operand, and of the result, which is the last."""
    equation = call.args[0]
    if not isinstance(equation, str):
        raise call.fail(f"the equation is a string, and this is {describe(equation)}", code="E0404", help=_FORM)
    operands, arrow, result = equation.replace(" ", "").partition("->")
    if not arrow:
        raise call.fail("the equation does not say what the result is", code="E0404", help=_FORM)
    found = [_term(call, text) for text in (*operands.split(","), result)]
    unknown = [name for name in found[-1] if not any(name in term for term in found[:-1])]
    if unknown:
        raise call.fail(f"`{unknown[0]}` of the result is in no operand", code="E0404")
    return found


def _term(call: BuiltinCall, text: str) -> Term:
    before, dots, after = text.partition(DOTS)
    names = (*before, *((DOTS,) if dots else ()), *after)
    wrong = [name for name in names if name != DOTS and not (name.isascii() and name.isalpha())]
    if wrong:
        raise call.fail(f"`{wrong[0]}` of the equation is no letter", code="E0404", help=_FORM)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise call.fail(
            f"`{twice[0]}` stands twice in `{text}`", code="E0404", help="a letter names one axis of a term"
        )
    return names


def _spelled(call: BuiltinCall, term: Term, x: Tensor) -> Term:
    """The term with a name for each axis that `...` stands for: its place from the end."""
    hidden = x.type.rank - len(term) + 1
    if hidden < 0 or (DOTS not in term and hidden != 1):
        count = f"{len(term)} {'axis' if len(term) == 1 else 'axes'}"
        raise call.fail(
            f"`{''.join(term)}` has {count}, and {spell(x.type)} has {x.type.rank}",
            others=origins(call.ctx, [x]),
            help="the equation names the axes of a sample; the batch is not among them",
        )
    return _with_dots(term, hidden)


def _with_dots(term: Term, hidden: int) -> Term:
    return tuple(axis for name in term for axis in (map(str, range(hidden, 0, -1)) if name == DOTS else (name,)))


def _einsum(call: BuiltinCall) -> Anything:
    *operands, result = terms(call)
    tensors = [call.tensor(place) for place in range(1, len(call.args))]
    if len(operands) != len(tensors):
        raise call.fail(f"the equation has {len(operands)} terms before the arrow for {len(tensors)} tensors")
    spelled = [_spelled(call, term, x) for term, x in zip(operands, tensors, strict=True)]
    hidden = max((len(axes) - len(t) + 1 for axes, t in zip(spelled, operands, strict=True) if DOTS in t), default=0)
    wanted = _with_dots(result, hidden)
    whole = [Named(x, axes) for x, axes in zip(tensors, spelled, strict=True)]
    sizes = _sizes(call, whole)
    parts = [_narrowed(call, part, sizes) for part in whole]
    made = parts[0]
    for place, part in enumerate(parts[1:], 2):
        later = {name for other in parts[place:] for name in other.axes}
        made = _product(call, made, part, wanted if place == len(parts) else None, later | set(wanted))
    return _ordered(call, made, wanted)


def _sizes(call: BuiltinCall, parts: Sequence[Named]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in parts:
        for name, size in zip(part.axes, part.tensor.type.shape, strict=True):
            known = sizes.setdefault(name, size)
            if known == 1 and name.isdigit():
                sizes[name] = size
            elif known != size and not (size == 1 and name.isdigit()):
                which = "an axis of `...`" if name.isdigit() else f"`{name}`"
                raise call.fail(
                    f"{which} is {known} in one tensor and {size} in another",
                    code="E0201",
                    others=origins(call.ctx, list(dict.fromkeys(each.tensor for each in parts))),
                )
    return sizes


def _narrowed(call: BuiltinCall, part: Named, sizes: dict[str, int]) -> Named:
    """Without the axes of size 1 that others have longer: they broadcast."""
    pairs = [pair for pair in zip(part.axes, part.tensor.type.shape, strict=True) if pair[1] == sizes[pair[0]]]
    if len(pairs) == len(part.axes):
        return part
    shape = tuple(size for _, size in pairs)
    return Named(call.op("reshape", [part.tensor], False, shape=shape), tuple(name for name, _ in pairs))


def _summed(call: BuiltinCall, part: Named, needed: set[str]) -> Named:
    """Summed over the axes that nothing else needs."""
    gone = tuple(place for place, name in enumerate(part.axes) if name not in needed)
    if not gone:
        return part
    made = call.op("sum", [part.tensor], False, axes=gone)
    return Named(made, tuple(name for name in part.axes if name in needed))


def _product(call: BuiltinCall, left: Named, right: Named, wanted: Term | None, needed: set[str]) -> Named:
    """The product of two, summed over what is not needed from here on."""
    left, right = (_summed(call, one, needed | set(other.axes)) for one, other in ((left, right), (right, left)))
    kept = [name for name in dict.fromkeys((*left.axes, *right.axes)) if name in needed]
    axes = tuple(name for name in wanted if name in kept) if wanted is not None else tuple(kept)
    letters = dict(zip(dict.fromkeys((*left.axes, *right.axes)), _LETTERS, strict=False))
    if len(letters) < len({*left.axes, *right.axes}):
        raise call.fail(f"at most {len(_LETTERS)} axes can be told apart")
    batched = [part.tensor.type.batched for part in (left, right)]
    sides = ("".join(letters[name] for name in part) for part in (left.axes, right.axes, axes))
    first, second, result = ("B" * own + side for own, side in zip((*batched, any(batched)), sides, strict=True))
    made = call.op("einsum", [left.tensor, right.tensor], spec=f"{first},{second}->{result}")
    return Named(made, axes)


def _ordered(call: BuiltinCall, made: Named, wanted: Term) -> Tensor:
    made = _summed(call, made, set(wanted))
    order = tuple(made.axes.index(name) for name in wanted if name in made.axes)
    x = made.tensor
    return x if order == tuple(range(len(order))) else call.op("transpose", [x], permutation=order)


def _terms(call: BuiltinCall) -> Anything:
    """The letters of each term of an equation, the result's last, as lists of strings."""
    return tuple(terms(call))


BUILTINS = (
    Builtin("einsum", ("equation", "x", "*more"), (), _einsum, first=1),
    Builtin("einsum_terms", ("equation",), (), _terms),
)
