"""The epoch's accumulators: one flat float64 tensor that steps fold into, cleared at the start and read at the end.

float64 holds whole numbers exactly up to 2^53, so counts need no integers.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnc.runtime.declarations import Accumulator, Report

_NEUTRAL = {"max": -math.inf, "min": math.inf}


def size_of(accumulators: Sequence[Accumulator]) -> int:
    """How many elements there are in all."""
    return max([each.offset + math.prod(each.shape) for each in accumulators], default=0)


def clear(sums: Tensor, accumulators: Sequence[Accumulator]) -> None:
    """Go back to what the first batch is folded into: 0 for a sum, what any number beats for an extreme."""
    sums.zero_()
    for each in accumulators:
        if each.fold != "sum":
            sums[each.offset : each.offset + math.prod(each.shape)].fill_(_NEUTRAL[each.fold])


def reported(sums: Tensor, accumulators: Sequence[Accumulator], reports: Sequence[Report]) -> dict[str, Any]:
    """The numbers that are shown, a list where a metric gives a row; a mean over nothing is 0, as Keras divides."""
    held = sums.cpu()
    values = {
        each.name: held[each.offset : each.offset + math.prod(each.shape)].view(each.shape) for each in accumulators
    }
    return {report.name: _number(report, values) for report in reports}


def _number(report: Report, values: dict[str, Tensor]) -> float | list[float]:
    if report.result is not None:
        result = report.result(*(values[name] for name in report.states))
        found: float | list[float] = torch.as_tensor(result, dtype=torch.float64).tolist()
        return found
    total, over = values[report.numerator].item(), values[report.denominator].item()
    return float(total / over) if over else 0.0
