"""Data sets that torchvision knows and downloads."""

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
from nasframe.tasks.split import stratified, validation_count

KNOWN: dict[str, tuple[str, tuple[int, int, int], int]] = {
    "CIFAR10": ("cifar-10-batches-py/data_batch_5", (3, 32, 32), 10),
    "CIFAR100": ("cifar-100-python/train", (3, 32, 32), 100),
    "FashionMNIST": ("FashionMNIST/raw/train-labels-idx1-ubyte", (1, 28, 28), 10),
}
"""By the name of torchvision's class: a file of it, the shape of an image, the classes."""


def torchvision_task(
    name: str, root: Path, download: bool, validation: float, augmentation: Augmentation
) -> ImageTask:
    """Make a task of one of torchvision's data sets.

    What is missing is downloaded at once, so that worker processes, which build their tasks
    later, find it.

    Args:
        name: a key of ``KNOWN``.
        root: the folder of all data sets.
        download: whether to download what is missing.
        validation: the fraction of the training images that is for validation.
        augmentation: how training images are varied.

    Raises:
        NasframeError: if the data are missing or damaged and cannot be downloaded.
    """
    file, shape, classes = KNOWN[name]
    if not (root / file).is_file():
        _open(name, root, download)
    load = partial(_load, name, root, download, validation)
    test = partial(_load_test, name, root, download)
    return ImageTask(load, shape, classes, augmentation, test)


def _load(name: str, root: Path, download: bool, validation: float) -> ImageData:
    x_NHWC, y_N = _arrays(_open(name, root, download))
    train, rest = stratified(y_N, validation_count(y_N, validation))
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[rest], y_N[rest])


def _load_test(name: str, root: Path, download: bool) -> Labelled:
    return _arrays(_open(name, root, download, train=False))


def _arrays(dataset: Any) -> Labelled:
    # torchvision has arrays, lists and tensors.
    x, y_N = (torch.as_tensor(values).numpy() for values in (dataset.data, dataset.targets))
    return np.ascontiguousarray(x if x.ndim == 4 else x[..., None]), y_N


def _open(name: str, root: Path, download: bool, *, train: bool = True) -> Any:
    try:
        return getattr(datasets, name)(str(root), train=train, download=download)
    except Exception as error:  # network, archive and pickle have their own exceptions
        reason = " ".join(str(error).split())
        fix = "is there a network?" if download else "task.download=true downloads it"
        raise NasframeError(f"task.root={root}: no usable {name}: {reason}\n{fix}") from error
