"""What outlives the elaboration of one program: names and parameters that a model's programs share, and what a file's
trainings took of the limits. Data only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.language.naming import Naming
from nnc.language.updating import Constraint
from nnc.tensor.program import Parameter, State

MOST_STEPS = 200_000  # expressions evaluated
MOST_OPERATIONS = 100_000


@dataclass(slots=True, eq=False)
class Spent:
    """What the trainings of a file that were elaborated before took of the limits, which hold for all together."""

    steps: int = 0
    operations: int = 0

    @property
    def is_all(self) -> bool:
        """Whether nothing is left."""
        return self.steps > MOST_STEPS or self.operations > MOST_OPERATIONS


@dataclass(slots=True, eq=False)
class Registry:
    """What the three programs of a model share: names, and the parameters that the first of them makes."""

    spent: Spent = field(default_factory=Spent)
    naming: Naming = field(default_factory=Naming)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    sealed: bool = False  # later programs make no parameters of their own
