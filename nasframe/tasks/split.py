"""Stratified splits that are the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def split_stratified(labels: NDArray[Any], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split indices into a remainder and about ``count`` selected indices, both ascending.

    The examples are shuffled, sorted by label and selected at equal distances: each class gives its
    share, rounded up or down, but gives and keeps at least one example.
    """
    order = np.random.RandomState(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    places = ((np.arange(count) + 0.5) * len(labels) / count).astype(np.intp)
    taken = np.zeros(len(labels), dtype=bool)
    taken[order[places]] = True
    for label in np.unique(labels):
        members = order[labels[order] == label]
        if taken[members].all() or not taken[members].any():
            taken[members[0]] = not taken[members[0]]
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def count_validation(labels: NDArray[Any], fraction: float) -> int:
    """Return the number of validation examples.

    Raises:
        NasframeError: if a class has fewer than two examples.
    """
    sizes = np.bincount(labels)
    if sizes.min() < 2:
        raise NasframeError(
            f"class {sizes.argmin()} has {sizes.min()} image: each class needs at least two, one "
            "for training and one for validation"
        )
    return max(1, round(len(labels) * fraction))
