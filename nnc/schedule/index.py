"""Index arithmetic: where an element lies, as a linear form over tile variables and their quotients and remainders.

What goes in are coordinates along the axes of a tensor; what comes out is one simplified `Index` that prints as a
Triton programmer would write it. Ranges of the variables drive the simplification: `(m // 8) * 8 + m % 8` is `m`.
Nothing here knows of buffers or masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Variable:
    """A tile's variable. `extent` bounds it (it runs over 0 .. extent-1); None where only the run time knows: then it
    is below `each` times the number of samples. `padded`: its tiles reach beyond the end."""

    name: str
    extent: int | None
    padded: bool = True
    each: int = 1


@dataclass(frozen=True, slots=True)
class Quotient:
    """of // by, where `of` is never negative."""

    of: Index
    by: int


@dataclass(frozen=True, slots=True)
class Remainder:
    """of % by, where `of` is never negative."""

    of: Index
    by: int


@dataclass(frozen=True, slots=True)
class Looked:
    """An integer that a kernel loads or computes: a row number, a class. `key` tells two of them apart."""

    key: object
    variables: tuple[Variable, ...] = ()
    extent: int | None = None


Atom: TypeAlias = Variable | Quotient | Remainder | Looked


@dataclass(frozen=True, slots=True)
class Index:
    """constant + the sum of coefficient * atom. Made by the functions below, which keep it in normal form."""

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    def variables(self) -> tuple[Variable, ...]:
        """The tile variables that it depends on, in order of appearance."""
        found: dict[Variable, None] = {}
        for atom, _ in self.terms:
            match atom:
                case Variable():
                    found[atom] = None
                case Quotient(of, _) | Remainder(of, _):
                    found.update(dict.fromkeys(of.variables()))
                case Looked():
                    found.update(dict.fromkeys(atom.variables))
        return tuple(found)

    def atoms(self) -> Iterable[Atom]:
        """All atoms, those inside quotients and remainders too."""
        for atom, _ in self.terms:
            yield atom
            if isinstance(atom, Quotient | Remainder):
                yield from atom.of.atoms()

    @property
    def last(self) -> int | None:
        """The largest value, None where it is not known. The smallest is taken to be `constant`, as no coefficient
        of an index within its buffer is negative; where one is, the largest is not known."""
        total = self.constant
        for atom, coefficient in self.terms:
            bound = _last(atom)
            if bound is None or coefficient < 0:
                return None
            total += coefficient * bound
        return total


def _last(atom: Atom) -> int | None:
    match atom:
        case Variable(_, extent) | Looked(extent=extent):
            return None if extent is None else extent - 1
        case Quotient(of, by):
            return None if of.last is None else of.last // by
        case Remainder(of, by):
            return by - 1 if of.last is None else min(of.last, by - 1)


def constant(value: int) -> Index:
    return Index((), value)


def variable(atom: Atom) -> Index:
    return Index(((atom, 1),), 0)


def add(*parts: Index) -> Index:
    """The sum, with `c*b * (x // b) + c * (x % b)` joined to `c * x`."""
    total: dict[Atom, int] = {}
    offset = 0
    for part in parts:
        offset += part.constant
        for atom, coefficient in part.terms:
            total[atom] = total.get(atom, 0) + coefficient
    for atom in list(total):
        if not isinstance(atom, Remainder) or not total.get(atom):
            continue
        # as `quotient` writes it: of (x // 3) % 2 that is x // 6
        match quotient(atom.of, atom.by):
            case Index(((whole, 1),), 0) if total.get(whole) == total[atom] * atom.by:
                coefficient = total.pop(atom)
                del total[whole]
                rest = Index(tuple((a, c) for a, c in total.items() if c), offset)
                return add(rest, scale(atom.of, coefficient))
    return Index(tuple((a, c) for a, c in total.items() if c), offset)


def scale(index: Index, factor: int) -> Index:
    if factor == 0:
        return constant(0)
    return Index(tuple((a, c * factor) for a, c in index.terms), index.constant * factor)


def _split(index: Index, by: int) -> tuple[Index, Index]:
    """`index` as by * first + second, second holding what is not divisible."""
    even = tuple((a, c // by) for a, c in index.terms if c % by == 0)
    odd = tuple((a, c) for a, c in index.terms if c % by)
    return Index(even, index.constant // by), Index(odd, index.constant % by)


def quotient(index: Index, by: int) -> Index:
    """index // by, for an index that is never negative."""
    if by == 1:
        return index
    even, odd = _split(index, by)
    if odd.last is not None and odd.last < by:
        return even
    if len(odd.terms) == 1 and odd.constant == 0 and isinstance(odd.terms[0][0], Quotient) and odd.terms[0][1] == 1:
        inner = odd.terms[0][0]
        return add(even, quotient(inner.of, inner.by * by))
    return add(even, variable(Quotient(odd, by)))


def remainder(index: Index, by: int) -> Index:
    """index % by, for an index that is never negative."""
    if by == 1:
        return constant(0)
    _, odd = _split(index, by)
    if odd.last is not None and odd.last < by:
        return odd
    if len(odd.terms) == 1 and odd.constant == 0 and isinstance(odd.terms[0][0], Remainder) and odd.terms[0][1] == 1:
        inner = odd.terms[0][0]
        if inner.by % by == 0:
            return remainder(inner.of, by)
    return variable(Remainder(odd, by))


def flatten(coordinates: Sequence[Index], shape: Sequence[int]) -> Index:
    """The row-major position of `coordinates`; shape[0] is not read, so that it may be the batch."""
    position, stride = constant(0), 1
    for axis in reversed(range(len(coordinates))):
        position = add(scale(coordinates[axis], stride), position)
        stride *= shape[axis] if axis else 1
    return position


def unflatten(position: Index, shape: Sequence[int]) -> tuple[Index, ...]:
    """The coordinates of a row-major `position`; shape[0] is not read, so that it may be the batch."""
    found: list[Index] = []
    for axis in reversed(range(len(shape))):
        if axis == 0:
            found.append(position)
        else:
            found.append(remainder(position, shape[axis]))
            position = quotient(position, shape[axis])
    return tuple(reversed(found))
