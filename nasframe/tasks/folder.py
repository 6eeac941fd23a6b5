"""A folder of images with one folder a class, decoded once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.images import ImageData, ImageTask
from nasframe.tasks.split import stratified, validation_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def folder_task(path: Path, size: int, validation: float, augmentation: Augmentation) -> ImageTask:
    """Make a task of a folder; the images are found at once and decoded on first use.

    Args:
        path: has one folder a class, or a folder ``train`` that has; classes are numbered by
            name. Files that are no images by their suffix are left out.
        size: the side to which every image is resized, whatever its shape.
        validation: the fraction of the images that is for validation.
        augmentation: how training images are varied.

    Raises:
        NasframeError: if there are no images, or too few.
    """
    root = path / "train" if (path / "train").is_dir() else path
    if not root.is_dir():
        raise NasframeError(f"task.path={path}: there is no such folder")
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    if len(folders) < 2:
        raise NasframeError(f"{root}: has {len(folders)} folders; it needs one for each class")
    files, labels = [], []
    for label, folder in enumerate(folders):
        found = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
        if not found:
            raise NasframeError(f"{folder}: there are no images ({', '.join(SUFFIXES)})")
        files += found
        labels += [label] * len(found)
    count = validation_count(len(files), validation, len(folders))
    load = partial(_load, files, np.array(labels), size, count)
    return ImageTask(load, (3, size, size), len(folders), augmentation)


def _load(files: list[Path], y_N: NDArray[np.int64], size: int, count: int) -> ImageData:
    x_NHWC = np.empty((len(files), size, size, 3), dtype=np.uint8)
    for i, file in enumerate(files):
        x_NHWC[i] = _decode(file, size)
    train, validation = stratified(y_N, count)
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def _decode(file: Path, size: int) -> NDArray[Any]:
    try:
        with Image.open(file) as image:
            image.draft("RGB", (size, size))  # a large JPEG is decoded at a fraction of its size
            resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # each format has its own exceptions
        raise NasframeError(f"{file}: cannot be read as an image: {error}") from error
    return np.asarray(resized)
