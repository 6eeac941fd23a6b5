"""The settings of a retraining as its folder has them, by today's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasframe.registry.serialization import flat

RENAMED = {
    "recipe.auxiliary": "recipe.search_space.auxiliary",
    "recipe.drop_path_keep": "recipe.search_space.drop_path_keep",
    "recipe.dropout": "recipe.search_space.dropout",
}
"""Settings of older folders; null was the word for none, where today nothing stands."""


def read_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as ``group.key`` and value."""
    settings = flat(config)
    for old, new in RENAMED.items():
        value = settings.pop(old, None)
        if value is not None:
            settings[new] = value
    return settings
