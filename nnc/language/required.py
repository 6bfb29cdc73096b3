"""What a `train` block must set: its loss and its optimizer.

In: the block, and the names that stand for settings but are misspelt. Out: errors. A setting that was misspelt is
reported as such, and not as missing too. What the settings are is not looked at.
"""

from __future__ import annotations

from collections.abc import Collection

from nnc.base.diagnostic import Reporter
from nnc.language.settings import LOSS, OPTIMIZER
from nnc.syntax import tree


def check(block: tree.Train, misspelt: Collection[str], reporter: Reporter) -> None:
    """Reports a loss or an optimizer that is not there; `misspelt` are the settings that were meant by other names."""
    names = [each.names[0].text for each in block.body.statements if isinstance(each, tree.Assign)]
    there = {*names, *misspelt}
    if LOSS not in there:
        reporter.error(
            "E0502",
            "this training has no loss",
            block.model.span,
            "`loss = ...` is missing in this block",
            help=_loss_help(block),
        )
    if OPTIMIZER not in there:
        reporter.error(
            "E0503",
            "this training has no optimizer",
            block.model.span,
            "`optimizer = ...` is missing in this block",
            help="add one: optimizer = Adam(learning_rate = 1e-3)",
        )


def _loss_help(block: tree.Train) -> str:
    target = next((each.name.text for each in block.body.statements if isinstance(each, tree.TargetStmt)), "target")
    return f"add one of prediction and target: loss = mean_squared_error(prediction, {target})"
