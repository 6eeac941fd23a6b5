"""Optuna's samplers as controllers."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import (
    ControllerConfig,
    hookimpl,
)
from nasframe_optuna.config import OptunaConfig


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig]]:
    """Optuna's samplers."""
    return {"optuna": OptunaConfig}
