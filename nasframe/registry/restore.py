"""Rebuild parts of a study from the configuration in its journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasframe.api.config import ObjectiveConfig, SearchSpaceConfig
from nasframe.api.drawing import Drawing
from nasframe.api.parts import Objective, SearchSpace
from nasframe.api.types import Architecture
from nasframe.registry.calls import blame_part, build_part, describe_part
from nasframe.registry.options import restore_config


def restore_space(config: Mapping[str, Any]) -> SearchSpace:
    """Build the search space of a stored configuration.

    Raises:
        NasframeError: if its plugin is missing, or it cannot be built.
    """
    part: SearchSpaceConfig = restore_config("search_space", config["search_space"])
    return build_part(part.build, SearchSpace)


def restore_objective(config: Mapping[str, Any]) -> Objective:
    """Build the objective of a stored configuration.

    Raises:
        NasframeError: if its plugin is missing, or it cannot be built.
    """
    part: ObjectiveConfig = restore_config("objective", config["objective"])
    return build_part(part.build, Objective)


def draw_architecture(space: SearchSpace, architecture: Architecture) -> Drawing:
    """Ask the space for the drawing of an architecture.

    Raises:
        NasframeError: if it fails.
    """
    with blame_part(describe_part(space, "draw")):
        return build_part(space.draw, Drawing, architecture)
