"""Imports of other files."""

import pytest

from tests.language.programs import tried

MODEL = "model Net(x: float[4]) -> y {\n    y = x |> BLOCK\n}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "blocks.nn").write_text("layer Twice(x: float[...]) -> y {\n    y = x * FACTOR\n}\nconst FACTOR = 2\n")
    (tmp_path / "more" / "deep.nn").write_text('from "../blocks.nn" import Twice as Two\nconst N = 3\n')
    (tmp_path / "a.nn").write_text('import "b.nn"\n')
    (tmp_path / "b.nn").write_text('import "a.nn"\n')
    (tmp_path / "bad.nn").write_text("fn f(x) = missing(x)\n")
    return tmp_path


@pytest.mark.parametrize(
    ("head", "block", "expected"),
    [
        ('import "blocks.nn"\n', "blocks.Twice", []),
        ('import "blocks.nn" as b\n', "b.Twice", []),
        ('from "blocks.nn" import Twice\n', "Twice", []),
        ('from "blocks.nn" import Twice as T\n', "T", []),
        ('from "more/deep.nn" import Two\n', "Two", []),
        ('import "blocks.nn"\n', "blocks.Twoce", ["E0306"]),
        ('from "blocks.nn" import Twoce\n', "Twoce", ["E0309"]),
        ('import "nothing.nn"\n', "nothing.Twice", ["E0307"]),
        ('import "/etc/passwd"\n', "Dense(3)", ["E0307"]),
        ('import "../outside.nn"\n', "Dense(3)", ["E0307"]),
        ('import "a.nn"\n', "Dense(3)", ["E0308"]),
        ('from "bad.nn" import f\n', "f", ["E0301"]),
    ],
)
def test_imports(folder, head, block, expected):
    model, reporter = tried(head + MODEL.replace("BLOCK", block), path=str(folder / "main.nn"))
    assert [each.code for each in reporter.all] == expected
    assert (model is None) == bool(expected)


def test_a_link_out_of_the_project_is_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "far.nn"
    outside.write_text("const N = 3\n")
    (folder / "near.nn").symlink_to(outside)
    _, reporter = tried('import "near.nn"\n' + MODEL.replace("BLOCK", "Dense(3)"), path=str(folder / "main.nn"))
    assert [each.code for each in reporter.all] == ["E0307"]
