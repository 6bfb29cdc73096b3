"""The epoch's running sums on the torch path.

In: the values that a kernel adds to accumulators. Out: where they are to be computed, and the calls at the end that add
them. Sums over the batch of weight * x are one product of a matrix, a row for each x, with the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass

from nnc.emit.torch_calls import Calls
from nnc.emit.torch_graph import Graph
from nnc.emit.torch_tensor import Host, Storage, Strided, indexed, selected, whole
from nnc.schedule.kernel import BATCH
from nnc.tensor.ir import Op, Value


@dataclass(slots=True)
class Sums:
    """What one kernel adds to the accumulators, by their numbers.

    terms:  x, for an accumulator that is the sum of weight * x; None where x is 1.
    others: any other value.
    """

    count: int
    weight: Value | None
    terms: dict[int, Value | None]
    others: dict[int, Value]
    _matrix: Strided | None = None
    _totals: Strided | None = None

    @classmethod
    def of(cls, sums: list[tuple[Value, int]], graph: Graph, weights: Set[Value], count: int) -> Sums:
        found: dict[int, Value] = {}
        for value, place in sums:
            averaged = _summed_over_batch(graph, value)
            if averaged is not None:
                found[place] = averaged
        weight = _weight(found, graph, weights)
        terms: dict[int, Value | None] = {}
        for place, value in found.items():
            factors = _factors(graph, value)
            if value is weight:
                terms[place] = None
            elif weight in factors:
                terms[place] = factors[1] if factors[0] is weight else factors[0]
        others = {place: value for value, place in sums if place not in terms}
        return cls(count, weight, terms, others)

    @property
    def needed(self) -> list[Value]:
        """What the graph must compute for them."""
        values = [value for value in (*self.terms.values(), *self.others.values()) if value is not None]
        return [*values, self.weight] if self.weight is not None and self.terms else values

    @property
    def _range(self) -> tuple[int, int]:
        places = [*self.terms, *self.others]
        return min(places), max(places)

    @property
    def _rows(self) -> tuple[int, int]:
        return min(self.terms), max(self.terms)

    def claim(self, calls: Calls, computed: Set[Value]) -> list[tuple[Value, Strided]]:
        """Gives homes to the values, and those that are still to be copied home once all is computed."""
        late: list[tuple[Value, Strided]] = []
        if self.terms:
            first, last = self._rows
            self._matrix = calls.scratch("f32", (last - first + 1, BATCH), "terms")
            for place, x in self.terms.items():
                if x is not None:
                    _house(calls, x, indexed(self._matrix, 0, place - first), x in computed, late)
        if self.terms or len(self.others) > 1:
            first, last = self._range
            self._totals = calls.scratch("f32", (last - first + 1,), "totals")
            for place, value in self.others.items():
                if value in computed and not self._among_rows(place):
                    _house(calls, value, indexed(self._totals, 0, place - first), True, late)
        return late

    def _among_rows(self, place: int) -> bool:
        return bool(self.terms) and self._rows[0] <= place <= self._rows[1]

    def add(self, calls: Calls) -> None:
        """Appends the calls that add to the accumulators."""
        if not self.terms and not self.others:
            return
        sums = whole(Storage("f64", (self.count,), "sums", "sums"))
        first, last = self._range
        target = sums if last - first + 1 == self.count else selected(sums, 0, first, last - first + 1)
        if self._totals is None:
            ((_, value),) = self.others.items()
            calls.emit("{out}.add_({0})", (calls.operand(value),), indexed(target, 0, 0))
            return
        if self.terms:
            self._multiply(calls, first)
        for place in range(first, last + 1):
            self._put(calls, place, indexed(self._totals, 0, place - first))
        calls.emit("{out}.add_({0})", (self._totals,), target)

    def _multiply(self, calls: Calls, first: int) -> None:
        assert self._matrix is not None
        assert self._totals is not None
        assert self.weight is not None
        low, high = self._rows
        # Rows whose accumulator is no such sum are filled too, and their totals replaced below.
        blank = [place for place in range(low, high + 1) if self.terms.get(place) is None]
        for start, length in _runs(blank):
            rows = selected(self._matrix, 0, start - low, length)
            calls.fill(Host("1", 1), rows if length > 1 else indexed(rows, 0, 0))
        out = selected(self._totals, 0, low - first, high - low + 1)
        calls.emit("torch.mv({0}, {1}, out={out})", (self._matrix, calls.tensor(self.weight)), out)

    def _put(self, calls: Calls, place: int, out: Strided) -> None:
        if place in self.terms:
            return
        if place not in self.others:
            calls.fill(Host("0", 0), out)
            return
        found = calls.operand(self.others[place])
        if isinstance(found, Host) or found != out:
            calls.copy(found, out)


def _house(calls: Calls, value: Value, home: Strided, computed: bool, late: list[tuple[Value, Strided]]) -> None:
    if computed and value not in calls.homes:
        calls.homes[value] = home
    else:
        late.append((value, home))


def _runs(places: list[int]) -> list[tuple[int, int]]:
    """Runs of numbers that follow each other: where each starts, and how long it is."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs


def _summed_over_batch(graph: Graph, value: Value) -> Value | None:
    """x, where `value` is the sum over the batch of one number a sample."""
    op: Op | None = graph.inner(value, "sum", "convert")
    if op is not None and op.primitive == "convert":
        op = graph.inner(op.args[0], "sum")
    if op is None or not op["batch"] or op.args[0].type.shape or op.args[0].type.element != "f32":
        return None
    return op.args[0]


def _factors(graph: Graph, value: Value) -> tuple[Value, ...]:
    op = graph.inner(value, "mul")
    return op.args if op is not None and all(arg not in graph.hosts for arg in op.args) else ()


def _weight(found: Mapping[int, Value], graph: Graph, weights: Set[Value]) -> Value | None:
    """The factor of most of the sums; the samples' weight, where it is one of them."""
    counted = Counter(factor for value in found.values() for factor in _factors(graph, value) if factor.type.batched)
    if not counted:
        return None
    return next((value for value in counted if value in weights), counted.most_common(1)[0][0])
