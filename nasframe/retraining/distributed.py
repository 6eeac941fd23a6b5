"""Data-parallel training of one network on several devices of one machine.

The processes are forked, since running the command line again would repeat a whole sweep. So the
forking process must not initialize CUDA.
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


def check_devices(config: TrainerConfig, task: Task, device: torch.device) -> None:
    """Check that the devices exist and can train the task together.

    Raises:
        NasframeError: if there are fewer devices, or the task's batches depend on each other.
    """
    if config.devices == 1:
        return
    if device.type == "cuda" and config.devices > torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise NasframeError(f"trainer.devices={config.devices}: this machine has {count}")
    if device.type not in ("cpu", "cuda"):
        raise NasframeError(f"trainer.devices={config.devices}: {device.type} has only one device")
    if task.kind == "sequence":
        raise NasframeError(
            f"trainer.devices={config.devices}: a text is read in order; give trainer.devices=1"
        )


def avoid_cuda() -> None:
    """Let torch count GPUs through the driver, without initializing CUDA."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")


def run_in_fork(work: Callable[[], Found]) -> Found:
    """Run a function in a forked process and return its result; this process can fork again.

    Raises:
        NasframeError: if the function fails or the process is killed.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def send_result() -> None:
        try:
            sender.send((True, work()))
        except Exception as error:
            sender.send((False, str(error)))

    process = context.Process(target=send_result)
    process.start()
    sender.close()
    try:
        succeeded, found = receiver.recv()
    except EOFError:
        succeeded, found = False, "the process that reads the test data was killed"
    finally:
        process.join()
    if not succeeded:
        raise NasframeError(found)
    result: Found = found
    return result


def select_batches(
    batches: Iterable[Any], rank: int, of: int, count: int | None = None
) -> Iterable[Any]:
    """Select each ``of``-th batch of an epoch from ``rank`` on; skip reading others if possible.

    Args:
        batches: batches of the epoch.
        rank: index of this process.
        of: number of processes.
        count: number of batches of each process, equal for all in training; ``None`` for all
            batches. Each process needs at least one, since the first one synchronizes them.

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
            f"trainer.devices={of}: the number of batches is {count}; "
            "give a smaller recipe.batch_size"
        )


def sum_tallies(tally: Any, of: int, device: torch.device) -> Any:
    """Sum up the tallies of all processes."""
    if of == 1:
        return tally
    tallies: list[Any] = [None] * of
    distributed.all_gather_object(tallies, tally.cpu() if isinstance(tally, Tensor) else tally)
    total = reduce(add, tallies)
    return total.to(device) if isinstance(total, Tensor) else total
