"""What an objective reads of the metrics."""

from __future__ import annotations

import math

from nasframe import Metrics


def number(metrics: Metrics, name: str) -> float:
    """The value of a metric.

    Raises:
        ValueError: if it is a series.
    """
    value = metrics[name]
    if isinstance(value, tuple):
        raise ValueError(f"{name} must be one number, not a series")
    return value


def positive(metrics: Metrics, name: str) -> float:
    """The value of a metric that is compared with a target by its ratio.

    Raises:
        ValueError: if it is not a positive, finite number.
    """
    value = number(metrics, name)
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}: must be a positive number")
    return value
