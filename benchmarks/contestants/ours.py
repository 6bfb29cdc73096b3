"""What nnc makes of the workload's program, through the generated module's `fit`."""

import nnc
from benchmarks.workloads import BATCH, Workload


class Nnc:
    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.model = nnc.load(workload.program)(device="cpu", seed=0)

    def fit(self, epochs: int) -> float:
        x, y = self.workload.x, self.workload.y
        history = self.model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
        return float(history.history["loss"][-1])
