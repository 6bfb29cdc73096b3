"""The list of packages: all of nnc/, and the two folders beside it that are installed inside it."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["nnc", "nnc.*"]), "nnc.grammar", "nnc.kernels"])
