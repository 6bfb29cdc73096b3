"""Names, order and defaults of every entry of the library beside Keras's, and what became of each of Keras's names."""

from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from tests.library import keras_names as names
from tests.library.keras_names import DEFAULTS, LEFT_OUT, OTHERS, REQUIRED, SIGNATURES, SPELLED
from tests.library.keras_table import TITLES, document

DOCUMENT = Path(__file__).parents[2] / "docs" / "keras.md"
NAMES = [(section, name) for section, entries in SIGNATURES.items() for name in entries]
ENTRIES = [(section, name) for section, name in NAMES if names.entry(section, name) is not None]


def test_the_names_are_those_of_the_installed_keras() -> None:
    for section, name in NAMES:
        place = keras.optimizers.schedules if section == "schedules" else getattr(keras, section)
        assert hasattr(place, name), f"keras.{section} has no {name}"


def test_every_name_is_in_the_library_or_has_its_reason() -> None:
    silent = [each for each in NAMES if each not in ENTRIES and each[1] not in OTHERS.get(each[0], {})]
    assert not silent, "write a library entry, or say in keras_names.py what became of it"


def test_what_the_library_has_is_on_no_list() -> None:
    listed = [each for each in ENTRIES if each[1] in OTHERS.get(each[0], {})]
    assert not listed, "take it from the list in keras_names.py"
    unknown = [
        (section, name) for section, found in OTHERS.items() for name in found if name not in SIGNATURES[section]
    ]
    assert not unknown, "Keras has no such name"


def test_functions_of_the_language_are_some() -> None:
    said = [name for name, answer in OTHERS["activations"].items() if answer.note == "a function of the language"]
    assert all(names.is_builtin(name) for name in said)


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_arguments(section: str, name: str) -> None:
    definition = names.entry(section, name)
    assert definition is not None
    ours, theirs = names.configuration(definition), names.arguments(section, name)
    lacking = [each for each, _ in theirs if each not in dict(ours)]
    assert [each for each in lacking if names.key(LEFT_OUT, section, name, each) is None] == []
    assert [each for each, _ in ours] == [each for each, _ in theirs if each in dict(ours)], (
        "Keras's names, in its order"
    )
    for argument, default in theirs:
        if argument in lacking or f"{section}.{name}.{argument}" in DEFAULTS:
            continue
        wanted = SPELLED.get((argument, default), default) if not isinstance(default, list) else default
        assert dict(ours)[argument] == wanted, f"the default of {argument}"


def test_every_exception_is_of_use() -> None:
    used = set()
    differing = set()
    for section, name in ENTRIES:
        definition = names.entry(section, name)
        assert definition is not None
        ours = dict(names.configuration(definition))
        for argument, default in names.arguments(section, name):
            if argument not in ours:
                used.add(names.key(LEFT_OUT, section, name, argument))
            elif ours[argument] != default:
                differing.add(f"{section}.{name}.{argument}")
    assert set(LEFT_OUT) - used == set()
    assert set(DEFAULTS) - differing == set()


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_only_what_keras_requires_is_required(section: str, name: str) -> None:
    definition = names.entry(section, name)
    assert definition is not None
    ours = [argument for argument, default in names.configuration(definition) if default == REQUIRED]
    theirs = [argument for argument, default in names.arguments(section, name) if default == REQUIRED]
    assert [each for each in ours if f"{section}.{name}.{each}" not in DEFAULTS] == theirs


def test_the_table_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    assert set(TITLES) == set(SIGNATURES)
    golden(DOCUMENT, document(keras.__version__))
