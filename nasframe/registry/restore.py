"""Rebuild parts of a study from the configuration in its journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasframe.api.config import ObjectiveConfig, SearchSpaceConfig
from nasframe.api.drawing import Drawing
from nasframe.api.parts import Objective, SearchSpace
from nasframe.api.types import Architecture
from nasframe.registry.calls import blaming, built, called
from nasframe.registry.options import restored


def space_of(config: Mapping[str, Any]) -> SearchSpace:
    """Build the search space of a stored configuration.

    Raises:
        NasframeError: if its plugin is missing, or it cannot be built.
    """
    part: SearchSpaceConfig = restored("search_space", config["search_space"])
    return built(part.build, SearchSpace)


def objective_of(config: Mapping[str, Any]) -> Objective:
    """Build the objective of a stored configuration.

    Raises:
        NasframeError: if its plugin is missing, or it cannot be built.
    """
    part: ObjectiveConfig = restored("objective", config["objective"])
    return built(part.build, Objective)


def drawing(space: SearchSpace, architecture: Architecture) -> Drawing:
    """Ask the space for the drawing of an architecture.

    Raises:
        NasframeError: if it fails.
    """
    with blaming(called(space, "draw")):
        return built(space.draw, Drawing, architecture)
