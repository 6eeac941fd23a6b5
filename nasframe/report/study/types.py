"""What one study found, in plain numbers: tables, sentences and picture only show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasframe.study.metrics import Goal


@dataclass(frozen=True, slots=True)
class Network:
    """A network that was trained.

    Attributes:
        number: of its trial.
        rank: by its reward, from 1.
        reward: under the study's own objective.
        metrics: common to all networks of the study; of a series the last value.
        tokens: the architecture.
        words: the architecture in words.
    """

    number: int
    rank: int
    reward: float
    metrics: Mapping[str, float]
    tokens: tuple[int, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Front:
    """The networks that no other one dominates.

    Attributes:
        goals: the metrics, and what is better.
        numbers: of the trials, the best of the first metric first.
        reference: up to which values the hypervolume counts, one for each metric.
        worst: whether they are the worst values among the networks.
        hypervolume: in the product of the units of the metrics.
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
        number: of its trial.
        rank: from 1; ``None`` if the objective rejects it or gives no reward.
        reward: ``None`` if it is rejected or there is none.
        rejected: why the objective refuses it.
        error: why there is no reward.
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
        objective: as a person would write it.
        needs: the metrics that it needs.
        networks: by falling reward; then the rejected ones, then those without a reward.
    """

    objective: str
    needs: tuple[str, ...]
    networks: tuple[Rescored, ...]


@dataclass(frozen=True, slots=True)
class Stopping:
    """What ending children early has saved; failed trials aside.

    Attributes:
        trials: how many children were ended.
        epochs: for how many epochs all children were trained.
        all_epochs: for how many they would have been.
    """

    trials: int
    epochs: int
    all_epochs: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study found.

    Attributes:
        folder: where it is.
        objective: as a person would write it.
        trials: how many there are.
        failed: how many of them failed.
        rejected: how many of them the objective refused.
        duplicates: how many proposals were networks that had been tried.
        cached: how many trials were not trained, as another study had trained their networks.
        stopping: what a stopper has saved, if it has ended a child.
        missed: that no network keeps to a target of the objective, if that is so.
        shown: what objectives need, parameters and latencies, as far as they are known.
        networks: the trained ones, by falling reward.
        front: the Pareto front, if there is one.
        without_front: why there is none.
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
    networks: tuple[Network, ...]
    front: Front | None
    without_front: str | None
    rescoring: Rescoring | None
