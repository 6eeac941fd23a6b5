"""Limits that a network must keep to, whatever the objective."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import Metrics, Objective
from nasframe_objectives.values import number


class Limited(Objective):
    """An objective that refuses networks above a limit.

    Args:
        objective: makes the reward of the others.
        limits: the largest values allowed, by the names of their metrics.
    """

    def __init__(self, objective: Objective, limits: Mapping[str, float]) -> None:
        self.needs = tuple(dict.fromkeys((*objective.needs, *limits)))
        self.targets = objective.targets
        self.in_points = objective.in_points
        self.limits = tuple(limits)
        self._objective = objective
        self._largest = limits

    def score(self, metrics: Metrics) -> float:
        """The reward."""
        return self._objective.score(metrics)

    def rejects(self, metrics: Metrics) -> str | None:
        """Which limit is broken, as far as the metrics tell by now."""
        for name, limit in self._largest.items():
            if name in metrics and (value := number(metrics, name)) > limit:
                return f"{name} is {value:.15g}, above the limit of {limit:.15g}"
        return None
