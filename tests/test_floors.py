"""The house's rules that a parser can hold: floors, sizes, and a compiler that knows no layer by name.

Every rule is a function from source text to the list of its breaches, so that each is also shown to catch a breach.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What each folder or file of nnc/ may import of nnc's own, beside itself; "" is nnc/__init__.py.
_LANGUAGE = {"base", "syntax", "tensor", "language"}
_COMPILER = {"", *_LANGUAGE, "schedule", "emit"}
FLOORS: dict[str, set[str]] = {
    "base": set(),
    "syntax": {"base"},
    "tensor": {"base"},
    "language": _LANGUAGE - {"language"},
    "schedule": {"base", "tensor"},
    "emit": {"", "base", "tensor", "schedule"},
    "tools": _COMPILER,
    "pipeline": _COMPILER | {"tools"},
    "cli": _COMPILER | {"tools", "pipeline"},
    "__main__": {"cli"},
    "": {"pipeline"},
    "runtime": set(),
    "kernels": set(),
    "grammar": set(),
}

# What each may import of other distributions.
OTHERS: dict[str, set[str]] = {
    "base": set(),
    "syntax": {"lark"},
    "tensor": {"numpy"},
    "language": {"numpy"},
    "schedule": {"numpy"},
    "emit": {"numpy"},
    "tools": {"click", "numpy", "rich"},
    "pipeline": set(),
    "cli": {"click", "rich"},
    "__main__": set(),
    "": set(),
    "runtime": {"torch", "triton", "numpy", "safetensors", "rich"},
    "kernels": {"triton"},
    "grammar": set(),
}

# Files that may import inside a function, and why.
LATE_IMPORTS = {
    "nnc/__init__.py": "importing nnc must not load the compiler: `load` fetches the pipeline when it is first named",
    "nnc/syntax/grammar.py": "Lark is loaded only where the shipped tables are stale",
}

# Names that the library defines and that are also the compiler's own words, and for what.
SHARED_NAMES: dict[str, str] = {"constant": "the primitive too: a number in a tensor program"}

FILE_LINES = 350
FUNCTION_LINES = 60

DEFINITION = re.compile(r"^\s*(?:fn|layer|model|metric|optimizer)\s+(\w+)\s*[(=]", re.MULTILINE)


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def floor_of(path: Path) -> str:
    """The folder of nnc/ that a file is in, or the file's own name; "" for nnc/__init__.py."""
    first, *rest = path.relative_to(ROOT).with_suffix("").parts
    if first != "nnc":
        return first
    return "" if rest == ["__init__"] else rest[0]


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere, as a dotted name; `from nnc import x` gives `nnc.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level + (node.module or "")
            elif node.module == "nnc":
                yield from (f"nnc.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def forbidden_imports(source: str, floor: str) -> list[str]:
    breaches = []
    for name in imported_modules(ast.parse(source)):
        first, _, rest = name.partition(".")
        if name.startswith("."):
            breaches.append(f"{name} is relative")
        elif first in ("nnc", "kernels", "grammar"):
            target = rest.partition(".")[0] if first == "nnc" else first
            target = "" if target in ("__version__", "load") else target
            if target not in FLOORS[floor] | {floor}:
                breaches.append(name)
        elif first not in sys.stdlib_module_names and first not in OTHERS[floor]:
            breaches.append(name)
    return breaches


def late_imports(source: str) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return [
        f"line {node.lineno}"
        for function in ast.walk(ast.parse(source))
        if isinstance(function, functions)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")))
    ]


def long_functions(source: str) -> list[str]:
    return [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]


def string_literals(source: str) -> Iterator[tuple[int, str]]:
    """Every string with its line, but for docstrings, which may speak of anything."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def named_definitions(source: str, names: set[str]) -> list[str]:
    return [f"line {line}: {text!r}" for line, text in string_literals(source) if text.strip() in names]


def library_names() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "nnc" / "library").rglob("*.nn"))
    return {name for source in sources for name in DEFINITION.findall(source)}


def check(breaches: dict[str, list[str]]) -> None:
    found = [f"{file}: {', '.join(what)}" for file, what in breaches.items() if what]
    assert not found, "\n" + "\n".join(found)


def of_each(paths: list[Path]) -> Iterator[tuple[str, str, str]]:
    """The path from the root, the floor and the text of each file."""
    for path in paths:
        yield path.relative_to(ROOT).as_posix(), floor_of(path), path.read_text(encoding="utf-8")


def test_every_folder_has_a_floor_and_is_a_package() -> None:
    for path in python_files("nnc"):
        assert floor_of(path) in FLOORS, f"{path} is on no floor: add it to FLOORS and to docs/architecture.md"
        assert (path.parent / "__init__.py").is_file(), f"{path.parent} has no __init__.py and would not be installed"
    assert FLOORS.keys() == OTHERS.keys()


def test_a_file_imports_only_from_floors_above_its_own() -> None:
    files = of_each(python_files("nnc", "kernels", "grammar"))
    check({name: forbidden_imports(text, floor) for name, floor, text in files})


def test_nothing_is_imported_inside_a_function() -> None:
    files = of_each(python_files("nnc", "kernels"))
    check({name: late_imports(text) for name, _, text in files if name not in LATE_IMPORTS})


def test_listed_late_imports_exist() -> None:
    for name in LATE_IMPORTS:
        assert late_imports((ROOT / name).read_text(encoding="utf-8")), f"{name} needs no exception any more"


def test_files_are_short() -> None:
    files = of_each(python_files("nnc", "kernels"))
    lengths = {name: len(text.splitlines()) for name, _, text in files}
    check({name: [f"{lines} lines"] for name, lines in lengths.items() if lines > FILE_LINES})


def test_functions_are_short() -> None:
    check({name: long_functions(text) for name, _, text in of_each(python_files("nnc", "kernels"))})


def test_the_compiler_names_no_definition_of_the_library() -> None:
    names = library_names() - SHARED_NAMES.keys()
    files = of_each(python_files("nnc"))
    check({name: named_definitions(text, names) for name, floor, text in files if floor != "runtime"})


def test_shared_names_are_the_librarys() -> None:
    assert SHARED_NAMES.keys() <= library_names()


def test_importing_nnc_loads_nothing_else() -> None:
    program = (
        "import sys, nnc; print(*sorted({'nnc.pipeline', 'lark', 'numpy', 'torch', 'triton'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_folders_beside_nnc_are_found_inside_it() -> None:
    program = (
        "import importlib.util as u; print(*(u.find_spec(f'nnc.{name}').origin for name in ('grammar', 'kernels')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{ROOT / 'grammar' / '__init__.py'} {ROOT / 'kernels' / '__init__.py'}"


@pytest.mark.parametrize(
    ("source", "floor", "breaches"),
    [
        ("import nnc.schedule.fuse", "language", ["nnc.schedule.fuse"]),
        ("from nnc import runtime", "cli", ["nnc.runtime"]),
        ("from nnc import __version__", "emit", []),
        ("from nnc import __version__", "runtime", ["nnc.__version__"]),
        ("from nnc.language.scope import Scope", "emit", ["nnc.language.scope"]),
        ("from nnc.language.scope import Scope", "language", []),
        ("from ..base import source", "syntax", ["..base is relative"]),
        ("import torch.nn", "tensor", ["torch.nn"]),
        ("def f():\n    import triton", "emit", ["triton"]),
        ("import triton.language as tl", "kernels", []),
        ("from kernels.matmul import matmul", "schedule", ["kernels.matmul"]),
        ("import ast, numpy", "base", ["numpy"]),
    ],
)
def test_forbidden_imports_are_found(source: str, floor: str, breaches: list[str]) -> None:
    assert forbidden_imports(source, floor) == breaches


def test_late_imports_are_found() -> None:
    assert late_imports("import os\ndef f():\n    from os import path") == ["line 3"]
    assert late_imports("class C:\n    def f(self):\n        return importlib.import_module('x')") == ["line 3"]
    assert late_imports("import os\nif os:\n    import sys") == []


def test_long_functions_are_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    assert long_functions(f"def f():\n{body}") == [f"f: {FUNCTION_LINES + 1} lines"]
    assert long_functions(f"class C:\n  def f():\n{body[:-1].removesuffix('    x = 1')}") == []


def test_named_definitions_are_found() -> None:
    source = '"""Dense"""\nif name == "Dense":\n    help("use Dense(3)")'
    assert named_definitions(source, {"Dense"}) == ["line 2: 'Dense'"]


def test_definitions_are_read() -> None:
    source = "fn relu(x) = x\n## layer Old(x)\nlayer Dense(units)\n   (x)\noptimizer SGD (rate = 1) {\n    state m = 0"
    assert DEFINITION.findall(source) == ["relu", "Dense", "SGD"]
