"""What a gradient can reach, looked for from both ends."""

from nnc.tensor.build import Builder
from nnc.tensor.gradient import leading_to, reached_from
from nnc.tensor.types import TensorType


def test_what_leads_to_a_value_is_what_it_is_reached_from():
    b = Builder("f")
    parameters = [b.parameter(TensorType("f32", (3,)), name) for name in "xyzw"]
    x, y, z, w = parameters
    stopped = b.op("stop_gradient", b.mul(y, z))
    positive = b.gt(x, 0.0)
    loss = b.sum(b.add(b.where(positive, x, z), stopped))
    function = b.finish([loss, b.sum(w)])
    led = leading_to(function, loss)
    assert {value for value in parameters if value in led} == {x, z}
    for value in parameters:
        assert (value in led) == (loss in reached_from(function, [value]))
