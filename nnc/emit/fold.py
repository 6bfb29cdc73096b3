"""Folds whose partials have several parts, in tile order: variances, and places of the largest and the smallest.

In: the writes of one `finish` and the buffer of their partials. Out: parts of its kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnc.emit.tile import TilePrinter
from nnc.schedule import folds
from nnc.schedule.kernel import Buffer, Write
from nnc.schedule.region import TYPES
from nnc.schedule.tiles import power

NAMES = ("n", "tile", "tiles", "size", "mean", "squares", "row", "more", "share", "apart", "best", "place", "found")
WIDEST = 1024  # columns of partials that one program folds


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that the first `programs` programs of a kernel run."""

    lines: list[str]
    programs: int = 1


def filled(block: int, start: float, element: str) -> str:
    """A tile that holds `start`, or the integer that is most like it."""
    if start == 0:
        return f"tl.zeros(({block},), dtype={TYPES[element]})"
    if element != "f32" and math.isinf(start):
        bits = 63 if element == "i64" else 31
        return f"tl.full(({block},), {2**bits - 1 if start > 0 else -(2**bits)}, dtype={TYPES[element]})"
    text = f'float("{start}")' if math.isinf(start) else str(start)
    return f"tl.full(({block},), {text}, dtype={TYPES[element]})"


def fold_moments(printer: TilePrinter, partials: Buffer, fold: str, writes: list[Write], tiles: str) -> list[Part]:
    """The first tile is never empty. Two tiles' means and sums of squared deviations joined: Chan, Golub and LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979."""
    parts: list[Part] = []
    for write in writes:
        block, blocks, mask = _columns(write.value.type.size)
        other = ", other=0.0" if mask else ""
        means, squares, count = (write.column + start for start in folds.starts(fold, write.value.type.size))
        lines = [
            _places(block, blocks),
            "size = 0.0",
            f"mean = {filled(block, 0.0, 'f32')}",
            f"squares = {filled(block, 0.0, 'f32')}",
            f"for tile in range({tiles}):",
            f"    row = {printer.pointer(partials)} + tile * {partials.shape[1]}",
            f"    more = tl.load(row{_shift(count)})",
            "    share = more / (size + more)",
            f"    apart = tl.load(row{_shift(means)} + n{mask}{other}) - mean",
            "    mean += apart * share",
            f"    squares += tl.load(row{_shift(squares)} + n{mask}{other}) + apart * apart * share * size",
            "    size += more",
            f"tl.store({printer.pointer(write.buffer)} + n, squares / size{mask})",
        ]
        parts.append(Part(lines, blocks))
    return parts


def fold_places(printer: TilePrinter, partials: Buffer, fold: str, writes: list[Write], tiles: str) -> list[Part]:
    """The first of equals stays."""
    sign, start = (">", -math.inf) if fold == "argmax" else ("<", math.inf)
    parts: list[Part] = []
    for write in writes:
        block, blocks, mask = _columns(write.value.type.size)
        values, places = (write.column + start for start in folds.starts(fold, write.value.type.size))
        other = (", other=0.0" if partials.element == "f32" else ", other=0") if mask else ""
        lines = [
            _places(block, blocks),
            f"best = {filled(block, start, partials.element)}",
            f"place = {filled(block, 0, 'i32')}",
            f"for tile in range({tiles}):",
            f"    row = {printer.pointer(partials)} + tile * {partials.shape[1]}",
            f"    found = tl.load(row{_shift(values)} + n{mask}{other})",
            f"    found_place = tl.load(row{_shift(places)} + n{mask}{other})",
            f"    place = tl.where(found {sign} best, found_place.to(tl.int32), place)",
            f"    best = tl.where(found {sign} best, found, best)",
            f"tl.store({printer.pointer(write.buffer)} + n, place{mask})",
        ]
        parts.append(Part(lines, blocks))
    return parts


def _columns(size: int) -> tuple[int, int, str]:
    """How many elements of a result one program folds, how many programs there are, and the mask if one is needed."""
    block = min(WIDEST, power(size))
    blocks = -(-size // block)
    return block, blocks, f", mask=n < {size}" if size < block * blocks else ""


def _places(block: int, blocks: int) -> str:
    start = f"tl.program_id(0) * {block} + " if blocks > 1 else ""
    return f"n = {start}tl.arange(0, {block})"


def _shift(column: int) -> str:
    return f" + {column}" if column else ""
