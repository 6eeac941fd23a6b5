"""Image classification on data that stay on the device.

Shapes: N images of a set, B of a batch, H x W pixels, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nasframe.errors import NasframeError
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.classification import Classification
from nasframe.tasks.digest import compute_digest
from nasframe.tasks.image_data import ImageData, Labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _Resident:
    """The data on one device; normalised values are ``x * scale + shift``."""

    canvas_NUVC: Tensor
    y_train_N: Tensor
    x_validation_NHWC: Tensor
    y_validation_N: Tensor
    scale_HWC: Tensor
    shift_HWC: Tensor

    def to(self, device: torch.device) -> _Resident:
        return _Resident(*(getattr(self, name).to(device) for name in self.__slots__))

    def normalise(self, x_BHWC: Tensor) -> Tensor:
        return torch.addcmul(self.shift_HWC, x_BHWC.float(), self.scale_HWC)


class ImageTask(Classification):
    """Classification of images of one size.

    An epoch has ``ceil(N / batch_size)`` batches, whose sizes differ by at most 1: every image is
    used, and no small last batch distorts the statistics of batch normalisation. Images are
    normalised by the mean and the standard deviation of each channel of the training images. A
    batch is ``(x_NCHW, y_N)`` with the strides of ``channels_last``.

    Args:
        load: reads the data; called once, on first use.
        input_shape: channels, height and width.
        outputs: number of classes.
        augmentation: augmentation of the training images.
        load_test: reads the test images, of the same type; ``None`` without a test set.
        classes: names of the labels, if known.

    Raises:
        NasframeError: if the images cannot be enlarged to ``augmentation.upsample``.
    """

    def __init__(
        self,
        load: Callable[[], ImageData],
        input_shape: tuple[int, int, int],
        outputs: int,
        augmentation: Augmentation,
        load_test: Callable[[], Labelled] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        _, height, width = input_shape
        side = augmentation.upsample
        if side is not None and height != width:
            raise NasframeError(
                f"task.upsample={side}: needs square images; these are {height}x{width}"
            )
        if side is not None and side < max(height, width):
            raise NasframeError(
                f"task.upsample={side}: must be at least the images' size, {height}x{width}"
            )
        self.input_shape = input_shape
        self.outputs = outputs
        self._load = load
        self._load_test = load_test
        self._classes = classes
        self._augmentation = augmentation
        self._by_device: dict[torch.device, _Resident] = {}

    @property
    def data_config(self) -> Mapping[str, Any]:
        """By timm's keys, for pixels from 0 to 1; with the names of ``classes``, if known."""
        return self._prepared[1]

    def fingerprint(self) -> str:
        """Return a digest of the stored images and labels for training and validation."""
        data = self._prepared[0]
        return compute_digest(getattr(data, name) for name in data.__slots__)

    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield an epoch of shuffled, augmented batches; all random values are drawn first."""
        data, augmentation = self._data_on(device), self._augmentation
        _, height, width = self.input_shape
        epoch = augmentation.draw(data.canvas_NUVC, height, width, generator)
        for draws in epoch.batches(self.train_steps(batch_size)):
            x_BHWC = augmentation.cut(data.canvas_NUVC, draws, height, width)
            x_BHWC = augmentation.erase(data.normalise(x_BHWC), draws)
            yield x_BHWC.permute(0, 3, 1, 2), data.y_train_N[draws.order_N]

    def train_steps(self, batch_size: int) -> int:
        """Return the number of training images over the batch size, rounded up."""
        return -(-len(self._prepared[0].y_train_N) // batch_size)

    def validation_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the validation images in order, cropped at the centre if they are enlarged."""
        data = self._data_on(device)
        return _make_ordered_batches(data, data.x_validation_NHWC, data.y_validation_N, batch_size)

    def test_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]] | None:
        """Return the test images, prepared like validation images; ``None`` without a test set."""
        if self._load_test is None:
            return None
        x_NHWC, y_N = (torch.from_numpy(values) for values in self._load_test())
        x_NHWC = self._augmentation.centre(x_NHWC).to(device)
        return _make_ordered_batches(self._data_on(device), x_NHWC, y_N.to(device), batch_size)

    def _data_on(self, device: torch.device) -> _Resident:
        if device not in self._by_device:
            self._by_device[device] = self._prepared[0].to(device)
        return self._by_device[device]

    @cached_property
    def _prepared(self) -> tuple[_Resident, Mapping[str, Any]]:
        """Data in main memory, and ``data_config``."""
        data, augmentation = self._load(), self._augmentation
        mean_C, std_C = _compute_statistics(data.x_train)
        channels, *size = self.input_shape
        data_in_memory = _Resident(
            augmentation.canvas(torch.from_numpy(data.x_train), torch.from_numpy(mean_C)),
            torch.from_numpy(data.y_train),
            augmentation.centre(torch.from_numpy(data.x_validation)),
            torch.from_numpy(data.y_validation),
            torch.from_numpy(1 / std_C).float().expand(*size, channels).contiguous(),
            torch.from_numpy(-mean_C / std_C).float().expand(*size, channels).contiguous(),
        )
        peak = 255 if data.x_train.dtype == np.uint8 else 1
        mean, std = (tuple((values / peak).tolist()) for values in (mean_C, std_C))
        crop = max(size) / (augmentation.upsample or max(size))
        config = {"input_size": self.input_shape, "mean": mean, "std": std, "crop_pct": crop}
        named = {} if self._classes is None else {"classes": list(self._classes)}
        return data_in_memory, {**config, **named}


def _make_ordered_batches(
    data: _Resident, x_NHWC: Tensor, y_N: Tensor, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(y_N), batch_size):
        part = slice(start, start + batch_size)
        yield data.normalise(x_NHWC[part]).permute(0, 3, 1, 2), y_N[part]


def _compute_statistics(x_NHWC: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and standard deviation of each channel, 100 images at a time to save memory."""
    sums, squares = np.zeros((2, x_NHWC.shape[-1]))
    for start in range(0, len(x_NHWC), 100):
        part = x_NHWC[start : start + 100].astype(np.float64)
        sums += part.sum((0, 1, 2))
        squares += np.square(part).sum((0, 1, 2))
    count = x_NHWC[..., 0].size
    mean_C = sums / count
    std_C = np.sqrt(np.maximum(squares / count - mean_C**2, 0))
    return mean_C, np.where(std_C > 0, std_C, 1)
