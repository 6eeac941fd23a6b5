"""COCO's mean average precision, by torchmetrics."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from nasframe import NasframeError

PRECISION_METRICS = ("map", "map_50", "map_75")
BACKENDS = {"faster_coco_eval": "faster_coco_eval", "pycocotools": "pycocotools"}
"""Packages that compute it, and their names in torchmetrics."""

Boxes = Mapping[str, Tensor]
"""Boxes, labels and scores of an image, or its ground truth, in torchvision's format."""


def find_backend() -> str:
    """Find a package that computes it.

    Raises:
        NasframeError: if no package is installed.
    """
    for package, name in BACKENDS.items():
        if find_spec(package) is not None:
            return name
    raise NasframeError("detection needs pycocotools: pip install 'nasframe[detection]'")


def compute_average_precision(
    pairs: Iterable[tuple[Boxes, Boxes]], backend: str
) -> dict[str, float]:
    """Compute the metrics of some images.

    Args:
        pairs: detections and ground truth of each image.
        backend: the package that computes them.

    Returns:
        ``map`` is the mean over overlaps from 0.5 to 0.95, the others have one overlap; 0 without
        any objects.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from packages that torchmetrics imports
        from torchmetrics.detection import MeanAveragePrecision

        metric: Any = MeanAveragePrecision(iou_type="bbox", backend=backend)  # type: ignore[arg-type]
        metric.warn_on_many_detections = False
        for found, true in pairs:
            metric.update([dict(found)], [dict(true)])
        values = metric.compute()
    return {name: max(0.0, float(values[name])) for name in PRECISION_METRICS}
