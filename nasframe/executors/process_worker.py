"""The worker's side of the process executor: set up once, then run one step after the other."""

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

DEVICES_VARIABLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which a process sees only some GPUs."""

_MAX_SHARES = 64
"""Maximum workers counted on each GPU."""


class WorkerMessage(NamedTuple):
    """A message of a worker about an attempt at a step.

    Attributes:
        ticket: number of the attempt.
        report: the child's report; ``None`` for the start of the step.
    """

    ticket: int
    report: Report | None


class ProcessWorker:
    """The worker of this process, and its pipe to the driver.

    Steps run in a second thread: the main thread can then end the process at once on a signal, and
    Lightning installs no signal handlers, which it does only in the main thread.
    """

    def __init__(self, parts: Parts, pipe: Connection) -> None:
        self._worker = Worker(parts)
        self._pipe = pipe
        self._thread = ThreadPoolExecutor(1)

    def prepare(self) -> None:
        """Import dependencies and load the data."""
        self._thread.submit(self._worker.prepare).result()

    def run(self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> Result:
        """Run a step; the driver answers its reports."""
        return self._thread.submit(self._run_in_thread, ticket, number, step, tokens).result()

    def _run_in_thread(
        self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]
    ) -> Result:
        self._pipe.send(WorkerMessage(ticket, None))

        def report(epoch: int, metrics: Metrics) -> bool:
            self._pipe.send(WorkerMessage(ticket, Report(number, epoch, metrics)))
            return bool(self._pipe.recv())

        return self._worker.run(number, step, tokens, report, lambda: False)


_process_worker: list[ProcessWorker] = []


def set_up(parts: Parts, place: int, threads: int, pipe: Connection) -> None:
    """Set this process up, before torch is imported.

    Args:
        parts: configs of the parts.
        place: index of the worker, from 0.
        threads: CPU threads for its libraries.
        pipe: the pipe to the driver.
    """
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    found = sorted(Path("/dev").glob("nvidia[0-9]*"))
    device = take_device(place, list_devices(os.environ.get(DEVICES_VARIABLE), found))
    if device is not None:
        os.environ[DEVICES_VARIABLE] = device
    # Ctrl-C reaches all processes of a terminal; only the driver handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A resumed study must not meet workers of the earlier run.
    Thread(target=_end_with_parent, daemon=True).start()
    _process_worker.append(ProcessWorker(parts, pipe))


def prepare() -> None:
    """Prepare this process for its first step."""
    _process_worker[0].prepare()


def run_step(ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> Result:
    """Run a step in this process."""
    return _process_worker[0].run(ticket, number, step, tokens)


def list_devices(visible: str | None, found: Sequence[object]) -> list[str]:
    """Return CUDA's names of the GPUs that workers may use.

    Args:
        visible: the value of ``CUDA_VISIBLE_DEVICES``, if it is set.
        found: the machine's devices.
    """
    if visible is None:
        return [str(number) for number in range(len(found))]
    return [name.strip() for name in visible.split(",") if name.strip()]


def take_device(place: int, names: Sequence[str], folder: Path = Path("/tmp")) -> str | None:
    """Take the GPU with the fewest workers of all studies on this machine, for life.

    Args:
        place: index of this worker, to choose among GPUs with equally few workers.
        names: the GPUs to choose from.
        folder: the folder of lock files; a GPU has one for its first worker, its second, and so on.

    Returns:
        The GPU; ``None`` if ``names`` is empty.
    """
    if not names:
        return None
    rotated = [names[(place + i) % len(names)] for i in range(len(names))]
    with suppress(NasframeError):  # without locks studies cannot count each other's workers
        for share, name in product(range(_MAX_SHARES), rotated):
            word = re.sub(r"[^\w-]", "_", name)
            if lock_for_life(folder / f"nasframe-gpu-{word}-{share}.lock"):
                return name
    return rotated[0]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)  # pebble's handler ends this process's children
        time.sleep(3)
        os._exit(1)
