"""Configuration: one base dataclass for each kind of part, and the study's own.

An option is a dataclass whose fields are its settings and whose ``build`` makes the part. The
heavy imports are inside ``build``. Field types are those that OmegaConf can check: ``int``,
``float``, ``str``, ``bool``, ``Enum``, ``Path``, ``list``, ``dict``, and ``| None``.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import nn

    from nasframe.api import (
        Choice,
        Controller,
        Evaluator,
        Executor,
        Meter,
        Objective,
        SearchSpace,
        Stopper,
        Task,
        TaskShape,
    )


def setting(
    default: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    free: bool = False,
) -> Any:
    """A dataclass field with bounds that are checked when the configuration is made.

    Args:
        default: the value if none is given; a list or a dict is copied for each instance;
            ``dataclasses.MISSING`` makes the setting mandatory.
        least: the smallest value allowed.
        most: the largest value allowed.
        above: a value that must be exceeded.
        free: whether a study may go on with another value, for settings of the study alone; and a
            retraining, for those of a task, too.
    """
    metadata = {"least": least, "most": most, "above": above, "free": free}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(kw_only=True)
class Config:
    """Base of every configuration: numbers must be finite and within their bounds.

    Where the default is a member of an Enum, its word will do.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(item.default, Enum):
                setattr(self, item.name, _member(item.name, type(item.default), value))
            values = value if isinstance(value, list | tuple) else [value]
            for number in values:
                if isinstance(number, int | float) and not isinstance(number, bool):
                    _check_number(item.name, value, number, item.metadata)


def _member(name: str, kind: type[Enum], value: object) -> Enum:
    if isinstance(value, kind):
        return value
    if str(value) not in kind.__members__:
        raise NasframeError(f"{name}={value}: must be {' or '.join(kind.__members__)}")
    return kind[str(value)]


def _check_number(name: str, value: object, number: float, bounds: Any) -> None:
    least, most, above = (bounds.get(k) for k in ("least", "most", "above"))
    wanted = None
    if not abs(number) <= sys.float_info.max:
        wanted = "a finite number"
    elif least is not None and number < least:
        wanted = f"at least {least}"
    elif most is not None and number > most:
        wanted = f"at most {most}"
    elif above is not None and number <= above:
        wanted = f"greater than {above}"
    if wanted:
        raise NasframeError(f"{name}={value}: must be {wanted}")


class Precision(Enum):
    """In which numbers a network computes; its weights are always float32."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(kw_only=True)
class SearchSpaceConfig(Config, ABC):
    """Settings of a search space."""

    @abstractmethod
    def build(self) -> SearchSpace:
        """Make the search space."""


@dataclass(kw_only=True)
class TaskConfig(Config, ABC):
    """Settings of a task."""

    @abstractmethod
    def build(self) -> Task:
        """Make the task: shapes at once, data on first use."""


@dataclass(kw_only=True)
class DetectorConfig(Config, ABC):
    """Settings of a detector."""

    @abstractmethod
    def build(self, network: nn.Module, task: TaskShape) -> nn.Module:
        """Make the detector around a backbone, which it changes.

        Args:
            network: a classifier of images of the task's size.
            task: what is asked of the detector, which the task's own loss can call.

        Raises:
            NasframeError: if the network cannot be its backbone.
        """


@dataclass(kw_only=True)
class ControllerConfig(Config, ABC):
    """Settings of a controller."""

    @abstractmethod
    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller for a list of choices.

        Args:
            choices: the search space's choices.
            seed: the study's seed.
            active: how many choices, from the first, are decided for a proposal's number.
        """


@dataclass(kw_only=True)
class ObjectiveConfig(Config, ABC):
    """Settings of an objective."""

    @abstractmethod
    def build(self) -> Objective:
        """Make the objective."""


@dataclass(kw_only=True)
class EvaluatorConfig(Config, ABC):
    """Settings of an evaluator.

    Attributes:
        seed: from which, with the architecture, each child's own seed is made.
    """

    seed: int = setting(0, least=0, most=2**63 - 1)

    @abstractmethod
    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator."""


@dataclass(kw_only=True)
class MeterConfig(Config, ABC):
    """Settings of a meter."""

    @abstractmethod
    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Make the meter."""


@dataclass(kw_only=True)
class StopperConfig(Config, ABC):
    """Settings of a stopper."""

    @abstractmethod
    def build(self) -> Stopper | None:
        """Make the stopper; ``None`` lets every child train to its end."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a worker needs to build space, task, evaluator and meters on its side.

    Attributes:
        search_space: settings of the search space.
        task: settings of the task.
        evaluator: settings of the evaluator.
        meters: settings of the meters by name.
        folder: the study's folder.
        keep_weights: whether children leave their trained weights in the folder.
        trial_timeout: seconds after which a step of a trial has failed, if any.
        retries: how often a step is tried again whose worker was lost.
        cache: the folder of evaluations that studies share, if any.
    """

    search_space: SearchSpaceConfig
    task: TaskConfig
    evaluator: EvaluatorConfig
    meters: dict[str, MeterConfig]
    folder: Path
    keep_weights: bool
    trial_timeout: float | None
    retries: int
    cache: Path | None


@dataclass(kw_only=True)
class ExecutorConfig(Config, ABC):
    """Settings of an executor."""

    @abstractmethod
    def build(self, parts: Parts) -> Executor:
        """Make the executor."""


class Logger(Enum):
    """Where curves are written beside nasframe's own files, by Lightning's loggers."""

    none = "none"
    csv = "csv"
    tensorboard = "tensorboard"
    mlflow = "mlflow"
    wandb = "wandb"


@dataclass(kw_only=True)
class StudyConfig(Config):
    """One search.

    Attributes:
        dir: the study's folder; the same folder again goes on with the study.
        seed: of the controller; children have their own (``evaluator.seed``).
        trials: how many trials to run; ``None`` for no limit, or for 30 if ``hours`` gives none.
        hours: after how many hours of running no further trial is begun; ``None`` for no limit.
        batch: how many proposals are asked for at once; ``None`` takes the controller's own.
        synchronous: tell a batch in the order of its numbers once it is complete.
        keep: of how many of the best children the weights stay in the folder.
        enqueue: a file of architectures to evaluate first.
        cache: a folder of evaluations that studies share: what one has trained, the others look
            up. ``None`` for none.
        trial_timeout: seconds that measuring a network may take, and training it; the trial fails
            then. ``None`` for no limit.
        retries: how often a trial is tried again whose worker was lost: killed, or crashed.
        max_failures: the study ends after so many failed trials in a row.
        max_duplicates: the study ends after so many proposals in a row without a new network.
        logger: where curves of the study are written beside its journal: ``csv``, ``tensorboard``,
            ``mlflow`` or ``wandb`` (Lightning's loggers), or ``none``.
    """

    search_space: SearchSpaceConfig
    task: TaskConfig
    controller: ControllerConfig
    objective: ObjectiveConfig
    evaluator: EvaluatorConfig
    executor: ExecutorConfig = setting(MISSING, free=True)
    stopper: StopperConfig
    meters: dict[str, MeterConfig] = field(default_factory=dict)
    dir: Path = setting(Path("runs/study"), free=True)
    seed: int = setting(0, least=0, most=2**63 - 1)
    trials: int | None = setting(None, least=1, free=True)
    hours: float | None = setting(None, above=0, free=True)
    batch: int | None = setting(None, least=1)
    synchronous: bool = True
    keep: int = setting(3, least=0, free=True)
    enqueue: Path | None = None
    cache: Path | None = setting(None, free=True)
    trial_timeout: float | None = setting(None, above=0, free=True)
    retries: int = setting(1, least=0, free=True)
    max_failures: int = setting(10, least=1, free=True)
    max_duplicates: int = setting(1000, least=1, free=True)
    logger: Logger = setting(Logger.none, free=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dir = Path(self.dir).expanduser()
        self.enqueue = None if self.enqueue is None else Path(self.enqueue).expanduser()
        self.cache = None if self.cache is None else Path(self.cache).expanduser()
        if self.trials is None and self.hours is None:
            self.trials = 30

    def parts(self) -> Parts:
        """What a worker needs of this."""
        return Parts(
            search_space=self.search_space,
            task=self.task,
            evaluator=self.evaluator,
            meters=self.meters,
            folder=self.dir,
            keep_weights=self.keep > 0,
            trial_timeout=self.trial_timeout,
            retries=self.retries,
            cache=None if self.cache is None else self.cache.absolute(),
        )
