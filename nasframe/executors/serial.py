"""One evaluation at a time, in a thread of this process, so that the driver stays responsive.

A child that hangs within a batch cannot be ended here; worker processes can.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread

from nasframe.api.config import Parts
from nasframe.api.parts import Executor
from nasframe.api.types import Metrics, Report, Result, Step
from nasframe.executors.worker import Worker, format_timeout

_CHECK_SECONDS = 0.25
"""Time between checks for a step that is over time."""

THREAD = "nasframe-serial"
"""Name of the thread that trains the children."""


@dataclass(slots=True)
class _SerialStep:
    """A running step, and the channels to its child."""

    number: int
    step: Step
    tokens: tuple[int, ...]
    started: float | None = None
    cancelled: Event = field(default_factory=Event)
    replies: SimpleQueue[bool] = field(default_factory=SimpleQueue)


class SerialExecutor(Executor):
    """Runs steps one after the other, for small studies and debugging.

    Attributes:
        ready: set once dependencies are imported and the data are loaded.
    """

    def __init__(self, parts: Parts) -> None:
        self._worker = Worker(parts)
        self._timeout = parts.trial_timeout
        self._queue: SimpleQueue[_SerialStep | None] = SimpleQueue()
        self._messages: SimpleQueue[Report | Result] = SimpleQueue()
        self._jobs: dict[int, _SerialStep] = {}
        self.ready = Event()
        self._thread = Thread(target=self._serve, name=THREAD, daemon=True)
        self._thread.start()

    @property
    def capacity(self) -> int:
        """Always 1."""
        return 1

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Start a step."""
        self._jobs[number] = job = _SerialStep(number, step, tokens)
        self._queue.put(job)

    def wait(self) -> list[Report | Result]:
        """Wait for the report or the end of the step."""
        patience = None if self._timeout is None else _CHECK_SECONDS
        while True:
            if (result := self._end_overdue()) is not None:
                return [result]
            try:
                message = self._messages.get(timeout=patience)
            except Empty:
                continue
            if message.number in self._jobs:  # otherwise it is of a cancelled step
                if isinstance(message, Result):
                    del self._jobs[message.number]
                return [message]

    def reply(self, number: int, go_on: bool) -> None:
        """Answer a report: the waiting child continues or stops."""
        self._jobs[number].replies.put(go_on)

    def cancel(self, number: int) -> None:
        """Stop the child after its current batch."""
        job = self._jobs.pop(number)
        job.cancelled.set()
        job.replies.put(False)

    def close(self) -> None:
        """End the thread; a child that does not stop within 3 seconds ends with the process."""
        for number in list(self._jobs):
            self.cancel(number)
        self._queue.put(None)
        self._thread.join(timeout=3)

    def _end_overdue(self) -> Result | None:
        """Cancel a step that is over time, and return its failure."""
        now = time.monotonic()
        for job in self._jobs.values():
            seconds = 0.0 if job.started is None else now - job.started
            if self._timeout is not None and seconds >= self._timeout:
                self.cancel(job.number)
                return Result(job.number, job.step, {}, seconds, format_timeout(self._timeout))
        return None

    def _serve(self) -> None:
        self._worker.prepare()
        self.ready.set()
        while (job := self._queue.get()) is not None:
            self._messages.put(self._run(job))

    def _run(self, job: _SerialStep) -> Result:
        def report(epoch: int, metrics: Metrics) -> bool:
            self._messages.put(Report(job.number, epoch, metrics))
            return job.replies.get()

        cancelled = job.cancelled.is_set
        job.started = time.monotonic()
        return self._worker.run(job.number, job.step, job.tokens, report, cancelled)
