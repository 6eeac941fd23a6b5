"""Lightning's loggers."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from nasframe.errors import NasframeError
from nasframe.retraining.config import Logger as Kind


def check_logger(kind: Kind) -> None:
    """Refuse a logger whose package is missing.

    Raises:
        NasframeError: naming the package.
    """
    if kind not in (Kind.none, Kind.csv) and find_spec(kind.value) is None:
        raise NasframeError(f"logger={kind.value} needs {kind.value}: pip install {kind.value}")


def make_logger(kind: Kind, folder: Path) -> Logger | None:
    """A logger of one network, which writes nothing yet: that is for the process that trains.

    Args:
        kind: which one.
        folder: the network's, where it writes.
    """
    return None if kind is Kind.none else MAKE[kind](folder)


def finish(logger: Logger | None) -> None:
    """End a run, so that that of the next network is another one."""
    if isinstance(logger, WandbLogger):
        import wandb

        if wandb.run is not None:
            wandb.run.finish()


def _mlflow(folder: Path) -> Logger:
    own = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    return MLFlowLogger(
        "nasframe", run_name=folder.name, tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", own)
    )


MAKE: dict[Kind, Callable[[Path], Logger]] = {
    Kind.csv: lambda folder: CSVLogger(folder, "csv", ""),
    Kind.tensorboard: lambda folder: TensorBoardLogger(folder, "tensorboard", ""),
    Kind.mlflow: _mlflow,
    Kind.wandb: lambda folder: WandbLogger(folder.name, folder, project="nasframe"),
}
