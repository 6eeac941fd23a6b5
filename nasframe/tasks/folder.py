"""A folder of images with one folder a class, decoded once."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.images import ImageData, ImageTask, Labelled
from nasframe.tasks.split import stratified, validation_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
TEST = ("test", "val")


def folder_task(path: Path, size: int, validation: float, augmentation: Augmentation) -> ImageTask:
    """Make a task of a folder; the images are found at once and decoded on first use.

    Args:
        path: has one folder a class, or a folder ``train`` that has; classes are numbered by
            name. Files that are no images by their suffix, and hidden ones, are left out.
        size: the side to which every image is resized, whatever its shape.
        validation: the fraction of the images that is for validation.
        augmentation: how training images are varied.

    Raises:
        NasframeError: if there are no images, or too few.
    """
    if not path.is_dir():
        raise NasframeError(f"task.path={path}: there is no such folder")
    root = path / "train" if _classes(path / "train") else path  # or a class is called train
    folders = _classes(root)
    if len(folders) < 2:
        raise NasframeError(f"{root}: folders in it: {len(folders)}; it needs one for each class")
    files, y_N = _listed(folders)
    load = partial(_load, files, y_N, size, _count(folders, y_N, validation))
    kept = next((f for f in TEST if root != path and _classes(path / f)), None)
    test = partial(_load_test, path / kept, folders, size) if kept else None
    return ImageTask(load, (3, size, size), len(folders), augmentation, test)


def _listed(folders: list[Path]) -> tuple[list[Path], NDArray[np.int64]]:
    """The images of each class, and their labels."""
    files, labels = [], []
    for label, folder in enumerate(folders):
        found = sorted(file for file in folder.iterdir() if _is_image(file))
        if not found and _classes(folder):
            raise NasframeError(f"{folder}: folders instead of images; is it task.path={folder}?")
        if not found:
            raise NasframeError(f"{folder}: there are no images ({', '.join(SUFFIXES)})")
        files += found
        labels += [label] * len(found)
    return files, np.array(labels)


def _classes(root: Path) -> list[Path]:
    """The folders of a folder, by name; hidden ones are none of the user's."""
    if not root.is_dir():
        return []
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def _is_image(file: Path) -> bool:
    known = file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    return known and file.is_file()


def _count(folders: list[Path], y_N: NDArray[np.int64], validation: float) -> int:
    try:
        return validation_count(y_N, validation)
    except NasframeError as error:
        names = ", ".join(folder.name for folder in folders)
        raise NasframeError(f"{folders[0].parent}: {error} (classes: {names})") from error


def _load(files: list[Path], y_N: NDArray[np.int64], size: int, count: int) -> ImageData:
    x_NHWC = _decoded(files, size)
    train, validation = stratified(y_N, count)
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def _load_test(root: Path, classes: list[Path], size: int) -> Labelled:
    names = [folder.name for folder in _classes(root)]
    if names != [folder.name for folder in classes]:
        raise NasframeError(
            f"{root}: has the classes {', '.join(names)}; those for training are "
            f"{', '.join(folder.name for folder in classes)}"
        )
    files, y_N = _listed(_classes(root))
    return _decoded(files, size), y_N


def _decoded(files: list[Path], size: int) -> NDArray[np.uint8]:
    x_NHWC = np.empty((len(files), size, size, 3), dtype=np.uint8)
    for i, file in enumerate(files):
        x_NHWC[i] = _decode(file, size)
    return x_NHWC


def _decode(file: Path, size: int) -> NDArray[Any]:
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.draft("RGB", (size, size))  # a large JPEG is decoded at a fraction of its size
            upright = ImageOps.exif_transpose(_in_bytes(image))
            resized = upright.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # each format has its own exceptions
        raise NasframeError(f"{file}: cannot be read as an image: {error}") from error
    return np.asarray(resized)


def _in_bytes(image: Image.Image) -> Image.Image:
    """With 8 bits a channel: 16-bit grey would be cut off, and palettes may be transparent."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("RGBA") if image.mode == "P" else image
