"""Which memory each intermediate value of a function takes.

In: the function's statements, whose scratch has no place yet. Out: a place for each scratch storage: a destination that
is not written yet, an operand's own place where the call may write over it, or scratch shared with values that are
dead by then. Only storages of the same shape and element share, so that a place has one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nnc.emit.torch_tensor import Operand, Storage, Strided


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One torch call. Forms have places {0}, {1} ... for operands and {out}.

    shares:  operands whose memory the result may take over, where it is the very same view.
    methods: (operand, form) for the call where the result lies in that operand's place.
    """

    form: str
    operands: tuple[Operand, ...]
    out: Strided
    shares: frozenset[int] = frozenset()
    methods: tuple[tuple[int, str], ...] = ()


def same_view(a: Strided, b: Strided) -> bool:
    return (a.shape, a.strides, a.offset) == (b.shape, b.strides, b.offset)


def takes_over(statement: Statement, storage: Storage, result: Storage) -> bool:
    """Whether the statement, which makes `result`, may write it where `storage` lies."""
    if statement.out.storage is not result:
        return False
    for number, operand in enumerate(statement.operands):
        if not isinstance(operand, Strided) or operand.storage is not storage:
            continue
        if number not in statement.shares or not same_view(operand, statement.out):
            return False
    return storage.shape == result.shape


@dataclass(slots=True)
class Lives:
    """First and last statement that touches each storage."""

    first: dict[Storage, int] = field(default_factory=dict)
    last: dict[Storage, int] = field(default_factory=dict)

    @classmethod
    def of(cls, statements: Sequence[Statement]) -> Lives:
        lives = cls()
        for number, statement in enumerate(statements):
            for operand in statement.operands:
                if isinstance(operand, Strided):
                    # What a function reads before it writes was there at its start.
                    lives.first.setdefault(operand.storage, -1)
                    lives.last[operand.storage] = number
            lives.first.setdefault(statement.out.storage, number)
            lives.last[statement.out.storage] = number
        return lives


def apart(statements: Sequence[Statement], lives: Lives, a: Storage, b: Storage) -> bool:
    """Whether two storages can lie in one place."""
    if lives.first[a] > lives.first[b]:
        a, b = b, a
    if lives.last[a] < lives.first[b]:
        return True
    return lives.last[a] == lives.first[b] >= 0 and takes_over(statements[lives.first[b]], a, b)


def settle(
    statements: Sequence[Statement], destinations: frozenset[Storage], fresh: Callable[[Storage], str]
) -> dict[Storage, str]:
    """A place for every storage. `destinations` are storages with a place that the function writes whole: an operand of
    what is written there may lie there before, and those in the arena serve as scratch. `fresh` makes a new place like
    a storage."""
    lives = Lives.of(statements)
    places = {storage: storage.place for storage in lives.first if storage.place}
    # A destination lives on after the function.
    for storage in destinations:
        lives.last[storage] = len(statements)
    in_order = sorted(destinations, key=lambda storage: (lives.first[storage], storage.place))
    open_places: dict[str, Storage] = {storage.place: storage for storage in in_order}
    tenants: dict[str, list[Storage]] = {}
    for storage, place in places.items():
        tenants.setdefault(place, []).append(storage)

    def fits(storage: Storage, place: str) -> bool:
        like = open_places[place]
        return (like.element, like.shape) == (storage.element, storage.shape) and all(
            apart(statements, lives, storage, other) for other in tenants[place]
        )

    homeless = [storage for storage in lives.first if not storage.place]
    for storage in sorted(homeless, key=lambda item: lives.first[item], reverse=True):
        wanted = _successors(statements, lives, storage, places) + _predecessors(statements, lives, storage, places)
        roomy = [place for place, like in open_places.items() if like.buffer is not None or not like.place]
        for place in [*wanted, *roomy]:
            if place in open_places and fits(storage, place):
                break
        else:
            place = fresh(storage)
            open_places[place] = storage
            tenants[place] = []
        places[storage] = place
        tenants[place].append(storage)
    return places


def _successors(
    statements: Sequence[Statement], lives: Lives, storage: Storage, places: dict[Storage, str]
) -> list[str]:
    """The place of the value that may be written over this one at its last use."""
    last = lives.last[storage]
    result = statements[last].out.storage
    taken = result is not storage and result in places and takes_over(statements[last], storage, result)
    return [places[result]] if taken else []


def _predecessors(
    statements: Sequence[Statement], lives: Lives, storage: Storage, places: dict[Storage, str]
) -> list[str]:
    """Places of operands over which this value may be written."""
    statement = statements[lives.first[storage]]
    return [
        places[operand.storage]
        for operand in statement.operands
        if isinstance(operand, Strided)
        and operand.storage in places
        and takes_over(statement, operand.storage, storage)
    ]
