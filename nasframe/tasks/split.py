"""Stratified cuts that are the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stratified(labels: NDArray[Any], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices that stay, and ``count`` indices that are cut out, both ascending.

    The examples are shuffled, sorted by label and taken at equal distances: each class gives its
    share, rounded up or down.
    """
    order = np.random.RandomState(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    places = ((np.arange(count) + 0.5) * len(labels) / count).astype(np.intp)
    taken = np.zeros(len(labels), dtype=bool)
    taken[order[places]] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def validation_count(total: int, fraction: float, classes: int) -> int:
    """How many of ``total`` examples are for validation.

    Raises:
        NasframeError: if that leaves fewer examples than classes on either side.
    """
    count = round(total * fraction)
    if min(count, total - count) < classes:
        raise NasframeError(
            f"task.validation={fraction} of {total} images is {count} for validation and "
            f"{total - count} for training: each needs at least one for each of {classes} classes"
        )
    return count
