"""scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, no download.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998), its test part.
"""

from __future__ import annotations

import numpy as np

from nasframe.tasks.image_data import ImageData, Labelled
from nasframe.tasks.split import stratified

VALIDATION = 359
TEST = 360


def load_digits() -> ImageData:
    """1,078 training and 359 validation images; the 360 test images stay out of a search."""
    x_NHWC, y_N = _all()
    rest, _ = stratified(y_N, TEST)
    train, validation = (rest[part] for part in stratified(y_N[rest], VALIDATION))
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def load_test_digits() -> Labelled:
    """The 360 test images."""
    x_NHWC, y_N = _all()
    _, test = stratified(y_N, TEST)
    return x_NHWC[test], y_N[test]


def _all() -> Labelled:
    from sklearn import datasets

    digits = datasets.load_digits()
    return (digits.images[..., None] / 16).astype(np.float32), digits.target.astype(np.int64)
