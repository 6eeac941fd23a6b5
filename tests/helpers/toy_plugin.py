"""A third-party plugin whose studies take no time: it never trains, and never imports torch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from enum import Enum
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
    Meter,
    MeterConfig,
    Metrics,
    NasframeError,
    Objective,
    ObjectiveConfig,
    Proposal,
    SearchSpace,
    SearchSpaceConfig,
    Task,
    TaskConfig,
    TaskShape,
    Trial,
    hookimpl,
    setting,
)


class ToySpace(SearchSpace):
    kinds = ("toy",)

    def __init__(self, width: int) -> None:
        self.choices = tuple(Choice(name, tuple(range(width))) for name in "ab")

    def build(self, architecture: Architecture, task: TaskShape) -> Any:
        raise NotImplementedError


@dataclass(kw_only=True)
class ToySpaceConfig(SearchSpaceConfig):
    """Two numbers.

    Attributes:
        width: how many values each number can have.
    """

    width: int = setting(5, least=1)

    def build(self) -> SearchSpace:
        return ToySpace(self.width)


class ToyTask(Task):
    kind = "toy"
    input_shape = (1,)
    outputs = 1
    provides = ()
    data_config: Mapping[str, Any] = {}

    def fingerprint(self) -> str:
        return "nothing to learn"

    def train_batches(self, batch_size: int, device: Any, generator: Any) -> Iterator[Any]:
        raise NotImplementedError

    def train_steps(self, batch_size: int) -> int:
        raise NotImplementedError

    def validation_batches(self, batch_size: int, device: Any) -> Iterator[Any]:
        raise NotImplementedError

    def example(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def loss(self, module: Any, batch: Any, state: Any) -> Any:
        raise NotImplementedError

    def tally(self, module: Any, batch: Any, state: Any) -> Any:
        raise NotImplementedError

    def metrics(self, tally: Sequence[float]) -> dict[str, float]:
        raise NotImplementedError


@dataclass(kw_only=True)
class ToyTaskConfig(TaskConfig):
    """Nothing to learn."""

    def build(self) -> Task:
        return ToyTask()


@dataclass(kw_only=True)
class ToyFileConfig(TaskConfig):
    """Nothing to learn, from a file."""

    path: Path = field(default=MISSING)  # type: ignore[assignment]

    def build(self) -> Task:
        self.path.read_text()
        return ToyTask()


class ToyController(Controller):
    batch = 2

    def __init__(self, choices: tuple[Choice, ...], seed: int) -> None:
        self._width = len(choices[0].options)
        self._seed = seed

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        places = [number + self._seed for number in numbers]
        return [Proposal((n // self._width % self._width, n % self._width)) for n in places]

    def tell(self, trials: Sequence[Trial]) -> None:
        pass


@dataclass(kw_only=True)
class ToyControllerConfig(ControllerConfig):
    """Counts through the architectures.

    Attributes:
        lr: is checked, and used for nothing.
    """

    lr: float = setting(0.1, above=0)

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        return ToyController(choices, seed)


class ToyObjective(Objective):
    def __init__(self, metric: str) -> None:
        self.needs = (metric,)

    def score(self, metrics: Metrics) -> float:
        value = metrics[self.needs[0]]
        assert isinstance(value, float | int)
        return float(value)


@dataclass(kw_only=True)
class ToyObjectiveConfig(ObjectiveConfig):
    """One metric."""

    metric: str = "value"

    def build(self) -> Objective:
        return ToyObjective(self.metric)


class Mood(Enum):
    """What a toy evaluator does."""

    FINE = "fine"
    FAIL = "fail"
    BUG = "bug"
    INTERRUPT = "interrupt"
    TERMINATE = "terminate"


class ToyEvaluator(Evaluator):
    provides = ("value",)

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    def fingerprint(self) -> str:
        return "anywhere"

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        if "TOY_LOG" in os.environ:
            with open(os.environ["TOY_LOG"], "a") as log:
                log.write(f"{architecture.key}\n")
            time.sleep(0.05)
        if self._mood is Mood.FAIL:
            raise RuntimeError("a toy never learns")
        if self._mood in (Mood.INTERRUPT, Mood.TERMINATE) and sum(architecture.tokens) > 1:
            kill = signal.SIGINT if self._mood is Mood.INTERRUPT else signal.SIGTERM
            os.kill(os.getpid(), kill)
        return {"value": sum(architecture.tokens) / 10}


@dataclass(kw_only=True)
class ToyEvaluatorConfig(EvaluatorConfig):
    """Adds the two numbers up."""

    mood: Mood = Mood.FINE

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        if self.mood is Mood.BUG:
            raise KeyError("a mistake of the plugin's author")
        return ToyEvaluator(self.mood)


class ToyMeter(Meter):
    def __init__(self, name: str) -> None:
        self.provides = (name,)

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        return {self.provides[0]: float(len(architecture.tokens))}


@dataclass(kw_only=True)
class ToyMeterConfig(MeterConfig):
    """Counts the numbers."""

    name: str = "count"
    threads: int = setting(1, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name == "value":
            raise NasframeError("what the evaluator measures cannot be metered")

    def build(self, space: SearchSpace, task: Task) -> Meter:
        return ToyMeter(self.name)


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig]]:
    return {"toy": ToySpaceConfig}


@hookimpl
def nasframe_tasks() -> Mapping[str, type[TaskConfig]]:
    return {"toy": ToyTaskConfig, "toy_file": ToyFileConfig}


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig] | ControllerConfig]:
    return {"toy": ToyControllerConfig, "toy_fast": ToyControllerConfig(lr=0.5)}


@hookimpl
def nasframe_objectives() -> Mapping[str, type[ObjectiveConfig]]:
    return {"toy": ToyObjectiveConfig}


@hookimpl
def nasframe_evaluators() -> Mapping[str, type[EvaluatorConfig]]:
    return {"toy": ToyEvaluatorConfig}


@hookimpl
def nasframe_meters() -> Mapping[str, type[MeterConfig]]:
    return {"toy": ToyMeterConfig}
