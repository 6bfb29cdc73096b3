"""docs/keras.md as text, made from the tables of names and the library's definitions."""

from nnc.language import library
from tests.library import keras_names as names
from tests.library.keras_names import DEFAULTS, LEFT_OUT, OTHERS, SIGNATURES, Answer

HEAD = """# Keras's names

Which of Keras's public names (version {version}) there are here, and what became of the others. In the library an
entry has Keras's arguments, in Keras's order, with Keras's defaults, but for those named beside it; each is compared
with Keras, in values and gradients. Axes count within the sample: Keras's axis 1 is 0 here. *later* names the part of
the language that a name comes with, *no* says why it does not come.

This file is made from the tables in `tests/library/keras_names.py` and from the library itself, by
`make update-goldens`, or `pytest tests/library/test_signatures.py --update-goldens`. A test fails where it is out of
date.
"""
TITLES = {
    "layers": "Layers",
    "activations": "Activations",
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "schedules": "Learning rate schedules",
    "initializers": "Initializers",
    "regularizers": "Regularizers",
    "constraints": "Constraints",
    "callbacks": "Callbacks",
}


def document(version: str) -> str:
    """The whole file."""
    parts = [HEAD.format(version=version), _counts()]
    for section, title in TITLES.items():
        rows = [_row(section, name) for name in SIGNATURES[section]]
        parts.append(f"## {title}\n\n| Keras | here | |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join([*parts, _left_out(), _besides()])


def verdict(section: str, name: str) -> Answer:
    """What became of a name; the note of an entry says what its arguments lack."""
    found = names.entry(section, name)
    if found is None:
        return OTHERS[section][name]
    ours = [argument for argument, _ in names.configuration(found)]
    lacking = [argument for argument, _ in names.arguments(section, name) if argument not in ours]
    others = [
        f"`{argument}` {_default(section, name, argument)}"
        for argument in ours
        if f"{section}.{name}.{argument}" in DEFAULTS
    ]
    without = ["without " + ", ".join(f"`{argument}`" for argument in lacking)] if lacking else []
    return Answer("yes", "; ".join([*without, *others]))


def _default(section: str, name: str, argument: str) -> str:
    found = names.entry(section, name)
    assert found is not None
    default = dict(names.configuration(found))[argument]
    return "is required" if default == names.REQUIRED else f"is {default}"


def _row(section: str, name: str) -> str:
    found = names.entry(section, name)
    answer = verdict(section, name)
    own = "" if found is None or found.name.text == name else f": `{found.name.text}`"
    return f"| `{name}` | {answer.verdict}{own} | {answer.note} |"


def _counts() -> str:
    rows = []
    for section, title in TITLES.items():
        verdicts = [verdict(section, name).verdict for name in SIGNATURES[section]]
        rows.append(f"| {title} | " + " | ".join(str(verdicts.count(each)) for each in ("yes", "later", "no")) + " |")
    return "| | yes | later | no |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _left_out() -> str:
    rows = [f"| `{argument}` | {why} |" for argument, why in sorted((LEFT_OUT | DEFAULTS).items())]
    return "## Arguments that are left out or differ\n\n| argument | why |\n|---|---|\n" + "\n".join(rows) + "\n"


def _besides() -> str:
    taken = {
        found.name.text
        for section in TITLES
        for name in SIGNATURES[section]
        if (found := names.entry(section, name)) is not None
    }
    own = [f"`{name}`" for name in sorted(library.names()) if name not in taken]
    return "## Besides\n\nThe library also has " + ", ".join(own) + ".\n"
