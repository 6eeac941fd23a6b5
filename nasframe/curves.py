"""Curves in the tools that people have: Lightning's loggers, told in rows of numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from nasframe.config import Logger as Kind
from nasframe.errors import NasframeError
from nasframe.weights import write_whole

RUN = "logger-run"
"""The file with the name that MLflow or Weights & Biases gave to a run: it goes on in there."""

Rows: TypeAlias = Sequence[tuple[int, Mapping[str, float]]]
"""Values by name, each with its step."""


def check_logger(kind: Kind) -> None:
    """Refuse a logger whose package is missing.

    Raises:
        NasframeError: naming the package.
    """
    if kind not in (Kind.none, Kind.csv) and find_spec(kind.value) is None:
        raise NasframeError(f"logger={kind.value} needs {kind.value}: pip install {kind.value}")


@dataclass(frozen=True, slots=True)
class Curves:
    """Where curves are written; nowhere by default.

    Nothing is written before ``begin``: that is for the process that trains.

    Attributes:
        logger: of Lightning.
        folder: beside whose own table they are written.
        settings: by name, which it shows with the curves.
    """

    logger: Logger | None = None
    folder: Path = Path()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, rows: Rows) -> None:
        """A run begins, or goes on after what these rows say."""
        if self.logger is None:
            return
        if not rows:
            self.logger.log_hyperparams(dict(self.settings))
        if isinstance(self.logger, MLFlowLogger | WandbLogger):
            write_whole(self.folder / RUN, str(self.logger.version).encode())
        if isinstance(self.logger, CSVLogger):  # which begins its file anew
            for step, values in rows:
                self.add(step, values)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """There is a new row."""
        if self.logger is not None:
            self.logger.log_metrics(dict(values), step=step)
            self.logger.save()

    def end(self) -> None:
        """No more will come; the next run is another one."""
        if isinstance(self.logger, WandbLogger):
            import wandb

            if wandb.run is not None:
                wandb.run.finish()


def curves(kind: Kind, folder: Path, settings: Mapping[str, Any]) -> Curves:
    """Those of one run, in a folder."""
    return Curves(None if kind is Kind.none else MAKE[kind](folder), folder, settings)


def _run(folder: Path) -> str | None:
    """The name of the run that goes on."""
    file = folder / RUN
    return file.read_text().strip() if file.is_file() else None


def _mlflow(folder: Path) -> Logger:
    own = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    where = os.environ.get("MLFLOW_TRACKING_URI", own)
    return MLFlowLogger("nasframe", folder.name, where, run_id=_run(folder))


def _wandb(folder: Path) -> Logger:
    run = _run(folder)
    resume = None if run is None else "allow"
    return WandbLogger(folder.name, folder, project="nasframe", id=run, resume=resume)


MAKE: dict[Kind, Callable[[Path], Logger]] = {
    Kind.csv: lambda folder: CSVLogger(folder, "csv", ""),
    Kind.tensorboard: lambda folder: TensorBoardLogger(
        folder, "tensorboard", "", default_hp_metric=False
    ),
    Kind.mlflow: _mlflow,
    Kind.wandb: _wandb,
}
