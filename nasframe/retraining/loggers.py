"""Lightning's loggers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Curves:
    """Where the curves of one network are written, beside its own table; nowhere by default.

    Nothing is written before ``begin``: that is for the process that trains.

    Attributes:
        logger: of Lightning.
        settings: by name, which it shows with the curves.
    """

    logger: Logger | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, rows: Sequence[Mapping[str, float]]) -> None:
        """A training begins, or goes on after epochs whose rows these are."""
        if self.logger is not None:
            self.logger.log_hyperparams(dict(self.settings))
        if isinstance(self.logger, CSVLogger):  # which begins its file anew
            for row in rows:
                self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """An epoch is over."""
        if self.logger is not None:
            values = {name: value for name, value in row.items() if name != "epoch"}
            self.logger.log_metrics(values, step=int(row["epoch"]))
            self.logger.save()

    def end(self) -> None:
        """No more will come; the next network's run is another one."""
        if isinstance(self.logger, WandbLogger):
            import wandb

            if wandb.run is not None:
                wandb.run.finish()


def curves(kind: Kind, folder: Path, settings: Mapping[str, Any]) -> Curves:
    """Those of one network, in its folder."""
    return Curves(None if kind is Kind.none else MAKE[kind](folder), settings)


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
