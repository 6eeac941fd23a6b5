"""A search space and an evaluator from one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasframe import (
    Architecture,
    Choice,
    Context,
    Evaluator,
    Metrics,
    NasframeError,
    SearchSpace,
    TaskShape,
    nearest,
)
from nasframe_nasbench.columns import read_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn


class TableSpace(SearchSpace):
    """The choice columns of a table; the metric columns are for the evaluator.

    Args:
        path: the file.
        choices: names of the choice columns.

    Raises:
        NasframeError: if the file cannot be used.
    """

    kinds = ("image", "sequence")

    def __init__(self, path: Path, choices: Sequence[str]) -> None:
        columns = read_columns(path)
        for name in choices:
            _check_choice(path, name, columns)
        self._path = path
        sorted_values = [np.unique(columns[name], return_inverse=True) for name in choices]
        self.choices = tuple(
            Choice(name, tuple(values.tolist()))
            for name, (values, _) in zip(choices, sorted_values, strict=True)
        )
        self._rows = self._index([tokens.tolist() for _, tokens in sorted_values])
        self._metrics = {
            name: column.tolist()
            for name, column in columns.items()
            if name not in choices and column.dtype.kind in "iuf"
        }

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metric columns."""
        return tuple(self._metrics)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Fail, since a table has no networks.

        Raises:
            NasframeError: always.
        """
        raise NasframeError("search_space=table has metrics but no networks: use evaluator=table")

    def look_up(self, architecture: Architecture) -> Metrics:
        """Return the metrics in an architecture's row.

        Raises:
            LookupError: if it has no row.
        """
        row = self._rows.get(architecture.tokens)
        if row is None:
            raise LookupError(f"{self._path} has no row with {self.describe(architecture)}")
        return {name: column[row] for name, column in self._metrics.items()}

    def _index(self, columns: Sequence[Sequence[int]]) -> dict[tuple[int, ...], int]:
        """Map architectures to rows, from the tokens in each column."""
        rows: dict[tuple[int, ...], int] = {}
        for row, tokens in enumerate(zip(*columns, strict=True)):
            if (first := rows.setdefault(tokens, row)) != row:
                raise NasframeError(
                    f"{self._path}: rows {first + 1} and {row + 1} both have "
                    f"{self.describe(Architecture(tokens))}"
                )
        return rows


class TableLookUp(Evaluator):
    """Looks up the metric columns of a table."""

    def __init__(self, space: SearchSpace) -> None:
        if not isinstance(space, TableSpace):
            raise NasframeError(
                f"evaluator=table needs search_space=table, not {type(space).__name__}"
            )
        self._space = space
        self.provides = space.metrics

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Look up the architecture's row; an empty cell is not finite, and fails the trial."""
        return self._space.look_up(architecture)


def _check_choice(path: Path, name: str, columns: dict[str, NDArray[Any]]) -> None:
    if name not in columns:
        raise NasframeError(f"{path} has no column {name!r}; {nearest(name, columns)}")
    column = columns[name]
    if column.dtype.kind == "f" and np.isnan(column).any():
        row = int(np.isnan(column).argmax()) + 1
        raise NasframeError(f"{path}: {name} is a choice, but row {row} has no value for it")
