"""The toys of nasframe.testing, and those that go wrong in ways that only our own tests need."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    Executor,
    ExecutorConfig,
    Meter,
    MeterConfig,
    Metrics,
    Objective,
    Parts,
    Report,
    Result,
    SearchSpace,
    Step,
    Stopper,
    StopperConfig,
    StudyConfig,
    Task,
    testing,
)
from nasframe.executors.serial import SerialExecutor
from nasframe.testing import ToyControllerConfig as ToyControllerConfig
from nasframe.testing import ToyMeterConfig as ToyMeterConfig
from nasframe.testing import ToyObjectiveConfig as ToyObjectiveConfig
from nasframe.testing import ToySpaceConfig as ToySpaceConfig
from nasframe.testing import ToyTaskConfig as ToyTaskConfig
from nasframe.testing.executors import wait_for_message as wait_for_message
from nasframe.testing.toys import ToyController as ToyController


class ToyEvaluator(testing.toys.ToyEvaluator):
    """May also take its process along, or give what is no number."""

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        metrics = super().evaluate(architecture, context)
        if architecture.tokens[0] == self._config.odd:
            return {**metrics, "val_accuracy": lambda: 0}  # type: ignore[dict-item]
        return metrics

    def fail(self, architecture: Architecture) -> None:
        super().fail(architecture)
        first = architecture.tokens[0]
        if first == self._config.full:
            raise OSError(28, os.strerror(28))
        if first == self._config.exits:
            raise SystemExit(3)
        self._die(architecture)

    def _die(self, architecture: Architecture) -> None:
        """Take the process along, as often as ``deaths`` says."""
        config, first = self._config, architecture.tokens[0]
        fates = (config.killed, config.crashes, config.hangs, config.leaves)
        if config.log is None or first not in fates:
            return
        if config.log.read_text().split().count(architecture.key) > config.deaths:
            return
        if first == config.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == config.crashes:
            ctypes.string_at(0)
        if first == config.leaves:
            os._exit(0)
        time.sleep(3600)


@dataclass(kw_only=True)
class ToyEvaluatorConfig(testing.ToyEvaluatorConfig):
    """Something else happens for one value of the first token."""

    full: int = -1
    exits: int = -1
    odd: int = -1
    killed: int = -1
    crashes: int = -1
    hangs: int = -1
    leaves: int = -1
    deaths: int = 1

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        return ToyEvaluator(self)


class ShuffledExecutor(Executor):
    """Several serial executors at once; which of them is heard next is drawn at random.

    Now and then, as often as ``interrupts`` says, it is interrupted as if by Ctrl-C.
    """

    def __init__(self, parts: Parts, config: ShuffledConfig) -> None:
        self._capacity = config.workers
        self._draw = random.Random(config.seed)
        self._interrupts = config.interrupts
        self._free = [SerialExecutor(parts) for _ in range(config.workers)]
        self._busy: dict[int, SerialExecutor] = {}

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        worker = self._busy[number] = self._free.pop()
        worker.submit(number, step, tokens)

    def wait(self) -> list[Report | Result]:
        if self._draw.random() < self._interrupts:
            raise KeyboardInterrupt
        number = self._draw.choice(sorted(self._busy))
        messages = self._busy[number].wait()
        if isinstance(messages[0], Result):
            self._free.append(self._busy.pop(number))
        return messages

    def reply(self, number: int, go_on: bool) -> None:
        self._busy[number].reply(number, go_on)

    def cancel(self, number: int) -> None:
        self._busy[number].cancel(number)

    def close(self) -> None:
        for worker in (*self._free, *self._busy.values()):
            worker.close()


@dataclass(kw_only=True)
class ShuffledConfig(ExecutorConfig):
    workers: int = 1
    seed: int = 0
    interrupts: float = 0.0

    def build(self, parts: Parts) -> Executor:
        return ShuffledExecutor(parts, self)


class ToyStopper(Stopper):
    """Ends after the first epoch whatever is below the mean of what it has seen."""

    def __init__(self) -> None:
        self._seen: list[float] = []

    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        self._seen.append(reward)
        return reward >= sum(self._seen) / len(self._seen)


@dataclass(kw_only=True)
class ToyStopperConfig(StopperConfig):
    def build(self) -> Stopper | None:
        return ToyStopper()


def toy_study(dir: Path, **settings: Any) -> StudyConfig:
    """A study of toys whose evaluator may go wrong; any field of the study can be given."""
    return testing.toy_study(dir, **{"evaluator": ToyEvaluatorConfig(), **settings})


class TokenMeter(Meter):
    """Sizes that are those of the tokens: the first is the latency, the others the parameters."""

    provides = ("latency_ms", "parameters")

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        first, *others = architecture.tokens
        return {"latency_ms": 1.0 + first, "parameters": sum(others)}


@dataclass(kw_only=True)
class TokenMeterConfig(MeterConfig):
    def build(self, space: SearchSpace, task: Task) -> Meter:
        return TokenMeter()


class Said(Objective):
    """What two functions say."""

    needs = ("val_accuracy",)

    def __init__(self, score: Callable[[Any], Any], rejects: Callable[[Any], Any]) -> None:
        self._score, self._rejects = score, rejects

    def score(self, metrics: Any) -> Any:
        return self._score(metrics)

    def rejects(self, metrics: Any) -> Any:
        return self._rejects(metrics)
