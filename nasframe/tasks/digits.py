"""scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, without a download.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998), its test part.
"""

from __future__ import annotations

import numpy as np

from nasframe.tasks.image_data import ImageData, Labelled
from nasframe.tasks.split import split_stratified

_VALIDATION_COUNT = 359
_TEST_COUNT = 360


def load_digits() -> ImageData:
    """Load 1,078 training and 359 validation images, without the 360 test images."""
    x_NHWC, y_N = _load_all()
    rest, _ = split_stratified(y_N, _TEST_COUNT)
    train, validation = (rest[part] for part in split_stratified(y_N[rest], _VALIDATION_COUNT))
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def load_test_digits() -> Labelled:
    """Load the 360 test images."""
    x_NHWC, y_N = _load_all()
    _, test = split_stratified(y_N, _TEST_COUNT)
    return x_NHWC[test], y_N[test]


def _load_all() -> Labelled:
    from sklearn import datasets

    digits = datasets.load_digits()
    return (digits.images[..., None] / 16).astype(np.float32), digits.target.astype(np.int64)
