"""Regularized evolution: mutates the best of recent networks."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import ControllerConfig, hookimpl
from nasframe_evolution.config import EvolutionConfig


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig]]:
    """Regularized evolution."""
    return {"evolution": EvolutionConfig}
