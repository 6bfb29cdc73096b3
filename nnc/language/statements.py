"""Statements of a block, in order. A statement that fails binds its names to poison, and the next one is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from nnc.language import carry, fold, lists
from nnc.language.constants import write
from nnc.language.context import Elaboration
from nnc.language.initialize import parameter
from nnc.language.naming import Place, numbered
from nnc.language.operators import origins
from nnc.language.scope import Frame
from nnc.language.signature import declared
from nnc.language.values import Anything, Configured, Poison, Poisoned, Tensor, describe
from nnc.syntax import tree


def run(ctx: Elaboration, block: tree.Block, frame: Frame, hints: Mapping[str, str]) -> None:
    """Evaluates a block into its frame. `hints` rename results: `y` of a layer is `hidden` where it is applied."""
    outer = frame.place
    poisoned = False
    bound = {name.text for statement in block.statements for name in assigned(statement)}
    for statement in block.statements:
        names = assigned(statement)
        frame.place = Place((*outer.path, _path_name(names, frame.taken, bound))) if names else outer
        try:
            _statement(ctx, statement, frame, hints)
        except Poisoned:
            if isinstance(statement, tree.Assert):
                raise  # what follows relies on it
            poisoned = poisoned or not names
            for name in names:
                frame.bind(name.text, Poison(), name.span)
    frame.place = outer
    if poisoned:
        raise Poisoned


def _path_name(names: Sequence[tree.Name], taken: frozenset[str], bound: set[str]) -> str:
    """What the layers that a statement makes are called after: its variable, or its variables together. No two
    statements have one name, or one's layers could be taken for the other's."""
    joined = "_".join(name.text for name in names if name.text != "_") or "value"
    others = taken if joined == names[0].text else taken | bound
    return next(name for name in numbered(joined) if name not in others)


def assigned(statement: tree.Statement) -> tuple[tree.Name, ...]:
    """The names that a statement binds."""
    match statement:
        case tree.Assign(names=names):
            return names
        case tree.ParamStmt(name=name) | tree.StateStmt(name=name) | tree.TargetStmt(name=name):
            return (name,)
        case tree.Scan(carries=carries):
            return tuple(carry.name for carry in carries)
        case tree.Penalty() | tree.Assert():
            return ()
        case _:
            assert_never(statement)


def _statement(ctx: Elaboration, statement: tree.Statement, frame: Frame, hints: Mapping[str, str]) -> None:
    match statement:
        case tree.Assign():
            assign(ctx, statement, frame, hints)
        case tree.ParamStmt():
            type = declared(ctx, frame, statement.type, batched=False)
            frame.place = Place(frame.place.path[:-1])
            value = parameter(ctx, statement, type, frame)
            remember(ctx, frame, value, statement.name.text)
            frame.bind(statement.name.text, value, statement.name.span)
        case tree.Assert():
            _assert(ctx, statement, frame)
        case tree.Penalty():
            carry.penalty(ctx, statement, frame)
        case tree.Scan():
            raise ctx.unsupported("`scan` is", statement.span)
        case tree.StateStmt():
            if frame.block.body == "metric":
                fold.start(ctx, statement, frame)
                return
            frame.place = Place(frame.place.path[:-1])
            held = carry.state(ctx, statement, frame)
            remember(ctx, frame, held, statement.name.text)
            frame.bind(statement.name.text, held, statement.name.span)
        case tree.TargetStmt():
            raise ctx.fail("E0506", "a `target` belongs to a `train` block", statement.span)
        case _:
            assert_never(statement)


def assign(ctx: Elaboration, node: tree.Assign, frame: Frame, hints: Mapping[str, str]) -> Anything:
    """`names = value`. A layer assigned alone takes the name."""
    first = node.names[0].base
    if frame.block.body == "metric" and node.names[0].primed:
        return fold.folded(ctx, node, frame)
    hint = hints.get(first, first) if len(node.names) == 1 and first != "_" else ""
    value = ctx.evaluate(node.value, frame, hint)
    if isinstance(value, Configured) and value.place is frame.place and value.path is None:
        value.path = frame.place.path
    lists.unpack(ctx, node.names, value, frame, node.span)
    for name in node.names:
        binding = frame.names.get(name.text)
        if binding is not None and name.primed:
            frame.bind(name.text, carry.renew(ctx, name, binding.value, frame, node.value.span), name.span)
        elif binding is not None:
            remember(ctx, frame, binding.value, name.text)
    return value


def remember(ctx: Elaboration, frame: Frame, value: Anything, name: str) -> None:
    """Notes that a variable of the user's holds the tensor, so that messages may call it by its name."""
    if isinstance(value, Tensor) and not frame.home.is_library:
        ctx.named.setdefault(value, name)


def _assert(ctx: Elaboration, node: tree.Assert, frame: Frame) -> None:
    value = ctx.evaluate(node.condition, frame)
    if not isinstance(value, bool):
        raise ctx.fail(
            "E0210", f"a condition is true or false at compile time, and this is {describe(value)}", node.span
        )
    if value:
        return
    message = ctx.evaluate(node.message, frame) if node.message is not None else None
    text = message if isinstance(message, str) else " ".join(node.condition.span.text.split())
    words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in node.condition.span.text).split()
    read = [binding.value for name, binding in frame.names.items() if name in words]
    raise ctx.fail(
        "E0414",
        text,
        node.condition.span,
        "this must hold, and does not",
        others=origins(ctx, [value for value in read if isinstance(value, Tensor)]),
        notes=_sides(ctx, node.condition, frame),
    )


def _sides(ctx: Elaboration, condition: tree.Expression, frame: Frame) -> tuple[str, ...]:
    """What the sides of a comparison that does not hold are, where they say more than is written."""
    match condition:
        case tree.Logical(left=left, right=right, operator="and"):
            return _sides(ctx, right if ctx.evaluate(left, frame) is True else left, frame)
        case tree.Logical(right=right, operator="or"):
            return _sides(ctx, right, frame)
        case tree.Compare(left=left, right=right):
            written = [" ".join(side.span.text.split()) for side in (left, right)]
            values = [write(ctx.evaluate(side, frame)) for side in (left, right)]
            said = [f"{name} is {value}" for name, value in zip(written, values, strict=True) if name != value]
            return (", ".join(said),) if said and len(said[0]) <= 80 else ()
        case _:
            return ()
