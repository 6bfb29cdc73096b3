"""What generated modules run on: declarations, the `Model` base class, and Triton where its kernels can run.

A leaf: it knows nothing of the compiler.
"""

from nnc.runtime.arena import Arena
from nnc.runtime.backend import half, tl, triton
from nnc.runtime.callbacks import Callback, History
from nnc.runtime.declarations import (
    BATCH,
    Accumulator,
    Buffer,
    Draw,
    Extent,
    Launch,
    Parameter,
    Place,
    Port,
    Report,
    Slot,
    State,
    Step,
    View,
    Weight,
    cdiv,
    tiles,
)
from nnc.runtime.errors import CheckpointError, DataError, DataWarning, NonFiniteLoss, UsageError
from nnc.runtime.fused import moment_step_
from nnc.runtime.model import Model
from nnc.runtime.npz import load_data, load_npz
from nnc.runtime.plan import plan
from nnc.runtime.random import Draws
from nnc.runtime.stopping import EarlyStopping

__all__ = [
    "BATCH",
    "Accumulator",
    "Arena",
    "Buffer",
    "Callback",
    "CheckpointError",
    "DataError",
    "DataWarning",
    "Draw",
    "Draws",
    "EarlyStopping",
    "Extent",
    "History",
    "Launch",
    "Model",
    "NonFiniteLoss",
    "Parameter",
    "Place",
    "Port",
    "Report",
    "Slot",
    "State",
    "Step",
    "UsageError",
    "View",
    "Weight",
    "cdiv",
    "half",
    "load_data",
    "load_npz",
    "moment_step_",
    "plan",
    "tiles",
    "tl",
    "triton",
]
