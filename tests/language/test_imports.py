"""Imports of other files."""

import pytest

from tests.language.programs import run, tried

MODEL = "model Net(x: float[4]) -> y {\n    y = x |> BLOCK\n}\n"
OWN = """fn relu(x) = 10 * x
layer Scaled(x: float[...]) -> y {
    y = relu(x)
}
optimizer Plain(learning_rate = 0.5) {
    parameter' = parameter - learning_rate * gradient
}
metric Seen(y) {
    state n = 0
    n' = n + mean(y)
    result = n'
}
model Inner(x: float[4]) -> y {
    y = x |> Dense(4)
}
train Inner {
    loss = sum(y)
    optimizer = SGD
}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "blocks.nn").write_text("layer Twice(x: float[...]) -> y {\n    y = x * FACTOR\n}\nconst FACTOR = 2\n")
    (tmp_path / "more" / "deep.nn").write_text('from "../blocks.nn" import Twice as Two\nconst N = 3\n')
    (tmp_path / "a.nn").write_text('import "b.nn"\n')
    (tmp_path / "b.nn").write_text('import "a.nn"\n')
    (tmp_path / "bad.nn").write_text("fn f(x) = missing(x)\n")
    (tmp_path / "own.nn").write_text(OWN)
    broken = "fn f(x) = 2 *\nlayer Bad(x) -> y {\n    y = x +\n}\nlayer Good(x) -> y {\n    y = x\n}\n"
    (tmp_path / "broken.nn").write_text(broken)
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
        ('import "more/deep.nn"\n', "deep.Two", ["E0306"]),
        ('import "more/deep.nn"\nconst M = deep.N\n', "Dense(M)", []),
        ('from "blocks.nn" import FACTOR as D\nlayer L(x: float[2 * D]) -> y {\n    y = x\n}\n', "L", []),
        ('from "blocks.nn" import Twice\nfn Twice(x) = x\n', "Twice", ["E0305"]),
        ('import "blocks.nn"\nconst blocks = 3\n', "Dense(3)", ["E0305"]),
        ('import "blocks.nn"\nimport "more/deep.nn" as blocks\n', "Dense(3)", ["E0305"]),
        ('import "blocks.nn"\n', "blocks", ["E0410"]),
        ('import "main.nn"\n', "Dense(3)", ["E0308"]),
        ('import "more"\n', "Dense(3)", ["E0307"]),
        ('import ""\n', "Dense(3)", ["E0307"]),
        ('import "own.nn"\n', "own.Scaled |> relu", []),
        ('import "broken.nn"\n', "broken.f |> broken.Good", ["E0124", "E0124"]),
        ('import "broken.nn"\n', "broken.Missing |> broken.Bad", ["E0124", "E0124", "E0306"]),
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


def test_each_file_sees_its_own_names(folder):
    """Scaled takes the relu of its file, and this file the library's."""
    text = 'import "own.nn"\n' + MODEL.replace("BLOCK", "own.Scaled |> relu")
    model, _ = tried(text, path=str(folder / "main.nn"))
    (result,) = run(model.predict, {"x": [[1.0, -2.0, 3.0, 0.0]]}, 1).values()
    assert result.tolist() == [[10, 0, 30, 0]]


def test_all_kinds_of_definitions_are_imported(folder):
    text = 'import "own.nn"\n' + MODEL.replace("BLOCK", "own.Inner |> own.Scaled")
    train = "train Net {\n    loss = sum(y)\n    optimizer = own.Plain(0.25)\n    metrics = { seen: own.Seen(y) }\n}\n"
    model, reporter = tried(text + train, path=str(folder / "main.nn"))
    assert not reporter.all
    assert [each.path for each in model.parameters] == ["y.inner.y.dense.kernel", "y.inner.y.dense.bias"]
    assert [each.description for each in model.optimizers] == ["own.Plain(0.25)"]


def test_places_in_imported_files_are_told_from_here(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (folder / "more" / "up.nn").write_text('from "../bad.nn" import f\n')
    text = 'from "more/up.nn" import f\n' + MODEL.replace("BLOCK", "f")
    (found,) = tried(text, path=f"{folder.name}/main.nn")[1].all
    assert found.primary.span.source.path == f"{folder.name}/bad.nn"
