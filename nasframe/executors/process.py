"""Evaluations in worker processes: a crash, a hang or a kill does not reach the study."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import NamedTuple

from pebble import ProcessExpired, ProcessPool

from nasframe._support.system import count_cores
from nasframe.api.config import Parts
from nasframe.api.parts import Executor
from nasframe.api.types import Report, Result, Step
from nasframe.errors import NasframeError, format_error
from nasframe.executors import process_worker
from nasframe.executors.worker import format_timeout

_CHECK_SECONDS = 1.0
"""Time between checks that all workers are alive, whatever the pools report."""

_LOSSES = (ProcessExpired, BrokenProcessPool)
"""Exceptions of pebble for a worker that died, during a call or before it."""

_ADVICE = (
    "\nWorkers import the program that runs the study: put its call under "
    'if __name__ == "__main__":, or use executor=serial'
)


class _AttemptEnd(NamedTuple):
    """The end of an attempt at a step, successful or not."""

    ticket: int
    future: Future[Result]


class _WorkerSlot:
    """A slot for one worker process; a lost worker is replaced.

    Each slot has its own pool, so that no worker holds a lock that another worker waits for.
    """

    def __init__(
        self,
        number: int,
        parts: Parts,
        threads: int,
        messages: SimpleQueue[process_worker.WorkerMessage | _AttemptEnd],
    ) -> None:
        self._settings = (parts, number, threads)
        self._messages = messages
        self._started = 0
        self._open()

    @property
    def ready(self) -> bool:
        """Whether the worker has finished its preparation."""
        return self._ready.done() and not isinstance(self._ready.exception(), _LOSSES)

    @property
    def lost(self) -> bool:
        """Whether the worker died while idle."""
        return not self._pool.active

    def has_started(self, ticket: int) -> bool:
        """Return whether a worker started an attempt before it ended."""
        return self._started == ticket

    def run(self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Start a step; its reports and its end are put into the queue of messages."""
        if self.lost:
            self.renew()
        arguments = (ticket, number, step, tokens)
        try:
            future = self._pool.schedule(process_worker.run_step, args=arguments)
        except RuntimeError:  # the worker has died since
            self.renew()
            future = self._pool.schedule(process_worker.run_step, args=arguments)
        future.add_done_callback(lambda done: self._messages.put(_AttemptEnd(ticket, done)))

    def reply(self, go_on: bool) -> None:
        """Answer a report."""
        with suppress(OSError):  # the worker has died since: its end is in the queue
            self._pipe.send(go_on)

    def renew(self) -> None:
        """Replace the worker, even if it is busy."""
        self.close()
        self._open()

    def close(self) -> None:
        """End the worker, even if it is busy."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        # Ends the listener thread, even if child processes of the worker keep the pipe open.
        with socket(fileno=os.dup(self._pipe.fileno())) as pipe, suppress(OSError):
            pipe.shutdown(SHUT_RDWR)
        self._thread.join()
        self._pipe.close()

    def _open(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, worker_end = spawn.Pipe()
        self._pool = ProcessPool(
            max_workers=1,
            initializer=process_worker.set_up,
            initargs=(*self._settings, worker_end),
            context=spawn,
        )
        self._thread = Thread(target=self._listen, args=(self._pipe,), daemon=True)
        self._thread.start()
        self._ready = self._pool.schedule(process_worker.prepare)
        # The worker has its own copy. Otherwise the pool would silently replace a lost worker, and
        # miss one that ended with status 0; without this end of the pipe it fails and reports it.
        worker_end.close()

    def _listen(self, pipe: Connection) -> None:
        with suppress(EOFError, OSError):
            while True:
                message = pipe.recv()
                if message.report is None:
                    self._started = message.ticket
                self._messages.put(message)


@dataclass(slots=True)
class _RunningStep:
    """A running step.

    Attributes:
        ticket: number of the current attempt; messages of earlier attempts are ignored.
        started: when its worker started it, in seconds of ``time.monotonic``.
        losses: number of workers lost with it.
    """

    number: int
    step: Step
    tokens: tuple[int, ...]
    slot: _WorkerSlot
    ticket: int = -1
    started: float | None = None
    losses: int = 0


class ProcessExecutor(Executor):
    """Runs each step in one of several persistent worker processes.

    Args:
        parts: configs of the parts, and limits of a trial.
        workers: number of processes.
    """

    def __init__(self, parts: Parts, workers: int) -> None:
        known = multiprocessing.get_all_start_methods()
        if multiprocessing.get_start_method(allow_none=True) not in (None, *known):
            # joblib's workers have their own start method, which processes they spawn lack.
            multiprocessing.set_start_method("spawn", force=True)
        try:
            pickle.dumps(parts)
        except Exception as error:
            raise NasframeError(
                f"executor=process cannot send the settings to workers: {format_error(error)}\n"
                "Define their classes in a module and use plain values, or use executor=serial"
            ) from error
        self._timeout, self._retries = parts.trial_timeout, parts.retries
        self._messages: SimpleQueue[process_worker.WorkerMessage | _AttemptEnd] = SimpleQueue()
        threads = max(1, count_cores() // workers)
        self._slots = [_WorkerSlot(slot, parts, threads, self._messages) for slot in range(workers)]
        self._free = list(reversed(self._slots))
        self._jobs: dict[int, _RunningStep] = {}
        self._tickets = 0
        self._next_check = 0.0

    @property
    def capacity(self) -> int:
        """The number of workers."""
        return len(self._slots)

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Start a step in a free worker."""
        self._start(_RunningStep(number, step, tokens, self._free.pop()))

    def wait(self) -> list[Report | Result]:
        """Wait for the report or the end of a step."""
        while True:
            if time.monotonic() >= self._next_check and (results := self._end_overdue()):
                return results
            try:
                message = self._messages.get(timeout=max(0.0, self._next_check - time.monotonic()))
            except Empty:
                continue
            job = next((j for j in self._jobs.values() if j.ticket == message.ticket), None)
            if job is None:
                continue  # of an earlier attempt
            if isinstance(message, _AttemptEnd):
                result = self._collect_result(job, message.future)
                if result is not None:
                    return [result]
            elif message.report is None:
                job.started = time.monotonic()
                self._next_check = min(self._next_check, job.started + (self._timeout or math.inf))
            else:
                return [message.report]

    def reply(self, number: int, go_on: bool) -> None:
        """Answer a report: the waiting child continues or stops."""
        self._jobs[number].slot.reply(go_on)

    def cancel(self, number: int) -> None:
        """End the worker of a step."""
        slot = self._jobs.pop(number).slot
        slot.renew()
        self._free.append(slot)

    def close(self) -> None:
        """End all workers."""
        threads = [Thread(target=slot.close) for slot in self._slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _start(self, job: _RunningStep) -> None:
        self._tickets += 1
        job.ticket, job.started = self._tickets, None
        self._jobs[job.number] = job
        job.slot.run(job.ticket, job.number, job.step, job.tokens)

    def _end_overdue(self) -> list[Report | Result]:
        """End the steps that are over time or whose worker died before the start."""
        limit, now = self._timeout, time.monotonic()
        self._next_check = now + _CHECK_SECONDS
        results: list[Report | Result] = []
        for job in list(self._jobs.values()):
            if limit is not None and job.started is not None:
                if job.started + limit <= now:
                    job.slot.renew()
                    results.append(self._fail(job, format_timeout(limit)))
                    continue
                self._next_check = min(self._next_check, job.started + limit)
            if job.slot.lost and (lost := self._retry_or_fail(job, "died")):
                results.append(lost)
        return results

    def _collect_result(self, job: _RunningStep, future: Future[Result]) -> Result | None:
        """Return the result of a step; ``None`` if its worker was lost and it is retried."""
        error = future.exception()
        if isinstance(error, _LOSSES):
            return self._retry_or_fail(job, _describe_end(error))
        if error is not None:  # such as a KeyboardInterrupt that the child raised
            return self._fail(job, format_error(error))
        self._free.append(self._jobs.pop(job.number).slot)
        return future.result()

    def _retry_or_fail(self, job: _RunningStep, reason: str) -> Result | None:
        ready = job.slot.ready
        job.slot.renew()
        started = job.slot.has_started(job.ticket)
        # The death of an idle worker does not count against the step.
        job.losses += started or not ready
        if job.losses <= self._retries:
            self._start(job)
            return None
        if started:
            return self._fail(job, f"its worker {reason}")
        return self._fail(job, f"a worker process {reason} before it started{_ADVICE}", fatal=True)

    def _fail(self, job: _RunningStep, error: str, fatal: bool = False) -> Result:
        self._free.append(self._jobs.pop(job.number).slot)
        seconds = 0.0 if job.started is None else time.monotonic() - job.started
        return Result(job.number, job.step, {}, seconds, error, fatal)


def _describe_end(error: BaseException) -> str:
    """Return how a worker ended, as text."""
    if not isinstance(error, ProcessExpired):
        return "died"
    code = error.exitcode
    if code is None or code >= 0:
        return f"ended with status {code}"
    names = {known.value: known.name for known in signal.Signals}
    name = names.get(-code, f"signal {-code}")  # real-time signals have no names
    hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"
