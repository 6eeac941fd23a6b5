"""Several devices of one machine that train one network, each on its part of every batch.

The processes are forked: the command line is not run again, as it would be a whole sweep. So the
process that forks must leave CUDA alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import chain, islice
from multiprocessing import get_context
from operator import add
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from nasframe.api.parts import Task
from nasframe.errors import NasframeError
from nasframe.retraining.config import TrainerConfig
from nasframe.tasks.loading import Loaded

Found = TypeVar("Found")


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


def leave_cuda_alone() -> None:
    """Have torch ask the driver, and not CUDA itself, which GPUs there are."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")


def apart(work: Callable[[], Found]) -> Found:
    """What a function gives in a forked process, so that this one can be forked again.

    Raises:
        NasframeError: what it raises, or that the process was killed.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def run() -> None:
        try:
            sender.send((True, work()))
        except Exception as error:
            sender.send((False, str(error)))

    process = context.Process(target=run)
    process.start()
    sender.close()
    try:
        good, found = receiver.recv()
    except EOFError:
        good, found = False, "the process that reads the test data was killed"
    finally:
        process.join()
    if not good:
        raise NasframeError(found)
    result: Found = found
    return result


def part(batches: Iterable[Any], rank: int, of: int, count: int | None = None) -> Iterable[Any]:
    """Each ``of``-th batch from ``rank`` on; those that can be are not even read elsewhere.

    Args:
        batches: of an epoch.
        rank: which of the processes this is.
        of: how many there are.
        count: how many batches each has, as all must have equally many in training; ``None`` for
            all, of which each must have one at least: the first one makes all processes meet.

    Raises:
        NasframeError: if there are fewer batches than processes.
    """
    if of == 1:
        return batches
    if isinstance(batches, Loaded):
        _check_enough(len(batches.batches), of)
        return islice(batches.part(rank, of), count)
    rest = iter(batches)
    first = list(islice(rest, of))
    _check_enough(len(first), of)
    return islice(chain(first, rest), rank, None if count is None else count * of, of)


def _check_enough(count: int, of: int) -> None:
    if count < of:
        raise NasframeError(
            f"trainer.devices={of}: there are {count} batches; give a smaller recipe.batch_size"
        )


def whole(tally: Any, of: int, device: torch.device) -> Any:
    """The sum of the tallies of all processes."""
    if of == 1:
        return tally
    tallies: list[Any] = [None] * of
    distributed.all_gather_object(tallies, tally.cpu() if isinstance(tally, Tensor) else tally)
    total = reduce(add, tallies)
    return total.to(device) if isinstance(total, Tensor) else total
