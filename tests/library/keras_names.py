"""What has become of each public name of Keras: which entry of the library it is, or why there is none.

The names, arguments and defaults lie in keras_signatures.json. The tests of the signatures and docs/keras.md are made
from these tables.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnc.language import library
from nnc.language.builtins import BUILTINS
from nnc.syntax.tree import Definition, FunctionDef

REQUIRED = "required"
Arguments = list[tuple[str, Any]]
SIGNATURES: dict[str, dict[str, Arguments]] = {
    section: {name: [(argument, default) for argument, default in found] for name, found in entries.items()}
    for section, entries in json.loads(Path(__file__).with_name("keras_signatures.json").read_text("utf-8")).items()
    if section != "keras"
}
# Sections whose entries are called by Keras's class names; in the others they are functions, in snake case.
CAPITALISED = ("layers", "metrics", "optimizers", "schedules")


@dataclass(frozen=True, slots=True)
class Answer:
    """verdict: "yes", "later" or "no". note: what serves instead, what it waits for, or why not."""

    verdict: str
    note: str


def _each(verdict: str, note: str, names: str) -> Iterator[tuple[str, Answer]]:
    for name in names.split():
        yield name, Answer(verdict, note)


LAYERS = {
    **{name: Answer("later", f"with {what}") for name, what in library.later_names().items()},
    **dict(
        _each(
            "no",
            "strings are no tensors here: turn words into indices before, and declare them as `index(n)`",
            "StringLookup TextVectorization",
        )
    ),
    **dict(
        _each(
            "no",
            "what another framework computes cannot be compiled",
            "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
        )
    ),
    "InputLayer": Answer("yes", "a model's inputs: `model Net(x: float[64])`"),
    "InputSpec": Answer("yes", "the types of a signature: `(x: float[..., D])`"),
    "Lambda": Answer("yes", "a function in a pipe: `x \\|> tanh`, `x \\|> double` of `fn double(x) = 2 * x`"),
    "Layer": Answer("yes", "a definition: `layer Scale(x) -> y { ... }`"),
    "Pipeline": Answer("yes", "layers joined by `\\|>`, and `Sequential`"),
    "Wrapper": Answer("yes", "a layer that takes one: `layer Twice(inner: layer)(x) -> y { ... }`"),
}
OTHERS: dict[str, dict[str, Answer]] = {
    "layers": LAYERS,
    "losses": {
        "CTC": Answer("later", "with recurrence"),
        "Loss": Answer("yes", "any expression of predictions and targets, or a `fn`"),
    },
    "metrics": {"Metric": Answer("yes", "a definition: `metric Share(y_pred, y_true) { ... }`")},
    "optimizers": {
        "LossScaleOptimizer": Answer(
            "later", "with a scale that changes by itself; `loss_scale_factor` is a fixed one"
        ),
        "MultiOptimizer": Answer("yes", "a record of optimizers by part: `{ trunk: SGD(0.1), rest: Adam }`"),
        "Optimizer": Answer("yes", "a definition: `optimizer Step(rate = 0.1) { ... }`"),
        "OptimizerMap": Answer("yes", "a record of optimizers by part: `{ trunk: SGD(0.1), rest: Adam }`"),
    },
    "schedules": {
        "LearningRateSchedule": Answer("yes", "a function of the number of steps before: `fn half(step) = ...`"),
    },
    "initializers": {"Initializer": Answer("yes", "a function: `fn small(shape, fan_in, fan_out) = ...`")},
    "regularizers": {"Regularizer": Answer("yes", "a function of the tensor: `fn small(w) = sum(w ^ 2)`")},
    "constraints": {"Constraint": Answer("yes", "a function of the tensor: `fn positive(w) = maximum(w, 0)`")},
    "activations": dict(_each("yes", "a function of the language", "sigmoid softplus tanh")),
    "callbacks": {
        **dict(
            _each(
                "yes",
                "Keras's own may be given to `fit`",
                "CSVLogger CallbackList EarlyStopping LambdaCallback ProgbarLogger TerminateOnNaN",
            )
        ),
        "Callback": Answer("yes", "`nnc.runtime.Callback`, or any object with some of its hooks"),
        "History": Answer("yes", "what `fit` returns"),
        "BackupAndRestore": Answer("yes", "`nnc train` leaves a checkpoint, and `--resume` goes on from it"),
        **dict(_each("yes", "a callback that calls `self.model.save(path)`", "ModelCheckpoint OrbaxCheckpoint")),
        "LearningRateScheduler": Answer("yes", "a schedule in the place of `learning_rate`"),
        **dict(_each("later", "with rates that `fit` changes", "ReduceLROnPlateau")),
        **dict(_each("later", "with weights averaged over steps", "SwapEMAWeights")),
        **dict(_each("no", "it sends logs to another program: write a callback", "RemoteMonitor TensorBoard")),
    },
}
# Arguments that are left out: the name of the argument, or section, entry and argument, and why.
_LATER_ADAPTERS = "low-rank adapters and quantisation come later"
_LAST = "the classes are the last axis: transpose before"
LEFT_OUT: dict[str, str] = {
    "data_format": "images are channels-last",
    "from_logits": "a crossentropy of a softmax or a sigmoid is computed from the logits in any case",
    "gradient_accumulation_steps": "a setting of the `train` block",
    "gptq_unpacked_column_size": _LATER_ADAPTERS,
    "ignore_class": "labels are `index(n)` and hold no other number: give such entries the weight 0",
    "input_axes": "fans are counted as Keras does without it",
    "lora_alpha": _LATER_ADAPTERS,
    "lora_rank": _LATER_ADAPTERS,
    "mask_zero": "masks come with ragged axes",
    "output_axes": "fans are counted as Keras does without it",
    "quantization_config": _LATER_ADAPTERS,
    "reduction": "a loss is a number per sample or entry, averaged by the `train` block; a sum is written as one",
    "renorm": "batch renormalisation comes later",
    "renorm_clipping": "batch renormalisation comes later",
    "renorm_momentum": "batch renormalisation comes later",
    "reverse_dtype": "the precision is a setting of the `train` block",
    "seed": "the seed of all draws is that of the `train` block",
    "sparse": "all tensors are dense",
    "synchronized": "a model runs on one device",
    "weights": "`model.parameters` and checkpoints set them",
    "layers.Discretization.num_bins": "boundaries are not computed from the data yet",
    "layers.Discretization.epsilon": "boundaries are not computed from the data yet",
    "losses.BinaryCrossentropy.axis": "the last axis is averaged over: transpose before",
    "losses.BinaryFocalCrossentropy.axis": "the last axis is averaged over: transpose before",
    "losses.CategoricalCrossentropy.axis": _LAST,
    "losses.CategoricalFocalCrossentropy.axis": _LAST,
    "losses.SparseCategoricalCrossentropy.axis": _LAST,
    "metrics.CategoricalCrossentropy.axis": _LAST,
    "metrics.SparseCategoricalCrossentropy.axis": _LAST,
    "metrics.SparseTopKCategoricalAccuracy.from_sorted_ids": "a prediction is a score for each class",
    "loss_scale_factor": 'a setting of the `train` block, with `precision = "f16"`',
    "optimizers.Muon.exclude_embeddings": "a record of optimizers says what Adam trains: `{ table: Adam, rest: Muon }`",
    "optimizers.Muon.exclude_layers": "a record of optimizers says what Adam trains: `{ table: Adam, rest: Muon }`",
}
# Defaults that are not Keras's: section, entry and argument, and why.
DEFAULTS: dict[str, str] = {
    "layers.CategoryEncoding.num_tokens": "shapes are known before the data are",
    "layers.Discretization.bin_boundaries": "boundaries are not computed from the data yet",
    "constraints.MaxNorm.axis": "a list of one axis, which is the same",
    "constraints.MinMaxNorm.axis": "a list of one axis, which is the same",
    "constraints.UnitNorm.axis": "a list of one axis, which is the same",
}
# How a default of Keras is spelled here: none of an activation is the function that changes nothing.
SPELLED: Mapping[tuple[str, Any], str] = {
    ("activation", None): "linear",
    ("embeddings_initializer", "uniform"): "random_uniform",
    ("alpha_initializer", "Zeros"): "zeros",
}


def entry(section: str, name: str) -> Definition | FunctionDef | None:
    """The library's definition of a name of Keras."""
    if section in CAPITALISED:
        scope = library.find(name)
        found = None if scope is None else scope.items[name]
    else:
        key = name.replace("_", "").lower()
        places = [path for path in (library.FOLDER / section).glob("*.nn") if path.stem.replace("_", "") == key]
        written = next((own for own in library.names() if own.replace("_", "") == key), None) if places else None
        scope = None if written is None else library.find(written)
        found = None if scope is None or written is None else scope.items[written]
    assert found is None or isinstance(found, Definition | FunctionDef)
    return found


def configuration(definition: Definition | FunctionDef) -> Arguments:
    """Names and defaults of an entry, as Keras's are written."""
    return [
        (param.name.text, REQUIRED if param.default is None else _value(param.default.span.text))
        for param in definition.signature.configuration
    ]


def _value(written: str) -> Any:
    try:
        return ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(written, written))
    except (SyntaxError, ValueError):
        return written


def arguments(section: str, name: str) -> Arguments:
    """Keras's arguments; a function's tensor is none."""
    return [each for each in SIGNATURES[section][name] if (section, each[0]) != ("activations", "x")]


def reason(table: Mapping[str, str], section: str, name: str, argument: str) -> str | None:
    """What a table says of an argument; `key` is what it stands under."""
    found = key(table, section, name, argument)
    return None if found is None else table[found]


def key(table: Mapping[str, str], section: str, name: str, argument: str) -> str | None:
    keys = (f"{section}.{name}.{argument}", argument)
    return next((each for each in keys if each in table), None)


def is_builtin(name: str) -> bool:
    return name in BUILTINS
