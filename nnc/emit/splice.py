"""A template's kernel as text for one model: hooks replaced by lines, constants by numbers, flags by the branch taken.

In: the text of a file of kernels/, and what to put where. Out: one function's text, which reads as if written by hand:
no hooks, no branches on flags, no assignment that nothing reads. The syntax tree only says *where* things are; what is
kept is the template's own text, comments included: a comment belongs to the statement below it, or beside it, and goes
with it. It does not look into the lines that hooks give, but for removing assignments that nothing reads.

A template that cannot be spliced as asked is a fault of the compiler, not of its user: `SpliceError`, with the place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import TypeAlias

from nnc.emit.expression import precedence
from nnc.emit.tidy import docstring_lines, live_lines, parsed_function, signature_lines

Hook: TypeAlias = Callable[[tuple[str, ...], str | None], Sequence[str]]

_INDENT = " " * 4
_ATOM = 20
_TIGHT = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Subscript)


class SpliceError(Exception):
    """The template and what was asked of it do not fit. The message starts with the place in the template."""


@dataclass(frozen=True, slots=True)
class _Template:
    """The kernel's definition, and all that is to be put into it."""

    source: bytes
    lines: tuple[str, ...]
    line_starts: tuple[int, ...]
    function: ast.FunctionDef
    parameters: frozenset[str]
    hooks: Mapping[str, Hook]
    constants: Mapping[str, str]
    flags: Mapping[str, bool]
    names: Mapping[str, str]
    parents: Mapping[ast.AST, ast.AST] = field(repr=False)

    def error(self, node: ast.AST, message: str) -> SpliceError:
        return SpliceError(f"{self.function.name}, line {getattr(node, 'lineno', self.function.lineno)}: {message}")


def splice(
    template: str,
    *,
    kernel: str,
    name: str,
    docstring: str,
    parameters: Sequence[str],
    hooks: Mapping[str, Hook],
    constants: Mapping[str, str],
    flags: Mapping[str, bool],
    names: Mapping[str, str],
) -> str:
    """The text of the function `kernel` of `template`, ending in a newline, decorators included.

    name, docstring, parameters: of the result; a parameter is written as in a signature, `ROWS: tl.constexpr`.
    hooks: for each hook its lines, unindented, given its call's arguments as text (constants and names already put in)
        and the text of the target that the call is assigned to, None where it stands alone as a statement.
    constants: text for a parameter of the template: a number, a name, an expression.
    flags: a parameter of the template that conditions are made of; only the branch taken stays.
    names: other names for the template's locals.

    Raises SpliceError: an unknown kernel, hook or flag; a parameter of the template for which nothing is given; a hook
    call inside an expression; a flag and a run-time condition in one test; a new name that is taken; a parameter of the
    result that nothing reads.
    """
    found = _locate(template, kernel, hooks=hooks, constants=constants, flags=flags, names=names)
    function = found.function
    decorators = [found.lines[node.lineno - 1].strip() for node in function.decorator_list]
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    head = [*decorators, *signature_lines(name, parameters), *docstring_lines(docstring)]
    try:
        lines = live_lines([*head, *_block(found, body, 1)], len(head))
    except (ValueError, SyntaxError) as error:
        raise found.error(function, str(error)) from error
    _check(found, lines)
    return "\n".join(lines) + "\n"


@cache
def _functions(template: str) -> dict[str, tuple[ast.FunctionDef, dict[ast.AST, ast.AST]]]:
    """The functions of a template by name, and what each of their nodes lies in: alike for all kernels made of it."""
    return {
        function.name: (function, {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)})
        for function in ast.parse(template).body
        if isinstance(function, ast.FunctionDef)
    }


def _locate(
    template: str,
    kernel: str,
    *,
    hooks: Mapping[str, Hook],
    constants: Mapping[str, str],
    flags: Mapping[str, bool],
    names: Mapping[str, str],
) -> _Template:
    functions = _functions(template)
    if kernel not in functions:
        raise SpliceError(f"{kernel}: the template has no such function")
    function, parents = functions[kernel]
    lines = tuple(template.split("\n"))
    starts = tuple(accumulate((len(line.encode()) + 1 for line in lines), initial=0))
    parameters = frozenset(argument.arg for argument in function.args.args)
    found = _Template(template.encode(), lines, starts, function, parameters, hooks, constants, flags, names, parents)
    unknown = sorted({*hooks, *constants, *flags} - found.parameters)
    if unknown:
        raise found.error(function, f"{', '.join(unknown)} is no parameter of the template")
    local = {node.id for node in parents if isinstance(node, ast.Name)}
    taken = sorted({new for old, new in names.items() if new != old} & (local - names.keys()))
    if taken or len(set(names.values())) < len(names):
        raise found.error(function, f"a new name is taken: {', '.join(taken) or ', '.join(sorted(names.values()))}")
    return found


# ------------------------------------------------------------------------------------------------ statements


def _block(found: _Template, body: Sequence[ast.stmt], depth: int) -> list[str]:
    """The lines of a block, indented `depth` times."""
    lines: list[str] = []
    for statement in body:
        branch = _branch(found, statement)
        if branch is None:
            lines += [*_above(found, statement, depth), *_statement(found, statement, depth)]
        else:
            lines += [*[line for line in _above(found, statement, depth) if not line], *_block(found, branch, depth)]
    return lines


def _branch(found: _Template, statement: ast.stmt) -> Sequence[ast.stmt] | None:
    """The statements that are left of an `if` on flags; None for another statement."""
    if not isinstance(statement, ast.If):
        return None
    taken = _decide(found, statement.test)
    return None if taken is None else (statement.body if taken else statement.orelse)


def _above(found: _Template, statement: ast.stmt, depth: int) -> Iterator[str]:
    """The comments right above a statement, and "" for the blank lines before them."""
    first = statement.lineno - 1
    while first > 0 and (not found.lines[first - 1].strip() or found.lines[first - 1].lstrip().startswith("#")):
        first -= 1
    own = " " * statement.col_offset
    for line in found.lines[first : statement.lineno - 1]:
        if not line.strip():
            yield ""
        elif line.startswith(own + "#"):
            yield _INDENT * depth + line.strip()


def _statement(found: _Template, statement: ast.stmt, depth: int) -> list[str]:
    """A statement's lines; a hook call's are the hook's."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=hook)) as call) if _is_hook(found, call):
            return _expand(found, hook, call, None, depth)
        case ast.Assign(targets=[target], value=ast.Call(func=ast.Name(id=hook)) as call) if _is_hook(found, call):
            return _expand(found, hook, call, _text(found, target), depth)
        case ast.If() | ast.For() | ast.While():
            return _compound(found, statement, depth)
        case ast.FunctionDef() | ast.ClassDef() | ast.With() | ast.Try() | ast.Match():
            raise found.error(statement, f"a template has no {type(statement).__name__}")
        case _:
            return _kept(found, statement, depth)


def _is_hook(found: _Template, call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in found.parameters


def _expand(found: _Template, hook: str, call: ast.Call, target: str | None, depth: int) -> list[str]:
    if hook not in found.hooks:
        raise found.error(call, f"nothing is given for the hook {hook}")
    if call.keywords:
        raise found.error(call, f"the hook {hook} takes arguments by place only")
    lines = found.hooks[hook](tuple(_text(found, argument) for argument in call.args), target)
    return [_INDENT * depth + line if line.strip() else "" for line in lines]


def _compound(found: _Template, statement: ast.If | ast.For | ast.While, depth: int) -> list[str]:
    """`if`, `for`, `while` with a condition of the run time."""
    last = statement.iter if isinstance(statement, ast.For) else statement.test
    end = last.end_lineno or last.lineno
    if statement.body[0].lineno <= end:
        raise found.error(statement, "the body stands on the header's line")
    stop = found.line_starts[end] - 1
    header = _edited(found, statement, _offset(found, statement.lineno, statement.col_offset), stop)
    lines = _reindented(re.sub(r"^elif\b", "if", header), statement.col_offset, depth)
    lines += _block(found, statement.body, depth + 1) or [_INDENT * (depth + 1) + "pass"]
    otherwise = _block(found, statement.orelse, depth + 1)
    return [*lines, _INDENT * depth + "else:", *otherwise] if otherwise else lines


def _kept(found: _Template, statement: ast.stmt, depth: int) -> list[str]:
    """A statement of the template, with the comment beside it."""
    end = statement.end_lineno or statement.lineno
    start = _offset(found, statement.lineno, statement.col_offset)
    text = _edited(found, statement, start, found.line_starts[end] - 1)
    return _reindented(text, statement.col_offset, depth)


def _reindented(text: str, column: int, depth: int) -> list[str]:
    shift = len(_INDENT) * depth - column
    first, *rest = text.split("\n")
    return [
        _INDENT * depth + first.rstrip(),
        *(" " * (len(line) - len(line.lstrip()) + shift) + line.strip() for line in rest),
    ]


# ------------------------------------------------------------------------------------------------ expressions


def _offset(found: _Template, line: int, column: int) -> int:
    return found.line_starts[line - 1] + column


def _extent(found: _Template, node: ast.expr) -> tuple[int, int]:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return _offset(found, node.lineno, node.col_offset), _offset(found, end_line, end_column)


def _text(found: _Template, node: ast.expr) -> str:
    start, end = _extent(found, node)
    return _edited(found, node, start, end)


def _edited(found: _Template, root: ast.AST, start: int, end: int) -> str:
    """The source from `start` to `end`, with what `root` holds there replaced."""
    pieces: list[bytes] = []
    for at, until, text in sorted(_edits(found, root)):
        if start <= at and until <= end:
            pieces += [found.source[start:at], text.encode()]
            start = until
    return b"".join([*pieces, found.source[start:end]]).decode()


def _edits(found: _Template, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Where to put what, over all of `node`: start, end and new text, none inside another."""
    match node:
        case ast.Call() if _is_hook(found, node):
            raise found.error(node, "a hook call inside an expression")
        case ast.IfExp(test=test, body=body, orelse=orelse):
            taken = _decide(found, test)
            if taken is not None:
                chosen = _text(found, body if taken else orelse)
                yield (*_with_parentheses(found, node), _enclosed(found, node, chosen))
                return
        case ast.Name(id=identifier):
            text = _replacement(found, identifier)
            if text != identifier:
                yield (*_extent(found, node), _enclosed(found, node, text))
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield from _edits(found, child)


def _enclosed(found: _Template, node: ast.expr, text: str) -> str:
    """The text that takes a node's place, in parentheses where what is around it may bind tighter."""
    tight = isinstance(found.parents.get(node), _TIGHT) and precedence(text) < _ATOM
    return f"({text})" if tight else text


def _with_parentheses(found: _Template, node: ast.expr) -> tuple[int, int]:
    """A node's extent, with the parentheses right around it that are no call's."""
    start, end = _extent(found, node)
    around = found.source[start - 1 : start] + found.source[end : end + 1]
    is_call = re.match(rb"[\w)\]]", found.source[start - 2 : start - 1]) is not None
    return (start - 1, end + 1) if around == b"()" and not is_call else (start, end)


def _replacement(found: _Template, identifier: str) -> str:
    if identifier in found.flags:
        return str(found.flags[identifier])
    return found.constants.get(identifier) or found.names.get(identifier) or identifier


def _decide(found: _Template, test: ast.expr) -> bool | None:
    """What a condition made of flags comes to; None for one of the run time."""
    match test:
        case ast.Name(id=flag) if flag in found.flags:
            return found.flags[flag]
        case ast.Name(id=flag) if flag in found.parameters and flag not in found.constants:
            raise found.error(test, f"nothing is given for the flag {flag}")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = _decide(found, operand)
            return None if value is None else not value
        case ast.BoolOp(op=operator, values=operands):
            values = [_decide(found, operand) for operand in operands]
            known = [value for value in values if value is not None]
            if known and len(known) < len(values):
                raise found.error(test, "a flag and a run-time condition in one test")
            return (all(known) if isinstance(operator, ast.And) else any(known)) if known else None
        case _:
            return None


def _check(found: _Template, lines: Sequence[str]) -> None:
    """What is read must be there, and what is there must be read."""
    function = parsed_function(lines)
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    bound = {argument.arg for argument in function.args.args}
    missing = (read & found.parameters) - bound - {node.id for node in names if isinstance(node.ctx, ast.Store)}
    if missing:
        raise found.error(found.function, f"nothing is given for {', '.join(sorted(missing))}")
    unread = [parameter for parameter in bound if parameter not in read]
    if unread:
        raise found.error(found.function, f"nothing reads the parameter {', '.join(sorted(unread))} of the result")
    own = (node for node in found.parents if isinstance(node, ast.Name))
    stores = (node.id for node in own if isinstance(node.ctx, ast.Store))
    clash = sorted({found.names.get(name, name) for name in stores} & bound)
    if clash:
        raise found.error(found.function, f"{', '.join(clash)} is both a parameter and a local of the result")
