"""Batches that processes read ahead, for tasks whose data do not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch.utils.data import Dataset


def loaded(
    dataset: Dataset[Any],
    batches: Sequence[Sequence[Any]],
    workers: int,
    collate: Callable[[list[Any]], Any] | None = None,
) -> Iterator[Any]:
    """Read an epoch, the same for any number of workers, and without torch's global generator.

    Args:
        dataset: gives an example for each item of a batch; what is random in it must come from the
            item alone.
        batches: the items of each batch.
        workers: processes that read ahead; 0 reads in between.
        collate: makes a batch of its examples; torch's own if it is not given.

    Raises:
        NasframeError: what an example raises, in its own words.
    """
    import torch
    from torch.utils.data import DataLoader

    loader = DataLoader(
        dataset,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=collate,
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except NasframeError as error:  # from a worker it comes with a traceback in its text
        raise NasframeError(str(error).rpartition("NasframeError: ")[2].strip()) from None
