"""Settings of the built-in loggers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe.api.config import LoggerConfig
from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from nasframe.api.parts import Logger


@dataclass(kw_only=True)
class CSVConfig(LoggerConfig):
    """CSV table, ``csv/metrics.csv`` in the folder of the run."""

    def build(self, folder: Path) -> Logger:
        """Make the logger."""
        from nasframe.loggers.lightning import CSVCurves

        return CSVCurves(folder)


@dataclass(kw_only=True)
class TensorBoardConfig(LoggerConfig):
    """TensorBoard, in ``tensorboard/`` in the folder of the run; needs ``tensorboard``."""

    def build(self, folder: Path) -> Logger:
        """Make the logger."""
        _require("tensorboard")
        from nasframe.loggers.lightning import TensorBoardCurves

        return TensorBoardCurves(folder)


@dataclass(kw_only=True)
class MLflowConfig(LoggerConfig):
    """MLflow, a server or a file; needs ``mlflow``.

    Attributes:
        uri: address of the server or the store, such as ``http://host:5000``; ``None`` uses the
            variable ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the folder of the run.
        experiment: name of the run's experiment.
    """

    uri: str | None = None
    experiment: str = "nasframe"

    def build(self, folder: Path) -> Logger:
        """Make the logger."""
        _require("mlflow")
        from nasframe.loggers.lightning import MLflowCurves

        return MLflowCurves(folder, uri=self.uri, experiment=self.experiment)


@dataclass(kw_only=True)
class WandbConfig(LoggerConfig):
    """Weights & Biases; ``WANDB_MODE=offline`` keeps it on this machine; needs ``wandb``.

    Attributes:
        project: name of the run's project.
        entity: the user or the team; ``None`` for the user's default.
    """

    project: str = "nasframe"
    entity: str | None = None

    def build(self, folder: Path) -> Logger:
        """Make the logger."""
        _require("wandb")
        from nasframe.loggers.lightning import WandbCurves

        return WandbCurves(folder, project=self.project, entity=self.entity)


def _require(package: str) -> None:
    """Check that a logger's package, named like the logger, is installed.

    Raises:
        NasframeError: naming the missing package.
    """
    if find_spec(package) is None:
        raise NasframeError(f"logger={package} needs {package}: pip install {package}")
