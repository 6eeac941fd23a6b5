"""Reading what does not fit into memory: batches that processes read ahead, and images."""

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
    """An epoch that is read as it goes, without torch's global generator.

    It is the same for any number of workers.

    Args:
        dataset: gives an example for each item of a batch; what is random in it must come from the
            item alone.
        batches: the items of each batch.
        workers: processes that read ahead; 0 reads in between.
        collate: makes a batch of its examples.
        finish: what is done to a batch in this process: put it on its device.
    """

    dataset: Dataset[Any]
    batches: Sequence[Sequence[Any]]
    workers: int
    collate: Callable[[list[Any]], Any]
    finish: Callable[[Any], Any]

    def part(self, rank: int, of: int) -> Loaded:
        """Each ``of``-th batch from ``rank`` on; the others are not read."""
        return replace(self, batches=self.batches[rank::of])

    def __iter__(self) -> Iterator[Any]:
        """Read it.

        Raises:
            NasframeError: what an example raises, in its own words.
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
        except NasframeError as error:  # from a worker it comes with a traceback in its text
            raise NasframeError(str(error).rpartition("NasframeError: ")[2].strip()) from None


def read_image(file: Path, least: int | None = None) -> Image:
    """An image as it is to be looked at, with three channels.

    Args:
        file: in any format of Pillow.
        least: the smallest side that is needed, if that is known: a large JPEG is then decoded at
            a fraction of its size.

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
            return ImageOps.exif_transpose(_in_bytes(image)).convert("RGB")
    except Exception as error:  # each format has its own exceptions
        raise NasframeError(f"{file}: cannot be read as an image: {error}") from error


def _in_bytes(image: Image) -> Image:
    """With 8 bits a channel: 16-bit grey would be cut off, and palettes may be transparent."""
    import numpy as np
    from PIL import Image as Images

    if image.mode.startswith("I"):
        return Images.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("RGBA") if image.mode == "P" else image
