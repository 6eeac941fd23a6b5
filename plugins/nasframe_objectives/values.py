"""Reads and checks metrics for objectives."""

from __future__ import annotations

import math

from nasframe import Metrics


def get_number(metrics: Metrics, name: str) -> float:
    """Return the value of a metric.

    Raises:
        ValueError: if it is a series.
    """
    value = metrics[name]
    if isinstance(value, tuple):
        raise ValueError(f"{name} must be one number, not a series")
    return value


def get_positive(metrics: Metrics, name: str) -> float:
    """Return the value of a metric whose ratio to a target is needed.

    Raises:
        ValueError: if it is not a positive, finite number.
    """
    value = get_number(metrics, name)
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}: must be a positive number")
    return value
