"""Updates that torch has one call for: a pass over memory where separate calls take five.

In: flat tensors, and the numbers of this step. They are written in place, and nothing is given back.
"""

from functools import cache

import torch
from torch import Tensor

_HAS_CALL = hasattr(torch, "_fused_adam_")
_LEAST = 1e-6  # (1 - 1e-6) ** 1e9 is e ** -1000, which float64 holds as 0


@cache
def _settled(device: torch.device) -> Tensor:
    """A step so late that corrections for a start at 0 are exactly 1: 1 - beta ** 1e9 is 1 - 0 for betas up to
    1 - `_LEAST`. So the call corrects nothing: whatever correction the program asks for lies in its rate."""
    return torch.full((), 1e9, device=device)


def moment_step_(
    parameter: Tensor, gradient: Tensor, m: Tensor, v: Tensor, mean: float, square: float, epsilon: float, rate: float
) -> None:
    """m += (gradient - m) * mean; v += (gradient ** 2 - v) * square; parameter -= rate * m / (sqrt(v) + epsilon).

    All four tensors are contiguous and of one shape and type. torch's fused call rounds once or twice elsewhere than
    the separate ones, which run where torch lacks it or where a mean moves by less than `_LEAST` a step.
    """
    if _HAS_CALL and _LEAST <= mean <= 1 and _LEAST <= square <= 1:
        torch._fused_adam_(
            [parameter],
            [gradient],
            [m],
            [v],
            [],
            [_settled(parameter.device)],
            lr=rate,
            beta1=1 - mean,
            beta2=1 - square,
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )
        return
    m.lerp_(gradient, mean)
    v.lerp_(gradient * gradient, square)
    parameter.addcdiv_(m, v.sqrt().add_(epsilon), value=-rate)
