"""Parameters and their initializers.

In: a parameter's declared type and its initializer. Out: the parameter's value in this program, and, in the first of a
model's programs, its entry in the registry with the initializer compiled to a function of its own.
"""

from __future__ import annotations

import math

from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.layers import put_in_place
from nnc.language.operators import number
from nnc.language.scope import Frame
from nnc.language.updating import Constraint
from nnc.language.values import Anything, Tensor, describe, is_applicable, is_number, spell
from nnc.syntax import tree
from nnc.tensor.ir import Function
from nnc.tensor.program import Binding, Parameter, Role
from nnc.tensor.types import Shape, TensorType


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs and outputs a weight of `shape` connects, as Keras counts: the last two axes, times the
    window."""
    match shape:
        case ():
            return 1, 1
        case (size,):
            return size, size
        case (*window, inputs, outputs):
            receptive = math.prod(window)
            return inputs * receptive, outputs * receptive
    raise AssertionError("a shape is one of these")


def initial_value(
    ctx: Elaboration, initializer: Anything, type: TensorType, span: Span, frame: Frame, hint: str
) -> Tensor:
    """What an initializer gives for a tensor of `type`, in the program under construction."""
    fan_in, fan_out = fans(type.shape)
    value = ctx.apply(initializer, [type.shape, fan_in, fan_out], {}, span, frame, hint)
    if is_number(value):
        value = number(ctx, value, type.element, span)
    if not isinstance(value, Tensor) or value.type.element != type.element:
        raise ctx.fail(
            "E0405", f"an initializer gives numbers of {type.element}, and this one gives {describe(value)}", span
        )
    if value.type.shape != type.shape:
        if value.type.rank:
            raise ctx.fail("E0405", f"the initializer gives {spell(value.type)} for a parameter {spell(type)}", span)
        value = ctx.op("broadcast", [value], span, {"shape": type.shape, "batched": False}, hint)
    return value


def initializer_function(
    ctx: Elaboration, initializer: Anything, type: TensorType, span: Span, frame: Frame, name: str
) -> Function:
    """An initializer compiled apart: no parameters, one result of `type`."""
    with ctx.apart(f"initialize_{name}"):
        ctx.in_initializer = True
        value = initial_value(ctx, initializer, type, span, frame, name)
        return ctx.builder.finish([value])


def parameter(ctx: Elaboration, node: tree.ParamStmt, type: TensorType, frame: Frame) -> Tensor:
    """`param name: type = initializer`. A false condition puts a constant in its place. Raises Poisoned."""
    owner = frame.block.owner
    if owner is None or owner.path is None:
        raise ctx.fail("E0408", "a parameter belongs to a layer or model", node.span, help="define a `layer` for it")
    constraint = _constraint(ctx, node, frame)
    name = node.name.text
    if name in owner.overrides:
        return put_in_place(ctx, owner, name, type, node.span)
    expression = node.value
    if isinstance(expression, tree.Conditional):
        test = ctx.evaluate(expression.condition, frame)
        if not isinstance(test, bool):
            raise ctx.fail("E0210", "a condition is true or false at compile time", expression.condition.span)
        if not test:
            return _constant(ctx, expression.otherwise, type, frame, name)
        expression = expression.value
    initializer = ctx.evaluate(expression, frame)
    if not is_applicable(initializer):
        raise _no_initializer(ctx, node, initializer, expression.span)
    path = ".".join((*owner.path, name))
    known = ctx.parameters.get(path)
    if known is not None:
        if known.type != type:
            raise ctx.fail(
                "E0209",
                f"`{owner.defined.name}` is applied again where its parameter `{name}` would be {spell(type)}",
                node.span,
                f"it is {spell(known.type)} since its first use",
                help="make a layer of its own for each shape",
            )
        return _held(ctx, known, node)
    if type.element != "f32":
        raise ctx.fail(
            "E0412",
            f"a parameter is float, and `{name}` is {spell(type)}",
            node.type.span,
            "it is trained",
            help="a `state` may be of any element type",
        )
    _register(ctx, node, path, type, initializer, expression, frame)
    if constraint is not None:
        ctx.registry.constraints.setdefault(path, constraint)
    value = ctx.parameter(Binding(Role.PARAMETER, path), type, name, ctx.user_span(node.span))
    ctx.parameters[path] = value
    ctx.origins[value] = frozenset(("prediction",))
    return _held(ctx, value, node)


def _constraint(ctx: Elaboration, node: tree.ParamStmt, frame: Frame) -> Constraint | None:
    """`, constraint = function`, of the tensor after each step; `none` is none. Raises Poisoned."""
    found = None
    for option in node.options:
        if option.name is None or option.name.text != "constraint":
            name = option.name.text if option.name is not None else option.span.text
            raise ctx.fail(
                "E0401", f"a parameter has no `{name}`", option.span, help="it has `constraint = max_norm(2)`"
            )
        found = ctx.evaluate(option.value, frame)
        if found is not None and not is_applicable(found):
            raise ctx.fail(
                "E0404", f"a constraint is a function of the tensor, and this is {describe(found)}", option.value.span
            )
    return None if found is None else Constraint(found, node.options[-1].value.span, frame)


def _held(ctx: Elaboration, value: Tensor, node: tree.ParamStmt) -> Tensor:
    """The parameter, or within `stop_gradient(layer)` what no gradient reaches it through."""
    return ctx.op("stop_gradient", [value], node.span, hint=value.hint) if ctx.is_fixed else value


def _register(
    ctx: Elaboration,
    node: tree.ParamStmt,
    path: str,
    type: TensorType,
    initializer: Anything,
    expression: tree.Expression,
    frame: Frame,
) -> None:
    registry = ctx.registry
    if path in registry.parameters:
        return
    if registry.sealed:
        raise ctx.fail(
            "E0409",
            f"`{path}` is a parameter outside of training only",
            node.span,
            help="apply the layer in training too: only then is it trained",
        )
    function = initializer_function(ctx, initializer, type, expression.span, frame, node.name.text)
    described = _description(initializer) or " ".join(expression.span.text.split())
    registry.parameters[path] = Parameter(path, type, function, ctx.user_span(node.span), described)


def _description(initializer: Anything) -> str:
    """How an initializer reads: its definition, with the configuration that was given."""
    defined = getattr(initializer, "defined", None)
    if defined is not None:
        written = getattr(initializer, "written", "")
        return f"{defined.name}({written})" if written else str(defined.name)
    return str(getattr(initializer, "name", ""))


def _constant(ctx: Elaboration, node: tree.Expression, type: TensorType, frame: Frame, name: str) -> Tensor:
    value = ctx.evaluate(node, frame)
    if not is_number(value):
        raise ctx.fail(
            "E0405", f"a number stands for a parameter that is left out, and this is {describe(value)}", node.span
        )
    scalar = number(ctx, value, type.element, node.span)
    if not type.shape:
        return scalar
    return ctx.op("broadcast", [scalar], node.span, {"shape": type.shape, "batched": False}, name)


def _no_initializer(ctx: Elaboration, node: tree.ParamStmt, value: Anything, span: Span) -> Exception:
    help = None
    if is_number(value):
        help = "write zeros" if value == 0 else "write ones" if value == 1 else f"write constant({value})"
    return ctx.fail(
        "E0405",
        f"`{node.name.text}` starts at an initializer, and this is {describe(value)}",
        span,
        help=help,
    )
