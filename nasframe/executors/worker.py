"""What every executor does on the worker's side: build the parts once, then run steps."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property

from nasframe.api import (
    Architecture,
    Context,
    Evaluator,
    Meter,
    Metrics,
    Result,
    SearchSpace,
    Step,
    Task,
)
from nasframe.building import built
from nasframe.config import Parts
from nasframe.errors import NasframeError, one_line
from nasframe.weights import weights_path

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Errors that say that files cannot be written, which is no child's fault."""


def child_seed(seed: int, key: Hashable) -> int:
    """A child's own seed, from ``evaluator.seed`` and its canonical key; the same everywhere."""
    digest = hashlib.sha256(repr((seed, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big")


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
        error, fatal = None, False
        try:
            metrics = self._step(number, step, Architecture(tokens), report, cancelled)
        except (Exception, SystemExit) as exception:  # libraries call sys.exit, too
            error, fatal = _message(exception), _is_fatal(exception)
            if os.environ.get("NASFRAME_DEBUG"):
                traceback.print_exc(file=sys.stderr)
        return Result(number, step, metrics, time.perf_counter() - start, error, fatal)

    def _step(
        self,
        number: int,
        step: Step,
        architecture: Architecture,
        report: Callable[[int, Metrics], bool],
        cancelled: Callable[[], bool],
    ) -> Metrics:
        keep = self._parts.keep_weights and step is Step.TRAIN
        context = Context(
            folder=self._parts.folder,
            device="auto",
            seed=child_seed(self._parts.evaluator.seed, self.space.canonical(architecture)),
            report=report,
            cancelled=cancelled,
            weights=weights_path(self._parts.folder, number) if keep else None,
        )
        if step is Step.TRAIN:
            return _mapping(self.evaluator, self.evaluator.evaluate(architecture, context))
        measured = {
            name: _mapping(meter, meter.measure(architecture, context))
            for name, meter in self.meters.items()
        }
        return merge_meters(measured)


def _mapping(part: Evaluator | Meter, metrics: Metrics) -> Metrics:
    if not isinstance(metrics, Mapping):
        raise TypeError(f"{type(part).__name__} must return metrics by name, not {metrics!r:.80}")
    return metrics


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
