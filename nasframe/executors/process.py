"""Evaluations in worker processes: what crashes, hangs or is killed leaves the study alone."""

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

from nasframe._support.system import cores
from nasframe.api.config import Parts
from nasframe.api.parts import Executor
from nasframe.api.types import Report, Result, Step
from nasframe.errors import NasframeError, one_line
from nasframe.executors import process_worker
from nasframe.executors.worker import late

_LOOK_SECONDS = 1.0
"""So often it is looked whether workers are still there, whatever the pools say."""

_LOSSES = (ProcessExpired, BrokenProcessPool)
"""What pebble raises if a worker died: while it ran something, or before."""

_ADVICE = (
    "\nIf a program of yours runs the study, it is imported by the workers: put the call under "
    'if __name__ == "__main__":, or take executor=serial'
)


class _Ended(NamedTuple):
    """An attempt at a step has ended, in whatever way."""

    ticket: int
    future: Future[Result]


class _Place:
    """A place for one worker; a worker that was lost has a fresh one in its place.

    Each place has a pool of its own, so that no worker holds a lock that another one waits for.
    """

    def __init__(
        self,
        number: int,
        parts: Parts,
        threads: int,
        messages: SimpleQueue[process_worker.News | _Ended],
    ) -> None:
        self._settings = (parts, number, threads)
        self._messages = messages
        self._begun = 0
        self._open()

    @property
    def ready(self) -> bool:
        """Whether the worker has been ready for a step."""
        return self._ready.done() and not isinstance(self._ready.exception(), _LOSSES)

    @property
    def lost(self) -> bool:
        """Whether the worker died while it had nothing to do."""
        return not self._pool.active

    def has_begun(self, ticket: int) -> bool:
        """Whether a worker had begun an attempt at a step before it was ended."""
        return self._begun == ticket

    def run(self, ticket: int, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a step; its reports and its end become messages."""
        if self.lost:
            self.renew()
        arguments = (ticket, number, step, tokens)
        try:
            future = self._pool.schedule(process_worker.run, args=arguments)
        except RuntimeError:  # the worker has died since
            self.renew()
            future = self._pool.schedule(process_worker.run, args=arguments)
        future.add_done_callback(lambda done: self._messages.put(_Ended(ticket, done)))

    def reply(self, go_on: bool) -> None:
        """Answer a report."""
        with suppress(OSError):  # the worker has died since: its end is among the messages
            self._line.send(go_on)

    def renew(self) -> None:
        """End the worker, whatever it does, and have another one."""
        self.close()
        self._open()

    def close(self) -> None:
        """End the worker, whatever it does."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        # Ends the thread that listens, even if processes that the worker has begun hold the line.
        with socket(fileno=os.dup(self._line.fileno())) as line, suppress(OSError):
            line.shutdown(SHUT_RDWR)
        self._thread.join()
        self._line.close()

    def _open(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._line, theirs = spawn.Pipe()
        self._pool = ProcessPool(
            max_workers=1,
            initializer=process_worker.begin,
            initargs=(*self._settings, theirs),
            context=spawn,
        )
        self._thread = Thread(target=self._listen, args=(self._line,), daemon=True)
        self._thread.start()
        self._ready = self._pool.schedule(process_worker.prepare)
        # The worker has its own. The pool would replace a lost worker by itself, and not notice one
        # that ended with status 0: without this end of the line it cannot, and says so.
        theirs.close()

    def _listen(self, line: Connection) -> None:
        with suppress(EOFError, OSError):
            while True:
                news = line.recv()
                if news.report is None:
                    self._begun = news.ticket
                self._messages.put(news)


@dataclass(slots=True)
class _Job:
    """A step that runs.

    Attributes:
        ticket: of the present attempt; messages of earlier ones do not count.
        started: when its worker began with it.
        losses: how many workers it has lost.
    """

    number: int
    step: Step
    tokens: tuple[int, ...]
    place: _Place
    ticket: int = -1
    started: float | None = None
    losses: int = 0


class ProcessExecutor(Executor):
    """Runs each step in one of several worker processes, which stay.

    Args:
        parts: what the workers are built of, and what may become of them.
        workers: how many there are.
    """

    def __init__(self, parts: Parts, workers: int) -> None:
        known = multiprocessing.get_all_start_methods()
        if multiprocessing.get_start_method(allow_none=True) not in (None, *known):
            # A worker of joblib has a method of its own, which the processes that it spawns lack.
            multiprocessing.set_start_method("spawn", force=True)
        try:
            pickle.dumps(parts)
        except Exception as error:
            raise NasframeError(
                f"executor=process cannot send the settings to workers: {one_line(error)}\n"
                "Their classes must stand in a module, and their values be plain; or take "
                "executor=serial"
            ) from error
        self._timeout, self._retries = parts.trial_timeout, parts.retries
        self._messages: SimpleQueue[process_worker.News | _Ended] = SimpleQueue()
        threads = max(1, cores() // workers)
        self._places = [_Place(place, parts, threads, self._messages) for place in range(workers)]
        self._free = list(reversed(self._places))
        self._jobs: dict[int, _Job] = {}
        self._tickets = 0
        self._look = 0.0

    @property
    def capacity(self) -> int:
        """The number of workers."""
        return len(self._places)

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a step in a worker that is free."""
        self._begin(_Job(number, step, tokens, self._free.pop()))

    def wait(self) -> list[Report | Result]:
        """Wait for the report or the end of a step."""
        while True:
            if time.monotonic() >= self._look and (results := self._overdue()):
                return results
            try:
                message = self._messages.get(timeout=max(0.0, self._look - time.monotonic()))
            except Empty:
                continue
            job = next((j for j in self._jobs.values() if j.ticket == message.ticket), None)
            if job is None:
                continue  # of an attempt that counts no more
            if isinstance(message, _Ended):
                result = self._result(job, message.future)
                if result is not None:
                    return [result]
            elif message.report is None:
                job.started = time.monotonic()
                self._look = min(self._look, job.started + (self._timeout or math.inf))
            else:
                return [message.report]

    def reply(self, number: int, go_on: bool) -> None:
        """Let the child that waits go on, or stop."""
        self._jobs[number].place.reply(go_on)

    def cancel(self, number: int) -> None:
        """End the worker of a step."""
        place = self._jobs.pop(number).place
        place.renew()
        self._free.append(place)

    def close(self) -> None:
        """End all workers."""
        threads = [Thread(target=place.close) for place in self._places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _begin(self, job: _Job) -> None:
        self._tickets += 1
        job.ticket, job.started = self._tickets, None
        self._jobs[job.number] = job
        job.place.run(job.ticket, job.number, job.step, job.tokens)

    def _overdue(self) -> list[Report | Result]:
        """End the steps whose time is over, and those whose workers died before they began."""
        limit, now = self._timeout, time.monotonic()
        self._look = now + _LOOK_SECONDS
        results: list[Report | Result] = []
        for job in list(self._jobs.values()):
            if limit is not None and job.started is not None:
                if job.started + limit <= now:
                    job.place.renew()
                    results.append(self._failed(job, late(limit)))
                    continue
                self._look = min(self._look, job.started + limit)
            if job.place.lost and (lost := self._lost(job, "died")):
                results.append(lost)
        return results

    def _result(self, job: _Job, future: Future[Result]) -> Result | None:
        """What a step gave; ``None`` if its worker was lost, and it is tried again."""
        error = future.exception()
        if isinstance(error, _LOSSES):
            return self._lost(job, _reason(error))
        if error is not None:  # such as a KeyboardInterrupt that the child raised
            return self._failed(job, one_line(error))
        self._free.append(self._jobs.pop(job.number).place)
        return future.result()

    def _lost(self, job: _Job, reason: str) -> Result | None:
        ready = job.place.ready
        job.place.renew()
        begun = job.place.has_begun(job.ticket)
        # A worker that died while it had nothing to do is no fault of the step.
        job.losses += begun or not ready
        if job.losses <= self._retries:
            self._begin(job)
            return None
        if begun:
            return self._failed(job, f"its worker {reason}")
        return self._failed(job, f"a worker process {reason} before it began{_ADVICE}", fatal=True)

    def _failed(self, job: _Job, error: str, fatal: bool = False) -> Result:
        self._free.append(self._jobs.pop(job.number).place)
        seconds = 0.0 if job.started is None else time.monotonic() - job.started
        return Result(job.number, job.step, {}, seconds, error, fatal)


def _reason(error: BaseException) -> str:
    """What became of a worker, in words."""
    if not isinstance(error, ProcessExpired):
        return "died"
    code = error.exitcode
    if code is None or code >= 0:
        return f"ended with status {code}"
    names = {known.value: known.name for known in signal.Signals}
    name = names.get(-code, f"signal {-code}")  # real-time signals have no names
    hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"
