"""Images and labels as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ImageData:
    """Training and validation images, and their labels.

    Attributes:
        x_train: (N, H, W, C), ``uint8``, or ``float32`` from 0 to 1.
        y_train: (N,), integers from 0.
        x_validation: like ``x_train``.
        y_validation: like ``y_train``.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_validation: NDArray[Any]
    y_validation: NDArray[Any]


Labelled: TypeAlias = "tuple[NDArray[Any], NDArray[Any]]"
"""Images (N, H, W, C) and their labels (N)."""
