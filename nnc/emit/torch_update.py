"""The update by running means of the gradient and of its square, for which the runtime has one call.

In: a kernel's graph, whose other idioms are recognised. Out: one op with three results in the place of five, and the
statements that write it. The runtime falls back to separate calls where torch lacks its own.
"""

from __future__ import annotations

from nnc.emit.torch_calls import COPY, Calls, host_product
from nnc.emit.torch_graph import Graph
from nnc.emit.torch_tensor import Host, Strided
from nnc.tensor.ir import Op, Value

CALL = "moment_step_"


def recognise_moments(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """m' = lerp(m, g, a), v' = lerp(v, g * g, b), p' = p - R * m' / (sqrt(v') + eps), numbers all of a, b, eps and R.

    The same up to the rounding of each. All of p, m and v are the kernel's operands, which nothing else reads, and all
    of the three results leave it.
    """
    p, m_new, denominator = op.args[:3]
    total = graph.inner(denominator, "add")
    if op["sign"] != -1 or total is None:
        return None
    root, epsilon = total.args if total.args[1] in graph.hosts else total.args[::-1]
    sqrt = graph.inner(root, "sqrt")
    mean = graph.maker(m_new, "torch.lerp")
    square_mean = graph.maker(sqrt.args[0], "torch.lerp") if sqrt is not None else None
    if epsilon not in graph.hosts or mean is None or square_mean is None:
        return None
    (m, g, a), (v, squared, b) = mean.args[:3], square_mean.args[:3]
    product = graph.inner(squared, "mul")
    if product is None or product.args != (g, g) or len(mean.args) + len(square_mean.args) != 6:
        return None
    results = (op.result, m_new, square_mean.result)
    alike = {value.type for value in (p, g, m, v, *results)}
    if len(alike) > 1 or not p.type.is_float or p.type.element not in ("f32", "f64") or len({p, g, m, v}) < 4:
        return None
    if not all(_is_own(graph, value) for value in (p, m, v)):
        return None
    if any(value not in graph.kept or graph.uses(value) > 2 for value in results):
        return None
    graph.put(mean)
    graph.put(square_mean)
    return (Op("torch.moments", (p, g, m, v, a, b, epsilon, *op.args[3:]), (), results, span=op.span),)


def _is_own(graph: Graph, value: Value) -> bool:
    """Whether a value comes from outside and is read here once."""
    return graph.maker(value) is None and value not in graph.hosts and graph.uses(value) == 1


def moments(calls: Calls, op: Op) -> None:
    """What is updated goes home first, which costs nothing where it is at home, and is worked on there."""
    p, g, m, v = op.args[:4]
    numbers = [each for each in (calls.where[arg] for arg in op.args[4:]) if isinstance(each, Host)]
    a, b, epsilon, *rates = numbers
    homes: list[Strided] = []
    for old, new in zip((p, m, v), op.results, strict=True):
        source, home = calls.tensor(old), calls.result(new)
        calls.emit(COPY, (source,), home, [0])
        homes.append(home)
    gradient = calls.packed(calls.tensor(g), "gradient")
    form = f"{CALL}({{out}}, {{0}}, {{1}}, {{2}}, mean={{3}}, square={{4}}, epsilon={{5}}, rate={{6}})"
    calls.emit(form, (gradient, *homes[1:], a, b, epsilon, host_product(rates)), homes[0])


HANDLERS = {"torch.moments": moments}
