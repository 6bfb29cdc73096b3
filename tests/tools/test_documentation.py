"""`nnc doc`: every entry of the library is documented, with where it comes from, and shows."""

import re

import pytest

from nnc.language import library
from nnc.language.builtins import BUILTINS
from nnc.syntax import tree
from nnc.tools import documentation

# What Keras and its papers have no formula for: parts that other entries are made of.
PARTS = "functions"
# Their arguments are those of the paper's formula that the text names.
UPDATES = ("optimizers", "schedules")


def _kind(name: str) -> str:
    scope = library.find(name)
    assert scope is not None
    return scope.source.path.split("/")[-2]


@pytest.mark.parametrize("name", library.names())
def test_every_entry_is_documented(name: str) -> None:
    text = documentation.find(name)
    assert text is not None
    scope = library.find(name)
    assert scope is not None
    signature, *paragraphs, path = text.split("\n\n")
    assert re.match(rf"(fn|layer|metric|optimizer) {name}\b", signature)
    assert path == scope.source.path
    assert paragraphs
    assert paragraphs[-1].endswith(".")
    if f"/{PARTS}/" not in path:
        assert re.search(r"\b[Kk]eras\.", text), "it says which entry of Keras it is"


@pytest.mark.parametrize("name", [name for name in library.names() if _kind(name) not in UPDATES])
def test_every_argument_is_explained(name: str) -> None:
    scope = library.find(name)
    assert scope is not None
    definition = scope.items[name]
    assert isinstance(definition, tree.Definition | tree.FunctionDef)
    words = set(re.findall(r"\w+", definition.documentation))
    assert {param.name.text for param in definition.signature.configuration} - words == set()


def test_every_configuration_is_in_the_signature() -> None:
    text = documentation.find("BatchNormalization")
    assert text is not None
    assert "momentum = 0.99, epsilon = 0.001" in text
    assert "Ioffe and Szegedy" in text


@pytest.mark.parametrize("name", BUILTINS)
def test_functions_of_the_language_show(name: str) -> None:
    text = documentation.find(name)
    assert text is not None
    assert text.startswith(f"{name}(") or library.defines(name)


def test_the_listing_has_every_entry_on_a_line() -> None:
    lines = documentation.listing().splitlines()
    first = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(name for name in first if library.defines(name)) == sorted(library.names())
    assert all(len(line) <= documentation.WIDTH for line in lines)
    described = [line for line in lines if line.startswith("  ") and library.defines(line.split()[0])]
    assert all(len(line.split()) > 1 for line in described)


def test_what_is_not_there() -> None:
    assert documentation.find("Dence") is None
    assert documentation.near("Dence") == "Dense"
    assert documentation.near("sigmid") == "sigmoid"
    assert documentation.near("zzzzzzzz") is None
