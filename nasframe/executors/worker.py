"""The worker's side of every executor: build the parts once, then run steps."""

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
from nasframe.errors import ChildError, NasframeError, format_error
from nasframe.executors.cached import CachedEvaluator
from nasframe.registry.calls import build_part, describe_part
from nasframe.storage.weights import weights_path

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Errors of a disk that cannot be written, which are not the child's fault."""


def derive_child_seed(seed: int, key: Hashable) -> int:
    """Derive a child's seed from ``evaluator.seed`` and its canonical key; equal everywhere."""
    digest = hashlib.sha256(repr((seed, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def format_timeout(limit: float) -> str:
    """Return the error of a step that took longer than ``limit`` seconds."""
    return f"TimeoutError: took longer than trial_timeout={limit:g} s"


def merge_meters(measured: Mapping[str, Metrics]) -> dict[str, float | tuple[float, ...]]:
    """Merge the metrics of all meters; a name that two meters give gets the meter as prefix."""
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
        return build_part(self._parts.search_space.build, SearchSpace)

    @cached_property
    def task(self) -> Task:
        """The task; its data stay in memory."""
        return build_part(self._parts.task.build, Task)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator."""
        return build_part(self._parts.evaluator.build, Evaluator, self.space, self.task)

    @cached_property
    def meters(self) -> dict[str, Meter]:
        """The meters by name."""
        items = self._parts.meters.items()
        return {name: build_part(c.build, Meter, self.space, self.task) for name, c in items}

    @cached_property
    def recall(self) -> CachedEvaluator | None:
        """The cached evaluator, if the study has a cache."""
        parts = self._parts
        if parts.cache is None:
            return None
        configs = (parts.search_space, parts.task, parts.evaluator)
        return CachedEvaluator(parts.cache, configs, self.space, self.task, self.evaluator)

    def prepare(self) -> None:
        """Import dependencies and load data; errors surface in the first step."""
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
        """Run one step; any error becomes part of the result."""
        start = time.perf_counter()
        metrics: Metrics = {}
        devices: Mapping[str, str] = {}
        error, fatal, cached = None, False, False
        try:
            metrics, cached = self._run_step(number, step, Architecture(tokens), report, cancelled)
            if step is Step.MEASURE:
                devices = {n: m.device for n, m in self.meters.items() if m.device is not None}
        except BaseException as exception:  # libraries call sys.exit; Ctrl-C is for the main thread
            error, fatal = _format_error(exception), _is_fatal(exception)
            if os.environ.get("NASFRAME_DEBUG"):
                traceback.print_exc(file=sys.stderr)
        seconds = time.perf_counter() - start
        return Result(number, step, metrics, seconds, error, fatal, devices, cached)

    def _run_step(
        self,
        number: int,
        step: Step,
        architecture: Architecture,
        report: Callable[[int, Metrics], bool],
        cancelled: Callable[[], bool],
    ) -> tuple[Metrics, bool]:
        """Return the metrics, and whether they come from the cache."""

        def report_plain(epoch: int, metrics: Metrics) -> bool:
            return report(epoch, _convert_metrics(metrics))

        keep = self._parts.keep_weights and step is Step.TRAIN
        context = Context(
            folder=self._parts.folder,
            device="auto",
            seed=derive_child_seed(self._parts.evaluator.seed, self.space.canonical(architecture)),
            report=report_plain,
            cancelled=cancelled,
            weights=weights_path(self._parts.folder, number) if keep else None,
        )
        if step is Step.TRAIN:
            return self._evaluate(architecture, context)
        measured = {n: _run_meter(n, m, architecture, context) for n, m in self.meters.items()}
        return merge_meters(measured), False

    def _evaluate(self, architecture: Architecture, context: Context) -> tuple[Metrics, bool]:
        def evaluate(context: Context) -> Metrics:
            metrics = _check_metrics(self.evaluator, self.evaluator.evaluate(architecture, context))
            missing = [name for name in self.evaluator.provides if name not in metrics]
            if missing:
                raise ChildError(f"{describe_part(self.evaluator)} did not return {missing[0]}")
            return metrics

        if self.recall is None:
            return evaluate(context), False
        return self.recall.evaluate(architecture, context, evaluate)


def _run_meter(name: str, meter: Meter, architecture: Architecture, context: Context) -> Metrics:
    """Measure with a meter, and check what it returned."""
    try:
        metrics = _check_metrics(meter, meter.measure(architecture, context))
    except (Exception, SystemExit) as error:
        if _is_fatal(error):
            raise
        raise ChildError(f"meter {name}: {format_error(error)}") from error
    fault = _find_fault(meter, metrics)
    if fault is not None:
        raise ChildError(f"meter {name}: {describe_part(meter)}: {fault}")
    return metrics


def _find_fault(meter: Meter, metrics: Metrics) -> str | None:
    for name in meter.provides:
        if name not in metrics:
            return f"it did not return {name}"
    for name, value in metrics.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(n, int | float) and -math.inf < n < math.inf for n in numbers):
            return f"{name} is {value!r}, which is not a finite number"
        if name.endswith("latency_ms") and any(n <= 0 for n in numbers):
            return f"{name} is {value!r}, which is not a positive number"
    return None


def _check_metrics(part: Evaluator | Meter, metrics: Metrics) -> Metrics:
    if not isinstance(metrics, Mapping):
        raise ChildError(f"{describe_part(part)} must return metrics by name, not {metrics!r:.80}")
    try:
        return _convert_metrics(metrics)
    except ChildError as error:
        raise ChildError(f"{describe_part(part)}: {error}") from error


def _convert_metrics(metrics: Metrics) -> Metrics:
    """Convert metrics to Python's own numbers, which any process and the journal can read."""
    return {str(name): _convert_value(name, value) for name, value in metrics.items()}


def _convert_value(name: str, value: Any) -> float | tuple[float, ...]:
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int | float) for number in numbers):
        raise ChildError(f"{name} is {value!r:.80}, not a number or a tuple: use float(x)")
    own = tuple(int(n) if isinstance(n, int) else float(n) for n in numbers)
    return own if isinstance(value, tuple) else own[0]


def _is_fatal(error: BaseException) -> bool:
    """Return whether the configuration, the data or the disk is at fault, not the child."""
    return isinstance(error, NasframeError) or _is_disk_error(error)


def _is_disk_error(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _DISK


def _format_error(error: BaseException) -> str:
    """Return an error as one line; messages for the user stay as they are."""
    if _is_disk_error(error):
        return (
            f"a child cannot write its files: {error}\n"
            "All finished trials are kept: make room and run the same command again"
        )
    return str(error) if isinstance(error, NasframeError) else format_error(error)
