"""Data that do not fit into memory: batches that processes read ahead, and image files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch.utils.data import Dataset


@dataclass(frozen=True, slots=True)
class Loaded:
    """An epoch of batches that are loaded on iteration, without torch's global generator.

    It is the same for any number of workers.

    Args:
        dataset: returns an example for each item of a batch; its randomness must depend only on
            the item.
        batches: the items of each batch.
        workers: processes that read ahead; 0 reads in this process.
        collate: makes a batch of its examples.
        finish: processes a batch in this process, for example moves it to the device.
    """

    dataset: Dataset[Any]
    batches: Sequence[Sequence[Any]]
    workers: int
    collate: Callable[[list[Any]], Any]
    finish: Callable[[Any], Any]

    def part(self, rank: int, of: int) -> Loaded:
        """Return every ``of``-th batch, starting with number ``rank``; others are not read."""
        return replace(self, batches=self.batches[rank::of])

    def __iter__(self) -> Iterator[Any]:
        """Load the batches.

        Raises:
            NasframeError: if an example cannot be read, with the original message.
        """
        import torch
        from torch.utils.data import DataLoader

        loader = DataLoader(
            self.dataset,
            batch_sampler=self.batches,  # type: ignore[arg-type]
            num_workers=self.workers,
            collate_fn=self.collate,
            generator=torch.Generator(),
        )
        try:
            yield from map(self.finish, loader)
        except NasframeError as error:  # a worker adds a traceback to the text
            raise NasframeError(str(error).rpartition("NasframeError: ")[2].strip()) from None


def read_image(file: Path, least: int | None = None) -> Image:
    """Read an image in its displayed orientation, with three channels.

    Args:
        file: in any format of Pillow.
        least: minimum side in pixels that is needed, if known: a large JPEG is then decoded at a
            fraction of its size.

    Raises:
        NasframeError: if it cannot be read.
    """
    from PIL import Image as Images
    from PIL import ImageOps

    try:
        with warnings.catch_warnings(), Images.open(file) as image:
            warnings.simplefilter("ignore", Images.DecompressionBombWarning)
            if least is not None:
                image.draft("RGB", (least, least))
            return ImageOps.exif_transpose(_convert_to_bytes(image)).convert("RGB")
    except Exception as error:  # each format has its own exceptions
        raise NasframeError(f"{file}: cannot be read as an image: {error}") from error


def _convert_to_bytes(image: Image) -> Image:
    """Convert to 8 bits per channel: 16-bit grey would be clipped, palettes may be transparent."""
    import numpy as np
    from PIL import Image as Images

    if image.mode.startswith("I"):
        return Images.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("RGBA") if image.mode == "P" else image
