"""States of layers, and penalties.

In: `state name: type = value`, `name' = value` and `penalty value` of a body. Out: the state's value in this program,
what it becomes after the step, and what is added to the loss. The three programs share a state's entry in the
registry; only the one for training changes it.
"""

from __future__ import annotations

from nnc.base.diagnostic import Label
from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.from_data import FirstValue, first_value, refuse_batched
from nnc.language.initialize import initial_value
from nnc.language.operators import number, origin
from nnc.language.scope import Frame
from nnc.language.signature import declared
from nnc.language.values import Anything, Poisoned, Tensor, describe, is_applicable, is_number, spell
from nnc.syntax import tree
from nnc.tensor.program import Binding, Role, State
from nnc.tensor.types import TensorType

SCALAR = TensorType("f32")
ABSENT = ""  # the path of a state that starts at none


def state(ctx: Elaboration, node: tree.StateStmt, frame: Frame) -> Tensor | None:
    """The state's value where the body runs: of a layer that is applied again, what the use before made of it; None of
    one that starts at `none`, which is absent. Raises Poisoned."""
    owner = frame.block.owner
    if owner is None or owner.path is None:
        raise ctx.fail("E0408", "a state belongs to a layer or model", node.span, help="define a `layer` for it")
    name = node.name.text
    path = ".".join((*owner.path, name))
    frame.block.states[name] = path
    type = declared(ctx, frame, node.type, batched=False) if node.type is not None else None
    known = ctx.states.get(path)
    if known is not None:
        if type is not None and type != known.type:
            raise _changed_type(ctx, node, owner.defined.name, known, type)
        changed = path in ctx.renewed
        # No gradient goes back through what is carried from one use to the next.
        return ctx.op("stop_gradient", [known], node.span, hint=name) if changed else known
    found = ctx.registry.states.get(path)
    if found is None:
        first = _first_value(ctx, node, type, frame)
        if first is None:
            frame.block.states[name] = ABSENT
            return None
        found = _register(ctx, node, path, first)
    value = ctx.parameter(Binding(Role.STATE, path), found.type, name, ctx.user_span(node.span))
    ctx.states[path] = value
    return value


def _changed_type(ctx: Elaboration, node: tree.StateStmt, layer: str, known: Tensor, type: TensorType) -> Poisoned:
    return ctx.fail(
        "E0209",
        f"`{layer}` is applied again where its state `{node.name.text}` would be {spell(type)}",
        node.span,
        f"it is {spell(known.type)} since its first use",
        help="make a layer of its own for each shape",
    )


def _first_value(ctx: Elaboration, node: tree.StateStmt, type: TensorType | None, frame: Frame) -> FirstValue | None:
    """What the state starts at, compiled apart; None where it is absent. Raises Poisoned."""
    span = node.value.span
    outer = ctx.builder
    with ctx.apart(f"initialize_{node.name.text}"):
        ctx.in_initializer = True
        start = ctx.evaluate(node.value, frame, node.name.text)
        if start is None:
            return None
        if is_number(start) or is_applicable(start) or isinstance(start, bool):
            wanted = SCALAR if type is None else type
            if is_applicable(start):
                start = initial_value(ctx, start, wanted, span, frame, node.name.text)
            else:
                start = number(ctx, start, wanted.element, span)
                if wanted.shape:
                    start = ctx.op("broadcast", [start], span, {"shape": wanted.shape, "batched": False}, start.hint)
        if isinstance(start, Tensor):
            refuse_batched(ctx, node.name.text, start, span)
        if not isinstance(start, Tensor) or type not in (None, start.type):
            stated = f" of {spell(type)}" if type is not None else ""
            reduced = isinstance(start, Tensor) and not start.type.rank and type is not None and type.shape
            raise ctx.fail(
                "E0418",
                f"the state `{node.name.text}`{stated} starts at a value of its type, and this is {describe(start)}",
                span,
                help="keep the sample's axes: mean(x, axis = [], batch = true)" if reduced else None,
            )
        return first_value(ctx, node.name.text, outer, start, span)


def _register(ctx: Elaboration, node: tree.StateStmt, path: str, first: FirstValue) -> State:
    if ctx.registry.sealed:
        raise ctx.fail(
            "E0409",
            f"`{path}` is a state outside of training only",
            node.span,
            help="apply the layer in training too: only then is it changed",
        )
    (result,) = first.function.results
    made = State(path, result.type, first.function, ctx.user_span(node.span), first.inputs)
    return ctx.registry.states.setdefault(path, made)


def renew(ctx: Elaboration, name: tree.Name, value: Anything, frame: Frame, span: Span) -> Tensor | None:
    """`name' = value`: what the state is after the step. Outside of training it stays as it is, and of an absent state
    this is dropped. Raises Poisoned."""
    path = frame.block.states.get(name.base)
    if path == ABSENT:
        return None
    if path is None:
        raise ctx.fail(
            "E0416",
            f"`{name.text}` is the new value of a state, and there is no state `{name.base}`",
            name.span,
            help=f"declare it above: state {name.base}: float = 0",
        )
    if ctx.slices:
        raise ctx.fail(
            "E0431",
            f"a comprehension over a tensor cannot set a state, and this sets `{name.base}`",
            span,
            others=origin(ctx, ctx.slices[-1]),
            help="apply the layer to the whole tensor",
        )
    old = ctx.states.get(path)
    if old is None:
        raise Poisoned  # its declaration failed
    if is_number(value):
        value = number(ctx, value, old.type.element, span)
    if not isinstance(value, Tensor):
        raise _wrong_value(ctx, name, old, describe(value), span)
    if value.type.batched:
        raise ctx.fail(
            "E0417",
            f"the new value of the state `{name.base}` differs from sample to sample",
            span,
            f"{spell(value.type)} of each sample",
            others=origin(ctx, value),
            help="reduce it over the batch: mean(..., batch = true)",
        )
    missing = old.type.rank - value.type.rank
    fits = missing >= 0 and all(a in (1, b) for a, b in zip(value.type.shape, old.type.shape[missing:], strict=True))
    if value.type.element != old.type.element or not fits:
        raise _wrong_value(ctx, name, old, spell(value.type), span)
    if value.type.shape != old.type.shape:
        value = ctx.op("broadcast", [value], span, {"shape": old.type.shape, "batched": False}, name.base)
    if not ctx.is_training():
        return old
    ctx.states[path] = value
    ctx.renewed.add(path)
    return value


def _wrong_value(ctx: Elaboration, name: tree.Name, old: Tensor, found: str, span: Span) -> Poisoned:
    declared_at = (Label(old.span, "declared here"),) if old.span is not None else ()
    return ctx.fail(
        "E0418", f"the state `{name.base}` is {spell(old.type)}, and its new value is {found}", span, others=declared_at
    )


def penalty(ctx: Elaboration, node: tree.Penalty, frame: Frame) -> None:
    """Notes what is to be added to the loss. What only parameters go into counts once, however often their layer is
    applied. Raises Poisoned."""
    value = ctx.evaluate(node.value, frame, "penalty")
    if value is None or (is_number(value) and value == 0):
        return
    span = node.value.span
    if is_number(value):
        value = number(ctx, value, "f32", span)
    if not isinstance(value, Tensor) or not value.type.is_float or value.type.rank:
        raise ctx.fail(
            "E0419",
            f"a penalty is one number for each sample or in all, and this is {describe(value)}",
            span,
            others=origin(ctx, value) if isinstance(value, Tensor) else (),
            help="add its entries up: sum(...)" if isinstance(value, Tensor) and value.type.rank else None,
        )
    key = (ctx.scope, node.span.source, node.span.start)
    if "input" not in ctx.origins.get(value, ()):
        if key in ctx.penalised:
            return
        ctx.penalised.add(key)
    ctx.penalties.append((value, span))
