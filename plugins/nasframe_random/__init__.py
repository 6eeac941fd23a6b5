"""Random search: draws every architecture uniformly."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import ControllerConfig, hookimpl
from nasframe_random.config import RandomConfig


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig]]:
    """Random search."""
    return {"random": RandomConfig}
