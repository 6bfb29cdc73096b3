"""What stands beyond the end of a variable, and whether that is finite."""

import math

import pytest

from nnc.schedule import fills
from nnc.schedule.finite import is_finite
from nnc.schedule.index import Variable
from nnc.schedule.region import Apply, Constant, Load, Node
from nnc.tensor.ir import Op
from nnc.tensor.primitives import TABLE
from tests.schedule.programs import Build, F

ROWS = Variable("rows", None)


def op_of(primitive: str, operands: int) -> Op:
    made = Build()
    args = [made.parameter(F(), f"x{i}") for i in range(operands)]
    if primitive == "where":
        args[0] = made.b.gt(args[0], 0)
    return made.b.finish([made.b.op(primitive, *args)]).ops[-1]


def node(fill: float | None) -> Node:
    return Load((ROWS,), "x", "f32", {} if fill is None else {ROWS: fill})


ELSEWHERE = Load((), "common", "f32")  # has no rows


@pytest.mark.parametrize(
    ("primitive", "args", "expected"),
    [
        ("exp", [node(0.0)], 1.0),
        ("exp", [node(-math.inf)], 0.0),
        ("log", [node(0.0)], -math.inf),
        ("sqrt", [node(-1.0)], None),
        ("add", [node(1.0), node(2.0)], 3.0),
        ("add", [node(0.0), ELSEWHERE], None),
        ("sub", [node(-math.inf), ELSEWHERE], -math.inf),
        ("sub", [node(-math.inf), node(-math.inf)], None),
        ("mul", [node(0.0), ELSEWHERE], 0.0),
        ("mul", [ELSEWHERE, node(0.0)], 0.0),
        ("mul", [node(0.0), node(math.inf)], None),
        ("mul", [node(0.0), node(None)], 0.0),
        ("mul", [node(2.0), node(None)], None),
        ("div", [node(0.0), ELSEWHERE], 0.0),
        ("div", [node(0.0), node(0.0)], None),
        ("where", [node(None), node(3.0), node(3.0)], 3.0),
        ("where", [node(1.0), node(2.0), node(None)], 2.0),
        ("where", [node(0.0), node(2.0), node(None)], None),
        ("where", [node(None), node(3.0), Constant((), "", "f32", {}, 3.0)], 3.0),
        ("maximum", [node(None), node(0.0)], None),
    ],
)
def test_fills(primitive: str, args: list[Node], expected: float | None) -> None:
    assert fills.pointwise(op_of(primitive, len(args)), args).get(ROWS) == expected


def applied(primitive: str, *args: Node) -> Node:
    return Apply((ROWS,), primitive, "f32", {}, TABLE[primitive].triton, args)


def test_finite_are_functions_without_poles_and_those_that_stay_off_them() -> None:
    x = node(None)
    positive = applied("exp", applied("add", x, ELSEWHERE))
    for good in (
        x,
        applied("tanh", applied("mul", x, x)),
        applied("log", positive),
        applied("div", x, applied("add", positive, positive)),
        applied("rsqrt", applied("sigmoid", x)),
        applied("log", ELSEWHERE),
    ):
        assert is_finite(good, ROWS), good
    for bad in (
        applied("log", x),
        applied("log", applied("sub", positive, positive)),
        applied("div", x, x),
        applied("add", x, applied("rsqrt", x)),
        applied("pow", x, x),
        applied("exp", node(math.inf)),
        applied("mul", x, Constant((), "", "f32", {}, math.inf)),
    ):
        assert not is_finite(bad, ROWS), bad
