"""Images in one ``.npz`` file of NumPy: ``x_train`` and ``y_train``."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData, Labelled
from nasframe.tasks.image_task import ImageTask
from nasframe.tasks.split import count_validation, split_stratified

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = (1, 3, 4)


def make_arrays_task(path: Path, validation: float, augmentation: Augmentation) -> ImageTask:
    """Make a task from a file; only its labels and the header of its images are read at once.

    Args:
        path: the file, with ``x_train`` (uint8 or float; N x H x W x C, N x C x H x W or
            N x H x W) and ``y_train`` (integers 0..K-1). Optional ``x_test`` and ``y_test`` are
            read on demand.
        validation: fraction of the training images used for validation.
        augmentation: augmentation of the training images.

    Raises:
        NasframeError: if the file cannot be used.
    """
    shape, dtype = _read_member(path, "x_train", _read_header)
    if dtype != np.uint8 and not np.issubdtype(dtype, np.floating):
        raise NasframeError(f"{path}: x_train is {dtype}; it must be uint8 or float")
    size = _parse_image_shape(path, shape)
    y_N, classes = _check_labels(path, _read_member(path, "y_train", npy.read_array), shape[0])
    count = _count_validation(path, y_N, validation)
    load = partial(_load, path, y_N, count)
    test = partial(_load_test, path, size, dtype, classes) if _has_test(path) else None
    return ImageTask(load, size, classes, augmentation, test)


def _load(path: Path, y_N: NDArray[np.int64], count: int) -> ImageData:
    x_NHWC = _read_images(path, "x_train")
    train, validation = split_stratified(y_N, count)
    return ImageData(x_NHWC[train], y_N[train], x_NHWC[validation], y_N[validation])


def _has_test(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return {"x_test.npy", "y_test.npy"} <= set(archive.namelist())


def _load_test(
    path: Path, size: tuple[int, int, int], dtype: np.dtype[Any], classes: int
) -> Labelled:
    shape, found = _read_member(path, "x_test", _read_header)
    if _parse_image_shape(path, shape, "x_test") != size or found != dtype:
        raise NasframeError(
            f"{path}: x_test is {found} of the shape {shape}; it must be {dtype} like x_train, and "
            "of the same size"
        )
    y_N = _read_member(path, "y_test", npy.read_array)
    integers = y_N.shape == shape[:1] and np.issubdtype(y_N.dtype, np.integer)
    if not integers or y_N.min() < 0 or y_N.max() >= classes:
        raise NasframeError(
            f"{path}: y_test must be {shape[0]} integers from 0 to {classes - 1}, as in y_train"
        )
    return _read_images(path, "x_test"), y_N.astype(np.int64)


def _read_images(path: Path, name: str) -> NDArray[Any]:
    x_NHWC = _to_channels_last(_read_member(path, name, npy.read_array))
    if not np.isfinite(x_NHWC).all():
        raise NasframeError(f"{path}: {name} has values that are not finite")
    if x_NHWC.dtype != np.uint8 and (x_NHWC.min() < 0 or x_NHWC.max() > 1):
        raise NasframeError(
            f"{path}: {name} goes from {x_NHWC.min():g} to {x_NHWC.max():g}; floats must be from "
            "0 to 1, or give uint8 from 0 to 255"
        )
    return x_NHWC


def _read_member(path: Path, name: str, reader: Any) -> Any:
    """Read a member of the archive with ``reader``; pickled objects are refused."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            return reader(file)
    except FileNotFoundError:
        raise NasframeError(f"task.path={path}: there is no such file") from None
    except IsADirectoryError:
        raise NasframeError(f"{path}: is a folder; use task=imagefolder") from None
    except KeyError:
        raise NasframeError(f"{path}: there is no array {name!r} in it") from None
    except Exception as error:  # each compression has its own exceptions
        if not zipfile.is_zipfile(path):
            raise NasframeError(f"{path}: is no .npz file, or a truncated one") from None
        raise NasframeError(f"{path}: {name} cannot be read: {error}") from error


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _count_validation(path: Path, y_N: NDArray[np.int64], validation: float) -> int:
    try:
        return count_validation(y_N, validation)
    except NasframeError as error:
        raise NasframeError(f"{path}: {error}") from error


def _parse_image_shape(
    path: Path, shape: tuple[int, ...], name: str = "x_train"
) -> tuple[int, int, int]:
    """Return channels, height and width; the channels are a last dimension of 1, 3 or 4.

    Otherwise they are the second dimension.

    Raises:
        NasframeError: if the array has no images or another shape.
    """
    if 0 in shape:
        raise NasframeError(f"{path}: {name} has the shape {shape}: it holds no images")
    if len(shape) == 3:
        return 1, shape[1], shape[2]
    if len(shape) == 4 and shape[3] in CHANNELS:
        return shape[3], shape[1], shape[2]
    if len(shape) == 4 and shape[1] in CHANNELS:
        return shape[1], shape[2], shape[3]
    raise NasframeError(
        f"{path}: {name} has the shape {shape}; it must be (N, H, W), or (N, H, W, C) or "
        "(N, C, H, W) with 1, 3 or 4 channels"
    )


def _to_channels_last(x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim == 3:
        x = x[..., None]
    elif x.shape[3] not in CHANNELS:
        x = x.transpose(0, 2, 3, 1)
    with np.errstate(over="ignore"):  # values too large for float32 are refused as infinite
        return np.ascontiguousarray(x, dtype=np.uint8 if x.dtype == np.uint8 else np.float32)


def _check_labels(path: Path, y: NDArray[Any], images: int) -> tuple[NDArray[np.int64], int]:
    if y.shape != (images,):
        raise NasframeError(
            f"{path}: y_train has the shape {y.shape} and x_train has {images} images; "
            f"y_train must be ({images},)"
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise NasframeError(f"{path}: y_train is {y.dtype}; labels must be integers 0..K-1")
    found = np.unique(y)
    if len(found) < 2:
        raise NasframeError(f"{path}: y_train has only {len(found)} class; it needs at least two")
    if found[0] != 0 or found[-1] != len(found) - 1:
        raise NasframeError(
            f"{path}: y_train has {len(found)} classes from {found[0]} to {found[-1]}; "
            f"they must be 0..{len(found) - 1}"
        )
    return y.astype(np.int64), len(found)
