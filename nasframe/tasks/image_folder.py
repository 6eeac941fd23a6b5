"""A folder of images with one folder a class, decoded once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData, Labelled
from nasframe.tasks.image_task import ImageTask
from nasframe.tasks.loading import read_image
from nasframe.tasks.split import stratified, validation_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
TEST = ("test", "val")


@dataclass(frozen=True, slots=True)
class Folder:
    """The images of a folder, by what they are for.

    Attributes:
        classes: their folders, by name; a class is numbered by its place.
        files: all images for training and validation.
        y_N: their labels.
        train: the places of those for training.
        validation: of those for validation.
        test: the folder of those for the test, if there is one.
    """

    classes: list[Path]
    files: list[Path]
    y_N: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: Path | None

    def test_files(self) -> tuple[list[Path], NDArray[np.int64]] | None:
        """The images for the test and their labels, if there are any.

        Raises:
            NasframeError: if their classes are others.
        """
        if self.test is None:
            return None
        folders = _classes(self.test)
        names, own = ([folder.name for folder in part] for part in (folders, self.classes))
        if names != own:
            raise NasframeError(
                f"{self.test}: has the classes {', '.join(names)}; those for training are "
                f"{', '.join(own)}"
            )
        return _listed(folders)


def list_folder(path: Path, validation: float) -> Folder:
    """Find the images of a folder.

    Args:
        path: has one folder a class, or a folder ``train`` that has; classes are numbered by
            name. Files that are no images by their suffix, and hidden ones, are left out.
        validation: the fraction of the images that is for validation.

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
    parts = stratified(y_N, _count(folders, y_N, validation))
    kept = next((path / f for f in TEST if root != path and _classes(path / f)), None)
    return Folder(folders, files, y_N, *parts, kept)


def folder_task(path: Path, size: int, validation: float, augmentation: Augmentation) -> ImageTask:
    """Make a task of a folder; the images are found at once and decoded on first use.

    Args:
        path: of the folder; see ``list_folder``.
        size: the side to which every image is resized, whatever its shape.
        validation: the fraction of the images that is for validation.
        augmentation: how training images are varied.

    Raises:
        NasframeError: if there are no images, or too few.
    """
    found = list_folder(path, validation)
    test = partial(_load_test, found, size) if found.test else None
    load = partial(_load, found, size)
    names = [folder.name for folder in found.classes]
    return ImageTask(load, (3, size, size), len(names), augmentation, test, names)


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


def _load(folder: Folder, size: int) -> ImageData:
    x_NHWC, y_N = _decoded(folder.files, size), folder.y_N
    train, validation = folder.train, folder.validation
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def _load_test(folder: Folder, size: int) -> Labelled:
    found = folder.test_files()
    assert found is not None
    files, y_N = found
    return _decoded(files, size), y_N


def _decoded(files: list[Path], size: int) -> NDArray[np.uint8]:
    x_NHWC = np.empty((len(files), size, size, 3), dtype=np.uint8)
    for i, file in enumerate(files):
        x_NHWC[i] = _decode(file, size)
    return x_NHWC


def _decode(file: Path, size: int) -> NDArray[Any]:
    image = read_image(file, size)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
