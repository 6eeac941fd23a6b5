"""Configs of controllers by name."""

from __future__ import annotations

from typing import Any

from nasframe import ControllerConfig, option


def configured(name: str, **settings: Any) -> ControllerConfig:
    config = option("controller", name, **settings)
    assert isinstance(config, ControllerConfig)
    return config
