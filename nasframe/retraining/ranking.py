"""By what networks that were trained in full are ranked."""

from __future__ import annotations

from collections.abc import Mapping

RANKED = ("val_accuracy", "val_map", "val_loss")
"""The metrics by which networks are ranked: the first one that the task has."""


def badness(metrics: Mapping[str, float]) -> float:
    """A validation metric, the lower the better."""
    name = next(name for name in RANKED if name in metrics)
    return metrics[name] if name == "val_loss" else -metrics[name]
