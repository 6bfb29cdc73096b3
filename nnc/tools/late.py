"""Modules that are loaded when something in them is first used.

`nnc check` must answer at once, and uses neither schedules nor emitters. The pipeline names those passes by `late`,
which is Python's own `importlib.util.LazyLoader`: the name is bound at once, and the file is read when an attribute of
it is. An import that the type checker sees stands beside it.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def late(name: str) -> Any:
    """The module `name`, which is loaded at its first use unless it is already. Raises ImportError for no module."""
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.find_spec(name)
    if specification is None or specification.loader is None:
        raise ImportError(f"there is no module {name}")
    specification.loader = importlib.util.LazyLoader(specification.loader)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
