"""A search space and its evaluator from one table."""

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
    """A space of the columns that are choices; the evaluator gets the columns with metrics.

    Args:
        path: the file.
        choices: the names of the columns that are choices.

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
        """The names of the columns that are metrics."""
        return tuple(self._metrics)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """A table has no networks.

        Raises:
            NasframeError: always.
        """
        raise NasframeError(
            "search_space=table has metrics and no networks: it goes with evaluator=table"
        )

    def look_up(self, architecture: Architecture) -> Metrics:
        """The metrics in an architecture's row.

        Raises:
            LookupError: if it has none.
        """
        row = self._rows.get(architecture.tokens)
        if row is None:
            raise LookupError(f"{self._path} has no row with {self.describe(architecture)}")
        return {name: column[row] for name, column in self._metrics.items()}

    def _index(self, columns: Sequence[Sequence[int]]) -> dict[tuple[int, ...], int]:
        """The row of each architecture that has one, from the tokens in each column."""
        rows: dict[tuple[int, ...], int] = {}
        for row, tokens in enumerate(zip(*columns, strict=True)):
            if (first := rows.setdefault(tokens, row)) != row:
                raise NasframeError(
                    f"{self._path}: rows {first + 1} and {row + 1} both have "
                    f"{self.describe(Architecture(tokens))}"
                )
        return rows


class TableLookUp(Evaluator):
    """The columns of a table that are metrics."""

    def __init__(self, space: SearchSpace) -> None:
        if not isinstance(space, TableSpace):
            raise NasframeError(
                f"evaluator=table goes with search_space=table, not with {type(space).__name__}"
            )
        self._space = space
        self.provides = space.metrics

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """The architecture's row; an empty cell of it is no finite number, and fails the trial."""
        return self._space.look_up(architecture)


def _check_choice(path: Path, name: str, columns: dict[str, NDArray[Any]]) -> None:
    if name not in columns:
        raise NasframeError(f"{path} has no column {name!r}; {nearest(name, columns)}")
    column = columns[name]
    if column.dtype.kind == "f" and np.isnan(column).any():
        row = int(np.isnan(column).argmax()) + 1
        raise NasframeError(f"{path}: {name} is a choice, and row {row} has no value of it")
