"""The words of older files that have changed since: the one table of them.

Journals, ``retrain.json`` and files of weights name config classes, settings and members of enums.
Who renames one adds a line here; ``serialization.update`` reads the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A setting of today.

    Attributes:
        name: of the setting; with a dot, of an entry in a setting that is a dictionary.
        convert: makes today's plain value of a former one. Any other value, also one of today or
            a wrong one, it returns as it is.
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
    """A logger was one word, or ``none``; now there are several, by name."""
    if value == "none":
        return {}
    return {value: {"type": _LOGGERS[value]}} if value in tuple(_LOGGERS) else value


CLASSES: dict[str, str] = {}
"""Config classes, ``package:Class``, by their former names."""

SETTINGS: dict[tuple[str, str], Renamed] = {
    ("nasframe:RecipeConfig", name): Renamed(f"search_space.{name}")
    for name in ("auxiliary", "drop_path_keep", "dropout")
} | {
    (config, "logger"): Renamed("logger", _list_logger)
    for config in ("nasframe:StudyConfig", "nasframe:RetrainConfig")
}
"""Settings by today's name of their class, ``package:Class``, and their own former name.

A setting that keeps its name may stand here as well: for members of enums that are called
otherwise now, or for values of another form.
"""
