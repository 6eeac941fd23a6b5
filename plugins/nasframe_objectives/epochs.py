"""A reward that one metric makes, in the epoch in which it is best."""

from __future__ import annotations

from collections.abc import Callable

from nasframe import Metrics, Objective

_EPOCHS = {"last": 1, "max": 0, "max_last5": 5}
"""How many of the last epochs count; 0 for all of them."""


class EpochsObjective(Objective):
    """The highest reward among the epochs that count.

    Args:
        metric: the name of the metric.
        of: which epochs count: ``last``, ``max`` (all of them) or ``max_last5``.
        reward: makes the reward of the metric's value.
    """

    def __init__(self, metric: str, of: str, reward: Callable[[float], float]) -> None:
        name = metric if of == "last" else f"{metric}_epochs"
        self.needs = (name,)
        self._epochs = _EPOCHS[of]
        self._reward = reward

    def score(self, metrics: Metrics) -> float:
        """The reward."""
        value = metrics[self.needs[0]]
        values = value[-self._epochs :] if isinstance(value, tuple) else (value,)
        return float(max(map(self._reward, values)))
