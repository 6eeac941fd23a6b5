"""The contract of objectives."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from nasframe.api.config import ObjectiveConfig
from nasframe.api.types import Metrics
from nasframe.testing.part import PartContract


class _RecordingMetrics(Mapping[str, Any]):
    """Metrics that record the names that were read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = dict(metrics)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)


class ObjectiveContract(PartContract):
    """Tests of the requirements on objectives; see ``PartContract``."""

    @abstractmethod
    def config(self) -> ObjectiveConfig:
        """Return the settings of the objective to test."""

    def metrics(self) -> list[Metrics]:
        """Return metrics of some architectures, with everything that the objective needs."""
        needs = self.config().build().needs
        return [dict.fromkeys(needs, value) for value in (0.25, 0.5, 1.0)]

    def test_a_reward_is_a_number(self) -> None:
        objective = self.config().build()
        for metrics in self.metrics():
            reward = objective.score(metrics)
            assert isinstance(reward, int | float), f"the reward of {metrics} is {reward!r}"
            assert math.isfinite(reward), f"the reward of {metrics} is {reward}"

    def test_it_reads_what_it_needs_and_nothing_else(self) -> None:
        """A study refuses to start if no part provides the declared needs of its objective."""
        objective = self.config().build()
        assert objective.needs, "it needs nothing"
        more = {*objective.limits, *objective.targets} - set(objective.needs)
        assert not more, f"limits and targets must be among the needs, but {more} are not"
        for metrics in self.metrics():
            recording = _RecordingMetrics({"other": 1.0, **metrics})
            objective.score(recording)
            objective.rejects(recording)
            more = recording.read - set(objective.needs)
            assert not more, f"it reads {', '.join(sorted(more))}, which are not in its needs"

    def test_the_same_metrics_give_the_same_reward(self) -> None:
        """Even from another objective with the same settings: reports score trials again."""
        one, other = self.config().build(), self.config().build()
        for metrics in self.metrics():
            rewards = [one.score(metrics), one.score(dict(metrics)), other.score(metrics)]
            assert len(set(rewards)) == 1, f"the rewards of {metrics} are {rewards}"

    def test_a_rejection_has_a_reason(self) -> None:
        objective = self.config().build()
        for metrics in self.metrics():
            reason = objective.rejects(metrics)
            assert reason is None or (isinstance(reason, str) and reason), f"rejects: {reason!r}"
