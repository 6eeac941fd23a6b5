"""Metrics of NAS-Bench-201's cells from the embedded table.

``nasbench201.npz`` has one array a column; its rows are in the order of the architectures' tokens,
the last token changing fastest. ``tests/benchmarks/make_nasbench201.py`` made it.
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
from nasframe_nasbench.space import CELLS, FILTERS, OPERATIONS, NASBench201Space

FILE = Path(__file__).with_name("nasbench201.npz")

COLUMNS = {"cifar10": "c10", "cifar100": "c100"}
"""How the table's columns for a data set begin."""


class NASBench201LookUp(Evaluator):
    """Accuracies as fractions, latency in milliseconds; no training.

    Args:
        space: whose architectures are looked up.
        data: on which the accuracies were reached, ``cifar10`` or ``cifar100``.
        device: where the latency was measured, as in the names of the table's columns.

    Raises:
        NasframeError: if the table does not hold the space's networks.
    """

    provides = ("val_accuracy", "test_accuracy", "parameters", "macs", "latency_ms")

    def __init__(self, space: SearchSpace, data: str, device: str) -> None:
        _check(space)
        with np.load(FILE) as table:
            columns = (
                table[f"{COLUMNS[data]}_valid_200"].astype(float) / 100,
                table[f"{COLUMNS[data]}_test_200"].astype(float) / 100,
                table["params"],
                table["macs"],
                table[f"lat_{device}"],
            )
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """The architecture's row."""
        row = reduce(lambda index, token: index * len(OPERATIONS) + token, architecture.tokens)
        return dict(zip(self.provides, self._rows[row], strict=True))


def _check(space: SearchSpace) -> None:
    if not isinstance(space, NASBench201Space):
        raise NasframeError(
            "evaluator=nasbench201 knows the networks of search_space=nasbench201 alone, "
            f"not those of {type(space).__name__}"
        )
    if (space.cells, space.filters) != (CELLS, FILTERS):
        raise NasframeError(
            f"evaluator=nasbench201 knows networks of search_space.cells={CELLS} "
            f"search_space.filters={FILTERS}, not of cells={space.cells} filters={space.filters}"
        )
