"""Rewards from one metric in its best epoch."""

from __future__ import annotations

from collections.abc import Callable

from nasframe import Metrics, Objective

_EPOCHS = {"last": 1, "max": 0, "max_last5": 5}
"""The number of last epochs that count; 0 for all."""


class EpochsObjective(Objective):
    """The highest reward among the epochs that count.

    Args:
        metric: name of the metric.
        of: the epochs that count: ``last``, ``max`` (all) or ``max_last5``.
        reward: computes the reward from the metric.
    """

    def __init__(self, metric: str, of: str, reward: Callable[[float], float]) -> None:
        name = metric if of == "last" else f"{metric}_epochs"
        self.needs = (name,)
        self._epochs = _EPOCHS[of]
        self._reward = reward

    def score(self, metrics: Metrics) -> float:
        """Compute the reward."""
        value = metrics[self.needs[0]]
        values = value[-self._epochs :] if isinstance(value, tuple) else (value,)
        return float(max(map(self._reward, values)))
