"""Photographs that are read anew in each epoch, and varied by timm's transformations.

Shapes: N images of a batch, H x W pixels, C channels.
"""

from __future__ import annotations

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

from nasframe.errors import NasframeError, one_line
from nasframe.tasks.classification import Classification
from nasframe.tasks.image_folder import list_folder
from nasframe.tasks.loading import Loaded, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from nasframe.tasks.config import ImageNetConfig

CROP = 0.875
"""The share of an image's shorter side that is looked at where nothing is varied."""
Sample: TypeAlias = tuple[int, int]
"""The place of an image, and the seed of what is random in its transformation."""


class PhotographTask(Classification):
    """Classification of photographs in a folder, any number of them.

    Each image has a seed of its own, drawn at the begin of an epoch: batches are the same for any
    number of workers.

    Args:
        config: the settings.
        path: the folder.
    """

    def __init__(self, config: ImageNetConfig, path: Path) -> None:
        self._folder = list_folder(path, config.validation)
        self._config = config
        self.input_shape = (3, config.size, config.size)
        self.outputs = len(self._folder.classes)
        self._varied = _varied(config)
        self._plain: Callable[[Image], Tensor] = create_transform(
            config.size, crop_pct=CROP, interpolation="bicubic"
        )

    @property
    def data_config(self) -> Mapping[str, Any]:
        """ImageNet's mean and deviation, whatever the images are; the names of ``classes``."""
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
        """One epoch of shuffled and varied batches, whose sizes differ by one at most."""
        count = len(self._folder.train)
        order = torch.randperm(count, generator=generator).numpy()
        seeds = torch.randint(2**31, (count,), generator=generator).tolist()
        samples = list(zip(self._folder.train[order].tolist(), seeds, strict=True))
        ends = np.linspace(0, count, self.train_steps(batch_size) + 1).astype(int).tolist()
        batches = [samples[a:b] for a, b in zip(ends, ends[1:], strict=False)]
        images = _Images(self._folder.files, self._folder.y_N, self._varied, None)
        return self._read(images, batches, device)

    def train_steps(self, batch_size: int) -> int:
        """The number of training images over the batch size, rounded up."""
        return -(-len(self._folder.train) // batch_size)

    def validation_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]]:
        """The centres of the validation images in their order."""
        places = self._folder.validation.tolist()
        return self._in_order(self._folder.files, self._folder.y_N, places, batch_size, device)

    def test_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]] | None:
        """The test images, prepared like those for validation."""
        found = self._folder.test_files()
        if found is None:
            return None
        return self._in_order(*found, list(range(len(found[0]))), batch_size, device)

    def _in_order(
        self,
        files: Sequence[Path],
        y_N: NDArray[np.int64],
        places: Sequence[int],
        batch_size: int,
        device: torch.device,
    ) -> Iterable[tuple[Tensor, Tensor]]:
        samples = [(place, 0) for place in places]
        batches = [samples[k : k + batch_size] for k in range(0, len(samples), batch_size)]
        least = math.floor(self._config.size / CROP)
        return self._read(_Images(files, y_N, self._plain, least), batches, device)

    def _read(
        self, images: _Images, batches: list[list[Sample]], device: torch.device
    ) -> Iterable[tuple[Tensor, Tensor]]:
        def finish(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            x_NCHW, y_N = batch
            return x_NCHW.to(device, memory_format=torch.channels_last), y_N.to(device)

        return Loaded(images, batches, self._config.workers, default_collate, finish)


@dataclass(frozen=True, slots=True)
class _Images(Dataset[tuple[Tensor, int]]):
    """Images that are decoded and transformed when they are asked for."""

    files: Sequence[Path]
    y_N: NDArray[np.int64]
    transform: Callable[[Image], Tensor]
    least: int | None

    def __getitem__(self, sample: Sample) -> tuple[Tensor, int]:
        place, seed = sample
        image = read_image(self.files[place], self.least)
        with _seeded(seed):
            return self.transform(image), int(self.y_N[place])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the three generators from which timm's transformations draw, and put them back."""
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


def _varied(config: ImageNetConfig) -> Callable[[Image], Tensor]:
    try:
        transform: Callable[[Image], Tensor] = create_transform(
            config.size,
            is_training=True,
            scale=(config.scale, 1.0),
            hflip=0.5 if config.flip else 0.0,
            color_jitter=config.color_jitter,
            auto_augment=config.auto_augment,
            interpolation="random",
            re_prob=config.erase,
            re_mode="pixel",
        )
    except Exception as error:  # timm has assertions and other exceptions for a policy
        raise NasframeError(
            f"task.auto_augment={config.auto_augment}: timm knows no such policy: {one_line(error)}"
        ) from error
    return transform
