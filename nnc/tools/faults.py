"""What is said where nnc itself is at fault.

In: an exception that nobody expected. Out: text, which asks for a report. NNC_TRACEBACK=1 in the environment adds the
traceback.
"""

from __future__ import annotations

import os
import platform
import traceback
from pathlib import Path

from nnc import __version__


def as_text(error: BaseException) -> str:
    """What happened, where, in which versions, and what to do about it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    said = [
        f"fault in nnc: {type(error).__name__}: {error}".rstrip(": ") + where,
        f"  nnc {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "  This is a bug in nnc, not in your program. Please report it with these lines, the command and the program;",
        "  NNC_TRACEBACK=1 in the environment adds the traceback, which helps most.",
    ]
    if os.environ.get("NNC_TRACEBACK"):
        said.insert(0, "".join(traceback.format_exception(error)).rstrip())
    return "\n".join(said)
