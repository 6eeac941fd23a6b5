"""Limits of metrics, for any objective."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import Metrics, Objective
from nasframe_objectives.values import get_number


class Limited(Objective):
    """An objective that rejects networks above a limit.

    Args:
        objective: computes the reward of the other networks.
        limits: maximum values, by name of the metric.
    """

    def __init__(self, objective: Objective, limits: Mapping[str, float]) -> None:
        self.needs = tuple(dict.fromkeys((*objective.needs, *limits)))
        self.targets = objective.targets
        self.in_points = objective.in_points
        self.limits = tuple(limits)
        self._objective = objective
        self._limits = limits

    def score(self, metrics: Metrics) -> float:
        """Compute the reward."""
        return self._objective.score(metrics)

    def rejects(self, metrics: Metrics) -> str | None:
        """Describe the first violated limit among the metrics known so far, if any."""
        for name, limit in self._limits.items():
            if name in metrics and (value := get_number(metrics, name)) > limit:
                return f"{name} is {value:.15g}, above the limit of {limit:.15g}"
        return None
