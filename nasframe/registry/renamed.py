"""The only table of words in older files that have other names today.

Journals, ``retrain.json`` and weight files name configuration classes, settings and enum members.
Whoever renames one adds a line here. ``serialization.update`` reads the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """Today's name and value of a setting.

    Attributes:
        name: of the setting; with a dot, of an entry in a dictionary.
        convert: turns a former plain value into today's, and returns any other value unchanged.
    """

    name: str
    convert: Callable[[Any], Any] = lambda value: value


_LOGGERS = {
    "csv": "nasframe:CSVConfig",
    "mlflow": "nasframe:MLflowConfig",
    "tensorboard": "nasframe:TensorBoardConfig",
    "wandb": "nasframe:WandbConfig",
}


def _list_logger(value: Any) -> Any:
    """Convert the single word for a logger, or ``none``, into loggers by name."""
    if value == "none":
        return {}
    return {value: {"type": _LOGGERS[value]}} if value in tuple(_LOGGERS) else value


CLASSES: dict[str, str] = {}
"""Configuration classes, ``package:Class``, by their former names."""

SETTINGS: dict[tuple[str, str], Renamed] = {
    ("nasframe:RecipeConfig", name): Renamed(f"search_space.{name}")
    for name in ("auxiliary", "drop_path_keep", "dropout")
} | {
    (config, "logger"): Renamed("logger", _list_logger)
    for config in ("nasframe:StudyConfig", "nasframe:RetrainConfig")
}
"""Settings by today's name of their class, ``package:Class``, and their own former name.

A setting that keeps its name is listed when its enum members or the form of its values changed.
"""
