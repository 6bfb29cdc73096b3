"""Which model of a file is meant, which of its trainings, and with what configuration.

In: a file's definitions and what the caller asked for. Out: a `Choice`, or None after reporting why there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnc.base.diagnostic import Reporter
from nnc.base.source import Span
from nnc.language.files import FileScope
from nnc.language.overriding import overridden
from nnc.language.suggest import nearest
from nnc.language.values import Anything
from nnc.syntax import tree


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, one of its trainings or None, and what of its configuration was given from outside, as the file declares
    it. `variant` is the name of what is meant where that is not what is taken unless told."""

    model: tree.Definition
    train: tree.Train | None
    given: tuple[tree.Param, ...]
    variant: str | None


def choices(module: tree.Module) -> list[tuple[str, str | None]]:
    """All that could be meant: each training's model and name, and each model that none trains."""
    trains = [item for item in module.items if isinstance(item, tree.Train)]
    trained = {each.model.text for each in trains}
    models = [item.name.text for item in module.items if isinstance(item, tree.Definition) and item.kind == "model"]
    found: list[tuple[str, str | None]] = [(each.model.text, training_name(each)) for each in trains]
    return found + [(name, None) for name in models if name not in trained]


def training_name(train: tree.Train) -> str:
    return (train.alias or train.model).text


def choose(
    home: FileScope, reporter: Reporter, model: str | None, train: str | None, settings: Mapping[str, Anything]
) -> Choice | None:
    """The model that is meant: the one named, or that of the training, or the only one."""
    start = Span(home.source, 0, 0)
    models = {
        item.name.text: item for item in home.module.items if isinstance(item, tree.Definition) and item.kind == "model"
    }
    trains = [item for item in home.module.items if isinstance(item, tree.Train)]
    if home.module.damaged and not models:
        return None
    if not models_exist(home, reporter, models):
        return None
    chosen = _training(reporter, trains, model, train, start)
    if train is not None and chosen is None:
        return None
    name = model or (chosen.model.text if chosen is not None else None)
    if name is None and len(models) == 1:
        (name,) = models
    if name is None or name not in models:
        if name is not None and name in home.lost:
            return None
        _no_model(reporter, name, list(models), start)
        return None
    if chosen is None and train is None:
        chosen = next((each for each in trains if each.model.text == name), None)
    definition = models[name]
    whole = overridden(home, reporter, definition, settings)
    is_first = (chosen or definition) is [*trains, *models.values()][0]
    variant = None if is_first else name if chosen is None else training_name(chosen)
    given = tuple(param for param in definition.signature.configuration if param.name.text in settings)
    return None if whole is None else Choice(whole, chosen, given, variant)


def models_exist(home: FileScope, reporter: Reporter, models: Mapping[str, tree.Definition]) -> bool:
    """Whether each `train` block names a model."""
    good = True
    for each in (item for item in home.module.items if isinstance(item, tree.Train)):
        if each.model.text not in models:
            good = False
            if each.model.text not in home.lost:
                near = nearest(each.model.text, models)
                reporter.error(
                    "E0504",
                    f"there is no model `{each.model.text}` to train",
                    each.model.span,
                    help=f"did you mean `{near}`?" if near else None,
                )
    return good


def _training(
    reporter: Reporter, trains: Sequence[tree.Train], model: str | None, train: str | None, start: Span
) -> tree.Train | None:
    if train is None:
        fitting = [each for each in trains if model in (None, each.model.text)]
        return fitting[0] if fitting else None
    for each in trains:
        if train == training_name(each) and model in (None, each.model.text):
            return each
    known = [training_name(each) for each in trains]
    near = nearest(train, known)
    listed = "the file has " + ", ".join(f"`{name}`" for name in known) if known else "the file has no `train` block"
    reporter.error(
        "E0504", f"there is no training `{train}`", start, help=f"did you mean `{near}`?" if near else listed
    )
    return None


def _no_model(reporter: Reporter, name: str | None, known: Sequence[str], start: Span) -> None:
    if name is not None:
        near = nearest(name, known)
        title = f"there is no model `{name}`"
        listed = "the file has " + ", ".join(f"`{each}`" for each in known) if known else "the file has no model"
        help = f"did you mean `{near}`?" if near else listed
    elif known:
        title = "which model is meant? The file has " + ", ".join(f"`{each}`" for each in known)
        help = f"name one: --model {known[0]}"
    else:
        title = "there is no model in this file"
        help = "define one: model Name(x: float[64]) -> y: float[10] { ... }"
    reporter.error("E0415", title, start, help=help)
