"""Stoppers: end the training of unpromising children early."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import StopperConfig, hookimpl
from nasframe_stoppers.config import ASHAConfig, MedianConfig


@hookimpl
def nasframe_stoppers() -> Mapping[str, type[StopperConfig]]:
    """Asynchronous successive halving and the median stopping rule."""
    return {"asha": ASHAConfig, "median": MedianConfig}
