"""The picture of the README has a dot for each image, within the frame, and a name for each digit."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def check(picture: str, counts: list[int]) -> None:
    tree = ElementTree.fromstring(picture)
    dots = [re.findall(r"M(-?\d+),(-?\d+)h0", path.attrib["d"]) for path in tree.iter(f"{SVG}path")]
    assert [len(each) for each in dots] == counts
    assert all(0 < int(number) < 640 for each in dots for dot in each for number in dot)
    assert [name.text for name in tree.iter(f"{SVG}text")] == list("0123456789")


def test_the_picture_is_of_all_images() -> None:
    check((DOCS / "latent.svg").read_text(encoding="utf-8"), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


def test_the_script_draws_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("draw_latent", DOCS / "draw_latent.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    digit = np.arange(20) % 10
    monkeypatch.setattr(script, "places", lambda seed: (np.stack([digit / 5 - 1, np.full(20, seed / 2)], -1), digit))
    monkeypatch.setattr("sys.argv", ["draw_latent.py", "--seed", "1", "-o", str(tmp_path / "made.svg")])
    script.main()
    made = (tmp_path / "made.svg").read_text(encoding="utf-8")
    check(made, [2] * 10)
    assert 'd="M210,265h0M210,265h0"' in made, "the first coordinate to the right, the second upwards"
