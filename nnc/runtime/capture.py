"""Playing a list of launches, batch after batch: one by one, or K batches at a time as one CUDA graph.

In: the launches of one step, made once; everything that changes from batch to batch lies in device memory. A capture
runs the step a few times first, on a stream of its own, so that every kernel is compiled and every library has its
workspace before the capture begins, then puts back what those runs changed.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from nnc.runtime.declarations import Launch

WARM_UP = 3
STEPS_A_REPLAY = 32  # enough that a replay's own cost is lost among the steps, few enough to be captured soon

Bound = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Keep = Callable[[], Callable[[], None]]


def bind(launch: Launch) -> Bound:
    """The launch as one call; a launch without a grid is a call already."""
    if launch.grid is None:
        return launch.kernel, launch.args, dict(launch.options)
    grid = (launch.grid,) if isinstance(launch.grid, int) else launch.grid
    return launch.kernel[grid], launch.args, dict(launch.options)


class Eager:
    """Runs the launches one by one: in the interpreter, and where a capture failed."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self._bound = [bind(launch) for launch in launches]

    def step(self) -> None:
        for call, args, options in self._bound:
            call(*args, **options)

    def run(self, first: int, last: int, deadline: float, sums: Tensor, stop: list[int]) -> int:
        following = first
        looks = not sums.is_cuda  # reading from a GPU would wait for it
        while following < last:
            self.step()
            following += 1
            if stop or perf_counter() >= deadline or (looks and not math.isfinite(float(sums[0]))):
                break
        return following


class Replay:
    """Runs the launches as CUDA graphs: one of K steps, and one of a single step for what is left over."""

    def __init__(self, launches: Sequence[Launch], keep: Keep, batches: int) -> None:
        self._eager = Eager(launches)
        self.steps = max(1, min(STEPS_A_REPLAY, batches))
        restore = keep()
        try:
            self._warm_up()
            self._single = self._capture(1)
            self._many = self._capture(self.steps) if self.steps > 1 else self._single
        finally:
            torch.cuda.synchronize()
            restore()

    def _warm_up(self) -> None:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._eager.step()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()

    def _capture(self, steps: int) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):  # capturing runs nothing
            for _ in range(steps):
                self._eager.step()
        return graph

    def run(self, first: int, last: int, deadline: float, sums: Tensor, stop: list[int]) -> int:
        following = first
        while following < last:
            if last - following >= self.steps:
                self._many.replay()
                following += self.steps
            else:
                self._single.replay()
                following += 1
            if stop or perf_counter() >= deadline:
                break
        return following


def player(launches: Sequence[Launch], keep: Keep, device: torch.device, batches: int) -> Eager | Replay:
    """Graphs on CUDA, where that succeeds and more than one step is to run; else one launch after another."""
    if device.type != "cuda" or batches < 2:
        return Eager(launches)
    try:
        return Replay(launches, keep, batches)
    except RuntimeError as error:
        warnings.warn(
            f"the step could not be captured as a CUDA graph and runs launch by launch, which is slower: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return Eager(launches)
