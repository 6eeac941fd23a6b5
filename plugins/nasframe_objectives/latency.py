"""Accuracy and latency in one reward."""

from __future__ import annotations

import math

from nasframe import Metrics, Objective


class AccuracyLatency(Objective):
    """The accuracy, times a power of what the latency is of its target.

    Args:
        target_ms: the latency that is wanted.
        alpha: the exponent up to the target.
        beta: the exponent beyond it.
    """

    needs = ("val_accuracy", "latency_ms")

    def __init__(self, target_ms: float, alpha: float, beta: float) -> None:
        self._target_ms = target_ms
        self._alpha = alpha
        self._beta = beta

    def score(self, metrics: Metrics) -> float:
        """The reward.

        Raises:
            ValueError: if the latency is not a positive, finite number.
        """
        accuracy, latency_ms = (_number(metrics, name) for name in self.needs)
        if not 0 < latency_ms < math.inf:
            raise ValueError(f"latency_ms is {latency_ms}: must be a positive number")
        exponent = self._alpha if latency_ms <= self._target_ms else self._beta
        return accuracy * math.pow(latency_ms / self._target_ms, exponent)


def _number(metrics: Metrics, name: str) -> float:
    value = metrics[name]
    if isinstance(value, tuple):
        raise ValueError(f"{name} must be one number, not a series")
    return value
