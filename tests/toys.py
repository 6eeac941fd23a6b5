"""Small parts without torch, for tests of the loop: a table-like space and a free evaluator."""

from __future__ import annotations

import ctypes
import math
import os
import random
import signal
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasframe import (
    Architecture,
    Choice,
    Context,
    Controller,
    ControllerConfig,
    Evaluator,
    EvaluatorConfig,
    Executor,
    ExecutorConfig,
    Meter,
    MeterConfig,
    Metrics,
    Objective,
    ObjectiveConfig,
    Parts,
    Proposal,
    Report,
    Result,
    SearchSpace,
    SearchSpaceConfig,
    Step,
    Stopper,
    StopperConfig,
    StudyConfig,
    Task,
    TaskConfig,
    TaskShape,
    Trial,
    option,
)
from nasframe.executors.serial import SerialExecutor


class ToySpace(SearchSpace):
    kinds = ("image",)

    def __init__(self, config: ToySpaceConfig) -> None:
        options = tuple(range(config.options))
        self.choices = tuple(Choice(f"c{i}", options) for i in range(config.choices))
        self._symmetric = config.symmetric
        self._grows = config.grows

    def active(self, number: int) -> int:
        return 1 if number < self._grows else len(self.choices)

    def build(self, architecture: Architecture, task: TaskShape) -> Any:
        raise AssertionError("toys are never built")

    def canonical(self, architecture: Architecture) -> Hashable:
        tokens = architecture.tokens
        return tuple(sorted(tokens)) if self._symmetric else tokens


@dataclass(kw_only=True)
class ToySpaceConfig(SearchSpaceConfig):
    """Equal choices; if symmetric, only how often each option is chosen matters.

    Proposals below ``grows`` make the first choice alone.
    """

    choices: int = 4
    options: int = 5
    symmetric: bool = False
    grows: int = 0

    def build(self) -> SearchSpace:
        return ToySpace(self)


class ToyTask(Task):
    kind = "image"
    input_shape = (1, 8, 8)
    outputs = 10
    provides = ("val_accuracy",)
    data_config = {"mean": [0.5]}

    def fingerprint(self) -> str:
        return "no data"

    def _unused(self, *args: Any, **settings: Any) -> Any:
        raise AssertionError("toys are never trained")

    train_batches = train_steps = validation_batches = example = loss = tally = metrics = _unused


@dataclass(kw_only=True)
class ToyTaskConfig(TaskConfig):
    kind: str = "image"

    def build(self) -> Task:
        task = ToyTask()
        task.kind = self.kind
        return task


class ToyController(Controller):
    """Draws at random, and shifts its draws by what it was told: any wrong replay shows."""

    def __init__(
        self, choices: Sequence[Choice], seed: int, active: Callable[[int], int], batch: int
    ) -> None:
        self._choices, self._seed, self._active, self.batch = choices, seed, active, batch
        self._learned = 0

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        return [self._draw(number) for number in numbers]

    def _draw(self, number: int) -> Proposal:
        draw = random.Random(f"{self._seed} {number} {self._learned}")
        tokens = (draw.randrange(len(c.options)) for c in self._choices[: self._active(number)])
        return Proposal(tuple(tokens), {"learned": self._learned})

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.reward is not None:
                self._learned = hash((self._learned, trial.number, trial.reward)) % 2**40


@dataclass(kw_only=True)
class ToyControllerConfig(ControllerConfig):
    batch: int = 4

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        return ToyController(choices, seed, active, self.batch)


class ToyEvaluator(Evaluator):
    provides = ("val_accuracy", "val_accuracy_epochs", "train_seconds")
    reports = ("val_accuracy",)

    def __init__(self, config: ToyEvaluatorConfig) -> None:
        self._config = config
        self.epochs = config.epochs

    def prepare(self) -> None:
        if self._config.unready:
            raise SystemExit(3)

    def fingerprint(self) -> str:
        return "anywhere"

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        config = self._config
        if config.log is not None:
            with config.log.open("a") as file:
                file.write(architecture.key + "\n")
        accuracy = sum(architecture.tokens) / 100
        self._fail(architecture.tokens[0])
        self._die(architecture)
        reached = []
        for epoch in range(1, config.epochs + 1):
            time.sleep(config.seconds / config.epochs)
            reached.append(accuracy * epoch / config.epochs)
            if architecture.tokens[0] == config.nan:
                reached[-1] = math.nan
            if not context.report(epoch, {"val_accuracy": reached[-1]}):
                break
            if context.cancelled():
                raise RuntimeError("cancelled")
        if context.weights is not None:
            context.weights.parent.mkdir(exist_ok=True)
            context.weights.write_bytes(b"weights")
        return {
            "val_accuracy": (lambda: 0) if architecture.tokens[0] == config.odd else reached[-1],  # type: ignore[dict-item]
            "val_accuracy_epochs": tuple(reached),
            "train_seconds": random.random(),
        }

    def _fail(self, first: int) -> None:
        if first == self._config.fails:
            raise RuntimeError("this child\nfailed")
        if first == self._config.full:
            raise OSError(28, os.strerror(28))
        if first == self._config.exits:
            raise SystemExit(3)
        if first == self._config.interrupts:
            raise KeyboardInterrupt

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
class ToyEvaluatorConfig(EvaluatorConfig):
    """Accuracy from the sum of the tokens; something else for one value of the first token."""

    epochs: int = 2
    seconds: float = 0.0
    fails: int = -1
    full: int = -1
    exits: int = -1
    nan: int = -1
    odd: int = -1
    killed: int = -1
    crashes: int = -1
    hangs: int = -1
    leaves: int = -1
    interrupts: int = -1
    deaths: int = 1
    unready: bool = False
    log: Path | None = None

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        return ToyEvaluator(self)


class ToyMeter(Meter):
    provides = ("cost",)

    def __init__(self, config: ToyMeterConfig) -> None:
        self._config = config

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        nan = architecture.tokens[0] == self._config.nan
        return {"cost": math.nan if nan else float(sum(architecture.tokens))}


@dataclass(kw_only=True)
class ToyMeterConfig(MeterConfig):
    nan: int = -1

    def build(self, space: SearchSpace, task: Task) -> Meter:
        return ToyMeter(self)


class ToyObjective(Objective):
    def __init__(self, config: ToyObjectiveConfig) -> None:
        self.needs = (config.metric,)
        self._config = config

    def score(self, metrics: Metrics) -> float:
        value = metrics[self._config.metric]
        assert isinstance(value, float)
        return math.nan if self._config.nan else value

    def rejects(self, metrics: Metrics) -> str | None:
        cost = metrics["cost"]
        if self._config.raises:
            raise ZeroDivisionError("on purpose")
        return f"cost {cost} is too high" if cost > self._config.most else None  # type: ignore[operator]


@dataclass(kw_only=True)
class ToyObjectiveConfig(ObjectiveConfig):
    metric: str = "val_accuracy"
    most: float = 1000.0
    nan: bool = False
    raises: bool = False

    def build(self) -> Objective:
        return ToyObjective(self)


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
    """A study of toys; any field of the study can be given."""
    parts: dict[str, Any] = {
        "search_space": ToySpaceConfig(),
        "task": ToyTaskConfig(),
        "controller": ToyControllerConfig(),
        "objective": ToyObjectiveConfig(),
        "evaluator": ToyEvaluatorConfig(),
        "executor": option("executor", "serial"),
        "stopper": option("stopper", "none"),
        "trials": 20,
    }
    return StudyConfig(**{**parts, "dir": dir, **settings})


def next_message(executor: Executor) -> Report | Result:
    """The next report or result: a list without one tells that there is more capacity."""
    while not (messages := executor.wait()):
        pass
    (message,) = messages
    return message
