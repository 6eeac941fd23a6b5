"""Settings of COCO's format and of the detectors."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe import (
    DetectorConfig,
    NasframeError,
    Task,
    TaskConfig,
    TaskShape,
    setting,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(kw_only=True)
class CocoConfig(TaskConfig):
    """Object detection in COCO's format, for ``nasframe-retrain detector=NAME``.

    Attributes:
        annotations: the JSON file for training: ``images``, ``annotations`` and ``categories``.
        images: the folder of its images.
        validation: the fraction of the images for validation, without a validation file.
        validation_annotations: the file for validation, with the same categories.
        validation_images: the folder of its images; by default ``images``.
        test_annotations: the file for the test, which is evaluated once, at the end.
        test_images: the folder of its images; by default ``images``.
        size: the side to which detectors resize images; ``faster_rcnn`` keeps the aspect ratio and
            resizes the shorter side.
        flip: mirror a random half of the training images, with their boxes, left to right.
        workers: processes that read images ahead; 0 reads them in the main process.
    """

    annotations: Path = setting(MISSING)
    images: Path = setting(MISSING)
    validation: float = setting(0.1, above=0, most=0.9)
    validation_annotations: Path | None = None
    validation_images: Path | None = None
    test_annotations: Path | None = None
    test_images: Path | None = None
    size: int = setting(320, least=32, most=4096)
    flip: bool = True
    workers: int = setting(0, least=0, free=True)

    def build(self) -> Task:
        """Make the task."""
        from nasframe_detection.task import make_coco_task

        parts = {
            "annotations": (self.annotations, self.images),
            "validation_annotations": (self.validation_annotations, self.validation_images),
            "test_annotations": (self.test_annotations, self.test_images),
        }
        files = {
            name: (path, folder or self.images) for name, (path, folder) in parts.items() if path
        }
        return make_coco_task(
            files,
            validation=self.validation,
            size=self.size,
            flip=self.flip,
            workers=self.workers,
        )


@dataclass(kw_only=True)
class FasterRCNNConfig(DetectorConfig):
    """Faster R-CNN (Ren et al. 2015), as in NASNet's experiment (Zoph et al. 2018, 4.3).

    Without a pyramid, proposals and classifier read the backbone's map of stride 16. The classifier
    is two fully connected layers; NASNet's code uses the network's last cells instead.

    Attributes:
        fpn: read a feature pyramid (Lin et al. 2017) of all maps of the strides 4 to 32 instead.
        anchors: sides of the anchors, in pixels of the resized image. ``fpn`` needs one side for
            each level, from the smallest stride to the last, pooled level.
        proposals: proposed regions per image.
        samples: regions per image in the training loss.
        width: width of the fully connected layers.
    """

    fpn: bool = False
    anchors: list[int] = setting([64, 128, 256, 512], least=1)
    proposals: int = setting(300, least=1)
    samples: int = setting(128, least=1)
    width: int = setting(1024, least=1)

    def build(self, network: nn.Module, task: TaskShape) -> nn.Module:
        """Make the detector."""
        from nasframe_detection.faster_rcnn import make_faster_rcnn

        return make_faster_rcnn(
            network,
            task,
            fpn=self.fpn,
            anchors=self.anchors,
            proposals=self.proposals,
            samples=self.samples,
            width=self.width,
        )


@dataclass(kw_only=True)
class SSDLiteConfig(DetectorConfig):
    """SSDLite (Sandler et al. 2018), as in MnasNet's experiment (Tan et al. 2019, 5.3).

    Separable heads read the backbone's maps of stride 16 (the expansion inside its next layer, if
    any) and 32, and four smaller maps.

    Attributes:
        width: channels of the smaller maps, relative to 512, 256, 256 and 128.
        smallest: side of the anchors of the first map, relative to the image's.
        largest: side of the anchors of the last map, relative to the image's.
    """

    width: float = setting(1.0, above=0)
    smallest: float = setting(0.2, above=0, most=1)
    largest: float = setting(0.95, above=0, most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest >= self.largest:
            raise NasframeError(
                f"smallest={self.smallest:g}: must be less than largest={self.largest:g}"
            )

    def build(self, network: nn.Module, task: TaskShape) -> nn.Module:
        """Make the detector."""
        from nasframe_detection.ssdlite import make_ssdlite

        return make_ssdlite(
            network, task, width=self.width, smallest=self.smallest, largest=self.largest
        )
