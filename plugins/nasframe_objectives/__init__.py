"""Objectives: the rewards that searches maximise."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import ObjectiveConfig, hookimpl
from nasframe_objectives.config import (
    AccuracyConfig,
    AccuracyLatencyAbsoluteConfig,
    AccuracyLatencyConfig,
    PerplexityConfig,
    WeightedConfig,
)


@hookimpl
def nasframe_objectives() -> Mapping[str, type[ObjectiveConfig] | ObjectiveConfig]:
    """Accuracy, optionally with latency and other costs, and perplexity."""
    return {
        "accuracy": AccuracyConfig,
        "accuracy_latency": AccuracyLatencyConfig,
        "accuracy_latency_absolute": AccuracyLatencyAbsoluteConfig,
        "accuracy_latency_hard": AccuracyLatencyConfig(alpha=0.0, beta=-1.0),
        "accuracy_latency_soft": AccuracyLatencyConfig(alpha=-0.07, beta=-0.07),
        "perplexity": PerplexityConfig,
        "weighted": WeightedConfig,
    }
