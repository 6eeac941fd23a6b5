"""Accuracy and latency in one reward."""

from __future__ import annotations

from collections.abc import Callable

from nasframe import Metrics, Objective
from nasframe_objectives.values import get_number, get_positive


class LatencyObjective(Objective):
    """A reward from the accuracy and the ratio of the latency to its target.

    Args:
        metric: name of the accuracy.
        latency: name of the latency.
        target_ms: target of the latency, in milliseconds.
        reward: computes the reward from accuracy and ratio.
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
        """Compute the reward.

        Raises:
            ValueError: if the latency is not a positive, finite number.
        """
        latency_ms = get_positive(metrics, self._latency)
        return self._reward(get_number(metrics, self._metric), latency_ms / self._target_ms)
