"""Modules that are loaded at their first use."""

import sys
from pathlib import Path

import pytest

from nnc.tools.late import late


def test_a_module_is_loaded_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_example.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\nX = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = late("late_example")
    monkeypatch.delitem(sys.modules, "late_example", raising=False)
    assert not (tmp_path / "late_example.ran").exists()
    assert module.X == 3
    assert (tmp_path / "late_example.ran").exists()


def test_a_module_that_is_loaded_is_itself() -> None:
    assert late("sys") is sys


def test_there_must_be_such_a_module() -> None:
    with pytest.raises(ImportError, match="no_such_module"):
        late("no_such_module")
