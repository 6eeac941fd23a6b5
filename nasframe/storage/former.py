"""What older versions wrote, in today's words."""

from __future__ import annotations

from typing import Any

_LOGGERS = {
    "csv": "nasframe:CSVConfig",
    "tensorboard": "nasframe:TensorBoardConfig",
    "mlflow": "nasframe:MLflowConfig",
    "wandb": "nasframe:WandbConfig",
}
"""Loggers were one word each, and are configurations by name."""


def modernize_config(config: Any) -> None:
    """Put a stored configuration of a study or a retraining into today's words, in place."""
    if isinstance(config, dict) and config.get("logger") in ("none", *_LOGGERS):
        config["logger"] = {
            name: {"type": kind} for name, kind in _LOGGERS.items() if name == config["logger"]
        }


def modernize_changes(changes: Any) -> None:
    """Put the changed settings of a resumed study into today's words, in place."""
    if isinstance(changes, dict) and isinstance(words := changes.get("logger"), list):
        del changes["logger"]
        for name, kind in _LOGGERS.items():
            if name in words:
                changes[f"logger.{name}.type"] = [kind if name == word else None for word in words]
