"""A folder of images with one folder per class, decoded once."""

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
from nasframe.tasks.split import count_validation, split_stratified

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_TEST_FOLDERS = ("test", "val")
"""Names of the folder of the test set, the first that exists."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a folder, split into training, validation and test.

    Attributes:
        classes: the folders of the classes, by name; the index is the label.
        files: all images for training and validation.
        y_N: their labels.
        train: indices of the training images.
        validation: indices of the validation images.
        test: the folder of the test set, if there is one.
    """

    classes: list[Path]
    files: list[Path]
    y_N: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: Path | None

    def test_files(self) -> tuple[list[Path], NDArray[np.int64]] | None:
        """Return the test images and their labels; ``None`` without a test set.

        Raises:
            NasframeError: if its classes are different.
        """
        if self.test is None:
            return None
        folders = _list_classes(self.test)
        names, own = ([folder.name for folder in part] for part in (folders, self.classes))
        if names != own:
            raise NasframeError(
                f"{self.test}: has the classes {', '.join(names)}; training has {', '.join(own)}"
            )
        return _list_images(folders)


def list_folder(path: Path, validation: float) -> ImageFolder:
    """List the images of a folder, and split them.

    Args:
        path: a folder with one folder per class, or with a folder ``train`` of that form; labels
            follow the order of names. Hidden files and files with other suffixes are ignored.
        validation: fraction of the images used for validation.

    Raises:
        NasframeError: if there are no images, or too few.
    """
    if not path.is_dir():
        raise NasframeError(f"task.path={path}: there is no such folder")
    root = path / "train" if _list_classes(path / "train") else path  # "train" may be a class
    folders = _list_classes(root)
    if len(folders) < 2:
        raise NasframeError(f"{root}: found {len(folders)} folders; it needs one for each class")
    files, y_N = _list_images(folders)
    parts = split_stratified(y_N, _count_validation(folders, y_N, validation))
    names = _TEST_FOLDERS if root != path else ()
    test = next((path / name for name in names if _list_classes(path / name)), None)
    return ImageFolder(folders, files, y_N, *parts, test)


def make_folder_task(
    path: Path, size: int, validation: float, augmentation: Augmentation
) -> ImageTask:
    """Make a task from a folder; the images are listed at once and decoded on first use.

    Args:
        path: the folder; see ``list_folder``.
        size: side in pixels to which every image is resized, whatever its shape.
        validation: fraction of the images used for validation.
        augmentation: augmentation of the training images.

    Raises:
        NasframeError: if there are no images, or too few.
    """
    found = list_folder(path, validation)
    test = partial(_load_test, found, size) if found.test else None
    load = partial(_load, found, size)
    names = [folder.name for folder in found.classes]
    return ImageTask(load, (3, size, size), len(names), augmentation, test, names)


def _list_images(folders: list[Path]) -> tuple[list[Path], NDArray[np.int64]]:
    """List the images of all classes, and their labels."""
    files, labels = [], []
    for label, folder in enumerate(folders):
        found = sorted(file for file in folder.iterdir() if _is_image(file))
        if not found and _list_classes(folder):
            raise NasframeError(f"{folder}: holds folders, not images; try task.path={folder}")
        if not found:
            raise NasframeError(f"{folder}: there are no images ({', '.join(SUFFIXES)})")
        files += found
        labels += [label] * len(found)
    return files, np.array(labels)


def _list_classes(root: Path) -> list[Path]:
    """List the folders in a folder by name, except hidden ones."""
    if not root.is_dir():
        return []
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def _is_image(file: Path) -> bool:
    known = file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    return known and file.is_file()


def _count_validation(folders: list[Path], y_N: NDArray[np.int64], validation: float) -> int:
    try:
        return count_validation(y_N, validation)
    except NasframeError as error:
        names = ", ".join(folder.name for folder in folders)
        raise NasframeError(f"{folders[0].parent}: {error} (classes: {names})") from error


def _load(folder: ImageFolder, size: int) -> ImageData:
    x_NHWC, y_N = _decode_all(folder.files, size), folder.y_N
    train, validation = folder.train, folder.validation
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def _load_test(folder: ImageFolder, size: int) -> Labelled:
    found = folder.test_files()
    assert found is not None
    files, y_N = found
    return _decode_all(files, size), y_N


def _decode_all(files: list[Path], size: int) -> NDArray[np.uint8]:
    x_NHWC = np.empty((len(files), size, size, 3), dtype=np.uint8)
    for i, file in enumerate(files):
        x_NHWC[i] = _decode(file, size)
    return x_NHWC


def _decode(file: Path, size: int) -> NDArray[Any]:
    image = read_image(file, size)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
