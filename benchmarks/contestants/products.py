"""The matrix products of a step and nothing else: what is left when all that a framework can choose costs nothing."""

import torch

from benchmarks.workloads import BATCH, Workload


class Products:
    """Each layer's forward product with its bias, its weights' gradient and, but for the first, its inputs' gradient,
    into memory made once, on the batches of the data in its own order. It learns nothing: its loss is 0."""

    def __init__(self, workload: Workload) -> None:
        self.batches = torch.from_numpy(workload.x).split(BATCH)
        sizes = workload.products
        self.weights = [torch.randn(inputs, outputs) / inputs**0.5 for inputs, outputs in sizes]
        self.biases = [torch.zeros(outputs) for _, outputs in sizes]
        self.gradients = [torch.empty_like(weight) for weight in self.weights]
        self.results = [torch.empty(BATCH, outputs) for _, outputs in sizes]
        self.slopes = [torch.randn(BATCH, outputs) for _, outputs in sizes]

    def fit(self, epochs: int) -> float:
        with torch.inference_mode():
            for _ in range(epochs):
                for x in self.batches:
                    self.step(x)
        return 0.0

    def step(self, x: torch.Tensor) -> None:
        rows = len(x)
        inputs = [x, *(result[:rows] for result in self.results[:-1])]
        for number, weight in enumerate(self.weights):
            torch.addmm(self.biases[number], inputs[number], weight, out=self.results[number][:rows])
        for number in reversed(range(len(self.weights))):
            slope = self.slopes[number][:rows]
            torch.mm(inputs[number].t(), slope, out=self.gradients[number])
            if number:
                torch.mm(slope, self.weights[number].t(), out=self.slopes[number - 1][:rows])
