"""Patterns of ops that torch has one call for.

In: a kernel's graph. Out: the same values in fewer ops, some of them torch's own (`torch.addmm` ...), which the
handlers write. An idiom fires only where what it swallows has no other use. Each says why it is exact, or how nearly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from nnc.emit import torch_factors
from nnc.emit.torch_graph import Graph, fresh, made
from nnc.emit.torch_update import recognise_moments
from nnc.tensor.ir import Op, Value

Idiom: TypeAlias = Callable[[Graph, Op], tuple[Op, ...] | None]

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
LOGICAL = ("and", "or", "not")
_FLOATS_OF_TORCH = ("f32", "f64")


def recognise(graph: Graph) -> None:
    """Rewrites `graph` until no idiom fires."""
    for op in list(graph.ops):
        if op.primitive == "exp" and graph.maker(op.result) is op:
            _softmax(graph, op)
    torch_factors.run(graph)
    for primitive, idioms in _TABLE.items():
        for idiom in idioms:
            for op in list(graph.ops):
                if op.primitive != primitive or graph.maker(op.results[0]) is not op:
                    continue
                new = idiom(graph, op)
                if new is not None:
                    graph.replace(op, *new)


# ------------------------------------------------------------------------------------------------------- softmax


def _softmax(graph: Graph, exp: Op) -> None:
    """exp(x - max), its sum, their quotient and logarithm: log_softmax and softmax.

    torch computes both from the same shifted sum. Where both are wanted, the one is exp of the other, which errs by
    one rounding of the exponent: |log p| * 2^-24, relatively.
    """
    shift = graph.maker(exp.args[0], "sub")
    top = shift and graph.maker(graph.source(shift.args[1]), "max")
    if shift is None or top is None or top.args[0] is not shift.args[0] or top["batch"]:
        return
    axes = top["axes"]
    sums = [op for op in graph.users(exp.result) if op.primitive == "sum" and op["axes"] == axes and not op["batch"]]
    if not isinstance(axes, tuple) or len(axes) != 1 or len(sums) != 1:
        return
    rewritten = _SoftmaxRewrite(graph.copy(), exp, shift, top, sums[0])
    if rewritten.run():
        graph.ops = rewritten.graph.ops
        graph.sweep()


class _SoftmaxRewrite:
    """One softmax, in a graph of its own: the result counts only where no exponential is left."""

    def __init__(self, graph: Graph, exp: Op, shift: Op, top: Op, total: Op) -> None:
        self.graph, self.exp, self.shift, self.top, self.total = graph, exp, shift, top, total
        self.x = shift.args[0]
        self.last = top["axes"] == (self.x.type.rank - 1,)
        self.logs = fresh(self.x.type, exp.result, f"log_{exp.result.scope[0]}" if exp.result.scope else "log_probs")
        self.probs = fresh(self.x.type, exp.result, exp.result.scope[0] if exp.result.scope else "probs")

    def run(self) -> bool:
        for op in list(self.graph.ops):
            match op.primitive:
                case "div":
                    new = self._quotient(op)
                case "mul":
                    new = self._product(op)
                case "sub":
                    new = self._log_of(op) or self._picked(op)
                case _:
                    new = None
            if new is not None:
                # nothing is swept before the calls stand: until then nobody reads x
                self.graph.put(op, *new)
        self._define()
        return self.graph.maker(self.exp.result) is None

    def _define(self) -> None:
        """Puts the calls before their first use."""
        (axis,) = axes if isinstance(axes := self.top["axes"], tuple) else (0,)
        logs = made("torch.log_softmax", (self.x,), self.logs, axis=axis)
        first = self._first_use(self.probs)
        if first is not None:
            both = self._first_use(self.logs) is not None
            probs = (
                made("exp", (self.logs,), self.probs)
                if both
                else made("torch.softmax", (self.x,), self.probs, axis=axis)
            )
            self.graph.ops.insert(first, probs)
        first = self._first_use(self.logs)
        if first is not None:
            self.graph.ops.insert(first, logs)
        self.graph.sweep()

    def _first_use(self, value: Value) -> int | None:
        return next((number for number, op in enumerate(self.graph.ops) if value in op.args), None)

    def _is_total(self, value: Value) -> bool:
        return self.graph.source(value) is self.total.result

    def _is_log_total(self, value: Value) -> bool:
        op = self.graph.maker(self.graph.source(value), "log")
        return op is not None and self._is_total(op.args[0])

    def _quotient(self, op: Op) -> tuple[Op, ...] | None:
        """e / sum."""
        if op.args[0] is self.exp.result and self._is_total(op.args[1]):
            return (made("stop_gradient", (self.probs,), op.result),)
        return None

    def _product(self, op: Op) -> tuple[Op, ...] | None:
        """(g / sum) * e, as the gradient of log(sum) has it."""
        for scaled, e in (op.args, op.args[::-1]):
            div = self.graph.maker(self.graph.source(scaled), "div")
            if e is not self.exp.result or div is None or not self._is_total(div.args[1]):
                continue
            g = div.args[0]
            if scaled is div.result:
                return (made("mul", (self.probs, g), op.result),)
            if g.type.shape == div.result.type.shape and g.type.size == scaled.type.size:
                spread = fresh(replace(g.type, shape=scaled.type.shape), g, g.hint)
                return (
                    made("reshape", (g,), spread, shape=scaled.type.shape),
                    made("mul", (self.probs, spread), op.result),
                )
        return None

    def _log_of(self, op: Op) -> tuple[Op, ...] | None:
        """(x - max) - log(sum)."""
        if op.args[0] is self.shift.result and self._is_log_total(op.args[1]):
            return (made("stop_gradient", (self.logs,), op.result),)
        return None

    def _picked(self, op: Op) -> tuple[Op, ...] | None:
        """log(sum) - (x[i] - max), or the other way round: what a cross-entropy is."""
        if not self.last:
            return None
        for number, (log, pick) in enumerate((op.args, op.args[::-1])):
            index = self._index(pick)
            if index is None or not self._is_log_total(log) or op.result.type.shape != index.type.shape:
                continue
            if number == 1:
                return (made("pick", (self.logs, index), op.result),)
            picked = fresh(op.result.type, op.result, op.result.hint)
            return made("pick", (self.logs, index), picked), made("neg", (picked,), op.result)
        return None

    def _index(self, value: Value) -> Value | None:
        """i, where `value` is x[i] - max."""
        op = self.graph.maker(value, "pick", "sub")
        if op is not None and op.primitive == "sub":
            if self.graph.source(op.args[1]) is not self.top.result:
                return None
            op = self.graph.maker(op.args[0], "pick")
            return op.args[1] if op is not None and op.args[0] is self.x else None
        return op.args[1] if op is not None and op.args[0] is self.shift.result else None


# ----------------------------------------------------------------------------------------------- pointwise, products


def _minus_one_hot(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """p - one_hot(i), and g * p - place(g, i) = g * (p - one_hot(i)): the same up to the rounding of one product."""
    p, hot = op.args
    one_hot = graph.inner(hot, "one_hot")
    if one_hot is not None and one_hot.result.type == p.type == op.result.type:
        return (made("torch.minus_one_hot", (p, one_hot.args[0]), op.result),)
    place, product = graph.inner(hot, "place"), graph.inner(p, "mul")
    if place is None or product is None:
        return None
    g, index = place.args
    for probs, factor in (product.args, product.args[::-1]):
        along = factor is g if g.type.rank == 0 else factor.type.shape == (*g.type.shape, 1)
        if along and graph.source(factor) is graph.source(g) and probs.type == op.result.type:
            difference = fresh(probs.type, op.result, op.result.hint)
            return (
                made("torch.minus_one_hot", (probs, index), difference),
                made("mul", (difference, factor), op.result),
            )
    return None


def _threshold_backward(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """where(h > 0, g, 0): exact, but where h is NaN: there torch hands g on, and h's own NaN is in the step anyhow."""
    condition, g, zero = op.args
    gt = graph.inner(condition, "gt")
    if gt is None or graph.number(zero) != 0 or graph.number(gt.args[1]) != 0 or g in graph.hosts:
        return None
    h = gt.args[0]
    if h in graph.hosts or h.type != g.type or g.type != op.result.type or not g.type.is_float:
        return None
    return (made("torch.threshold_backward", (g, h), op.result),)


def _slope_of_result(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """g * (1 - y * y) and g * y * (1 - y): torch's tanh_backward and sigmoid_backward compute these very products."""
    for g, slope in (op.args, op.args[::-1]):
        if g in graph.hosts:
            continue
        outer = graph.inner(slope, "mul")
        for y, rest in (outer.args, outer.args[::-1]) if outer else ():
            if _one_minus(graph, rest) is y and y.type == g.type == op.result.type:
                return (made("torch.sigmoid_backward", (g, y), op.result),)
        square = _one_minus(graph, slope)
        product = graph.inner(square, "mul") if square is not None else None
        if product is not None and product.args[0] is product.args[1]:
            y = product.args[0]
            if y.type == g.type == op.result.type:
                return (made("torch.tanh_backward", (g, y), op.result),)
    return None


def _one_minus(graph: Graph, value: Value) -> Value | None:
    op = graph.inner(value, "sub")
    return op.args[1] if op is not None and graph.number(op.args[0]) == 1 else None


def _compared(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """float(a == b), float(a and b): torch writes what is true or false as 1 and 0 of any type. Exact."""
    comparison = graph.inner(op.args[0], *COMPARISONS, *LOGICAL)
    if comparison is None or op["element"] not in _FLOATS_OF_TORCH:
        return None
    return (made(comparison.primitive, comparison.args, op.result),)


def _added_product(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """x @ w + b: addmm adds b to the sum of products: the same up to the order of additions."""
    for product, other in (op.args, op.args[::-1]):
        einsum = graph.inner(product, "einsum")
        if einsum is None or other in graph.hosts or product.type != op.result.type:
            continue
        first, second, result = _letters(einsum)
        if not set(first) & set(second) & set(result) and set(first) & set(second):
            return (made("torch.addmm", (other, *einsum.args), op.result, spec=einsum["spec"]),)
    return None


def _letters(einsum: Op) -> tuple[str, str, str]:
    spec = einsum["spec"]
    assert isinstance(spec, str)
    operands, result = spec.split("->")
    first, second = operands.split(",")
    return first, second, result


# --------------------------------------------------------------------------------------- x + c a b, x + c a / b, ...


def _accumulated(graph: Graph, op: Op) -> tuple[Op, ...] | None:
    """x + c * a * b, x + c * a / b, x + c * a and x + c * (end - x), c a number: addcmul, addcdiv, add's alpha, lerp.
    torch groups the products its own way: the same up to one rounding of each."""
    x, y = op.args
    choices = [(x, y, 1), (y, x, 1)] if op.primitive == "add" else [(x, y, -1)]
    found = [made for start, term, sign in choices if (made := _term(graph, op, start, term, sign)) is not None]
    return (max(found, key=lambda each: _RANK[each.primitive]),) if found else None


_RANK = {"torch.add_scaled": 0, "torch.addcmul": 1, "torch.addcdiv": 1, "torch.lerp": 2}


def _term(graph: Graph, op: Op, start: Value, term: Value, sign: int) -> Op | None:
    if not op.result.type.is_float or start in graph.hosts or graph.inner(term, "mul", "div") is None:
        return None
    coefficients, core = _scaled(graph, term)
    quotient, product = graph.inner(core, "div"), graph.inner(core, "mul")
    if quotient is not None and not graph.hosts.keys() & set(quotient.args):
        more, a = _scaled(graph, quotient.args[0])
        return made("torch.addcdiv", (start, a, quotient.args[1], *coefficients, *more), op.result, sign=sign)
    if product is not None:
        more, a = _scaled(graph, product.args[0])
        rest, b = _scaled(graph, product.args[1])
        return made("torch.addcmul", (start, a, b, *coefficients, *more, *rest), op.result, sign=sign)
    if not coefficients:
        return None
    difference = graph.inner(core, "sub")
    if difference is not None and difference.args[1] is start and sign == 1 and difference.args[0] not in graph.hosts:
        same = difference.args[0].type == start.type == op.result.type
        return made("torch.lerp", (start, difference.args[0], *coefficients), op.result, sign=1) if same else None
    return made("torch.add_scaled", (start, core, *coefficients), op.result, sign=sign)


def _scaled(graph: Graph, value: Value) -> tuple[Sequence[Value], Value]:
    """The numbers that `value` is multiplied with, and what is left."""
    op = graph.inner(value, "mul")
    for x, factor in (op.args, op.args[::-1]) if op else ():
        if factor in graph.hosts and x not in graph.hosts:
            coefficients, core = _scaled(graph, x)
            return (factor, *coefficients), core
    return (), value


_TABLE: dict[str, tuple[Idiom, ...]] = {
    "sub": (_minus_one_hot, _accumulated),
    "where": (_threshold_backward,),
    "mul": (_slope_of_result,),
    "convert": (_compared,),
    "add": (_added_product, _accumulated),
    "torch.addcdiv": (recognise_moments,),
}
