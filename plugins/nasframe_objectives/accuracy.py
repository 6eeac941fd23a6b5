"""Accuracy as the reward."""

from __future__ import annotations

from nasframe import Metrics, Objective
from nasframe_objectives import Reduction

_EPOCHS = {Reduction.last: 1, Reduction.max: 0, Reduction.max_last5: 5}
"""How many of the last epochs count; 0 for all of them."""


class AccuracyObjective(Objective):
    """The best value of a metric among the epochs that count, raised to a power.

    Args:
        metric: the name of the metric.
        of: which epochs count.
        power: to which the value is raised.
    """

    def __init__(self, metric: str, of: Reduction, power: float) -> None:
        name = metric if of is Reduction.last else f"{metric}_epochs"
        self.needs = (name,)
        self._epochs = _EPOCHS[of]
        self._power = power

    def score(self, metrics: Metrics) -> float:
        """The reward."""
        value = metrics[self.needs[0]]
        best = max(value[-self._epochs :]) if isinstance(value, tuple) else value
        return float(best**self._power)
