"""Reading programs and writing modules, whatever lies on the disk."""

import os
from pathlib import Path

import pytest

from nnc.base.diagnostic import ProgramError
from nnc.tools import files
from nnc.tools.files import FileError

OURS = '"""Digits. Compiled by nnc 0.1.0 from digits.nn."""\n'


def refusal(path: Path) -> tuple[str, str, int]:
    with pytest.raises(ProgramError) as raised:
        files.read(path)
    (found,) = raised.value.diagnostics
    return found.code, found.title, found.primary.span.start


def test_a_program_is_read_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.nn"
    path.write_bytes("é = 1\r\n".encode())
    source = files.read(path)
    assert (source.path, source.text) == (str(path), "é = 1\r\n")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.nn"
    path.write_bytes(b"\xef\xbb\xbfmodel")
    assert files.read(path).text == "model"


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.nn")[:2] == ("E0001", "there is no such file")
    assert refusal(tmp_path)[:2] == ("E0001", "this is a folder, not a program")
    assert refusal(Path("a\0b"))[0] == "E0001"
    assert refusal(tmp_path / ("n" * 300))[0] == "E0001"
    loop = tmp_path / "loop.nn"
    loop.symlink_to(loop)
    assert refusal(loop)[0] == "E0001"


def test_programs_nearby_are_offered(tmp_path: Path) -> None:
    (tmp_path / "digits.nn").touch()
    with pytest.raises(ProgramError) as raised:
        files.read(tmp_path / "digits.py")
    assert raised.value.diagnostics[0].help == f"did you mean {tmp_path / 'digits.nn'}?"


def test_the_first_byte_that_is_no_text_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "latin.nn"
    path.write_bytes("ü\n".encode() + "# ü\n".encode("latin-1"))
    assert refusal(path) == ("E0103", "this file is not UTF-8", 4)


def test_binary_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.nn"
    path.write_bytes(b"PK\x03\x04\0\0\0")
    assert refusal(path)[0] == "E0002"


def test_of_an_endless_file_a_part_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.nn"
    path.write_bytes("é".encode() * files.READ_AT_MOST)
    assert len(files.read(path).text) == files.READ_AT_MOST // 2
    path.write_bytes(b" " + "é".encode() * files.READ_AT_MOST)  # cut within a character
    assert len(files.read(path).text) == files.READ_AT_MOST // 2


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("samples/digits.nn", None, "samples/digits.py"),
        ("samples/digits.nn", "made", "made/digits.py"),
        ("samples/digits.nn", "made/other.py", "made/other.py"),
        ("two words-2.nn", None, "two_words_2.py"),
        ("2d.nn", None, "_2d.py"),
        ("torch.nn", None, "torch_model.py"),
        ("random.nn", "made", "made/random_model.py"),
    ],
)
def test_where_a_module_goes(source: str, output: str | None, expected: str) -> None:
    assert files.module_path(source, output) == Path(expected)


def test_a_module_is_written_over_an_older_one(tmp_path: Path) -> None:
    place = tmp_path / "new" / "digits.py"
    files.write(place, OURS)
    files.write(place, OURS + "x = 1\n")
    assert place.read_text() == OURS + "x = 1\n"
    assert os.listdir(place.parent) == ["digits.py"]


def test_what_nnc_did_not_write_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "digits.py"
    place.write_text("print('mine')\n")
    with pytest.raises(FileError, match="was not written by nnc"):
        files.write(place, OURS)
    assert place.read_text() == "print('mine')\n"


def test_places_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder"):
        files.write(tmp_path, OURS)
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file is a file: -o names a file that ends in \.py, or a folder"):
        files.write(tmp_path / "file" / "digits.py", OURS)
    with pytest.raises(FileError, match="cannot write"):
        files.write(tmp_path / "file" / "inside" / "digits.py", OURS)


def test_a_failed_write_leaves_the_old_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "digits.py"
    files.write(place, OURS)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        files.write(place, OURS + "x = 1\n")
    assert place.read_text() == OURS
    assert os.listdir(tmp_path) == ["digits.py"]
