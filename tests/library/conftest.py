"""Keras computes with torch here. Read by Keras when it is first imported."""

import os

os.environ["KERAS_BACKEND"] = "torch"
