"""The findings of one study, as plain numbers that tables, text and charts show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasframe.study.metrics import Goal


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A trained network.

    Attributes:
        number: the number of its trial.
        rank: its rank by reward, from 1.
        reward: its reward under the study's own objective.
        metrics: the metrics that all networks of the study have; of a series the last value.
        tokens: the architecture.
        words: the architecture as text.
    """

    number: int
    rank: int
    reward: float
    metrics: Mapping[str, float]
    tokens: tuple[int, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Front:
    """The Pareto front: the networks that no other network dominates.

    Attributes:
        goals: the metrics, each with its better direction.
        numbers: the trial numbers, the best by the first metric first.
        reference: the reference of the hypervolume, a value for each metric.
        worst: whether the reference is the worst values of the networks.
        hypervolume: the hypervolume, in the product of the metrics' units.
    """

    goals: tuple[Goal, ...]
    numbers: tuple[int, ...]
    reference: tuple[float, ...]
    worst: bool
    hypervolume: float


@dataclass(frozen=True, slots=True)
class Rescored:
    """A network under another objective than its study's.

    Attributes:
        number: the number of its trial.
        rank: its rank, from 1; ``None`` if it is rejected or scoring failed.
        reward: its reward; ``None`` if it is rejected or scoring failed.
        rejected: why the objective rejects it.
        error: why scoring failed.
    """

    number: int
    rank: int | None
    reward: float | None
    rejected: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Rescoring:
    """The networks under another objective than their study's.

    Attributes:
        objective: the objective, human-readable.
        needs: the metrics that it needs.
        networks: the networks by falling reward, then rejected ones, then failed ones.
    """

    objective: str
    needs: tuple[str, ...]
    networks: tuple[Rescored, ...]


@dataclass(frozen=True, slots=True)
class Stopping:
    """Epochs saved by early stopping, without failed trials.

    Attributes:
        trials: the number of children stopped early.
        epochs: the number of epochs that all children were trained.
        all_epochs: the number of epochs without early stopping.
    """

    trials: int
    epochs: int
    all_epochs: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of a study.

    Attributes:
        folder: the study's folder.
        objective: the objective, human-readable.
        trials: the number of trials, without duplicates.
        failed: the number of failed trials.
        rejected: the number of trials that the objective rejected.
        duplicates: the number of proposals that repeat an earlier network.
        cached: the number of trials whose results came from the cache of another study.
        stopping: the epochs saved by a stopper, if it stopped a child.
        missed: a note that no network meets a target of the objective, if so.
        shown: the metrics to show: what objectives need, parameters and latencies, if known.
        networks: the trained networks, by falling reward.
        front: the Pareto front, if there is one.
        without_front: why there is no front.
        rescoring: the networks under another objective, if one was given.
    """

    folder: Path
    objective: str
    trials: int
    failed: int
    rejected: int
    duplicates: int
    cached: int
    stopping: Stopping | None
    missed: str | None
    shown: tuple[str, ...]
    networks: tuple[TrainedNetwork, ...]
    front: Front | None
    without_front: str | None
    rescoring: Rescoring | None
