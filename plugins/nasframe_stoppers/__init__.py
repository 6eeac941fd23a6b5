"""Stoppers: which children are not worth the rest of their training."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import StopperConfig, hookimpl
from nasframe_stoppers.config import ASHAConfig, MedianConfig


@hookimpl
def nasframe_stoppers() -> Mapping[str, type[StopperConfig]]:
    """The two stoppers."""
    return {"asha": ASHAConfig, "median": MedianConfig}
