"""What a model is once it is elaborated: its programs, its parameters, its optimizer, and the tree of its layers.

Data only. `language` makes a `Model` with the objective not yet differentiated; `tensor.step` turns it into the whole
training step; `schedule`, `emit` and `tools` read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from nnc.base.source import Source, Span
from nnc.tensor.ir import Function, Value
from nnc.tensor.types import TensorType

PLAIN_WEIGHT = "weight"  # of the binding of the weights that belong to no term of a loss

Plain = int | float | bool | str | None  # a value that is known when compiling, and no tensor


class Role(Enum):
    """Where a program's parameter comes from, or where its result goes."""

    INPUT = "input"  # the data set, by the model's input name
    TARGET = "target"  # the data set, by the train block's target name
    WEIGHT = "weight"  # the data set: each sample's weight, f32, sample weight times class weight, by WeightPort's name
    PARAMETER = "parameter"  # trained, by path; as a result, the new value
    SLOT = "slot"  # the optimizer's state: `name` is the slot, `path` the parameter it belongs to
    STATE = "state"  # carried by a layer, by path; as a result, the new value
    STEP = "step"  # the number of the step under way, 1 at the first, i64
    GRADIENT = "gradient"  # a result: the gradient of the mean loss, by the parameter's path
    ACCUMULATOR = "accumulator"  # a result: folded into a float64 tensor that is read once an epoch
    OUTPUT = "output"  # a result of the model, by name


@dataclass(frozen=True, slots=True)
class Binding:
    """Ties a parameter or result of a program to the world. `path` is used by SLOT alone; `fold` by ACCUMULATOR: how
    batches are put together, "sum", "max" or "min"."""

    role: Role
    name: str = ""
    path: str = ""
    fold: str = "sum"


@dataclass(frozen=True, slots=True)
class Program:
    """A function with its parameters and results bound, in their order."""

    function: Function
    inputs: tuple[Binding, ...]
    outputs: tuple[Binding, ...]

    def parameter(self, role: Role, name: str = "") -> Value | None:
        """The first parameter bound to `role` and `name`, or None."""
        for value, binding in zip(self.function.parameters, self.inputs, strict=True):
            if (binding.role, binding.name) == (role, name):
                return value
        return None


@dataclass(frozen=True, slots=True)
class Port:
    """An input, target or result of the model, as declared."""

    name: str
    type: TensorType
    declared: str  # the type as the user wrote it: "float[64]"
    span: Span
    default: float | bool | None = None  # of samples whose data lack it; None: it has to be given


@dataclass(frozen=True, slots=True)
class WeightPort:
    """The weights of a term of the loss: each sample's, f32. `term` is empty where the loss is a single one."""

    term: str
    targets: tuple[str, ...]  # that the term reads

    @property
    def name(self) -> str:
        """Of the program's binding."""
        return f"{self.term}_weight" if self.term else PLAIN_WEIGHT


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained tensor. `initializer` has no parameters and one result of `type`; random draws inside are keyed by
    path."""

    path: str
    type: TensorType
    initializer: Function
    span: Span
    description: str = ""  # how the initializer reads in the source: "glorot_uniform"


@dataclass(frozen=True, slots=True)
class State:
    """A carried tensor that is not trained, with its first value.

    inputs: the model's inputs that the initializer takes, all samples of the training data at once; none where the
    first value does not depend on the data.
    """

    path: str
    type: TensorType
    initializer: Function
    span: Span
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A state of the optimizer beside each parameter that it updates. `initial` is its first value everywhere; without
    a `type` of its own it has the parameter's."""

    name: str
    initial: float
    span: Span
    type: TensorType | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """How some parameters are updated, each apart.

    paths:   of the parameters; those that no gradient reaches are left alone.
    update:  parameters (parameter, gradient, step, total if there is a summand, *slots), results (new parameter,
             *new slots). Its shapes are those of each of its parameters, or, of a pointwise rule, the generic ().
    summand: (parameter, gradient, step, *slots) to what `total` is the sum of, over all entries of all parameters of
             the optimizer. Pointwise and generic.
    result:  (parameter, step, *slots) to the weight that is used outside of training, where that is not the parameter;
             at step 1, before anything is updated, it is.
    """

    paths: tuple[str, ...]
    update: Function
    slots: tuple[Slot, ...]
    is_pointwise: bool = True
    summand: Function | None = None
    result: Function | None = None


@dataclass(frozen=True, slots=True)
class Optimizer:
    """One of the optimizers of a training, with a rule for each kind of parameter that it updates."""

    name: str
    description: str  # as written: "RMSprop(learning_rate = 1e-3)"
    rules: tuple[Rule, ...]
    span: Span

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for rule in self.rules for path in rule.paths)


@dataclass(frozen=True, slots=True)
class Report:
    """A number that `fit` shows: accumulator `total` over accumulator `over`; or `result` of the accumulators `states`.

    result: a function of common tensors, one for each of `states`, in their order; it gives a number, or a
             row of them.
    """

    name: str  # "loss", "accuracy"
    total: str = ""
    over: str = ""
    states: tuple[str, ...] = ()
    result: Function | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """One use of a layer: what `summary`, pictures, error trails and checkpoint names come from."""

    definition: str  # the layer's name, as it is defined
    path: str  # "hidden.dense"
    configuration: str  # "32, relu"
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    parameters: tuple[str, ...]  # paths made by this application itself
    span: Span
    children: tuple[Application, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The `train` block's settings, which are the defaults of `fit`.

    loss_scale_factor: what gradients are computed times, so that small ones are numbers in f16.
    weights:        the file that training starts from.
    early_stopping: Keras's arguments of EarlyStopping.
    class_weight:   a weight for each class, by target.
    """

    batch_size: int = 32
    epochs: int = 1
    seed: int = 0
    precision: str = "f32"
    loss_scale_factor: float = 1.0
    data: str | None = None
    validation_split: float = 0.0
    weights: str | None = None
    early_stopping: Mapping[str, Plain] | None = None
    class_weight: Mapping[str, tuple[float, ...]] | None = None
    spans: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its training, elaborated.

    train:    the forward program in training: results are accumulators and new states. `loss`, a value of it, is the
              common f32 scalar that `tensor.step` differentiates and builds the whole step from.
    """

    name: str
    documentation: str
    source: Source
    span: Span
    inputs: tuple[Port, ...]
    targets: tuple[Port, ...]
    results: tuple[Port, ...]
    parameters: tuple[Parameter, ...]
    states: tuple[State, ...]
    applications: tuple[Application, ...]
    loss: Value | None  # in `train`: the common scalar to differentiate; not itself a result
    train: Program | None  # results: accumulators and new states; None without a train block
    evaluate: Program | None  # results: accumulators
    predict: Program  # results: outputs
    reports: tuple[Report, ...]
    optimizers: tuple[Optimizer, ...]  # a parameter of none of them is left alone
    settings: Settings
    variant: str | None = None  # the name of the training, or model, where it is not the first of the file
    weights: tuple[WeightPort, ...] = ()  # by term, where the loss is a record; else every term has the plain weight

    @property
    def trained(self) -> frozenset[str]:
        """Paths of the parameters that some optimizer updates."""
        return frozenset(path for optimizer in self.optimizers for path in optimizer.paths)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for optimizer in self.optimizers for rule in optimizer.rules)
