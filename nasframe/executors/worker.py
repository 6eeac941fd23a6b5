"""What every executor does on the worker's side: build the parts once, then run steps."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from nasframe.api.config import Parts
from nasframe.api.parts import Evaluator, Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics, Result, Step
from nasframe.errors import ChildError, NasframeError, one_line
from nasframe.executors.cached import Recall
from nasframe.registry.calls import built, called
from nasframe.storage.weights import weights_path

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Errors that say that files cannot be written, which is no child's fault."""


def child_seed(seed: int, key: Hashable) -> int:
    """A child's own seed, from ``evaluator.seed`` and its canonical key; the same everywhere."""
    digest = hashlib.sha256(repr((seed, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def late(limit: float) -> str:
    """The error of a step that took longer than so many seconds."""
    return f"TimeoutError: took longer than trial_timeout={limit:g} s"


def merge_meters(measured: Mapping[str, Metrics]) -> dict[str, float | tuple[float, ...]]:
    """One mapping of all meters' metrics; a name that two give is kept only with its prefix."""
    count = Counter(name for metrics in measured.values() for name in metrics)
    return {
        name if count[name] == 1 else f"{meter}.{name}": value
        for meter, metrics in measured.items()
        for name, value in metrics.items()
    }


class Worker:
    """Runs steps of trials with parts that it builds once from their configs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @cached_property
    def space(self) -> SearchSpace:
        """The search space."""
        return built(self._parts.search_space.build, SearchSpace)

    @cached_property
    def task(self) -> Task:
        """The task, whose data stay in memory."""
        return built(self._parts.task.build, Task)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator."""
        return built(self._parts.evaluator.build, Evaluator, self.space, self.task)

    @cached_property
    def meters(self) -> dict[str, Meter]:
        """The meters by name."""
        items = self._parts.meters.items()
        return {name: built(c.build, Meter, self.space, self.task) for name, c in items}

    @cached_property
    def recall(self) -> Recall | None:
        """The cache in front of the evaluator, if there is one."""
        parts = self._parts
        if parts.cache is None:
            return None
        configs = (parts.search_space, parts.task, parts.evaluator)
        return Recall(parts.cache, configs, self.space, self.task, self.evaluator)

    def prepare(self) -> None:
        """Import what is needed, and load the data; of mistakes the first step tells."""
        with suppress(BaseException):  # libraries call sys.exit
            self.evaluator.prepare()
            if self.recall is not None:
                self.recall.conditions  # noqa: B018

    def run(
        self,
        number: int,
        step: Step,
        tokens: tuple[int, ...],
        report: Callable[[int, Metrics], bool],
        cancelled: Callable[[], bool],
    ) -> Result:
        """Run one step; whatever goes wrong is told in the result."""
        start = time.perf_counter()
        metrics: Metrics = {}
        devices: Mapping[str, str] = {}
        error, fatal, cached = None, False, False
        try:
            metrics, cached = self._step(number, step, Architecture(tokens), report, cancelled)
            if step is Step.MEASURE:
                devices = {n: m.device for n, m in self.meters.items() if m.device is not None}
        except BaseException as exception:  # libraries call sys.exit; Ctrl-C is for the main thread
            error, fatal = _message(exception), _is_fatal(exception)
            if os.environ.get("NASFRAME_DEBUG"):
                traceback.print_exc(file=sys.stderr)
        seconds = time.perf_counter() - start
        return Result(number, step, metrics, seconds, error, fatal, devices, cached)

    def _step(
        self,
        number: int,
        step: Step,
        architecture: Architecture,
        report: Callable[[int, Metrics], bool],
        cancelled: Callable[[], bool],
    ) -> tuple[Metrics, bool]:
        """The metrics, and whether they come from a cache."""

        def reported(epoch: int, metrics: Metrics) -> bool:
            return report(epoch, _plain(metrics))

        keep = self._parts.keep_weights and step is Step.TRAIN
        context = Context(
            folder=self._parts.folder,
            device="auto",
            seed=child_seed(self._parts.evaluator.seed, self.space.canonical(architecture)),
            report=reported,
            cancelled=cancelled,
            weights=weights_path(self._parts.folder, number) if keep else None,
        )
        if step is Step.TRAIN:
            return self._evaluate(architecture, context)
        measured = {n: _measured(n, m, architecture, context) for n, m in self.meters.items()}
        return merge_meters(measured), False

    def _evaluate(self, architecture: Architecture, context: Context) -> tuple[Metrics, bool]:
        def evaluate(context: Context) -> Metrics:
            metrics = _mapping(self.evaluator, self.evaluator.evaluate(architecture, context))
            missing = [name for name in self.evaluator.provides if name not in metrics]
            if missing:
                raise ChildError(f"{called(self.evaluator)} promised {missing[0]}: it is not there")
            return metrics

        if self.recall is None:
            return evaluate(context), False
        return self.recall.evaluate(architecture, context, evaluate)


def _measured(name: str, meter: Meter, architecture: Architecture, context: Context) -> Metrics:
    """What a meter gives, if it is what the meter promised."""
    try:
        metrics = _mapping(meter, meter.measure(architecture, context))
    except (Exception, SystemExit) as error:
        if _is_fatal(error):
            raise
        raise ChildError(f"meter {name}: {one_line(error)}") from error
    fault = _fault(meter, metrics)
    if fault is not None:
        raise ChildError(f"meter {name}: {called(meter)}: {fault}")
    return metrics


def _fault(meter: Meter, metrics: Metrics) -> str | None:
    for name in meter.provides:
        if name not in metrics:
            return f"it promised {name}, which is not there"
    for name, value in metrics.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(n, int | float) and -math.inf < n < math.inf for n in numbers):
            return f"{name} is {value!r}, which is not a finite number"
        if name.endswith("latency_ms") and any(n <= 0 for n in numbers):
            return f"{name} is {value!r}, which is not a positive number"
    return None


def _mapping(part: Evaluator | Meter, metrics: Metrics) -> Metrics:
    if not isinstance(metrics, Mapping):
        raise ChildError(f"{called(part)} must return metrics by name, not {metrics!r:.80}")
    try:
        return _plain(metrics)
    except ChildError as error:
        raise ChildError(f"{called(part)}: {error}") from error


def _plain(metrics: Metrics) -> Metrics:
    """The metrics as Python's own numbers, which any process and the journal can take."""
    return {str(name): _value(name, value) for name, value in metrics.items()}


def _value(name: str, value: Any) -> float | tuple[float, ...]:
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int | float) for number in numbers):
        raise ChildError(f"{name} is {value!r:.80}, and not a float, an int or a tuple: float(x)")
    own = tuple(int(n) if isinstance(n, int) else float(n) for n in numbers)
    return own if isinstance(value, tuple) else own[0]


def _is_fatal(error: BaseException) -> bool:
    """Whether not the child but the configuration, the data or the disk is at fault."""
    return isinstance(error, NasframeError) or _is_of_disk(error)


def _is_of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _DISK


def _message(error: BaseException) -> str:
    """One line, or what is meant for the user as it is."""
    if _is_of_disk(error):
        return (
            f"a child cannot write its files: {error}\n"
            "What was told before is kept: make room and run the same command again"
        )
    return str(error) if isinstance(error, NasframeError) else one_line(error)
