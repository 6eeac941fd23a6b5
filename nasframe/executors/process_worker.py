"""What happens in a worker process: it is set up once, and then runs one step after the other."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from nasframe.api.config import Parts
from nasframe.api.types import Metrics, Report, Result, Step
from nasframe.errors import NasframeError
from nasframe.executors.worker import Worker
from nasframe.storage.locks import lock_for_life

DEVICES = "CUDA_VISIBLE_DEVICES"

_MOST_SHARES = 64
"""Beyond so many workers on each GPU nobody counts them any more."""


class News(NamedTuple):
    """What a worker sends of an attempt at a step.

    Attributes:
        ticket: of the attempt.
        report: the child's; ``None`` says that the step begins now.
    """

    ticket: int
    report: Report | None


class Workplace:
    """The worker of this process, and its line to the driver.

    It works in a thread: the main one is then free to end the process at once when it is told to,
    and Lightning, which would hear the signal in its place, leaves signals to the main thread.
    """

    def __init__(self, parts: Parts, line: Connection) -> None:
        self._worker = Worker(parts)
        self._line = line
        self._thread = ThreadPoolExecutor(1)

    def prepare(self) -> None:
        """Import what is needed, and load the data."""
        self._thread.submit(self._worker.prepare).result()

    def run(self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> Result:
        """Run a step; its reports go to the driver, which answers them."""
        return self._thread.submit(self._run, ticket, number, step, tokens).result()

    def _run(self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> Result:
        self._line.send(News(ticket, None))

        def report(epoch: int, metrics: Metrics) -> bool:
            self._line.send(News(ticket, Report(number, epoch, metrics)))
            return bool(self._line.recv())

        return self._worker.run(number, step, tokens, report, lambda: False)


_here: list[Workplace] = []


def begin(parts: Parts, place: int, threads: int, line: Connection) -> None:
    """Set up this process, before torch is imported.

    Args:
        parts: what the worker is built of.
        place: its place among the workers, from 0.
        threads: CPU threads with which it computes.
        line: to the driver.
    """
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    found = sorted(Path("/dev").glob("nvidia[0-9]*"))
    device = take_device(place, devices(os.environ.get(DEVICES), found))
    if device is not None:
        os.environ[DEVICES] = device
    # Ctrl-C reaches all processes of a terminal; the driver alone decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A study that goes on must not meet workers of the one before.
    Thread(target=_end_with_parent, daemon=True).start()
    _here.append(Workplace(parts, line))


def prepare() -> None:
    """Make this process ready for its first step."""
    _here[0].prepare()


def run(ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> Result:
    """Run a step in this process."""
    return _here[0].run(ticket, number, step, tokens)


def devices(visible: str | None, found: Sequence[object]) -> list[str]:
    """The GPUs that workers may use, as CUDA names them.

    Args:
        visible: the devices to which the user restricts the study.
        found: the machine's devices.
    """
    if visible is None:
        return [str(number) for number in range(len(found))]
    return [name.strip() for name in visible.split(",") if name.strip()]


def take_device(place: int, names: Sequence[str], folder: Path = Path("/tmp")) -> str | None:
    """Take the GPU that the fewest workers of all studies on this machine have, and keep it.

    Args:
        place: of this worker: among equals it takes the GPU in this place.
        names: the GPUs to choose from.
        folder: where locks lie; each GPU has one for its first worker, its second, and so on.

    Returns:
        The GPU; ``None`` if there is none.
    """
    if not names:
        return None
    turned = [names[(place + i) % len(names)] for i in range(len(names))]
    with suppress(NasframeError):  # without locks each study has to see to itself
        for share, name in product(range(_MOST_SHARES), turned):
            word = re.sub(r"[^\w-]", "_", name)
            if lock_for_life(folder / f"nasframe-gpu-{word}-{share}.lock"):
                return name
    return turned[0]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)  # pebble's handler ends what this process has begun
        time.sleep(3)
        os._exit(1)
