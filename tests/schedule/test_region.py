"""Conditions on indices."""

import itertools

from nnc.schedule.index import Variable, add, constant, scale, variable
from nnc.schedule.kernel import BATCH
from nnc.schedule.region import Condition, narrowed

K = variable(Variable("k", 40))


def holds(conditions, k):
    def value(index):
        return index.constant + sum(c * k for _, c in index.terms)

    return all(0 <= value(c.index) < c.size and value(c.index) % c.every == 0 for c in conditions)


def test_conditions_on_one_index_become_its_narrowest_range():
    ranges = [Condition(add(K, constant(-start)), size) for start in (0, 3, 7) for size in (2, 5, 11)]
    for few in itertools.product(ranges, repeat=2):
        (one,) = narrowed(few)
        assert [holds((one,), k) for k in range(40)] == [holds(few, k) for k in range(40)]


def test_other_conditions_stay():
    others = (Condition(K, 9, 2), Condition(scale(K, -1), 9), Condition(K, BATCH), Condition(K, 30))
    assert narrowed((*others, Condition(add(K, constant(-4)), 30))) == (
        *others[:3],
        Condition(add(K, constant(-4)), 26),
    )
