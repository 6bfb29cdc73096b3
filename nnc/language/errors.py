"""The codes of elaboration: E02xx types and shapes, E03xx names, E04xx configuration, E05xx training, W05xx doubts.

Data only: what each means, a program that gives it and the same program mended.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.base.diagnostic import Explanation
from nnc.language.explanations import configuration, names, training, types

_TABLES = (types.TABLE, names.TABLE, configuration.TABLE, training.TABLE)

EXPLANATIONS: Mapping[str, Explanation] = {each.code: each for table in _TABLES for each in table}
