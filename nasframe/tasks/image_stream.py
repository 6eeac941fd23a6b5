"""Photographs that are read again in each epoch, and augmented by timm.

Shapes: N images of a batch, H x W pixels, C channels.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from timm.data import (  # type: ignore[attr-defined]
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
    create_transform,
)
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from nasframe.errors import NasframeError, format_error
from nasframe.tasks.classification import Classification
from nasframe.tasks.image_folder import list_folder
from nasframe.tasks.loading import Loaded, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

CROP = 0.875
"""Side of the centre crop without augmentation, as a share of the shorter side of the image."""
Sample: TypeAlias = tuple[int, int]
"""The index of an image, and the seed of its random transformation."""


@dataclass(frozen=True, slots=True)
class Variation:
    """Augmentation of training images by timm.

    Args:
        scale: minimum share of an image's area in a crop.
        flip: mirror a random half of the images left to right.
        color_jitter: strength of the changes of brightness, contrast and saturation; 0 for none.
        auto_augment: a policy by timm's name instead of ``color_jitter``; ``None`` for none.
        erase: share of the images in which a rectangle is replaced by noise.
    """

    scale: float
    flip: bool
    color_jitter: float
    auto_augment: str | None
    erase: float


class PhotographTask(Classification):
    """Classification of any number of photographs in a folder.

    Each image has its own seed, drawn at the start of an epoch: batches are equal for any number
    of workers.

    Args:
        path: the folder.
        size: side in pixels of the network's input.
        validation: fraction of the images used for validation.
        variation: augmentation of the training images.
        workers: processes that read images ahead; 0 reads them in this process.
    """

    def __init__(
        self, path: Path, size: int, validation: float, variation: Variation, workers: int
    ) -> None:
        self._folder = list_folder(path, validation)
        self._size = size
        self._workers = workers
        self.input_shape = (3, size, size)
        self.outputs = len(self._folder.classes)
        self._training_transform = _make_training_transform(size, variation)
        self._evaluation_transform: Callable[[Image], Tensor] = create_transform(
            size, crop_pct=CROP, interpolation="bicubic"
        )

    @property
    def data_config(self) -> Mapping[str, Any]:
        """ImageNet's mean and standard deviation, for any images; and the names of ``classes``."""
        return {
            "input_size": self.input_shape,
            "mean": IMAGENET_DEFAULT_MEAN,
            "std": IMAGENET_DEFAULT_STD,
            "crop_pct": CROP,
            "interpolation": "bicubic",
            "classes": [folder.name for folder in self._folder.classes],
        }

    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterable[tuple[Tensor, Tensor]]:
        """Return an epoch of shuffled, augmented batches, whose sizes differ by at most 1."""
        count = len(self._folder.train)
        order = torch.randperm(count, generator=generator).numpy()
        seeds = torch.randint(2**31, (count,), generator=generator).tolist()
        samples = list(zip(self._folder.train[order].tolist(), seeds, strict=True))
        ends = np.linspace(0, count, self.train_steps(batch_size) + 1).astype(int).tolist()
        batches = [samples[a:b] for a, b in itertools.pairwise(ends)]
        images = _ImageDataset(self._folder.files, self._folder.y_N, self._training_transform, None)
        return self._load_batches(images, batches, device)

    def train_steps(self, batch_size: int) -> int:
        """Return the number of training images over the batch size, rounded up."""
        return -(-len(self._folder.train) // batch_size)

    def validation_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]]:
        """Return the centres of the validation images, in order."""
        places = self._folder.validation.tolist()
        return self._make_ordered_batches(
            self._folder.files, self._folder.y_N, places, batch_size, device
        )

    def test_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]] | None:
        """Return the test images, prepared like validation images; ``None`` without a test set."""
        found = self._folder.test_files()
        if found is None:
            return None
        return self._make_ordered_batches(*found, list(range(len(found[0]))), batch_size, device)

    def _make_ordered_batches(
        self,
        files: Sequence[Path],
        y_N: NDArray[np.int64],
        places: Sequence[int],
        batch_size: int,
        device: torch.device,
    ) -> Iterable[tuple[Tensor, Tensor]]:
        samples = [(place, 0) for place in places]
        batches = [samples[k : k + batch_size] for k in range(0, len(samples), batch_size)]
        minimum_side = math.floor(self._size / CROP)
        return self._load_batches(
            _ImageDataset(files, y_N, self._evaluation_transform, minimum_side), batches, device
        )

    def _load_batches(
        self, images: _ImageDataset, batches: list[list[Sample]], device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]]:
        def finish(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            x_NCHW, y_N = batch
            return x_NCHW.to(device, memory_format=torch.channels_last), y_N.to(device)

        return Loaded(images, batches, self._workers, default_collate, finish)


@dataclass(frozen=True, slots=True)
class _ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images that are decoded and transformed on access."""

    files: Sequence[Path]
    y_N: NDArray[np.int64]
    transform: Callable[[Image], Tensor]
    minimum_side: int | None

    def __getitem__(self, sample: Sample) -> tuple[Tensor, int]:
        place, seed = sample
        image = read_image(self.files[place], self.minimum_side)
        with _seed_generators(seed):
            return self.transform(image), int(self.y_N[place])


@contextmanager
def _seed_generators(seed: int) -> Iterator[None]:
    """Seed the three generators that timm's transformations use; restore them afterwards."""
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])


def _make_training_transform(size: int, variation: Variation) -> Callable[[Image], Tensor]:
    try:
        transform: Callable[[Image], Tensor] = create_transform(
            size,
            is_training=True,
            scale=(variation.scale, 1.0),
            hflip=0.5 if variation.flip else 0.0,
            color_jitter=variation.color_jitter,
            auto_augment=variation.auto_augment,
            interpolation="random",
            re_prob=variation.erase,
            re_mode="pixel",
        )
    except Exception as error:  # timm raises assertions and others for an unknown policy
        raise NasframeError(
            f"task.auto_augment={variation.auto_augment}: not a policy of timm: "
            f"{format_error(error)}"
        ) from error
    return transform
