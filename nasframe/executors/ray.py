"""Evaluations on Ray: on a cluster, or on a local Ray started for the study."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nasframe.api.config import Parts
from nasframe.api.parts import Executor
from nasframe.api.types import Report, Result, Step
from nasframe.errors import NasframeError
from nasframe.executors import ray_cluster  # before ray: it sets a variable that Ray reads
from nasframe.executors.ray_actor import DriverEnvironment, RayWorker, read_first_line
from nasframe.executors.ray_cluster import Resources
from nasframe.executors.worker import Worker, format_timeout
from nasframe.storage.files import write_atomically
from nasframe.storage.weights import weights_path

import ray  # isort: skip
from ray.exceptions import ActorUnavailableError, ObjectLostError, RayActorError, RayError  # isort: skip

_CHECK_SECONDS = 1.0
"""Time between checks of the cluster's resources."""

_MAX_UNREADY = 20
"""Maximum consecutive actors lost before they were ready, if others were: a node may be faulty."""

_SIGNAL_SECONDS = 0.25
"""Maximum wait in Ray at a time: Ctrl-C is not handled meanwhile."""

_START_ERROR = (
    "a worker on Ray could not start: {}\n"
    "Install the same packages and plugins, and the data, on every node"
)

_LATENCY = "latency"
"""The custom resource of nodes that measure latencies."""


@dataclass(slots=True)
class _RayStep:
    """A step that runs or waits for an actor.

    Attributes:
        started: when its actor started it, in seconds of ``time.monotonic``.
        losses: number of actors lost with it.
    """

    number: int
    step: Step
    tokens: tuple[int, ...]
    started: float | None = None
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Actor:
    """A worker in the cluster.

    Attributes:
        handle: Ray's handle of the actor.
        answer: the pending answer, if any.
        node: id of its node, once it is ready.
        job: its step, if any.
    """

    handle: Any
    answer: Any
    node: str | None = None
    job: _RayStep | None = None


class _Pool:
    """Actors with the same resources, and the steps that wait for them.

    Args:
        needs: resources of one actor.
        arguments: constructor arguments of an actor.

    Attributes:
        room: maximum number of actors.
        unready: number of consecutive actors lost before they were ready.
        proved: whether an actor was ever ready.
    """

    def __init__(self, needs: Resources, arguments: tuple[Any, ...]) -> None:
        self.needs = {name: amount for name, amount in needs.items() if amount > 0}
        self.actors: list[_Actor] = []
        self.queue: list[_RayStep] = []
        self.room = 1
        self.unready = 0
        self.proved = False
        custom = {name: a for name, a in self.needs.items() if name not in ("CPU", "GPU")}
        cpus, gpus = self.needs.get("CPU", 0), self.needs.get("GPU", 0)
        actor_class = ray.remote(num_cpus=cpus, num_gpus=gpus, resources=custom)(RayWorker)
        self._start_actor: Callable[[], Any] = lambda: actor_class.remote(*arguments)

    def assign(self) -> None:
        """Give waiting steps to idle actors, and start actors for the rest."""
        for actor in self.actors:
            if self.queue and actor.node is not None and actor.job is None:
                job = actor.job = self.queue.pop(0)
                actor.answer = actor.handle.take.remote(job.number, job.step, job.tokens)
        more = min(len(self.queue) - self.starting, self.room - len(self.actors))
        for _ in range(more):
            handle = self._start_actor()
            self.actors.append(_Actor(handle, handle.prepare.remote()))

    def end(self, actor: _Actor) -> None:
        """End an actor, even if it is busy."""
        self.actors.remove(actor)
        ray.kill(actor.handle)

    @property
    def starting(self) -> int:
        """The number of actors that are not ready yet."""
        return sum(actor.node is None for actor in self.actors)

    def capacity(self, free: Resources) -> int:
        """Return the number of actors that exist or fit into the free resources."""
        more = max(0, ray_cluster.count_fits(self.needs, free) - self.starting)
        return min(len(self.actors) + more, self.room)


class RayExecutor(Executor):
    """Runs each step in a persistent actor of a Ray cluster.

    Args:
        parts: configs of the parts, and limits of a trial.
        address: a running cluster; ``None`` starts a local Ray.
        workers: number of evaluations at the same time; ``None`` for as many as fit.
        cpus: cores per evaluation.
        gpus: GPUs per evaluation; ``None`` for 1 if the cluster has GPUs.
        resources: custom resources per evaluation, by their names in the cluster.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        address: str | None,
        workers: int | None,
        cpus: float,
        gpus: float | None,
        resources: Mapping[str, float],
    ) -> None:
        self._parts, self._workers = parts, workers
        self._pools: dict[str, _Pool] = {}
        self._capacity, self._next_check = 0, 0.0
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            ray_cluster.connect(address)
        try:
            self._make_pools(cpus, gpus, resources)
            self._update_capacity()
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """The number of actors that exist or fit into the free resources of the cluster."""
        return self._capacity

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Start a step as soon as an actor is free."""
        latency = step is Step.MEASURE and _LATENCY in self._pools
        pool = self._pools[_LATENCY if latency else ""]
        pool.queue.append(_RayStep(number, step, tokens))
        pool.assign()

    def wait(self) -> list[Report | Result]:
        """Wait for a report, the end of a step, or more capacity."""
        while True:
            if time.monotonic() >= self._next_check:
                before = self._capacity
                self._update_capacity()
                if (results := self._end_overdue()) or self._capacity > before:
                    return results
            pending = {a.answer: (p, a) for p, a in self._actors() if a.answer is not None}
            patience = max(0.0, min(self._next_check - time.monotonic(), _SIGNAL_SECONDS))
            if not pending:
                time.sleep(patience)
                continue
            for answer in ray.wait(list(pending), timeout=patience)[0]:
                if message := self._handle_answer(*pending[answer]):
                    return [message]

    def reply(self, number: int, go_on: bool) -> None:
        """Answer a report: the waiting child continues or stops."""
        actor = next(a for _, a in self._actors() if a.job and a.job.number == number)
        actor.answer = actor.handle.reply.remote(go_on)

    def cancel(self, number: int) -> None:
        """End the actor of a step, or drop the waiting step."""
        for pool in self._pools.values():
            pool.queue = [job for job in pool.queue if job.number != number]
        for pool, actor in list(self._actors()):
            if actor.job and actor.job.number == number:
                pool.end(actor)

    def close(self) -> None:
        """End all actors, and the local Ray if this study started it."""
        for pool, actor in list(self._actors()):
            pool.end(actor)
        if self._owns_ray:
            ray.shutdown()

    def _make_pools(self, cpus: float, gpus: float | None, resources: Mapping[str, float]) -> None:
        nodes = list(ray_cluster.list_nodes().values())
        folder = self._parts.folder.absolute()
        pickled = ray.cloudpickle.dumps(replace(self._parts, folder=folder))

        def make_pool(needs: Resources, gpus: bool) -> _Pool:
            header = read_first_line(folder)
            environment = DriverEnvironment(os.getcwd(), sys.path, header, gpus)
            return _Pool(needs, (environment, pickled))

        if gpus is None:
            gpus = float(any(node.get("GPU", 0) >= 1 for node in nodes))
        needs = {**resources, "CPU": cpus, "GPU": gpus}
        self._pools[""] = make_pool(needs, gpus > 0)
        if self._workers is None and not ray_cluster.count_room(self._pools[""].needs, nodes):
            raise ray_cluster.make_size_error(self._pools[""].needs, nodes)
        found = any(node.get(_LATENCY, 0) >= 1 for node in nodes) and _LATENCY not in needs
        if found and any(m.device is not None for m in Worker(self._parts).meters.values()):
            # Only this resource: neither kind of actor may take what the other kind needs.
            self._pools[_LATENCY] = make_pool({_LATENCY: 1}, True)

    def _actors(self) -> Iterator[tuple[_Pool, _Actor]]:
        return ((pool, actor) for pool in self._pools.values() for actor in pool.actors)

    def _update_capacity(self) -> None:
        """Update actors and capacity from the cluster's present resources."""
        nodes, free = ray_cluster.list_nodes(), ray_cluster.find_free()
        for pool, actor in list(self._actors()):
            if actor.job is None and actor.node is not None and actor.node not in nodes:
                pool.end(actor)
        for pool in self._pools.values():
            pool.room = max(1, ray_cluster.count_room(pool.needs, nodes.values()))
        if self._workers is None:
            self._capacity = max(1, sum(pool.capacity(free) for pool in self._pools.values()))
        else:
            self._capacity = self._pools[""].room = self._workers
        for pool in self._pools.values():
            pool.assign()
        self._next_check = time.monotonic() + _CHECK_SECONDS

    def _handle_answer(self, pool: _Pool, actor: _Actor) -> Report | Result | None:
        """Handle an actor's answer; return it if it is a report or a result."""
        answer, actor.answer = actor.answer, None
        try:
            message = ray.get(answer)
        except RayError as error:
            return self._retry_or_fail(pool, actor, error)
        job = actor.job
        if job is None:  # the actor is ready
            actor.node, pool.unready, pool.proved = message, 0, True
            pool.assign()
            return None
        if message is None:  # the actor has accepted the step
            job.started = time.monotonic()
            self._next_check = min(
                self._next_check, job.started + (self._parts.trial_timeout or math.inf)
            )
            actor.answer = actor.handle.start.remote()
            return None
        if isinstance(message, Report):
            return message
        if message.weights is not None:
            self._write_weights(job.number, message.weights)
        actor.job = None
        pool.assign()
        result: Result = message.result
        return result

    def _write_weights(self, number: int, weights: bytes) -> None:
        try:
            write_atomically(weights_path(self._parts.folder, number), weights)
        except OSError as error:
            raise NasframeError(
                f"cannot write the weights of trial {number}: {error}\n"
                "All finished trials are kept: make room and run the same command again"
            ) from error

    def _end_overdue(self) -> list[Report | Result]:
        """End the steps that are over time, and return their failures."""
        limit, now = self._parts.trial_timeout, time.monotonic()
        results: list[Report | Result] = []
        for pool, actor in list(self._actors()):
            job = actor.job
            if limit is None or job is None or job.started is None:
                continue
            if job.started + limit <= now:
                pool.end(actor)
                results.append(_make_failure(job, format_timeout(limit)))
            else:
                self._next_check = min(self._next_check, job.started + limit)
        return results

    def _retry_or_fail(self, pool: _Pool, actor: _Actor, error: RayError) -> Result | None:
        """Return the failure of the step of a lost actor; ``None`` if it is retried."""
        pool.end(actor)
        job = actor.job
        fault = not _is_machine_lost(error) and (
            not actor.node or actor.node in ray_cluster.list_nodes()
        )
        if job is None:
            pool.unready += fault
            limit = _MAX_UNREADY if pool.proved else self._parts.retries
            if pool.unready > limit and pool.queue:
                text = _START_ERROR.format(_describe_cause(error))
                return _make_failure(pool.queue.pop(0), text, fatal=True)
        else:
            job.losses += fault and job.started is not None
            if job.losses > self._parts.retries:
                return _make_failure(job, f"its worker {_describe_death(error)}")
            job.started = None
            pool.queue.insert(0, job)
        pool.assign()
        return None


def _make_failure(job: _RayStep, error: str, fatal: bool = False) -> Result:
    seconds = 0.0 if job.started is None else time.monotonic() - job.started
    return Result(job.number, job.step, {}, seconds, error, fatal)


def _is_machine_lost(error: RayError) -> bool:
    """Return whether the machine was lost or is unreachable, which is not the child's fault."""
    lost = isinstance(error, ActorUnavailableError | ObjectLostError)
    return lost or "node has died" in str(error) or getattr(error, "preempted", False)


def _describe_cause(error: RayError) -> str:
    """Return why an actor could not start: its exception, or how it died."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    raised = isinstance(error, RayActorError) and error.actor_init_failed
    return lines[-1].strip() if raised and lines else f"it {_describe_death(error)}"


def _describe_death(error: RayError) -> str:
    """Return how an actor died, as text."""
    phrases = ("memory monitor", "low on memory", "memory pressure")
    return "died for lack of memory" if any(p in str(error) for p in phrases) else "died"
