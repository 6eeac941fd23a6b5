"""Accuracy and latency in one reward."""

from __future__ import annotations

from collections.abc import Callable

from nasframe import Metrics, Objective
from nasframe_objectives.values import number, positive


class LatencyObjective(Objective):
    """A reward of the accuracy, and of the latency as a multiple of its target.

    Args:
        metric: the name of the accuracy.
        latency: the name of the latency.
        target_ms: the latency that is wanted, in milliseconds.
        reward: makes the reward of both.
    """

    def __init__(
        self, metric: str, latency: str, target_ms: float, reward: Callable[[float, float], float]
    ) -> None:
        self.needs = (metric, latency)
        self.targets = {latency: target_ms}
        self._metric = metric
        self._latency = latency
        self._target_ms = target_ms
        self._reward = reward

    def score(self, metrics: Metrics) -> float:
        """The reward.

        Raises:
            ValueError: if the latency is not a positive, finite number.
        """
        latency_ms = positive(metrics, self._latency)
        return self._reward(number(metrics, self._metric), latency_ms / self._target_ms)
