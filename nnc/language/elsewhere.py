"""Words of Python, Keras and PyTorch, and what stands for them here. Names of definitions are the library's business:
`library.elsewhere`.
"""

from __future__ import annotations

from collections.abc import Iterable

from nnc.language import library
from nnc.language.suggest import nearest

_WORDS = {"True": "true", "False": "false", "None": "none"}
_BATCH = ("None", "B", "N", "batch", "batch_size", "BATCH", "bs")
_FILES = ("npz", "npy", "safetensors", "h5", "pt", "pth", "keras", "csv")
_MODULES = ("nn", "layers", "keras", "tf", "torch", "np", "numpy", "F", "jnp", "jax", "flax", "optim", "math")
_SAID = {
    "self": "what a layer holds has its name alone, without `self.`",
    "Input": "inputs are declared behind the model's name: model Net(x: float[28, 28])",
    "EarlyStopping": 'it is a setting: early_stopping = { monitor: "val_loss", patience: 3 }',
    "print": "leave it out: `nnc summary` shows layers and shapes",
    "super": "leave it out: a definition has no other above it",
}
NO_BATCH = "leave it out: the batch is never written, and an axis has a size that is known"

# An argument's name there, and here where the definition has it; or what to do instead.
_ARGUMENTS = {
    "lr": "learning_rate",
    "dim": "axis",
    "dims": "axis",
    "axes": "axis",
    "keepdim": "keepdims",
    "bias": "use_bias",
    "out_features": "units",
    "num_units": "units",
    "eps": "epsilon",
    "num_embeddings": "input_dim",
    "embedding_dim": "output_dim",
    "p": "rate",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "alpha": "negative_slope",
    "kernel_init": "kernel_initializer",
}
_TAKEN_FROM_INPUT = "leave it out: a layer takes its sizes from what it is applied to"
_INSTEAD = {
    "from_logits": "leave it out: end the model with softmax or sigmoid, and the loss is computed from the logits",
    "input_shape": _TAKEN_FROM_INPUT,
    "input_dim": _TAKEN_FROM_INPUT,
    "in_features": _TAKEN_FROM_INPUT,
    "name": "leave it out: a layer is called by the variable that it is for",
    "dtype": "leave it out: `precision` of the training sets it",
    "trainable": "leave it out: the training freezes a part, optimizer = { part: none, rest: ... }",
    "reduction": "leave it out: losses are averaged over the batch",
    "params": "leave it out: an optimizer is given the parameters",
}


def help_for_name(name: str, member: str, known: Iterable[str]) -> str | None:
    """What was probably meant by a name that is not defined; `member` is what is read of it, `nn.Linear`, or empty."""
    if name in _WORDS:
        return f"write `{_WORDS[name]}`"
    if name in _SAID:
        return _SAID[name]
    if member in _FILES:
        return f'a file is named in quotes: "{name}.{member}"'
    if name in _MODULES:
        meant = library.elsewhere(member) or nearest(member, known)
        return f"write `{meant}`: names of the library stand alone" if meant else "names of the library stand alone"
    meant = library.elsewhere(name) or nearest(name, known)
    return f"did you mean `{meant}`?" if meant else None


def nearest_definition(name: str) -> str | None:
    """The definition of the library that a name means, as it is called here or elsewhere."""
    return library.elsewhere(name) or nearest(name, library.names())


def help_for_size(name: str) -> str | None:
    """What to do about a size by a name that is not defined."""
    return NO_BATCH if name in _BATCH else None


def help_for_argument(name: str, known: Iterable[str]) -> str | None:
    """What was probably meant by an argument that there is not; None where nothing is near."""
    known = tuple(known)
    meant = _ARGUMENTS.get(name)
    near = meant if meant in known else nearest(name, known)
    return _INSTEAD.get(name) or (f"did you mean `{near}`?" if near else None)
