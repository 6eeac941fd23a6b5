"""Limits that a network must keep to: settings that every objective here has, and their effect."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

from nasframe import Metrics, Objective, ObjectiveConfig, setting
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


@dataclass(kw_only=True)
class LimitedConfig(ObjectiveConfig, ABC):
    """Limits; null, their default, is none.

    A network above a limit is rejected: it has no reward and ranks below all others. It is not
    trained if a meter gives the metric; what only the evaluator gives is known after the training.

    Attributes:
        latency: the name of the latency; of two meters that give one, this chooses:
            ``onnx.latency_ms``.
        max_parameters: the most parameters.
        max_macs: the most multiply-adds.
        max_latency_ms: the highest ``latency``, in milliseconds.
        max_activation_bytes: the most bytes of activations at a time.
    """

    latency: str = "latency_ms"
    max_parameters: float | None = setting(None, above=0)
    max_macs: float | None = setting(None, above=0)
    max_latency_ms: float | None = setting(None, above=0)
    max_activation_bytes: float | None = setting(None, above=0)

    def limited(self, objective: Objective) -> Objective:
        """The objective with the limits that are set."""
        limits = {
            "parameters": self.max_parameters,
            "macs": self.max_macs,
            self.latency: self.max_latency_ms,
            "activation_bytes": self.max_activation_bytes,
        }
        return Limited(objective, {k: limit for k, limit in limits.items() if limit is not None})
