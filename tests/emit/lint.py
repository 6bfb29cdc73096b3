"""Rules for the text of a generated module that Triton's interpreter does not hold: on a GPU a breach is a wrong or an
unrepeatable number. Each rule takes a function and yields its breaches; `lint` runs the table of them.

In doubt whether the operands of `tl.maximum`, `tl.minimum` or `tl.clamp` are integers, a rule wants `propagate_nan`;
a comment `# integer` on the call's line says that they are.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

INTEGER_CALLS = {"tl.arange", "tl.program_id", "tl.num_programs", "tl.cdiv", "tl.argmax", "tl.argmin", "range"}
INTEGER_POINTERS = {"control", "order"}
NAN_BLIND = {"tl.maximum", "tl.minimum", "tl.clamp"}
INEXACT = {"tl.sqrt": "tl.sqrt_rn", "tl.rsqrt": "tl.div_rn and tl.sqrt_rn", "tl.fdiv": "tl.div_rn"}
ROW_NAMES = {"rows"}


@dataclass(frozen=True, slots=True)
class Module:
    """The text by lines, and the batch size that it declares."""

    lines: tuple[str, ...]
    batch: int | None


Found: TypeAlias = Iterator[tuple[int, str]]
Rule: TypeAlias = Callable[[ast.FunctionDef, Module], Found]


def lint(text: str, *, batch: int | None = None) -> list[str]:
    """The breaches of a module's text, in its order; `batch` is the declared one, by default that of `defaults`."""
    tree = ast.parse(text)
    module = Module(tuple(text.split("\n")), declared_batch(tree) if batch is None else batch)
    found = list(unused_functions(tree))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        rules = (*EVERYWHERE, *(KERNELS if is_kernel(function) else ()))
        found += [(line, f"{function.name}: {what}") for rule in rules for line, what in rule(function, module)]
    return [f"line {line}: {what}" for line, what in sorted(found)]


def is_kernel(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).startswith("triton.jit") for decorator in function.decorator_list)


def declared_batch(tree: ast.Module) -> int | None:
    """What a dictionary of the module gives for "batch_size"; None where axes of that length are the program's own,
    whose entries beyond the batch are masked."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "largest_batch":
            return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                match key, value:
                    case ast.Constant(value="batch_size"), ast.Constant(value=int(batch)):
                        return batch
    return None


def calls(function: ast.FunctionDef) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def names_in(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def gives(call: ast.Call, keyword: str) -> bool:
    return any(given.arg == keyword for given in call.keywords)


# ------------------------------------------------------------------------------------------------ rules of kernels


def docstring(function: ast.FunctionDef, module: Module) -> Found:
    if not ast.get_docstring(function):
        yield function.lineno, "a kernel without a docstring"


def precision(function: ast.FunctionDef, module: Module) -> Found:
    for call, name in calls(function):
        if name == "tl.dot" and not gives(call, "input_precision"):
            yield call.lineno, "tl.dot without input_precision is TF32"


def hidden_nan(function: ast.FunctionDef, module: Module) -> Found:
    integers = integer_names(function)
    for call, name in calls(function):
        if name not in NAN_BLIND or gives(call, "propagate_nan"):
            continue
        said = any("# integer" in line for line in module.lines[call.lineno - 1 : call.end_lineno])
        if not said and not all(is_integer(argument, integers) for argument in call.args):
            yield call.lineno, f"{name} without propagate_nan hides a NaN"


def integer_names(function: ast.FunctionDef) -> set[str]:
    """Names that are only ever given what is evidently an integer; constants of a kernel are sizes and flags."""
    arguments = function.args.args
    integers = {arg.arg for arg in arguments if arg.annotation and ast.unparse(arg.annotation) == "tl.constexpr"}
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.For(target=ast.Name(id=name), iter=value):
                given.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                given.setdefault(name, []).append(value)
    while True:
        known = {name for name, values in given.items() if all(is_integer(value, integers) for value in values)}
        if known <= integers:
            return integers
        integers |= known


def is_integer(node: ast.expr, integers: set[str]) -> bool:
    """Whether an expression is evidently an integer."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int)
        case ast.Name(id=name):
            return name in integers
        case ast.BinOp(left=left, op=operator, right=right):
            return not isinstance(operator, ast.Div) and is_integer(left, integers) and is_integer(right, integers)
        case ast.UnaryOp(operand=operand):
            return is_integer(operand, integers)
        case ast.Subscript(value=value):
            return is_integer(value, integers)
        case ast.Call(func=ast.Attribute(attr="to"), args=[kind, *_]):
            return "int" in ast.unparse(kind)
        case ast.Call(func=func, args=args):
            return is_integer_call(ast.unparse(func), args, integers)
        case _:
            return False


def is_integer_call(name: str, args: list[ast.expr], integers: set[str]) -> bool:
    if name == "tl.load":
        return bool(names_in(args[0]) & INTEGER_POINTERS)
    if name in {"tl.where", *NAN_BLIND}:
        return all(is_integer(argument, integers) for argument in args[1 if name == "tl.where" else 0 :])
    return name in INTEGER_CALLS


def atomics(function: ast.FunctionDef, module: Module) -> Found:
    for call, name in calls(function):
        if name.startswith("tl.atomic_"):
            yield call.lineno, f"{name}: the order of programs changes the result"


def frozen_batch(function: ast.FunctionDef, module: Module) -> Found:
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
            bound = node.iter.args[0 if len(node.iter.args) == 1 else 1]
            if isinstance(bound, ast.Constant) and bound.value == module.batch:
                yield node.lineno, f"a loop to {bound.value}, the declared batch size: the last batch is smaller"


def inexact_update(function: ast.FunctionDef, module: Module) -> Found:
    if not function.name.startswith("update"):
        return
    for node in ast.walk(function):
        match node:
            case ast.BinOp(left=ast.Constant(), op=ast.Div(), right=ast.Constant()):
                pass
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "`/` is approximate: tl.div_rn"
            case ast.Call(func=func) if ast.unparse(func) in INEXACT:
                name = ast.unparse(func)
                yield node.lineno, f"{name} is approximate: {INEXACT[name]}"


def unmasked(function: ast.FunctionDef, module: Module) -> Found:
    """Rows are those indices that are called so, and those that are compared with a number of the run time."""
    rows = {*ROW_NAMES, *run_time_bounded(function)}
    for call, name in calls(function):
        if name in ("tl.load", "tl.store") and not gives(call, "mask"):
            used = sorted(names_in(call.args[0]) & rows)
            if used:
                yield call.lineno, f"{name} at {', '.join(used)} without a mask"


def run_time_bounded(function: ast.FunctionDef) -> set[str]:
    arguments = function.args.args
    constants = {arg.arg for arg in arguments if arg.annotation and ast.unparse(arg.annotation) == "tl.constexpr"}
    tensors = {
        node.targets[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and "tl.arange" in ast.unparse(node)
    }
    bounded = set()
    for node in ast.walk(function):
        match node:
            case ast.Compare(left=left, ops=[ast.Lt()], comparators=[bound]):
                if (names_in(bound) - constants) and not names_in(bound) & tensors:
                    bounded |= names_in(left) & tensors
    return bounded


# ------------------------------------------------------------------------------------------------ rules of functions


def unused_names(function: ast.FunctionDef, module: Module) -> Found:
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg not in read:
            yield argument.lineno, f"nothing reads the parameter {argument.arg}"
    stored: dict[str, int] = {}
    for node in names:
        if isinstance(node.ctx, ast.Store):
            stored.setdefault(node.id, node.lineno)
    for name, line in stored.items():
        if name not in read and name != "_":
            yield line, f"nothing reads {name}"


def unused_functions(tree: ast.Module) -> Found:
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name not in read:
            yield node.lineno, f"nothing calls {node.name}"


def long_lines(function: ast.FunctionDef, module: Module) -> Found:
    for line in range(function.lineno, (function.end_lineno or function.lineno) + 1):
        if len(module.lines[line - 1]) > 120 and not re.search(r"\S{100}", module.lines[line - 1]):
            yield line, "a line longer than 120"


KERNELS: tuple[Rule, ...] = (docstring, precision, hidden_nan, atomics, frozen_batch, inexact_update, unmasked)
EVERYWHERE: tuple[Rule, ...] = (unused_names, long_lines)
