"""One evaluation at a time, in a thread of this process, so that the driver stays responsive.

A child that hangs in the middle of a batch cannot be ended here: worker processes can be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread

from nasframe.api.config import Parts
from nasframe.api.parts import Executor
from nasframe.api.types import Metrics, Report, Result, Step
from nasframe.executors.worker import Worker, late

LOOK_SECONDS = 0.25
"""So often it is looked whether the time of a step is over."""

THREAD = "nasframe-serial"
"""The name of the thread in which children are trained."""


@dataclass(slots=True)
class _Job:
    number: int
    step: Step
    tokens: tuple[int, ...]
    started: float | None = None
    cancelled: Event = field(default_factory=Event)
    replies: SimpleQueue[bool] = field(default_factory=SimpleQueue)


class SerialExecutor(Executor):
    """Runs steps one after the other, for small studies and for debugging.

    Attributes:
        ready: is set once all is imported and the data are loaded.
    """

    def __init__(self, parts: Parts) -> None:
        self._worker = Worker(parts)
        self._timeout = parts.trial_timeout
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._messages: SimpleQueue[Report | Result] = SimpleQueue()
        self._jobs: dict[int, _Job] = {}
        self.ready = Event()
        self._thread = Thread(target=self._serve, name=THREAD, daemon=True)
        self._thread.start()

    @property
    def capacity(self) -> int:
        """One."""
        return 1

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a step."""
        self._jobs[number] = job = _Job(number, step, tokens)
        self._queue.put(job)

    def wait(self) -> list[Report | Result]:
        """Wait for the report or the end of the step."""
        patience = None if self._timeout is None else LOOK_SECONDS
        while True:
            if (result := self._overdue()) is not None:
                return [result]
            try:
                message = self._messages.get(timeout=patience)
            except Empty:
                continue
            if message.number in self._jobs:  # else of a cancelled step
                if isinstance(message, Result):
                    del self._jobs[message.number]
                return [message]

    def reply(self, number: int, go_on: bool) -> None:
        """Let the child that waits go on, or stop."""
        self._jobs[number].replies.put(go_on)

    def cancel(self, number: int) -> None:
        """Make the child stop after its current batch."""
        job = self._jobs.pop(number)
        job.cancelled.set()
        job.replies.put(False)

    def close(self) -> None:
        """End the thread; a child that does not stop in time ends with the process."""
        for number in list(self._jobs):
            self.cancel(number)
        self._queue.put(None)
        self._thread.join(timeout=3)

    def _overdue(self) -> Result | None:
        """The failure of a step whose time is over."""
        now = time.monotonic()
        for job in self._jobs.values():
            seconds = 0.0 if job.started is None else now - job.started
            if self._timeout is not None and seconds >= self._timeout:
                self.cancel(job.number)
                return Result(job.number, job.step, {}, seconds, late(self._timeout))
        return None

    def _serve(self) -> None:
        self._worker.prepare()
        self.ready.set()
        while (job := self._queue.get()) is not None:
            self._messages.put(self._run(job))

    def _run(self, job: _Job) -> Result:
        def report(epoch: int, metrics: Metrics) -> bool:
            self._messages.put(Report(job.number, epoch, metrics))
            return job.replies.get()

        cancelled = job.cancelled.is_set
        job.started = time.monotonic()
        return self._worker.run(job.number, job.step, job.tokens, report, cancelled)
