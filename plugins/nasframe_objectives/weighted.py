"""Any number of metrics in one reward."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nasframe import Metrics, Objective
from nasframe_objectives.values import get_number, get_positive


class WeightedObjective(Objective):
    """A metric times powers of the ratios of other metrics to their targets.

    Args:
        metric: name of the metric that is multiplied unchanged.
        targets: targets of the other metrics, by name.
        weights: exponents, by the same names.
    """

    def __init__(
        self, metric: str, targets: Mapping[str, float], weights: Mapping[str, float]
    ) -> None:
        self.needs = (metric, *targets)
        self._metric = metric
        self._targets = targets
        self._weights = weights

    def score(self, metrics: Metrics) -> float:
        """Compute the reward.

        Raises:
            ValueError: if a metric that has a target is not a positive, finite number.
        """
        return get_number(metrics, self._metric) * math.prod(
            math.pow(get_positive(metrics, name) / target, self._weights[name])
            for name, target in self._targets.items()
        )
