"""Evaluations on Ray: on a cluster, or on a local one that is begun for the study."""

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
from nasframe.executors import ray_cluster  # before ray
from nasframe.executors.ray_actor import Place, Surroundings, first_line
from nasframe.executors.ray_cluster import Resources
from nasframe.executors.worker import Worker, late
from nasframe.storage.files import write_atomically
from nasframe.storage.weights import weights_path

import ray  # isort: skip
from ray.exceptions import ActorUnavailableError, ObjectLostError, RayActorError, RayError  # isort: skip

_LOOK_SECONDS = 1.0
"""So often it is looked what the cluster has."""

_UNREADY = 20
"""So many actors in a row may be lost before they are ready, if others were: a node may be ill."""

_SIGNAL_SECONDS = 0.25
"""So long Ctrl-C may have to wait, which Ray does not hear while it waits."""

_BEGIN = (
    "a worker on Ray could not begin: {}\n"
    "Every node needs the same packages and plugins, and the data"
)

_LATENCY = "latency"
"""The resource of nodes on which latencies are measured."""


@dataclass(slots=True)
class _Job:
    """A step that runs, or waits for an actor.

    Attributes:
        started: when its actor began with it.
        losses: how many actors it has lost.
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
        handle: Ray's.
        answer: that is awaited of it, if one is.
        node: on which it is, once it is ready for work.
        job: at which it works.
    """

    handle: Any
    answer: Any
    node: str | None = None
    job: _Job | None = None


class _Pool:
    """The actors that hold the same resources, and the steps that wait for one of them.

    Args:
        needs: what an actor holds.
        arguments: of an actor.

    Attributes:
        room: how many actors there may be.
        unready: how many actors in a row were lost before they were ready.
        proved: whether one was ever ready.
    """

    def __init__(self, needs: Resources, arguments: tuple[Any, ...]) -> None:
        self.needs = {name: amount for name, amount in needs.items() if amount > 0}
        self.actors: list[_Actor] = []
        self.queue: list[_Job] = []
        self.room = 1
        self.unready = 0
        self.proved = False
        custom = {name: a for name, a in self.needs.items() if name not in ("CPU", "GPU")}
        cpus, gpus = self.needs.get("CPU", 0), self.needs.get("GPU", 0)
        actor_class = ray.remote(num_cpus=cpus, num_gpus=gpus, resources=custom)(Place)
        self._begin: Callable[[], Any] = lambda: actor_class.remote(*arguments)

    def assign(self) -> None:
        """Give steps to actors that have none, and begin actors for the others."""
        for actor in self.actors:
            if self.queue and actor.node is not None and actor.job is None:
                job = actor.job = self.queue.pop(0)
                actor.answer = actor.handle.take.remote(job.number, job.step, job.tokens)
        more = min(len(self.queue) - self.starting, self.room - len(self.actors))
        for _ in range(more):
            handle = self._begin()
            self.actors.append(_Actor(handle, handle.prepare.remote()))

    def end(self, actor: _Actor) -> None:
        """End an actor, whatever it does."""
        self.actors.remove(actor)
        ray.kill(actor.handle)

    @property
    def starting(self) -> int:
        """How many actors are not ready yet."""
        return sum(actor.node is None for actor in self.actors)

    def capacity(self, free: Resources) -> int:
        """How many actors there are, and can be with what is free."""
        more = max(0, ray_cluster.fit(self.needs, free) - self.starting)
        return min(len(self.actors) + more, self.room)


class RayExecutor(Executor):
    """Runs each step in an actor of a Ray cluster, which stays.

    Args:
        parts: what the actors are built of, and what may become of them.
        address: of a running cluster; ``None`` starts a local Ray.
        workers: how many evaluations run at the same time; ``None`` for as many as fit.
        cpus: cores of each.
        gpus: GPUs of each; ``None`` for one if the cluster has some.
        resources: other resources of each, by the names that the cluster gave them.
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
        self._capacity, self._look = 0, 0.0
        self._ours = not ray.is_initialized()
        if self._ours:
            ray_cluster.connect(address)
        try:
            self._make_pools(cpus, gpus, resources)
            self._survey()
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """How many actors there are, and can be with what is free in the cluster."""
        return self._capacity

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a step in an actor that is free, as soon as there is one."""
        latency = step is Step.MEASURE and _LATENCY in self._pools
        pool = self._pools[_LATENCY if latency else ""]
        pool.queue.append(_Job(number, step, tokens))
        pool.assign()

    def wait(self) -> list[Report | Result]:
        """Wait for the report or the end of a step, or for more capacity."""
        while True:
            if time.monotonic() >= self._look:
                before = self._capacity
                self._survey()
                if (results := self._overdue()) or self._capacity > before:
                    return results
            asked = {a.answer: (p, a) for p, a in self._actors() if a.answer is not None}
            patience = max(0.0, min(self._look - time.monotonic(), _SIGNAL_SECONDS))
            if not asked:
                time.sleep(patience)
                continue
            for answer in ray.wait(list(asked), timeout=patience)[0]:
                if message := self._received(*asked[answer]):
                    return [message]

    def reply(self, number: int, go_on: bool) -> None:
        """Let the child that waits go on, or stop."""
        actor = next(a for _, a in self._actors() if a.job and a.job.number == number)
        actor.answer = actor.handle.reply.remote(go_on)

    def cancel(self, number: int) -> None:
        """End the actor of a step."""
        for pool in self._pools.values():
            pool.queue = [job for job in pool.queue if job.number != number]
        for pool, actor in list(self._actors()):
            if actor.job and actor.job.number == number:
                pool.end(actor)

    def close(self) -> None:
        """End all actors, and the cluster if it was begun for this study."""
        for pool, actor in list(self._actors()):
            pool.end(actor)
        if self._ours:
            ray.shutdown()

    def _make_pools(self, cpus: float, gpus: float | None, resources: Mapping[str, float]) -> None:
        nodes = list(ray_cluster.nodes().values())
        folder = self._parts.folder.absolute()
        pickled = ray.cloudpickle.dumps(replace(self._parts, folder=folder))

        def pool(needs: Resources, gpus: bool) -> _Pool:
            surroundings = Surroundings(os.getcwd(), sys.path, first_line(folder), gpus)
            return _Pool(needs, (surroundings, pickled))

        if gpus is None:
            gpus = float(any(node.get("GPU", 0) >= 1 for node in nodes))
        needs = {**resources, "CPU": cpus, "GPU": gpus}
        self._pools[""] = pool(needs, gpus > 0)
        if self._workers is None and not ray_cluster.room(self._pools[""].needs, nodes):
            raise ray_cluster.unfit(self._pools[""].needs, nodes)
        there = any(node.get(_LATENCY, 0) >= 1 for node in nodes) and _LATENCY not in needs
        if there and any(m.device is not None for m in Worker(self._parts).meters.values()):
            # Nothing else: neither kind of actor may take what the other one needs.
            self._pools[_LATENCY] = pool({_LATENCY: 1}, True)

    def _actors(self) -> Iterator[tuple[_Pool, _Actor]]:
        return ((pool, actor) for pool in self._pools.values() for actor in pool.actors)

    def _survey(self) -> None:
        """See what the cluster has now."""
        nodes, free = ray_cluster.nodes(), ray_cluster.free()
        for pool, actor in list(self._actors()):
            if actor.job is None and actor.node is not None and actor.node not in nodes:
                pool.end(actor)
        for pool in self._pools.values():
            pool.room = max(1, ray_cluster.room(pool.needs, nodes.values()))
        if self._workers is None:
            self._capacity = max(1, sum(pool.capacity(free) for pool in self._pools.values()))
        else:
            self._capacity = self._pools[""].room = self._workers
        for pool in self._pools.values():
            pool.assign()
        self._look = time.monotonic() + _LOOK_SECONDS

    def _received(self, pool: _Pool, actor: _Actor) -> Report | Result | None:
        """What an actor has answered, if it is for the study."""
        answer, actor.answer = actor.answer, None
        try:
            message = ray.get(answer)
        except RayError as error:
            return self._lost(pool, actor, error)
        job = actor.job
        if job is None:  # it is ready
            actor.node, pool.unready, pool.proved = message, 0, True
            pool.assign()
            return None
        if message is None:  # it has taken the step up
            job.started = time.monotonic()
            self._look = min(self._look, job.started + (self._parts.trial_timeout or math.inf))
            actor.answer = actor.handle.begin.remote()
            return None
        if isinstance(message, Report):
            return message
        if message.weights is not None:
            self._write(job.number, message.weights)
        actor.job = None
        pool.assign()
        result: Result = message.result
        return result

    def _write(self, number: int, weights: bytes) -> None:
        try:
            write_atomically(weights_path(self._parts.folder, number), weights)
        except OSError as error:
            raise NasframeError(
                f"cannot write the weights of trial {number}: {error}\n"
                "What was told before is kept: make room and run the same command again"
            ) from error

    def _overdue(self) -> list[Report | Result]:
        """End the steps whose time is over."""
        limit, now = self._parts.trial_timeout, time.monotonic()
        results: list[Report | Result] = []
        for pool, actor in list(self._actors()):
            job = actor.job
            if limit is None or job is None or job.started is None:
                continue
            if job.started + limit <= now:
                pool.end(actor)
                results.append(_failed(job, late(limit)))
            else:
                self._look = min(self._look, job.started + limit)
        return results

    def _lost(self, pool: _Pool, actor: _Actor, error: RayError) -> Result | None:
        """What becomes of the step whose actor was lost; ``None`` if it is tried again."""
        pool.end(actor)
        job = actor.job
        fault = not _of_machine(error) and (not actor.node or actor.node in ray_cluster.nodes())
        if job is None:
            pool.unready += fault
            patience = _UNREADY if pool.proved else self._parts.retries
            if pool.unready > patience and pool.queue:
                return _failed(pool.queue.pop(0), _BEGIN.format(_cause(error)), fatal=True)
        else:
            job.losses += fault and job.started is not None
            if job.losses > self._parts.retries:
                return _failed(job, f"its worker {_reason(error)}")
            job.started = None
            pool.queue.insert(0, job)
        pool.assign()
        return None


def _failed(job: _Job, error: str, fatal: bool = False) -> Result:
    seconds = 0.0 if job.started is None else time.monotonic() - job.started
    return Result(job.number, job.step, {}, seconds, error, fatal)


def _of_machine(error: RayError) -> bool:
    """Whether the machine was lost or cannot be reached, which is no fault of the child."""
    lost = isinstance(error, ActorUnavailableError | ObjectLostError)
    return lost or "node has died" in str(error) or getattr(error, "preempted", False)


def _cause(error: RayError) -> str:
    """The exception with which an actor ended while it began, or what else became of it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    raised = isinstance(error, RayActorError) and error.actor_init_failed
    return lines[-1].strip() if raised and lines else f"it {_reason(error)}"


def _reason(error: RayError) -> str:
    """What became of an actor, in words."""
    words = ("memory monitor", "low on memory", "memory pressure")
    return "died for lack of memory" if any(w in str(error) for w in words) else "died"
