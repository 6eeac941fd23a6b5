"""Object detection on images in COCO's format, which are read again in each epoch.

A batch has images, each (3, H, W) with values from 0 to 1, and for each image its annotations in
the format of torchvision's detectors: ``boxes``, ``labels``, and for the metrics ``area`` and
``iscrowd``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nasframe import Loaded, NasframeError, Task, read_image
from nasframe_detection.coco_file import Annotations, Picture, read_annotations
from nasframe_detection.precision import compute_average_precision, find_backend

Target: TypeAlias = dict[str, Tensor]
Batch: TypeAlias = tuple[list[Tensor], list[Target]]
Sample: TypeAlias = tuple[int, bool]
"""The index of an image, and whether it is mirrored."""


class CocoTask(Task):
    """Object detection.

    Args:
        train: images for training.
        validation: images for validation.
        test: images for the test, if any.
        size: the side to which detectors resize images.
        flip: whether to mirror a random half of the training images.
        workers: processes that read images ahead.
    """

    kind = "detection"
    provides = ("val_map", "val_map_50", "val_map_75")

    def __init__(
        self,
        train: Annotations,
        validation: Annotations,
        test: Annotations | None,
        *,
        size: int,
        flip: bool,
        workers: int,
    ) -> None:
        self.input_shape = (3, size, size)
        self.outputs = len(train.classes)
        self._flip = flip
        self._workers = workers
        self._train = _Pictures(train.pictures)
        self._validation = _Pictures(validation.pictures)
        self._test = _Pictures(test.pictures) if test else None
        self._classes = train.classes
        self._backend = find_backend()

    @property
    def data_config(self) -> Mapping[str, Any]:
        """How to prepare images: values from 0 to 1, since detectors normalise them themselves."""
        return {
            "input_size": self.input_shape,
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "classes": self._classes,
        }

    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterable[Batch]:
        """Iterate over one epoch of shuffled batches, half of them mirrored, without crowds."""
        count = len(self._train)
        order = torch.randperm(count, generator=generator).tolist()
        flips = torch.rand(count, generator=generator) < 0.5
        samples = [(place, bool(flips[place]) and self._flip) for place in order]
        parts = np.array_split(np.arange(count), self.train_steps(batch_size))
        batches = [[samples[place] for place in part] for part in parts]
        return self._read(self._train, batches, device, _without_crowds)

    def train_steps(self, batch_size: int) -> int:
        """Return the number of training images divided by the batch size, rounded up."""
        return -(-len(self._train) // batch_size)

    def validation_batches(self, batch_size: int, device: torch.device) -> Iterable[Batch]:
        """Iterate over the validation images in order."""
        return self._iterate(self._validation, batch_size, device)

    def test_batches(self, batch_size: int, device: torch.device) -> Iterable[Batch] | None:
        """Iterate over the test images in order, if any."""
        return self._iterate(self._test, batch_size, device) if self._test else None

    def loss(self, module: nn.Module, batch: Batch, state: Any) -> tuple[Tensor, Any]:
        """Sum the detector's losses."""
        losses: Mapping[str, Tensor] = module(*batch)
        return torch.stack(list(losses.values())).sum(), state

    def tally(self, module: nn.Module, batch: Batch, state: Any) -> tuple[list[Any], Any]:
        """Return detections and ground truth of each image."""
        images, targets = batch
        pairs = zip(module(images), targets, strict=True)
        return [
            tuple({k: v.cpu() for k, v in one.items()} for one in pair) for pair in pairs
        ], state

    def metrics(self, tally: Sequence[Any]) -> dict[str, float]:
        """Compute COCO's mean average precisions, from 0 to 1."""
        found = compute_average_precision(tally, self._backend)
        return {f"val_{name}": value for name, value in found.items()}

    def example(self) -> tuple[list[Tensor]]:
        """Return one image of zeros."""
        return ([torch.zeros(self.input_shape)],)

    def _iterate(
        self, pictures: _Pictures, batch_size: int, device: torch.device
    ) -> Iterable[Batch]:
        samples = [(place, False) for place in range(len(pictures))]
        batches = [samples[k : k + batch_size] for k in range(0, len(samples), batch_size)]
        return self._read(pictures, batches, device, dict)

    def _read(
        self,
        pictures: _Pictures,
        batches: list[list[Sample]],
        device: torch.device,
        learned: Callable[[Target], Target],
    ) -> Iterable[Batch]:
        def finish(rows: list[tuple[Tensor, Target]]) -> Batch:
            images = [image.to(device) for image, _ in rows]
            targets = [learned(target) for _, target in rows]
            return images, [{k: v.to(device) for k, v in target.items()} for target in targets]

        return Loaded(pictures, batches, self._workers, list, finish)


class _Pictures(Dataset[tuple[Tensor, Target]]):
    """Images that are decoded on access."""

    def __init__(self, pictures: list[Picture]) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, sample: Sample) -> tuple[Tensor, Target]:
        place, flip = sample
        picture = self._pictures[place]
        image_CHW, boxes_B4 = _decode(picture), picture.boxes_B4
        if flip:
            image_CHW, boxes_B4 = mirror_image(image_CHW, boxes_B4)
        target = {
            "boxes": boxes_B4,
            "labels": picture.labels_B,
            "area": picture.areas_B,
            "iscrowd": picture.crowds_B,
        }
        # Copies: a worker sends tensors by shared memory, with an open file for each.
        return image_CHW, {name: tensor.clone() for name, tensor in target.items()}


def mirror_image(image_CHW: Tensor, boxes_B4: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror an image and its boxes left to right."""
    left, top, right, bottom = boxes_B4.unbind(1)
    width = image_CHW.shape[2]
    return image_CHW.flip(2), torch.stack([width - right, top, width - left, bottom], 1)


def _decode(picture: Picture) -> Tensor:
    pixels = np.array(read_image(picture.file))
    height, width, _ = pixels.shape
    if (width, height) != (picture.width, picture.height):
        raise NasframeError(
            f"{picture.file}: has {width}x{height} pixels, but its annotations say "
            f"{picture.width}x{picture.height}"
        )
    return torch.from_numpy(pixels.transpose(2, 0, 1)) / 255


def _without_crowds(target: Target) -> Target:
    learned = ~target["iscrowd"]
    return {name: target[name][learned] for name in ("boxes", "labels")}


def make_coco_task(
    files: Mapping[str, tuple[Path, Path]],
    *,
    validation: float,
    size: int,
    flip: bool,
    workers: int,
) -> CocoTask:
    """Make the task; reads files of annotations at once, but images only when needed.

    Args:
        files: a file of annotations and the folder of its images, by the name of the setting:
            ``annotations``, and optionally ``validation_annotations`` and ``test_annotations``.
        validation: the fraction of the images for validation, without a validation file.
        size: the side to which detectors resize images.
        flip: whether to mirror a random half of the training images.
        workers: processes that read images ahead.

    Raises:
        NasframeError: if a file is missing or invalid.
    """
    found = {
        name: read_annotations(Path(path).expanduser(), Path(folder).expanduser(), name)
        for name, (path, folder) in files.items()
    }
    train, test = found["annotations"], found.get("test_annotations")
    valid = found.get("validation_annotations")
    few = "no" if valid else "too few"
    if valid is None:
        train, valid = _split_validation(train, validation)
    for part, name in ((train, "annotations"), (valid, "validation_annotations")):
        if not part.pictures:
            path = files[name][0] if name in files else None
            raise NasframeError(f"task.{name}={path}: has {few} images")
    for other in (valid, test):
        if other and other.classes != train.classes:
            raise NasframeError(
                f"task.annotations has the categories {', '.join(train.classes)}, another file "
                f"has {', '.join(other.classes)}"
            )
    return CocoTask(train, valid, test, size=size, flip=flip, workers=workers)


def _split_validation(whole: Annotations, share: float) -> tuple[Annotations, Annotations]:
    """Split off a fixed random part for validation."""
    order = np.random.default_rng(0).permutation(len(whole.pictures))
    count = max(1, round(share * len(order)))
    parts = ([whole.pictures[k] for k in sorted(part)] for part in (order[count:], order[:count]))
    train, validation = (Annotations(whole.classes, pictures) for pictures in parts)
    return train, validation
