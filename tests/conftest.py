"""What every test shares: one thread for torch, the `gpu` marker, golden files, Hypothesis's settings."""

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# Read by torch when it is first imported: two workers share two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# No test is a timing test; a failing example is printed so that it can be run again.
hypothesis.settings.register_profile(
    "nnc", derandomize=True, parent=hypothesis.settings.default, deadline=None, print_blob=True
)
hypothesis.settings.load_profile("nnc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite the golden files instead of comparing")


@pytest.hookimpl(tryfirst=True)  # before `-m golden` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if on_gpu and not has_gpu():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="torch finds no CUDA device"))


def has_gpu() -> bool:
    import torch  # noqa: PLC0415 (takes seconds: only for runs that hold a GPU test)

    return torch.cuda.is_available()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)` asserts that the file holds the text, or writes it under `--update-goldens`."""

    def rewrite(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def compare(path: Path, text: str) -> None:
        assert path.is_file(), f"{path} is missing: `make update-goldens` writes it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: read the change, then `make update-goldens`"

    return rewrite if request.config.getoption("--update-goldens") else compare
