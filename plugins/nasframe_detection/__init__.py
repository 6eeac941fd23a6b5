"""Object detection: COCO's data format, and torchvision's detectors on any backbone."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import (
    DetectorConfig,
    RecipeConfig,
    TaskConfig,
    hookimpl,
)
from nasframe_detection.config import CocoConfig, FasterRCNNConfig, SSDLiteConfig


@hookimpl
def nasframe_tasks() -> Mapping[str, type[TaskConfig]]:
    """COCO's format."""
    return {"coco": CocoConfig}


@hookimpl
def nasframe_detectors() -> Mapping[str, type[DetectorConfig]]:
    """The detectors of the NASNet and MnasNet papers."""
    return {"faster_rcnn": FasterRCNNConfig, "ssdlite": SSDLiteConfig}


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """A recipe for a detector on a few hundred images."""
    return {
        "detection_small": RecipeConfig(
            epochs=30, batch_size=8, lr=0.05, weight_decay=1e-4, warmup_epochs=1, gradient_clip=10
        )
    }
