"""Keras on the torch backend, through its own `fit`."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import keras
import numpy as np

from benchmarks.workloads import BATCH, Workload


class Keras:
    def __init__(self, workload: Workload) -> None:
        keras.utils.set_random_seed(0)
        self.workload = workload
        *hidden, outputs = workload.sizes[1:]
        layers = [keras.Input((workload.sizes[0],))]
        layers += [keras.layers.Dense(units, "relu") for units in hidden]
        layers += [keras.layers.Dense(outputs, "softmax")]
        self.model = keras.Sequential(layers)
        optimizer = keras.optimizers.Adam(1e-3) if workload.optimizer == "adam" else keras.optimizers.RMSprop(1e-3)
        self.model.compile(optimizer, "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        self.weight = np.ones(len(workload.y), np.float32)

    def fit(self, epochs: int) -> float:
        x, y = self.workload.x, self.workload.y
        history = self.model.fit(x, y, sample_weight=self.weight, batch_size=BATCH, epochs=epochs, verbose=0)
        return float(history.history["loss"][-1])
