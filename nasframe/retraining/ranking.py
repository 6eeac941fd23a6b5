"""Ranking of retrained networks."""

from __future__ import annotations

from collections.abc import Mapping

RANKING_METRICS = ("val_accuracy", "val_map", "val_loss")
"""Metrics by which networks are ranked; the first that the task has decides."""


def compute_badness(metrics: Mapping[str, float]) -> float:
    """Return the deciding validation metric, with its sign set so that lower is better."""
    name = next(name for name in RANKING_METRICS if name in metrics)
    return metrics[name] if name == "val_loss" else -metrics[name]
