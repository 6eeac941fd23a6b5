"""Configuration: one base dataclass for each kind of part, and the study's own.

An option is a dataclass whose fields are its settings and whose ``build`` makes the part. The
heavy imports are inside ``build``. OmegaConf must be able to check field types: ``int``,
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

    from nasframe.api.parts import (
        Controller,
        Evaluator,
        Executor,
        Exporter,
        Logger,
        Meter,
        Objective,
        SearchSpace,
        Stopper,
        Task,
    )
    from nasframe.api.types import Choice, TaskShape


def setting(
    default: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    free: bool = False,
) -> Any:
    """Make a dataclass field whose bounds are checked when the configuration is made.

    Args:
        default: the default value; a list or a dict is copied for each instance;
            ``dataclasses.MISSING`` makes the setting mandatory.
        least: the minimum.
        most: the maximum.
        above: a bound that the value must exceed.
        free: whether a study may be resumed with another value (for settings of the study), or a
            retraining (also for settings of a task).
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

    Where the default is an Enum member, the name of a member is accepted, too.
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
    """The number format of a network's computation; its weights are always float32."""

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
            network: an image classifier for the task's size.
            task: the detection task, whose own loss calls the detector.

        Returns:
            The detector; it may have ``head_prefixes``, see ``SearchSpace.build``.

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
            active: maps a proposal's number to how many choices, from the first, it decides.
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
        seed: determines, with the architecture, each child's own seed.
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


@dataclass(kw_only=True)
class LoggerConfig(Config, ABC):
    """Settings of a logger."""

    @abstractmethod
    def build(self, folder: Path) -> Logger:
        """Make the logger of one run; nothing is written before its ``start``.

        Args:
            folder: of the run and of the logger's files; its name is the run's name.

        Raises:
            NasframeError: if the logger cannot be used, for example if its package is missing.
        """


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The settings with which a worker builds its own space, task, evaluator and meters.

    Attributes:
        search_space: settings of the search space.
        task: settings of the task.
        evaluator: settings of the evaluator.
        meters: settings of the meters by name.
        folder: the study's folder.
        keep_weights: whether children save their trained weights in the folder.
        trial_timeout: seconds after which a step of a trial fails, if any.
        retries: how often a step is repeated when its worker is lost.
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


@dataclass(kw_only=True)
class ExporterConfig(Config, ABC):
    """Settings of an export format."""

    @abstractmethod
    def build(self) -> Exporter:
        """Make the exporter.

        Raises:
            NasframeError: if a package that it needs is not installed.
        """
