"""The shell of a generated module: `python digits.py train`, `evaluate`, `predict`, `info`.

Exit codes: 0 done, 1 the data or a file is wrong, 2 wrong usage, 130 interrupted.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from nnc.runtime import summary
from nnc.runtime.errors import DataWarning, NonFiniteLoss, UsageError
from nnc.runtime.npz import load_data
from nnc.runtime.progress import numbers

if TYPE_CHECKING:
    from nnc.runtime.model import Model


def main(model: "type[Model]", arguments: Sequence[str] | None) -> int:
    """Run one command of the module."""
    parser = _parser(model)
    given = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            warnings.showwarning = _show
            code: int = given.command(model, given)
            return code
    except (UsageError, NonFiniteLoss, OSError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as a line, without the place in the runtime that gave it."""
    print(f"warning: {message}", file=sys.stderr)


def _parser(model: "type[Model]") -> argparse.ArgumentParser:
    name = model.__name__
    title = (model.__doc__ or name).strip().splitlines()[0]
    parser = argparse.ArgumentParser(description=title)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(word: str, function: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(word, help=text, description=text)
        sub.set_defaults(command=function)
        return sub

    train = command("train", train_command, "train the model and write a checkpoint after each epoch")
    evaluate = command("evaluate", evaluate_command, "print loss and metrics of trained weights")
    predict = command("predict", predict_command, "write the results for every sample")
    command("info", info_command, "print parameters and settings")
    data = model.defaults.get("data")
    for sub in (train, evaluate, predict):
        sub.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
        sub.add_argument("--backend", choices=("torch", "triton"), help="default: triton on cuda, torch on cpu")
        sub.add_argument("--batch-size", type=int, help=f"default: {model.defaults.get('batch_size', 32)}")
        is_needed = data is None or sub is predict
        sub.add_argument("--data", type=Path, required=is_needed, help=f".npz file of arrays by name (default: {data})")
    train.add_argument("--epochs", type=int, help=f"default: {model.defaults.get('epochs', 1)}")
    train.add_argument("--seed", type=int, help=f"default: {model.defaults.get('seed', 0)}")
    train.add_argument("--validation-split", type=float, help="fraction of the data's tail to validate on")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    train.add_argument("--verbose", type=int, choices=(0, 1, 2), help="0 silent, 1 a bar, 2 a line an epoch")
    train.add_argument("-o", "--output", type=Path, default=Path(), help="folder of the checkpoint (default: here)")
    for sub in (evaluate, predict):
        sub.add_argument("--weights", type=Path, required=True, help="checkpoint, or weights by path")
    predict.add_argument("-o", "--output", type=Path, required=True, help=".npz file, or .npy for a single result")
    return parser


def checkpoint_path(model: "type[Model]", folder: Path) -> Path:
    """`digits.safetensors` for `digits.py`."""
    module = getattr(sys.modules.get(model.__module__), "__file__", None)
    return folder / f"{Path(module or model.source[0]).stem}.safetensors"


def train_command(model: "type[Model]", given: Any) -> int:
    trained = model(device=given.device, seed=given.seed, backend=given.backend)
    loaded = load_data(given.data or model.data_path(), model.inputs, model.targets, terms=model.weights)
    given.output.mkdir(parents=True, exist_ok=True)
    path = checkpoint_path(model, given.output)
    history = trained.fit(
        loaded.x,
        loaded.y,
        batch_size=given.batch_size,
        epochs=given.epochs,
        verbose="auto" if given.verbose is None else given.verbose,
        validation_split=given.validation_split,
        validation_data=loaded.validation if given.validation_split is None else None,
        sample_weight=loaded.sample_weight,
        checkpoint=path,
        resume=path if given.resume else False,
    )
    if not path.exists():
        trained.save(path)
    last = {name: values[-1] for name, values in history.history.items() if values}
    shown = {name: value for name, value in last.items() if name.startswith("val_")} or last
    if shown:
        print(numbers(shown))
    print(f"checkpoint: {path}")
    return 0


def evaluate_command(model: "type[Model]", given: Any) -> int:
    trained = model(device=given.device, backend=given.backend)
    trained.load_weights(given.weights)
    loaded = load_data(given.data or model.data_path(), model.inputs, model.targets, terms=model.weights)
    is_own = given.data is None and loaded.validation is not None
    x, y, *rest = loaded.validation if is_own and loaded.validation else (loaded.x, loaded.y, loaded.sample_weight)
    weight = rest[0] if rest else None
    print(numbers(trained.evaluate(x, y, batch_size=given.batch_size, verbose=0, sample_weight=weight)))
    return 0


def predict_command(model: "type[Model]", given: Any) -> int:
    trained = model(device=given.device, backend=given.backend)
    trained.load_weights(given.weights)
    loaded = load_data(given.data, model.inputs, model.targets, with_targets=False, terms=model.weights)
    found = trained.predict(loaded.x, batch_size=given.batch_size, verbose=0)
    if not given.output.parent.is_dir():
        raise UsageError(f"{given.output}: the folder {given.output.parent} does not exist")
    if given.output.suffix == ".npy" and not isinstance(found, dict):
        np.save(given.output, found, allow_pickle=False)
    elif given.output.suffix == ".npz":
        named = found if isinstance(found, dict) else {model.results[0].name: found}
        np.savez(given.output, **named)
    else:
        raise UsageError(f"{given.output}: results are written as .npz, and a single result as .npy too")
    print(f"results: {given.output}")
    return 0


def info_command(model: "type[Model]", given: Any) -> int:
    print(summary.text(model))
    settings = ", ".join(f"{name} = {value!r}" for name, value in model.defaults.items())
    print(f"Settings: {settings}" if settings else "Settings: none")
    return 0
