"""Looks up metrics of NAS-Bench-201's cells in the embedded table.

``nasbench201.npz`` has one array per column; its rows are in the order of the architectures'
tokens, the last token changing fastest. ``tests/benchmarks/make_nasbench201.py`` made it.
"""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    Metrics,
    NasframeError,
    SearchSpace,
)
from nasframe_nasbench.space import EDGE_OPERATIONS, STAGE_CELLS, STAGE_FILTERS, NASBench201Space

BENCHMARK_FILE = Path(__file__).with_name("nasbench201.npz")

_PREFIXES = {"cifar10": "c10", "cifar100": "c100"}
"""The prefix of the table's columns for each data set."""


class NASBench201LookUp(Evaluator):
    """Looks up accuracies as fractions and latency in milliseconds.

    Args:
        space: the space of the architectures.
        data: the data set of the accuracies, ``cifar10`` or ``cifar100``.
        device: the device of the latency, as in the names of the table's columns.

    Raises:
        NasframeError: if the table does not contain the space's networks.
    """

    provides = ("val_accuracy", "test_accuracy", "parameters", "macs", "latency_ms")

    def __init__(self, space: SearchSpace, data: str, device: str) -> None:
        _check_space(space)
        with np.load(BENCHMARK_FILE) as table:
            columns = (
                table[f"{_PREFIXES[data]}_valid_200"].astype(float) / 100,
                table[f"{_PREFIXES[data]}_test_200"].astype(float) / 100,
                table["params"],
                table["macs"],
                table[f"lat_{device}"],
            )
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Look up the architecture's row."""
        row = reduce(lambda index, token: index * len(EDGE_OPERATIONS) + token, architecture.tokens)
        return dict(zip(self.provides, self._rows[row], strict=True))


def _check_space(space: SearchSpace) -> None:
    if not isinstance(space, NASBench201Space):
        raise NasframeError(
            f"evaluator=nasbench201 needs search_space=nasbench201, not {type(space).__name__}"
        )
    if (space.cells, space.filters) != (STAGE_CELLS, STAGE_FILTERS):
        raise NasframeError(
            f"evaluator=nasbench201 needs search_space.cells={STAGE_CELLS} "
            f"and filters={STAGE_FILTERS}, not cells={space.cells} and filters={space.filters}"
        )
