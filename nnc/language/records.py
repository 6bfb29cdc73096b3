"""The settings of a `train` block that are records of the run: `early_stopping` and `class_weight`.

In: their values, the numbers that the training reports, its targets. Out: plain data, checked: what a name stands for
is there, and each value is of its kind. The order and the defaults are Keras's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nnc.base.source import Span
from nnc.language.context import Elaboration
from nnc.language.settings import EARLY_STOPPING, Setting, is_count
from nnc.language.suggest import nearest
from nnc.language.values import Anything, Poison, Poisoned, Record, Tensor, describe, is_number
from nnc.tensor.program import Plain, Report

MODES = ("auto", "min", "max")
MONITOR, MODE, LOSS, VALIDATION = "monitor", "mode", "loss", "val_"


def _is_whole(value: Anything) -> bool:
    return value == 0 or is_count(value)


_STOPPING: dict[str, Setting] = {
    MONITOR: Setting('the name of a number that is reported, "val_loss"', lambda v: isinstance(v, str)),
    "min_delta": Setting("a number of at least 0", lambda v: is_number(v) and v >= 0),
    "patience": Setting("an integer of at least 0", _is_whole),
    MODE: Setting("one of " + ", ".join(f'"{each}"' for each in MODES), lambda v: v in MODES, MODES),
    "baseline": Setting("a number, or none", lambda v: v is None or is_number(v)),
    "restore_best_weights": Setting("true or false", lambda v: isinstance(v, bool)),
    "start_from_epoch": Setting("an integer of at least 0", _is_whole),
}


def early_stopping(ctx: Elaboration, value: Anything, span: Span, reports: Sequence[Report]) -> dict[str, Plain]:
    """Keras's arguments of EarlyStopping, those that are set; `monitor` names a report or its validation."""
    if not isinstance(value, Record):
        raise ctx.fail(
            "E0505",
            f"`{EARLY_STOPPING}` is a record, and this is {describe(value)}",
            span,
            help='name what to watch: early_stopping = { monitor: "val_loss", patience: 3 }',
        )
    for name, given in value.entries.items():
        place = value.spans[name]
        if name not in _STOPPING:
            near = nearest(name, _STOPPING)
            known = "it has " + ", ".join(_STOPPING)
            raise ctx.fail(
                "E0505",
                f"`{EARLY_STOPPING}` has no entry `{name}`",
                place,
                help=f"did you mean `{near}`?" if near else known,
            )
        if isinstance(given, Poison):
            raise Poisoned
        wanted = _STOPPING[name]
        if not wanted.accepts(given):
            raise ctx.fail("E0505", f"`{name}` is {wanted.wanted}, and this is {describe(given)}", place)
    found: dict[str, Plain] = {MONITOR: VALIDATION + LOSS}
    found |= {name: given for name, given in value.entries.items() if isinstance(given, Plain)}
    if ctx.failed:  # what is reported is not whole
        raise Poisoned
    _direction(ctx, found, value.spans.get(MONITOR, span), reports)
    return found


def _direction(ctx: Elaboration, found: dict[str, Plain], span: Span, reports: Sequence[Report]) -> None:
    """Whether less or more of what is watched is better: known of losses, and to be said of metrics."""
    watched = str(found[MONITOR])
    known = [report.name for report in reports]
    name = watched.removeprefix(VALIDATION)
    if name not in known:
        near = nearest(watched, [*known, *(VALIDATION + each for each in known)])
        raise ctx.fail(
            "E0505",
            f"nothing called `{watched}` is reported",
            span,
            help=f"did you mean `{near}`?" if near else "reported are " + ", ".join(known) + ", and val_ of each",
        )
    if found.get(MODE, MODES[0]) == MODES[0]:
        if name != LOSS and not name.endswith(f"_{LOSS}"):
            raise ctx.fail(
                "E0505",
                f"`{watched}` is watched, and nothing says whether more of it is better, or less",
                span,
                help='add mode: "max" or mode: "min"',
            )
        found[MODE] = "min"


def class_weights(
    ctx: Elaboration, value: Anything, span: Span, targets: Mapping[str, Anything]
) -> Mapping[str, tuple[float, ...]]:
    """A list of weights by target, one for each class; of the only target with classes the list will do."""
    classed: dict[str, int] = {}
    for name, target in targets.items():
        if isinstance(target, Poison):
            raise Poisoned
        if isinstance(target, Tensor) and target.type.bound is not None and not target.type.rank:
            classed[name] = target.type.bound
    if not classed:
        raise ctx.fail("E0505", "`class_weight` is given, and no target is an index(n), one class a sample", span)
    if isinstance(value, Record):
        given, spans = value.entries, value.spans
    elif len(classed) == 1:
        (only,) = classed
        given, spans = {only: value}, {only: span}
    else:
        name = next(iter(classed))
        raise ctx.fail(
            "E0505",
            "several targets have classes, " + ", ".join(f"`{each}`" for each in classed),
            span,
            help=f"say of which it is: class_weight = {{ {name}: [...] }}",
        )
    return {name: _weights(ctx, name, each, spans[name], classed) for name, each in given.items()}


def _weights(ctx: Elaboration, name: str, value: Anything, span: Span, classed: Mapping[str, int]) -> tuple[float, ...]:
    if name not in classed:
        near = nearest(name, classed)
        raise ctx.fail(
            "E0505",
            f"no target `{name}` has classes",
            span,
            help=f"did you mean `{near}`?" if near else "those that have: " + ", ".join(classed),
        )
    if isinstance(value, Poison) or (isinstance(value, tuple) and any(isinstance(each, Poison) for each in value)):
        raise Poisoned
    classes = classed[name]
    if not isinstance(value, tuple) or len(value) != classes:
        raise ctx.fail(
            "E0505",
            f"the weights of the classes of `{name}` are a list of {classes} numbers, and this is {describe(value)}",
            span,
        )
    weights = [float(each) for each in value if is_number(each) and math.isfinite(each) and each >= 0]
    if len(weights) < classes:
        raise ctx.fail("E0505", f"the weights of the classes of `{name}` are numbers of at least 0", span)
    if not any(weights):
        raise ctx.fail("E0505", "every class's weight is 0: there is nothing to learn from", span)
    return tuple(weights)
