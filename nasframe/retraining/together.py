"""Several devices of one machine that train one network, each on its part of every batch.

The processes are forked: the command line is not run again, as it would be a whole sweep. So the
process that forks must leave CUDA alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import islice
from operator import add
from typing import Any

import torch
from torch import Tensor, distributed

from nasframe.api import Task
from nasframe.errors import NasframeError
from nasframe.retraining.config import TrainerConfig


def check_together(config: TrainerConfig, task: Task, device: torch.device) -> None:
    """Refuse what cannot be.

    Raises:
        NasframeError: if there are fewer devices, or the task's batches depend on each other.
    """
    if config.devices == 1:
        return
    if device.type == "cuda" and config.devices > torch.cuda.device_count():
        there = torch.cuda.device_count()
        raise NasframeError(f"trainer.devices={config.devices}: this machine has {there}")
    if device.type not in ("cpu", "cuda"):
        raise NasframeError(f"trainer.devices={config.devices}: {device.type} has one")
    if task.kind == "sequence":
        raise NasframeError(
            f"trainer.devices={config.devices}: a text is read in order, by one device"
        )


def part(batches: Iterable[Any], rank: int, of: int, count: int | None = None) -> Iterator[Any]:
    """Each ``of``-th batch from ``rank`` on; those that can be are not even read elsewhere.

    Args:
        batches: of an epoch.
        rank: which of the processes this is.
        of: how many there are.
        count: how many batches each has, as all must have equally many; ``None`` for all.
    """
    if of > 1 and hasattr(batches, "part"):
        batches = batches.part(rank, of)
    elif of > 1:
        batches = islice(batches, rank, None, of)
    return islice(batches, count)


def whole(tally: Any, of: int) -> Any:
    """The sum of the tallies of all processes, some of which may have none."""
    if of == 1:
        return tally
    tallies: list[Any] = [None] * of
    distributed.all_gather_object(tallies, tally.cpu() if isinstance(tally, Tensor) else tally)
    total = reduce(add, [one for one in tallies if one is not None])
    return total.to(tally.device) if isinstance(tally, Tensor) else total
