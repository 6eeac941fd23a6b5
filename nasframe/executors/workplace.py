"""What happens in a worker process: it is set up once, and then runs one step after the other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from nasframe.api import Metrics, Report, Result, Step
from nasframe.config import Parts
from nasframe.executors.worker import Worker

DEVICES = "CUDA_VISIBLE_DEVICES"


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
        place: its place among the workers, from 0; workers share the GPUs in turn.
        threads: CPU threads with which it computes.
        line: to the driver.
    """
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    device = device_of(place, os.environ.get(DEVICES), sorted(Path("/dev").glob("nvidia[0-9]*")))
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


def device_of(place: int, visible: str | None, found: Sequence[object]) -> str | None:
    """Which GPU a worker has, as CUDA names it; ``None`` if there is none to choose.

    Args:
        place: its place among the workers.
        visible: the devices to which the user restricts the study.
        found: the machine's devices.
    """
    devices = [str(n) for n in range(len(found))] if visible is None else visible.split(",")
    return devices[place % len(devices)].strip() if devices else None


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)  # pebble's handler ends what this process has begun
        time.sleep(3)
        os._exit(1)
