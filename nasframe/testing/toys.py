"""Parts for tests: they need no data, and a study of them takes milliseconds."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api.config import (
    ControllerConfig,
    EvaluatorConfig,
    MeterConfig,
    ObjectiveConfig,
    SearchSpaceConfig,
    TaskConfig,
)
from nasframe.api.parts import (
    Controller,
    Evaluator,
    Meter,
    Objective,
    SearchSpace,
    Task,
)
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import (
    Architecture,
    Choice,
    Context,
    Metrics,
    Proposal,
    TaskShape,
    Trial,
    TrialState,
)
from nasframe.registry.options import option

if TYPE_CHECKING:
    from torch import nn


class ToySpace(SearchSpace):
    """Equal choices; a network has a layer for each, wider with a higher token."""

    kinds = ("image",)

    def __init__(self, config: ToySpaceConfig) -> None:
        options = tuple(range(config.options))
        self.choices = tuple(Choice(f"c{i}", options) for i in range(config.choices))
        self._symmetric = config.symmetric
        self._grows = config.grows

    def active(self, number: int) -> int:
        """Return 1 for proposals below ``grows``, else the number of choices."""
        return 1 if number < self._grows else len(self.choices)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Build fully connected layers."""
        from torch import nn

        widths = [math.prod(task.input_shape), *(4 + token for token in architecture.tokens)]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], task.outputs))

    def canonical(self, architecture: Architecture) -> Hashable:
        """Return the tokens, sorted if the space is symmetric."""
        tokens = architecture.tokens
        return tuple(sorted(tokens)) if self._symmetric else tokens


@dataclass(kw_only=True)
class ToySpaceConfig(SearchSpaceConfig):
    """Equal choices, ``c0``, ``c1`` and so on.

    Attributes:
        choices: number of choices.
        options: number of options of each choice.
        symmetric: whether the order of tokens is irrelevant.
        grows: proposals below this number make only the first choice.
    """

    choices: int = 4
    options: int = 5
    symmetric: bool = False
    grows: int = 0

    def build(self) -> SearchSpace:
        """Make the space."""
        return ToySpace(self)


class ToyTask(Task):
    """A task without data, which is never used for training."""

    kind = "image"
    input_shape = (1, 8, 8)
    outputs = 10
    provides = ("val_accuracy",)
    data_config = {"mean": [0.5]}  # noqa: RUF012 (read only)

    def fingerprint(self) -> str:
        """Return a constant."""
        return "no data"

    def _unused(self, *args: Any, **settings: Any) -> Any:
        raise AssertionError("toys are never trained")

    train_batches = train_steps = validation_batches = example = loss = tally = metrics = _unused


@dataclass(kw_only=True)
class ToyTaskConfig(TaskConfig):
    """A task without data.

    Attributes:
        kind: kind of the task.
    """

    kind: str = "image"

    def build(self) -> Task:
        """Make the task."""
        task = ToyTask()
        task.kind = self.kind
        return task


class ToyController(Controller):
    """Draws at random, depending on all trials it was told: any wrong replay is visible."""

    def __init__(
        self, choices: Sequence[Choice], seed: int, active: Callable[[int], int], batch: int
    ) -> None:
        self._choices, self._seed, self._active, self.batch = choices, seed, active, batch
        self._learned = 0

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Draw proposals."""
        return [self._draw(number) for number in numbers]

    def _draw(self, number: int) -> Proposal:
        draw = random.Random(f"{self._seed} {number} {self._learned}")
        tokens = (draw.randrange(len(c.options)) for c in self._choices[: self._active(number)])
        return Proposal(tuple(tokens), {"learned": self._learned})

    def tell(self, trials: Sequence[Trial]) -> None:
        """Change the next draws."""
        for trial in trials:
            if trial.reward is not None or trial.state is TrialState.REJECTED:
                reward = math.inf if trial.reward is None else trial.reward
                self._learned = hash((self._learned, trial.number, reward)) % 2**40


@dataclass(kw_only=True)
class ToyControllerConfig(ControllerConfig):
    """Draws at random.

    Attributes:
        batch: number of proposals per call of ``ask``.
    """

    batch: int = 4

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        return ToyController(choices, seed, active, self.batch)


class ToyEvaluator(Evaluator):
    """Returns an artificial accuracy that rises by epoch to a hundredth of the sum of tokens."""

    provides = ("val_accuracy", "val_accuracy_epochs", "train_seconds")
    reports = ("val_accuracy",)

    def __init__(self, config: ToyEvaluatorConfig) -> None:
        self._config = config
        self.epochs = config.epochs

    def prepare(self) -> None:
        """Raise ``SystemExit`` if ``unready`` is set."""
        if self._config.unready:
            raise SystemExit(3)

    def fingerprint(self) -> str:
        """Return a constant."""
        return "anywhere"

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Return an artificial accuracy."""
        config, first = self._config, architecture.tokens[0]
        if config.log is not None:
            with config.log.open("a") as file:
                file.write(architecture.key + "\n")
        self.fail(architecture)
        reached = []
        for epoch in range(1, config.epochs + 1):
            time.sleep(config.seconds / config.epochs)
            accuracy = sum(architecture.tokens) / 100 * epoch / config.epochs
            reached.append(math.nan if first == config.nan else accuracy)
            if not context.report(epoch, {"val_accuracy": reached[-1]}):
                break
            if context.cancelled():
                raise RuntimeError("cancelled")
        if context.weights is not None:
            context.weights.parent.mkdir(exist_ok=True)
            context.weights.write_bytes(b"weights")
        return {
            "val_accuracy": reached[-1],
            "val_accuracy_epochs": tuple(reached),
            "train_seconds": random.random(),
        }

    def fail(self, architecture: Architecture) -> None:
        """Raise the configured exception, if any."""
        first = architecture.tokens[0]
        if first == self._config.fails:
            raise RuntimeError("this child\nfailed")
        if first == self._config.interrupts:
            raise KeyboardInterrupt


@dataclass(kw_only=True)
class ToyEvaluatorConfig(EvaluatorConfig):
    """Accuracy from the sum of the tokens, with optional faults for one value of the first token.

    Attributes:
        epochs: epochs of a child.
        seconds: duration of a child.
        fails: first token of children that raise an error.
        interrupts: first token of children that raise ``KeyboardInterrupt``.
        nan: first token of children with an accuracy of NaN.
        unready: whether ``prepare`` raises ``SystemExit``.
        log: a file to which each evaluation appends its architecture.
    """

    epochs: int = 2
    seconds: float = 0.0
    fails: int = -1
    interrupts: int = -1
    nan: int = -1
    unready: bool = False
    log: Path | None = None

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator."""
        return ToyEvaluator(self)


class ToyMeter(Meter):
    """A cost: the sum of the tokens."""

    provides = ("cost",)

    def __init__(self, config: ToyMeterConfig) -> None:
        self._config = config

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Return the sum of the tokens."""
        nan = architecture.tokens[0] == self._config.nan
        return {"cost": math.nan if nan else float(sum(architecture.tokens))}


@dataclass(kw_only=True)
class ToyMeterConfig(MeterConfig):
    """The sum of the tokens.

    Attributes:
        nan: first token of architectures with a cost of NaN.
    """

    nan: int = -1

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Make the meter."""
        return ToyMeter(self)


class ToyObjective(Objective):
    """One metric as the reward; the last value of a series."""

    def __init__(self, config: ToyObjectiveConfig) -> None:
        self.needs = (config.metric,)
        self._config = config

    def score(self, metrics: Metrics) -> float:
        """Return the metric."""
        value = metrics[self._config.metric]
        last = value[-1] if isinstance(value, tuple) else value
        return math.nan if self._config.nan else float(last)

    def rejects(self, metrics: Metrics) -> str | None:
        """Reject an architecture whose cost is too high, if it has a cost."""
        cost = metrics.get("cost", 0.0)
        if self._config.raises:
            raise ZeroDivisionError("on purpose")
        high = isinstance(cost, int | float) and cost > self._config.most
        return f"cost {cost} is too high" if high else None


@dataclass(kw_only=True)
class ToyObjectiveConfig(ObjectiveConfig):
    """One metric as the reward.

    Attributes:
        metric: name of the metric.
        most: maximum cost, see ``ToyMeter``, of a trained architecture.
        nan: whether the reward is NaN.
        raises: whether ``rejects`` raises an error.
    """

    metric: str = "val_accuracy"
    most: float = 1000.0
    nan: bool = False
    raises: bool = False

    def build(self) -> Objective:
        """Make the objective."""
        return ToyObjective(self)


def toy_study(dir: Path, **settings: Any) -> StudyConfig:
    """Make a study of toys; ``settings`` override any field of the study."""
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
