"""Cases of the rows that are not pointwise; see cases.py."""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from nnc.tensor.ir import Attribute
from tests.tensor.cases import BATCH, Case, F, Row, b, f, i

Array = Any


def reductions(*types: Any, domain: tuple[float, float] = (-2.0, 2.0), smooth: bool = True) -> list[Case]:
    """Over nothing, one axis, several, the batch alone and with axes, with and without the axes kept."""
    found = []
    for type in types:
        axes = [
            combination for n in range(type.rank + 1) for combination in itertools.combinations(range(type.rank), n)
        ]
        for chosen in axes:
            for batch in (False, True) if type.batched else (False,):
                keep = len(chosen) % 2 == 0
                found.append(Case((type,), {"axes": chosen, "batch": batch, "keepdims": keep}, domain, smooth))
    return found


def over_rows(function: Callable[[Case, list[Any]], list[Any]]) -> Callable[..., Array]:
    """What goes along the last axis, a row at a time; of `reverse`, the row's results are turned back."""

    def run(case: Case, x: Array) -> Array:
        flat = x.reshape(-1, x.shape[-1])
        step = -1 if case.attributes.get("reverse") else 1
        return np.array([function(case, list(row))[::step] for row in flat]).reshape(x.shape)

    return run


def _sorted_places(case: Case, row: list[Any]) -> list[int]:
    """Python's sort keeps the order of equals, backwards too."""
    return sorted(range(len(row)), key=row.__getitem__, reverse=bool(case.attributes["descending"]))


def by_loops(combine: Callable[[list[Any]], Any]) -> Callable[..., Array]:
    """A reduction, one result at a time."""

    def run(case: Case, x: Array) -> Array:
        (type,), axes, batch = case.types, case.attributes["axes"], case.attributes.get("batch", False)
        assert isinstance(axes, tuple)
        gone = {axis + type.batched for axis in axes} | ({0} if batch else set())
        kept = [n if axis not in gone else 1 for axis, n in enumerate(x.shape)]
        result = np.empty(kept, dtype=object)
        for place in np.ndindex(*kept):
            cut = tuple(slice(None) if axis in gone else slice(p, p + 1) for axis, p in enumerate(place))
            result[place] = combine(list(x[cut].reshape(-1)))
        if not case.attributes.get("keepdims", False):
            return result.reshape([n for axis, n in enumerate(x.shape) if axis not in gone])
        return result.reshape(kept[1:]) if batch else result

    return run


def first(best: Callable[[list[Any]], Any]) -> Callable[[list[Any]], int]:
    return lambda values: values.index(best(values))


WRONG_AXES: list[tuple[Any, dict[str, Attribute], str]] = [
    ((F(2),), {"axes": (1,)}, "over axis 1: float[2] has 1 axes"),
    ((F(2),), {"axes": (0, 0)}, "over axes [0, 0]: an axis is named twice"),
    ((f(2),), {"axes": (0,), "batch": True}, "over the batch expects a value per sample, found a common float[2]"),
]
NO_NUMBERS: list[tuple[Any, dict[str, Attribute], str]] = [((b(2),), {"axes": (0,)}, "expects numbers, found bool[2]")]
SHAPES = (F(3), F(1, 5), f(2, 3), F(2, 1, 3), F())
POSITIONS = [Case((t,), {"axes": (a,)}, smooth=False) for t in (F(3), F(1), f(5), F(2, 7)) for a in range(t.rank)]
POSITIONS += [Case((F(3),), {"axes": (), "batch": True}, smooth=False)]
ONE_AXIS: list[tuple[Any, dict[str, Attribute], str]] = [
    ((F(2, 2),), {"axes": (0, 1)}, "expects one axis, found [0, 1]")
]


def einsum_by_loops(case: Case, x: Array, y: Array) -> Array:
    spec = str(case.attributes["spec"])
    left, right = spec.split("->")[0].split(",")
    out = spec.split("->")[1]
    sizes = dict(zip(left, x.shape, strict=True)) | dict(zip(right, y.shape, strict=True))
    result = np.zeros([sizes[c] for c in out])
    for place in itertools.product(*(range(n) for n in sizes.values())):
        at = dict(zip(sizes, place, strict=True))
        result[tuple(at[c] for c in out)] += x[tuple(at[c] for c in left)] * y[tuple(at[c] for c in right)]
    return result


def over_samples(function: Callable[..., Array]) -> Callable[..., Array]:
    """Runs a formula for one sample over the batch."""

    def run(case: Case, *arrays: Array) -> Array:
        if not any(type.batched for type in case.types):
            return function(case, *arrays)
        rows = [
            function(case, *(a[n] if t.batched else a for a, t in zip(arrays, case.types, strict=True)))
            for n in range(BATCH)
        ]
        return np.stack(rows)

    return run


def _pick(case: Case, x: Array, index: Array) -> Array:
    return np.array([x[place][index[place]] for place in np.ndindex(index.shape)]).reshape(index.shape)


def _place(case: Case, g: Array, index: Array) -> Array:
    result = np.zeros((*g.shape, case.attributes["n"]))
    for place in np.ndindex(g.shape):
        result[(*place, index[place])] = g[place]
    return result


def _scatter(case: Case, g: Array, ids: Array) -> Array:
    batched = [type.batched for type in case.types]
    samples = range(BATCH) if any(batched) else range(1)
    tail = g.shape[batched[0] + case.types[1].rank :]
    result = np.zeros((case.attributes["n"], *tail))
    for sample in samples:
        for place in np.ndindex(*case.types[1].shape):
            index = ids[(sample, *place)] if batched[1] else ids[place]
            result[index] += g[(sample, *place)] if batched[0] else g[place]
    return result


def _pad(case: Case, x: Array) -> Array:
    low, high, gaps = (case.attributes.get(name, ()) for name in ("low", "high", "interior"))
    for axis in range(x.ndim):
        gap = gaps[axis] if gaps else 0
        rows = np.moveaxis(x, axis, -1)
        spread = np.full(
            (*rows.shape[:-1], (rows.shape[-1] - 1) * (gap + 1) + 1), float(case.attributes.get("value", 0))
        )
        spread[..., :: gap + 1] = rows
        wide = np.pad(
            spread, [(0, 0)] * (x.ndim - 1) + [(low[axis], high[axis])], constant_values=case.attributes.get("value", 0)
        )
        x = np.moveaxis(wide, -1, axis)
    return x


def index_cases(n: int, *types: Any) -> list[Case]:
    return [Case(each, {"n": n}, smooth=each[0].is_float) for each in types]


STRUCTURAL: dict[str, Row] = {
    "sum": Row(reductions(*SHAPES), whole=by_loops(math.fsum), refused=[*WRONG_AXES, *NO_NUMBERS]),
    "prod": Row(
        reductions(*SHAPES, domain=(0.5, 1.5)),
        whole=by_loops(math.prod),
        refused=WRONG_AXES,
        ties=[([[[0.0, 2.0, 3.0]]], [[[6.0, 0.0, 0.0]]]), ([[[0.0, 2.0, 0.0]]], [[[0.0, 0.0, 0.0]]])],
    ),
    "max": Row(
        reductions(*SHAPES),
        whole=by_loops(max),
        refused=[*WRONG_AXES, *NO_NUMBERS],
        ties=[([[[1.0, 1.0, 0.0]]], [[[1.0, 0.0, 0.0]]])],
        examples=[([[[0.0, math.nan, 1.0]]], math.nan)],
    ),
    "min": Row(
        reductions(*SHAPES),
        whole=by_loops(min),
        refused=[*WRONG_AXES, *NO_NUMBERS],
        ties=[([[[2.0, 1.0, 1.0]]], [[[0.0, 1.0, 0.0]]])],
        examples=[([[[0.0, math.nan, 1.0]]], math.nan)],
    ),
    "variance": Row(
        reductions(*SHAPES),
        whole=by_loops(statistics.pvariance),
        refused=[*WRONG_AXES, ((b(2),), {"axes": (0,)}, "`variance` expects real numbers, found bool[2]")],
        examples=[([[[1e8, 1e8 + 1, 1e8 + 2]]], 2 / 3)],
    ),
    "any": Row(
        reductions(b(3, batched=True), b(2, 3), smooth=False),
        whole=by_loops(any),
        refused=[((F(2),), {"axes": (0,)}, "`any` expects bool, found float[2]: compare it with something")],
    ),
    "all": Row(
        reductions(b(3, batched=True), b(2, 3), smooth=False),
        whole=by_loops(all),
        refused=[((F(2),), {"axes": (0,)}, "`all` expects bool, found float[2]: compare it with something")],
    ),
    "argmax": Row(POSITIONS, whole=by_loops(first(max)), refused=ONE_AXIS, examples=[([[[3.0, 5.0, 5.0]]], 1)]),
    "argmin": Row(POSITIONS, whole=by_loops(first(min)), refused=ONE_AXIS, examples=[([[[3.0, 1.0, 1.0]]], 1)]),
    "reshape": Row(
        [
            Case((t,), {"shape": s})
            for t, s in ((F(6), (2, 3)), (f(2, 3), (6,)), (F(1, 7), (7, 1)), (F(), (1,)), (f(1), ()))
        ],
        whole=over_samples(lambda case, x: np.array(list(x.flat)).reshape(case.attributes["shape"])),
        refused=[((F(5),), {"shape": (2, 3)}, "`reshape` of float[5] to [2, 3]: 5 elements do not fill 6 places")],
    ),
    "transpose": Row(
        [
            Case((t,), {"permutation": p})
            for t, p in ((F(2, 3), (1, 0)), (f(2, 3, 5), (2, 0, 1)), (F(7), (0,)), (F(), ()), (F(1, 3), (1, 0)))
        ],
        whole=over_samples(lambda case, x: np.einsum(x, range(x.ndim), case.attributes["permutation"])),
        refused=[((F(2, 3),), {"permutation": (0, 0)}, "expects each axis of 0 .. 1 once, found [0, 0]")],
    ),
    "broadcast": Row(
        [
            Case((t,), {"shape": s, "batched": batched})
            for t, s, batched in (
                (f(3), (2, 3), False),
                (f(3), (3,), True),
                (F(1), (5,), True),
                (F(3, 1), (2, 3, 7), True),
                (f(), (1,), True),
                (F(), (), True),
            )
        ],
        whole=lambda case, x: np.array(
            [
                np.zeros(case.attributes["shape"]) + (x[n] if case.types[0].batched else x)
                for n in range(BATCH if case.attributes["batched"] else 1)
            ]
        )[slice(None) if case.attributes["batched"] else 0],
        refused=[
            ((F(3),), {"shape": (2,), "batched": True}, "shapes [3] and [2] do not fit"),
            ((F(3),), {"shape": (1,), "batched": True}, "`broadcast` of float[3] to [1]: it has more than that"),
            ((F(3),), {"shape": (3,)}, "a value per sample cannot become a common one"),
        ],
    ),
    "slice": Row(
        [
            Case((t,), {"starts": a, "stops": o, "steps": s})
            for t, a, o, s in (
                (F(5), (1,), (4,), (1,)),
                (F(7), (0,), (7,), (3,)),
                (f(2, 5), (1, 0), (2, 5), (1, 2)),
                (F(1), (0,), (1,), (1,)),
                (F(3, 3), (0, 2), (3, 3), (2, 1)),
            )
        ],
        whole=over_samples(
            lambda case, x: x[
                np.ix_(
                    *(
                        range(*each)
                        for each in zip(*(case.attributes[k] for k in ("starts", "stops", "steps")), strict=True)
                    )
                )
            ]
        ),
        refused=[
            ((F(5),), {"starts": (3,), "stops": (3,), "steps": (1,)}, "3:3 of axis 0 of float[5]: it takes nothing"),
            ((F(5),), {"starts": (3,), "stops": (6,), "steps": (1,)}, "or more than there is"),
            ((F(5),), {"starts": (0,), "stops": (5,), "steps": (0,)}, "expects a step of at least 1, found 0"),
            (
                (F(5),),
                {"starts": (), "stops": (5,), "steps": (1,)},
                "expects starts for the 1 axes of float[5], found []",
            ),
        ],
    ),
    "pad": Row(
        [
            Case((t,), {"low": a, "high": o, "interior": s, "value": v})
            for t, a, o, s, v in (
                (F(3), (1,), (2,), (), 0),
                (F(3), (0,), (0,), (2,), 1.5),
                (f(2, 3), (1, 0), (0, 2), (1, 1), 0),
                (F(1), (0,), (5,), (3,), 0),
                (F(), (), (), (), 0),
            )
        ],
        whole=over_samples(_pad),
        refused=[
            ((F(3),), {"low": (-1,), "high": (0,)}, "expects counts of at least 0, found [-1] and [0]"),
            ((i(3),), {"low": (1,), "high": (0,), "value": 0.5}, "expects an integer to fill with, found 0.5"),
            ((F(3),), {"low": (1, 2), "high": (0,)}, "expects low for the 1 axes of float[3], found [1, 2]"),
        ],
    ),
    "concat": Row(
        [
            Case(t, {"axis": a})
            for t, a in (
                ((F(3), F(5)), 0),
                ((F(2, 3), f(2, 1)), 1),
                ((f(1, 2), f(3, 2), f(1, 2)), 0),
                ((F(7),), 0),
                ((f(2), F(1)), 0),
            )
        ],
        whole=over_samples(lambda case, *xs: np.concatenate(xs, case.attributes["axis"])),
        refused=[
            (
                (F(2), F(2, 1)),
                {"axis": 0},
                "expects shapes that are equal but for axis 0, found float[2] and float[2, 1]",
            ),
            ((F(2),), {"axis": 1}, "`concat` along axis 1: float[2] has 1 axes"),
            ((), {"axis": 0}, "expects at least one operand, found none"),
        ],
    ),
    "reverse": Row(
        [
            Case((t,), {"axes": a})
            for t, a in ((F(3), (0,)), (f(2, 5), (1,)), (F(2, 3), (0, 1)), (F(1), (0,)), (F(7), ()))
        ],
        whole=over_samples(
            lambda case, x: x[
                tuple(slice(None, None, -1) if n in case.attributes["axes"] else slice(None) for n in range(x.ndim))
            ]
        ),
        refused=[((F(2),), {"axes": (1,)}, "`reverse` along axis 1: float[2] has 1 axes")],
    ),
    "einsum": Row(
        [
            Case(t, {"spec": s})
            for t, s in (
                ((F(3), f(3, 5)), "Bk,kn->Bn"),
                ((F(3), F(5)), "Bk,Bn->kn"),
                ((F(2, 3), F(3, 1)), "Bmk,Bkn->Bmn"),
                ((f(2), f(7)), "m,n->nm"),
                ((F(1), F(1)), "Bk,Bk->B"),
                ((F(2, 3), f(2, 3)), "Bhk,hk->Bh"),
            )
        ],
        whole=einsum_by_loops,
        refused=[
            ((F(3), f(4, 5)), {"spec": "Bk,kn->Bn"}, "product of float[3] and float[4, 5]: 3 and 4 should be equal"),
            ((F(3), f(4)), {"spec": "Bk,kn->Bn"}, "expects 2 axes for 'kn', found float[4]"),
            ((f(3), f(3)), {"spec": "Bk,k->B"}, "differ in whether there is one per sample"),
            ((i(3), f(3)), {"spec": "k,k->"}, "a product expects float, found i32[3]"),
        ],
    ),
    "one_hot": Row(
        index_cases(5, (i(3, bound=5, batched=True),), (i(bound=5, batched=True),), (i(2, 1, bound=3),)),
        whole=over_samples(
            lambda case, x: np.array([[float(v == n) for n in range(5)] for v in x.flat]).reshape(*x.shape, 5)
        ),
        refused=[
            ((F(2),), {"n": 5}, "`one_hot` expects an index, found float[2]"),
            ((i(2, bound=6),), {"n": 5}, "`one_hot` among 5 expects index(5), found index(6)[2]"),
            ((i(2),), {"n": 0}, "`one_hot` expects a size of at least 1, found 0"),
        ],
    ),
    "cumsum": Row(
        [Case((t,), {"reverse": r}) for t in (F(5), f(2, 3), F(2, 1), F(3, 2, 7)) for r in (False, True)]
        + [Case((i(4, batched=True),), smooth=False)],
        whole=over_rows(
            lambda case, row: list(itertools.accumulate(row[:: -1 if case.attributes.get("reverse") else 1]))
        ),
        refused=[
            ((F(),), {}, "`cumsum` expects an axis to go along, found float"),
            ((b(3),), {}, "`cumsum` expects numbers, found bool[3]"),
        ],
    ),
    "cumprod": Row(
        [Case((t,)) for t in (F(5), f(2, 3), F(2, 1), F(3, 2, 7))] + [Case((i(4, batched=True),), smooth=False)],
        whole=over_rows(lambda case, row: list(itertools.accumulate(row, operator.mul))),
        refused=[
            ((F(),), {}, "`cumprod` expects an axis to go along, found float"),
            ((b(3),), {}, "`cumprod` expects numbers, found bool[3]"),
        ],
    ),
    "argsort": Row(
        [
            Case((t,), {"descending": d}, smooth=False)
            for t in (F(5), f(2, 3), F(2, 1), F(3, 2, 7))
            for d in (False, True)
        ]
        + [Case((i(6, bound=3, batched=True),), {"descending": d}, smooth=False) for d in (False, True)],
        whole=over_rows(_sorted_places),
        refused=[
            ((F(),), {}, "`argsort` expects an axis to go along, found float"),
            ((b(3),), {}, "`argsort` expects float, i32 or u8, found bool[3]"),
            ((F(4097),), {}, "`argsort` goes along an axis of up to 4,096, found float[4097]"),
        ],
    ),
    "pick": Row(
        [
            Case(t)
            for t in (
                (F(5), i(bound=5, batched=True)),
                (f(5), i(bound=5, batched=True)),
                (F(2, 3), i(2, bound=3)),
                (F(1), i(bound=1, batched=True)),
                (f(2, 7), i(2, bound=7)),
            )
        ],
        whole=over_samples(_pick),
        refused=[
            ((F(), i()), {}, "`pick` expects a last axis to pick from, found float"),
            ((F(3), F()), {}, "`pick` expects an index, found float"),
            ((F(2, 3), i(3, bound=3)), {}, "`pick` from float[2, 3] expects an index of shape [2], found index(3)[3]"),
        ],
    ),
    "place": Row(
        index_cases(
            5,
            (F(), i(bound=5, batched=True)),
            (F(3), i(3, bound=5, batched=True)),
            (f(2), i(2, bound=5, batched=True)),
            (F(1), i(1, bound=5)),
            (f(7), i(7, bound=2)),
        ),
        whole=over_samples(_place),
        refused=[((F(2), i(3, bound=5)), {"n": 5}, "`place` expects an index of shape [2], found index(5)[3]")],
    ),
    "gather": Row(
        [
            Case(t)
            for t in (
                (f(5, 3), i(2, bound=5, batched=True)),
                (f(5), i(bound=5, batched=True)),
                (f(3, 1), i(7, bound=3)),
                (f(1, 2), i(bound=1)),
                (f(2, 3, 1), i(1, 2, bound=2)),
            )
        ],
        whole=over_samples(lambda case, t, ids: np.array([t[n] for n in ids.flat]).reshape((*ids.shape, *t.shape[1:]))),
        refused=[
            ((F(5), i(bound=5)), {}, "`gather` expects a common table with a first axis to read from, found float[5]")
        ],
    ),
    "batch_rows": Row(
        [Case((type,), {"n": n}) for n in (5, 8) for type in (F(), F(2), F(3, 1), i(2, bound=5, batched=True))],
        whole=lambda case, x: np.concatenate([x, np.zeros((case.attributes["n"] - len(x), *x.shape[1:]))]),
        refused=[((f(2),), {"n": 5}, "`batch` expects a value per sample, found a common float[2]")],
    ),
    "scatter_add": Row(
        index_cases(
            5,
            (F(2, 3), i(2, bound=5, batched=True)),
            (F(), i(bound=5, batched=True)),
            (f(7, 1), i(7, bound=5)),
            (f(3), i(bound=5, batched=True)),
            (F(1), i(1, bound=5)),
        ),
        whole=_scatter,
        refused=[((F(2), i(3, bound=5)), {"n": 5}, "expects values whose shape starts with [3], found float[2]")],
    ),
    "arange": Row(
        [Case((), {"n": n}, smooth=False) for n in (1, 7)],
        whole=lambda case: list(range(case.attributes["n"])),
        refused=[((), {"n": 0}, "`arange` expects a size of at least 1, found 0")],
    ),
    "row": Row([Case((), smooth=False)], whole=lambda case: [0, 1, 2]),
    "constant": Row(
        [Case((), {"value": 1.5}, smooth=False), Case((), {"value": 3, "element": "i32"}, smooth=False)],
        whole=lambda case: case.attributes["value"],
        refused=[
            ((), {"value": 1.5, "element": "i32"}, "the number 1.5 meets i32: convert that with float(...)"),
            ((), {"value": True}, "the constant True does not fit float"),
            ((), {"value": "one"}, "a constant must be a number, found 'one'"),
            ((), {"value": 1, "element": "f8"}, "there is no element type f8"),
        ],
    ),
    "batch_size": Row([Case((), smooth=False)], whole=lambda case: 3.0),
}
