"""Keras on the torch backend, through its own `fit`."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import keras
import numpy as np

from benchmarks.workloads import BATCH, Workload


def block(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    layers = keras.layers
    hidden = layers.Dropout(0.2)(layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(x))))
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(layers.Dense(units)(hidden))]))


def network(workload: Workload) -> keras.Model:
    *hidden, outputs = workload.sizes[1:]
    start = x = keras.Input((workload.sizes[0],))
    for units in hidden:
        if workload.blocks:
            x = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Dense(units)(x)))
        else:
            x = keras.layers.Dense(units, "relu")(x)
    for _ in range(workload.blocks):
        x = block(x, workload.sizes[1])
    return keras.Model(start, keras.layers.Dense(outputs, "softmax")(x))


class Keras:
    def __init__(self, workload: Workload) -> None:
        keras.utils.set_random_seed(0)
        self.workload = workload
        self.model = network(workload)
        optimizer = keras.optimizers.Adam(1e-3) if workload.optimizer == "adam" else keras.optimizers.RMSprop(1e-3)
        self.model.compile(optimizer, "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        self.weight = np.ones(len(workload.y), np.float32)

    def fit(self, epochs: int) -> float:
        x, y = self.workload.x, self.workload.y
        history = self.model.fit(x, y, sample_weight=self.weight, batch_size=BATCH, epochs=epochs, verbose=0)
        return float(history.history["loss"][-1])
