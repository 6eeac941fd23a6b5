"""One evaluation at a time, in a thread of this process, so that the driver stays responsive."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread

from nasframe.api import Executor, Metrics, Report, Result, Step
from nasframe.config import Parts
from nasframe.executors.worker import Worker

THREAD = "nasframe-serial"
"""The name of the thread in which children are trained."""


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    step: Step
    tokens: tuple[int, ...]
    cancelled: Event = field(default_factory=Event)
    replies: SimpleQueue[bool] = field(default_factory=SimpleQueue)


class SerialExecutor(Executor):
    """Runs steps one after the other, for small studies and for debugging."""

    def __init__(self, parts: Parts) -> None:
        self._worker = Worker(parts)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._messages: SimpleQueue[Report | Result] = SimpleQueue()
        self._jobs: dict[int, _Job] = {}
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
        while (message := self._messages.get()).number not in self._jobs:
            pass  # of a cancelled step
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

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            self._messages.put(self._run(job))

    def _run(self, job: _Job) -> Result:
        def report(epoch: int, metrics: Metrics) -> bool:
            self._messages.put(Report(job.number, epoch, metrics))
            return job.replies.get()

        cancelled = job.cancelled.is_set
        return self._worker.run(job.number, job.step, job.tokens, report, cancelled)
