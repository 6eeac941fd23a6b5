"""Reads the columns of a table from a ``.csv`` file with a header line, or a ``.npz`` file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasframe import NasframeError


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """Read a table.

    Returns:
        One-dimensional arrays of equal length, by name: numbers or text.

    Raises:
        NasframeError: if the file cannot be read or is not a table.
    """
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix not in readers:
        raise NasframeError(f"search_space.path={path}: must be a .csv or an .npz file")
    try:
        columns = readers[path.suffix](path)
    except FileNotFoundError:
        raise NasframeError(f"search_space.path={path}: there is no such file") from None
    except NasframeError:
        raise
    except Exception as error:  # each compression has its own exceptions
        raise NasframeError(f"{path}: cannot be read: {error}") from error
    if not columns:
        raise NasframeError(f"{path}: has no columns")
    lengths = sorted((len(column), name) for name, column in columns.items())
    (least, shortest), (most, longest) = lengths[0], lengths[-1]
    if least < most:
        raise NasframeError(
            f"{path}: {longest} has {most} rows and {shortest} {least}; they must be equally long"
        )
    if not most:
        raise NasframeError(f"{path}: has no rows")
    return columns


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file, np.load(file) as archive:  # pickled objects are refused
        arrays = {name: archive[name] for name in archive.files}
    return {
        name: array.astype(str) if array.dtype.kind == "S" else array
        for name, array in arrays.items()
        if array.ndim == 1
    }


def _read_csv(path: Path) -> dict[str, NDArray[Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, skipinitialspace=True)
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise NasframeError(f"{path}: two columns have the same name in {','.join(header)}")
        rows = []
        for row in filter(None, reader):  # an empty line is no row
            if len(row) != len(header):
                raise NasframeError(
                    f"{path}, line {reader.line_num}: has {len(row)} values for "
                    f"{len(header)} columns"
                )
            rows.append(row)
    return {name: _parse([row[place] for row in rows]) for place, name in enumerate(header)}


def _parse(words: Sequence[str]) -> NDArray[Any]:
    """Parse words as numbers if all are numbers; an empty word is then nan."""
    for number in (int, lambda word: float(word or "nan")):
        with suppress(ValueError):
            return np.array([number(word) for word in words])
    return np.array(words)
