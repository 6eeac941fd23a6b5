"""Data sets that torchvision downloads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import datasets

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData, Labelled
from nasframe.tasks.image_task import ImageTask
from nasframe.tasks.split import count_validation, split_stratified

DATASETS: dict[str, tuple[str, tuple[int, int, int], int]] = {
    "CIFAR10": ("cifar-10-batches-py/data_batch_5", (3, 32, 32), 10),
    "CIFAR100": ("cifar-100-python/train", (3, 32, 32), 100),
    "FashionMNIST": ("FashionMNIST/raw/train-labels-idx1-ubyte", (1, 28, 28), 10),
}
"""By torchvision's class: one of its files, the shape of an image, the number of classes."""


def make_torchvision_task(
    name: str, root: Path, download: bool, validation: float, augmentation: Augmentation
) -> ImageTask:
    """Make a task from one of torchvision's data sets.

    Missing data are downloaded at once, so that worker processes, which build their tasks later,
    find them.

    Args:
        name: a key of ``DATASETS``.
        root: the folder of all data sets.
        download: whether to download missing data.
        validation: fraction of the training images used for validation.
        augmentation: augmentation of the training images.

    Raises:
        NasframeError: if the data are missing or damaged and cannot be downloaded.
    """
    file, shape, classes = DATASETS[name]
    if not (root / file).is_file():
        _open(name, root, download)
    load = partial(_load, name, root, download, validation)
    test = partial(_load_test, name, root, download)
    return ImageTask(load, shape, classes, augmentation, test)


def _load(name: str, root: Path, download: bool, validation: float) -> ImageData:
    x_NHWC, y_N = _get_arrays(_open(name, root, download))
    train, rest = split_stratified(y_N, count_validation(y_N, validation))
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[rest], y_N[rest])


def _load_test(name: str, root: Path, download: bool) -> Labelled:
    return _get_arrays(_open(name, root, download, train=False))


def _get_arrays(dataset: Any) -> Labelled:
    # torchvision uses arrays, lists and tensors.
    x, y_N = (torch.as_tensor(values).numpy() for values in (dataset.data, dataset.targets))
    return np.ascontiguousarray(x if x.ndim == 4 else x[..., None]), y_N


def _open(name: str, root: Path, download: bool, *, train: bool = True) -> Any:
    try:
        return getattr(datasets, name)(str(root), train=train, download=download)
    except Exception as error:  # network, archive and pickle have their own exceptions
        reason = " ".join(str(error).split())
        fix = "check the network" if download else "set task.download=true to download it"
        raise NasframeError(f"task.root={root}: no usable {name}: {reason}\n{fix}") from error
