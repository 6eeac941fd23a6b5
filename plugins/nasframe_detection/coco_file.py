"""Reads a file of annotations in COCO's format, and checks all of it before any training.

Shapes: B boxes of an image; a box has left, top, right and bottom in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nasframe import NasframeError

BORDER = 1.0
"""Pixels that boxes may extend over the border, as some of COCO do; they are clipped."""

THINNEST = 0.01
"""Minimum sides of a box in pixels; thinner boxes are ignored."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image and its annotations.

    Attributes:
        file: the image.
        width: width in pixels.
        height: height in pixels.
        boxes_B4: boxes of objects.
        labels_B: their classes, from 1.
        areas_B: areas of the objects, in pixels.
        crowds_B: whether a box is around a group of objects; crowds are not learned, and
            detections in them do not count as wrong.
    """

    file: Path
    width: int
    height: int
    boxes_B4: Tensor
    labels_B: Tensor
    areas_B: Tensor
    crowds_B: Tensor


@dataclass(frozen=True, slots=True)
class Annotations:
    """The content of a file: names of classes, in the order of their ids, and images."""

    classes: tuple[str, ...]
    pictures: list[Picture]


def read_annotations(path: Path, images: Path, name: str) -> Annotations:
    """Read a file, and check that all images exist.

    Args:
        path: the file.
        images: the folder of its images.
        name: the setting with the file's path.

    Raises:
        NasframeError: if something is missing or invalid.
    """
    content = _read_json(path, name)
    try:
        return _parse(content, path, images)
    except NasframeError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise NasframeError(f"{path}: is not in COCO's format ({reason})") from error


def _read_json(path: Path, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NasframeError(f"task.{name}={path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise NasframeError(f"task.{name}={path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise NasframeError(f"{path}: is not in COCO's format (no object with images)")
    return content


def _parse(content: Mapping[str, Any], path: Path, images: Path) -> Annotations:
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    labels = {category["id"]: place for place, category in enumerate(categories, 1)}
    if not labels:
        raise NasframeError(f"{path}: has no categories")
    boxes: dict[Any, list[Mapping[str, Any]]] = {row["id"]: [] for row in content["images"]}
    if len(labels) < len(categories) or len(boxes) < len(content["images"]):
        raise NasframeError(f"{path}: two categories, or two images, have the same id")
    for box in content["annotations"]:
        if box["image_id"] not in boxes or box["category_id"] not in labels:
            what = "image_id" if box["image_id"] not in boxes else "category_id"
            raise NasframeError(f"{path}: annotation {box['id']}: there is no {what} {box[what]}")
        boxes[box["image_id"]].append(box)
    pictures = [
        _parse_picture(row, boxes[row["id"]], labels, path, images) for row in content["images"]
    ]
    return Annotations(tuple(str(category["name"]) for category in categories), pictures)


def _parse_picture(
    row: Mapping[str, Any],
    boxes: Sequence[Mapping[str, Any]],
    labels: Mapping[Any, int],
    path: Path,
    images: Path,
) -> Picture:
    file, width, height = images / row["file_name"], int(row["width"]), int(row["height"])
    if not file.is_file():
        raise NasframeError(f"{path}: names the image {file}: there is no such file")
    pairs = [(box, _parse_box(box, width, height, path)) for box in boxes]
    # COCO itself has a few boxes without an area.
    pairs = [(box, s) for box, s in pairs if min(s[2] - s[0], s[3] - s[1]) >= THINNEST]
    boxes = [box for box, _ in pairs]
    return Picture(
        file,
        width,
        height,
        torch.tensor([sides for _, sides in pairs]).reshape(-1, 4),
        torch.tensor([labels[box["category_id"]] for box in boxes], dtype=torch.int64),
        torch.tensor([_parse_area(box) for box in boxes]),
        torch.tensor([bool(box.get("iscrowd", 0)) for box in boxes], dtype=torch.bool),
    )


def _parse_box(box: Mapping[str, Any], width: int, height: int, path: Path) -> list[float]:
    """Convert COCO's left, top, width and height to clipped left, top, right and bottom."""
    left, top, wide, high = (float(value) for value in box["bbox"])
    inside = left >= -BORDER and left + wide <= width + BORDER and left < width
    inside = inside and top >= -BORDER and top + high <= height + BORDER and top < height
    if not (inside and wide >= 0 and high >= 0):
        raise NasframeError(
            f"{path}: annotation {box['id']}: the box {box['bbox']} is not within its image of "
            f"{width}x{height}"
        )
    return [max(left, 0.0), max(top, 0.0), min(left + wide, width), min(top + high, height)]


def _parse_area(box: Mapping[str, Any]) -> float:
    return float(box.get("area", box["bbox"][2] * box["bbox"][3]))
