"""Batches that processes read ahead, for tasks whose data do not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
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
