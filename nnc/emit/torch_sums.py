"""The epoch's accumulators on the torch path.

In: the values that a kernel folds into accumulators. Out: where they are to be computed, and the calls at the end that
fold them. Sums over the batch of weight * x are products with the weights: of a matrix with a row for each x that is
one number a sample, and of x itself where it is a tensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from nnc.emit.torch_calls import Calls, packed_view
from nnc.emit.torch_graph import Graph
from nnc.emit.torch_tensor import Host, Storage, Strided, indexed, permuted, selected, whole
from nnc.schedule.kernel import BATCH
from nnc.tensor.ir import Op, Value


@dataclass(slots=True)
class Sums:
    """What one kernel folds into the accumulators, by their places.

    size:    elements of all accumulators.
    terms:   x, for an accumulator that is the sum of weight * x, one number a sample; None where x is 1.
    tensors: the same where x is a tensor.
    others:  any other sum.
    extremes: what is folded otherwise: the value, and "max" or "min".
    """

    size: int
    weight: Value | None
    terms: dict[int, Value | None]
    tensors: dict[int, Value]
    others: dict[int, Value]
    extremes: dict[int, tuple[Value, str]]
    _starts: dict[int, int] = field(default_factory=dict)  # places of sums to places in the totals
    _matrix: Strided | None = None
    _totals: Strided | None = None

    @classmethod
    def of(cls, sums: list[tuple[Value, int, str]], graph: Graph, weights: Set[Value], size: int) -> Sums:
        added = [(value, place) for value, place, fold in sums if fold == "sum"]
        found: dict[int, Value] = {}
        for value, place in added:
            averaged = _summed_over_batch(graph, value)
            if averaged is not None:
                found[place] = averaged
        weight = _weight(found, graph, weights)
        terms: dict[int, Value | None] = {}
        tensors: dict[int, Value] = {}
        for place, value in found.items():
            factors = _factors(graph, value)
            if value is weight:
                terms[place] = None
            elif weight in factors:
                x = factors[1] if factors[0] is weight else factors[0]
                if not value.type.shape:
                    terms[place] = x
                elif x.type == value.type:
                    tensors[place] = x
        others = {place: value for value, place in added if place not in terms and place not in tensors}
        extremes = {place: (value, fold) for value, place, fold in sums if fold != "sum"}
        starts: dict[int, int] = {}
        end = 0
        for value, place in sorted(added, key=lambda row: row[1]):
            starts[place] = end
            end += value.type.size
        return cls(size, weight, terms, tensors, others, extremes, starts)

    @property
    def needed(self) -> list[Value]:
        """What the graph must compute for them."""
        made = (*self.terms.values(), *self.tensors.values(), *self.others.values())
        values = [value for value in made if value is not None] + [value for value, _ in self.extremes.values()]
        is_weighted = self.weight is not None and (self.terms or self.tensors)
        return [*values, self.weight] if is_weighted and self.weight is not None else values

    def _sized(self, place: int) -> int:
        value = self.tensors.get(place, self.others.get(place))
        return 1 if value is None else value.type.size

    @property
    def _rows(self) -> tuple[int, int]:
        """The totals that the matrix has rows for: the first, and the one after the last."""
        starts = [self._starts[place] for place in self.terms]
        return min(starts), max(starts) + 1

    def _total(self, place: int) -> Strided:
        """The part of the totals for one accumulator, in its shape."""
        assert self._totals is not None
        value = self.tensors.get(place, self.others.get(place))
        if value is None or not value.type.shape:
            return indexed(self._totals, 0, self._starts[place])
        part = selected(self._totals, 0, self._starts[place], value.type.size)
        return packed_view(part, value.type.shape)

    def claim(self, calls: Calls, computed: Set[Value]) -> list[tuple[Value, Strided]]:
        """Gives homes to the values, and those that are still to be copied home once all is computed."""
        late: list[tuple[Value, Strided]] = []
        if self.terms:
            first, end = self._rows
            self._matrix = calls.scratch("f32", (end - first, BATCH), "terms")
            for place, x in self.terms.items():
                if x is not None:
                    row = indexed(self._matrix, 0, self._starts[place] - first)
                    _house(calls, x, row, x in computed, late)
        if self.terms or self.tensors or len(self.others) > 1:
            size = sum(self._sized(place) for place in self._starts)
            self._totals = calls.scratch("f32", (size,), "totals")
            for place, value in self.others.items():
                if value in computed and not self._among_rows(place):
                    _house(calls, value, self._total(place), True, late)
        return late

    def _among_rows(self, place: int) -> bool:
        return bool(self.terms) and self._rows[0] <= self._starts[place] < self._rows[1]

    def add(self, calls: Calls) -> None:
        """Appends the calls that fold into the accumulators."""
        sums = whole(Storage("f64", (self.size,), "sums", "sums"))
        if self._totals is not None:
            self._multiply(calls)
            for place, value in self.others.items():
                found, out = calls.operand(value), self._total(place)
                if isinstance(found, Host) or found != out:
                    calls.copy(found, out)
            for first, start, length in self._runs():
                calls.emit("{out}.add_({0})", (_part(self._totals, start, length),), _part(sums, first, length))
        else:
            for place, value in self.others.items():
                calls.emit("{out}.add_({0})", (calls.operand(value),), _accumulator(sums, place, value))
        for place, (value, fold) in self.extremes.items():
            form = f"torch.{fold}imum({{out}}, {{0}}, out={{out}})"
            calls.emit(form, (calls.operand(value),), _accumulator(sums, place, value))

    def _multiply(self, calls: Calls) -> None:
        assert self._totals is not None
        if self.terms:
            assert self._matrix is not None
            assert self.weight is not None
            low, high = self._rows
            # Rows whose accumulator is no such sum are filled too, and their totals replaced below.
            filled = {self._starts[place] for place, x in self.terms.items() if x is not None}
            for start, length in _runs([row for row in range(low, high) if row not in filled]):
                rows = selected(self._matrix, 0, start - low, length)
                calls.fill(Host("1", 1), rows if length > 1 else indexed(rows, 0, 0))
            out = selected(self._totals, 0, low, high - low)
            calls.emit("torch.mv({0}, {1}, out={out})", (self._matrix, calls.tensor(self.weight)), out)
        for place, x in self.tensors.items():
            assert self.weight is not None
            rows = calls.packed(calls.tensor(x), x.hint)
            columns = permuted(packed_view(rows, (BATCH, x.type.size)), (1, 0))
            out = selected(self._totals, 0, self._starts[place], x.type.size)
            calls.emit("torch.mv({0}, {1}, out={out})", (columns, calls.tensor(self.weight)), out)

    def _runs(self) -> list[tuple[int, int, int]]:
        """Runs of accumulators that follow each other: the first place, its place in the totals, elements in all."""
        found: list[tuple[int, int, int]] = []
        for place in sorted(self._starts):
            size = self._sized(place)
            if found and found[-1][0] + found[-1][2] == place:
                found[-1] = (*found[-1][:2], found[-1][2] + size)
            else:
                found.append((place, self._starts[place], size))
        return found


def _part(x: Strided, start: int, length: int) -> Strided:
    return x if x.shape == (length,) else selected(x, 0, start, length)


def _accumulator(sums: Strided, place: int, value: Value) -> Strided:
    """Where an accumulator lies, in the shape of its value."""
    if not value.type.shape:
        return indexed(sums, 0, place)
    return packed_view(selected(sums, 0, place, value.type.size), value.type.shape)


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
    """x, where `value` is the sum of x over the batch alone."""
    op: Op | None = graph.inner(value, "sum", "convert")
    if op is not None and op.primitive == "convert":
        op = graph.inner(op.args[0], "sum")
    if op is None or not op["batch"] or op["axes"] or op.args[0].type.element != "f32":
        return None
    return op.args[0]


def _factors(graph: Graph, value: Value) -> tuple[Value, ...]:
    op = graph.inner(value, "mul")
    return op.args if op is not None and all(arg not in graph.hosts for arg in op.args) else ()


def _weight(found: Mapping[int, Value], graph: Graph, weights: Set[Value]) -> Value | None:
    """The factor of most of the sums, one number a sample; the samples' weight, where it is one of them."""
    factors = [factor for value in found.values() for factor in _factors(graph, value)]
    counted = Counter(factor for factor in factors if factor.type.batched and not factor.type.shape)
    if not counted:
        return None
    return next((value for value in counted if value in weights), counted.most_common(1)[0][0])
